package chatops

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/incident"
)

// TestEscalate: at half time the next one is called, and nobody twice while there is another.
func TestEscalate(t *testing.T) {
	for _, c := range []struct{ onCall, called, want string }{
		{"", "", ""},
		{"ines", "", "ines"},
		{"ines marc olga", "", "ines marc"},
		{"ines marc olga", "ines", "marc"},
		{"ines marc olga", "marc", "ines"},      // they have swapped since
		{"olga ines marc", "ines", "olga"},      // the shift has changed since
		{"vera paul", "ines", "vera"},           // so that nobody of before is on call
		{"ines marc olga", "ines,marc", "olga"}, // two chats have called
		{"ines marc", "ines,marc", "marc"},      // everybody was called
		{"ines", "ines", "ines"},                // there is nobody else
		{"marc", "ines", "marc"},
	} {
		var people []Person
		for _, name := range strings.Fields(c.onCall) {
			people = append(people, Person{Name: name})
		}
		var called []string
		if c.called != "" {
			called = strings.Split(c.called, ",")
		}
		var got []string
		for _, p := range escalate(people, called) {
			got = append(got, p.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("of %q, %q called: %v, want %q", c.onCall, c.called, got, c.want)
		}
	}
}

// called is who was called by notices whose name begins so, as the ledger has it.
func (s *stage) called(id, what string) string {
	i := s.Incident(id)
	n := slices.IndexFunc(i.Told, func(t incident.Telling) bool { return strings.HasPrefix(t.What, what+" ") })
	if n < 0 {
		return "not said"
	}
	return i.Told[n].Called
}

// shift is who is on call, and why others may be.
type shift struct {
	names []string
	doubt string
}

// TestCalled: whom a notice has called stands on the ledger, also when others are on call by the time of the next.
func TestCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		var now atomic.Pointer[shift]
		now.Store(&shift{})
		for rank := range 2 {
			s.desk(rank, func(c *Config) { c.OnCall = func() ([]string, string) { return now.Load().names, now.Load().doubt } })
		}
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Minute)
		now.Store(&shift{[]string{"marc", "eve", "ines"}, "rota was last read at 00:01"})
		s.settle(5 * time.Minute)
		if diff := cmp.Diff([]string{"ines", "marc"}, []string{s.called(id, "asked"), s.called(id, "half")}); diff != "" {
			t.Errorf("called (-want +got):\n%s", diff)
		}
		replies := s.replies()
		if text := replies[len(replies)-1].text(); !strings.Contains(text, "Others may be on call by now: rota was last read at 00:01.") || strings.Contains(replies[0].text(), "Others") {
			t.Errorf("said at first %q, at half time %q", replies[0].text(), text)
		}
		s.settle(time.Hour)
		if len(s.replies()) != len(replies) {
			t.Errorf("%d replies more", len(s.replies())-len(replies))
		}
	})
}

// TestCalledLate: if the chat comes back only after half time, nobody is left out: the first two are called.
func TestCalledLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		away := &severed{wall: &s.wall}
		away.off.Store(true)
		s.desk(0, func(c *Config) { c.Room = away })
		id, _ := s.ask("den-kcy", 1)
		s.settle(6 * time.Minute)
		away.off.Store(false)
		s.settle(time.Minute)
		if got := s.called(id, "half"); got != "ines,marc" || s.called(id, "asked") != "not said" {
			t.Errorf("called at half time: %q; at first: %q", got, s.called(id, "asked"))
		}
		if diff := cmp.Diff([]string{"U1", "U2"}, s.replies()[0].card.Call); diff != "" {
			t.Errorf("notified (-want +got):\n%s", diff)
		}
	})
}
