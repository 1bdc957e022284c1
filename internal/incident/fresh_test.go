package incident

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// TestExecutesOnFreshInputs: what was seen, and what was computed of it, is at most clocks.fresh old when a step of a drain is
// intended, be it the first or a later one. What is older is looked at again.
func TestExecutesOnFreshInputs(t *testing.T) {
	const fresh, bit = 5 * time.Second, time.Millisecond
	rules := strings.NewReplacer("settle: 0s", "settle: 10s", "{missing: allow}", "{missing: refuse}").Replace(usualPolicy(t))
	for _, c := range []struct {
		name           string
		seen, computed time.Duration // how old it is
		want           bool
	}{
		{"new", 0, 0, true},
		{"just fresh", fresh, fresh, true},
		{"seen too long ago", fresh + bit, fresh, false},
		{"computed too long ago", fresh, fresh + bit, false},
		{"both", time.Hour, time.Hour, false},
	} {
		decide := func(t *testing.T, s *stage, now time.Time) (intended, looks bool) {
			t.Helper()
			i, ok := s.active.board.Incident("a-b-1")
			if !ok || i.Stands() != (i.Phase == Acting) {
				t.Fatalf("it is not at that step: %s", s.out.String())
			}
			facts := s.lab.observe(i.Target)
			facts.At, facts.Prospect.At = now.Add(-c.seen), now.Add(-c.computed)
			w := s.world
			w.Now, w.Me, w.Facts = now, s.active.me(), map[string]events.Facts{i.ID: facts}
			d := Decide(s.active.board, w)
			return slices.ContainsFunc(d.Records, func(r events.Record) bool { in, is := r.Body.(events.Intended); return is && !in.Undo }),
				slices.ContainsFunc(d.Commands, func(c Command) bool { _, is := c.(Observe); return is })
		}
		t.Run("first step, "+c.name, func(t *testing.T) {
			s := newStage(t, rules)
			s.say("ahead a-b steps=5000,16777214")
			w := s.world
			w.Events, w.Me = []events.Event{testEvent("e1", events.Firing, testStart)}, s.active.me()
			s.append(s.active.me(), Decide(s.active.board, w).Records) // nothing was seen yet
			if got, _ := decide(t, s, testStart.Add(10*time.Second)); got != c.want {
				t.Errorf("intended: %t", got)
			}
		})
		t.Run("second step, "+c.name, func(t *testing.T) {
			s := newStage(t, rules)
			s.say("ahead a-b steps=5000,16777214")
			s.say("event e1 firing major a-b")
			if got, looks := decide(t, s, s.now.Add(11*time.Second)); got != c.want || looks == c.want {
				t.Errorf("intended: %t, looked at again: %t", got, looks)
			}
		})
	}
}
