package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
)

// TestOtherDomain has a replica of another domain find the ledger of somebody else.
func TestOtherDomain(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	l, o := mustOpen(t, js), elsewhere(t, js)
	fill(t, l, 2)
	if err := l.EnsureDomain(within(t, patience)); err != nil {
		t.Errorf("of its own ledger: %v", err)
	}
	if err := o.EnsureDomain(within(t, patience)); err == nil || !strings.Contains(err.Error(), `is the ledger of domain "`+testConfig.Domain+`", not of "elsewhere"`) {
		t.Errorf("of another's ledger: %v", err)
	}
}

func elsewhere(t *testing.T, js jetstream.JetStream) *Ledger {
	t.Helper()
	c := testConfig
	c.Domain = "elsewhere"
	l, err := Open(within(t, patience), js, c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestTwoDomainsAtOnce starts two domains on one empty stream: it is nobody's yet, so neither is refused, but one appends first, and
// the other gets no further than that commit. One that writes nevertheless is noticed by whoever was there.
func TestTwoDomainsAtOnce(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	l, o := mustOpen(t, js), elsewhere(t, js)
	for _, l := range []*Ledger{l, o} {
		if err := l.EnsureDomain(within(t, patience)); err != nil {
			t.Errorf("of an empty ledger: %v", err)
		}
	}
	last, err := l.Append(within(t, patience), record(events.Commit{}, "first"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Append(within(t, patience), record(events.Commit{}, "second"), 0); !errors.Is(err, ErrConflict) {
		t.Errorf("the second to append the first commit: %v", err)
	}
	refused := func(l *Ledger, from uint64, want string) {
		t.Helper()
		err := l.Follow(within(t, patience), from, func(c events.Commit) error {
			t.Errorf("a commit of another domain, at position %d, is taken", c.Position)
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("followed: %v, want %q", err, want)
		}
	}
	refused(o, 1, `not of "elsewhere": position 1 says so; put the domain`)
	if _, err := o.Append(within(t, patience), record(last, "stray"), last.Position); err != nil {
		t.Fatal(err)
	}
	refused(l, 2, `is the ledger of domain "elsewhere", not of "`+testConfig.Domain+`": position 2 says so`)
}
