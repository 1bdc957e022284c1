package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// TestVerbs runs every verb against a live replica, right and wrong, and wants the exit codes of the contract.
func TestVerbs(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 1})
	r := s.replicas[0]
	s.sicken(linkPlain)
	i := s.reaches(linkPlain, incident.Holding)
	event := s.anyEvent()
	for _, c := range []struct {
		who  string
		args string
		code int
	}{
		{"carol", "incidents", 0}, {"carol", "incidents " + i.ID, 0}, {"carol", "incidents nowhere-1", 4}, {"carol", "incidents a b", 2},
		{"carol", "incidents --phase holding --open", 0}, {"carol", "incidents --phase dancing", 2},
		{"carol", "incidents " + i.ID + " --watch --timeout 300ms", 5},
		{"carol", "why " + i.ID, 0}, {"carol", "why " + event, 0}, {"carol", "why nobody", 4}, {"carol", "why", 2},
		{"alice", "approve " + i.ID + " --plan 000000000000", 3}, {"alice", "reject " + i.ID, 3}, {"alice", "reject nowhere-1", 4},
		{"carol", "reject " + i.ID, 3}, {"carol", "abort " + i.ID, 3}, {"oscar", "abort nowhere-1", 4}, {"oscar", "abort " + i.ID + " --as-is", 3},
		{"carol", "drains", 0}, {"oscar", "undrain nowhere-1", 4}, {"carol", "undrain " + i.ID, 3}, {"oscar", "undrain", 2},
		{"oscar", "freeze", 2}, {"oscar", "freeze --reason x --scope galaxy:milky", 2}, {"carol", "freeze --reason x", 3},
		{"oscar", "freeze --reason x --scope site:site-1", 0}, {"oscar", "freeze --reason x --scope site:site-1", 3}, {"carol", "freeze --list", 0},
		{"oscar", "freeze --reason x --scope site:site-11", 4}, {"oscar", "thaw --scope site:site-11", 4}, {"oscar", "maintenance begin --for 1h --reason x --scope device:nowhere", 4},
		{"oscar", "thaw --scope site:site-1", 0}, {"oscar", "thaw --scope site:site-1", 4}, {"carol", "thaw", 3},
		{"oscar", "maintenance begin --reason x", 2}, {"oscar", "maintenance begin --for -1h --reason x", 2}, {"carol", "maintenance begin --for 1h --reason x", 3},
		{"oscar", "maintenance begin --for 9999h --reason x", 2}, {"oscar", "maintenance begin --until 2020-01-01T00:00:00Z --reason x", 3},
		{"oscar", "maintenance end nothing", 4}, {"carol", "maintenance list", 0}, {"carol", "maintenance", 2}, {"carol", "maintenance dance", 2},
		{"carol", "routers", 0}, {"carol", "routers dance", 2}, {"oscar", "routers prove nowhere", 4}, {"carol", "routers prove dub", 3}, {"oscar", "routers prove dub", 0},
		{"carol", "routers prove dub --reboot", 3}, {"oscar", "routers prove nowhere --reboot", 4}, {"oscar", "routers prove dub --undo", 2}, {"oscar", "routers prove dub --reboot --undo", 3},
		{"carol", "ledger verify", 0}, {"carol", "ledger export", 0}, {"carol", "ledger export --from 5 --to 2", 2}, {"carol", "ledger verify --file /nowhere", 2},
		{"carol", "ledger tail", 0}, {"carol", "ledger tail --follow --timeout 300ms", 5}, {"carol", "ledger", 2},
		{"carol", "dance", 2}, {"carol", "incidents --nonsense", 2}, {"carol", "incidents -o yaml", 2}, {"carol", "version", 0},
	} {
		args := strings.Fields(c.args)
		a := r.detour(c.who, args...)
		if a.code != c.code {
			t.Errorf("%s: detour %s: exit %d, want %d: %s%.300s", c.who, c.args, a.code, c.code, a.err, a.out)
		}
		if a.code != 0 && strings.TrimSpace(a.err) == "" {
			t.Errorf("detour %s: exit %d without a word", c.args, a.code)
		}
		if reads := c.who == "carol"; c.code == 0 && reads {
			a := r.detour(c.who, append(args, "-o", "json")...)
			if err := jsonValues(a.out); a.code != 0 || err != nil {
				t.Errorf("detour %s -o json: exit %d, %v: %.500s", c.args, a.code, err, a.out)
			}
		}
	}
	nobody := run(t, "", "--server", r.url, "freeze", "--reason", "x")
	if nobody.code != 2 && nobody.code != 3 {
		t.Errorf("without a token: exit %d: %s", nobody.code, nobody.err)
	}
	s.write("token-bad", "0123456789abcdef")
	if a := r.detour("bad", "incidents"); a.code != 2 {
		t.Errorf("with a token that nobody has: exit %d: %s", a.code, a.err)
	}
	if a := run(t, "", "--server", "http://127.0.0.1:1", "incidents"); a.code != 1 || !strings.Contains(a.err, "--server") {
		t.Errorf("without a server: exit %d: %s", a.code, a.err)
	}
	if a := r.detour("oscar", "undrain", i.ID); a.code != 0 {
		t.Errorf("undrain exits %d: %s", a.code, a.err)
	}
	s.ends(linkPlain, events.Restored)
	s.account()
}

// jsonValues wants one JSON value after the other.
func jsonValues(text string) error {
	d := json.NewDecoder(strings.NewReader(text))
	for n := 0; ; n++ {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) && n > 0 {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// anyEvent is the id of an event that was published.
func (s *stage) anyEvent() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.fired {
		return id
	}
	return ""
}
