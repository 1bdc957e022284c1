package incident

import (
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// TestToldOnlyOfNewIncidents has the core ask what routers have told once for an incident that a decision opens, and never for
// one that stands on the ledger: that is read.
func TestToldOnlyOfNewIncidents(t *testing.T) {
	for _, c := range []struct {
		name  string
		knows bool
	}{{"told", true}, {"not told", false}} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, usualPolicy(t))
			asked, late := 0, 3*time.Millisecond
			s.world.Told = func(o Observe) (events.Facts, bool) {
				asked++
				f := s.lab.carryOut(o)
				f.At = f.At.Add(late)
				return f, c.knows
			}
			w := s.world
			w.Now, w.Me, w.Events = testStart, "r1/1", []events.Event{testEvent("e1", events.Firing, testStart)}
			d := Decide(NewBoard(), w)
			planned := 0
			for _, r := range d.Records {
				if p, ok := r.Body.(events.Planned); ok {
					planned++
					if !p.Facts.At.Equal(testStart.Add(late)) {
						t.Errorf("planned on facts of %s", p.Facts.At)
					}
				}
				if ruled, ok := r.Body.(events.Ruled); ok {
					for _, check := range ruled.Checks {
						if check.Name == "facts-fresh" && check.Value != "0s" {
							t.Errorf("what was told is %s old", check.Value)
						}
					}
				}
			}
			if wants := len(d.Commands); asked != 1 || (planned == 1) != c.knows || (wants == 0) != c.knows {
				t.Errorf("asked %d times, planned %d times, %d commands", asked, planned, wants)
			}
			b := NewBoard()
			fold(t, b, testStart, opened("a-b", 1)...)
			w.Now, w.Events, asked = testStart.Add(time.Second), nil, 0
			if d := Decide(b, w); asked != 0 || len(d.Records) > 0 || len(d.Commands) != 1 {
				t.Errorf("of one on the ledger: asked %d times, %d records, commands %v", asked, len(d.Records), d.Commands)
			}
		})
	}
}
