package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// TestIntentNotStored has a bus acknowledge everything and store nothing: no request leaves for an intent that stands nowhere, and
// what came of it says so.
func TestIntentNotStored(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		stood := len(s.store.Entries())
		r.lie()
		s.bus.publish(anomaly("1", events.Firing))
		var why string
		s.until(10*time.Second, "nothing to be sent, and why", func() bool {
			r.View(func(b *incident.Board) {
				if i, ok := b.Incident("a-b-1"); ok && i.Refusal != nil {
					why = i.Refusal.Detail
				}
			})
			return why != ""
		})
		const want = "it acknowledged the intent at position"
		if !strings.Contains(why, want) {
			t.Errorf("it says %q, want %q", why, want)
		}
		s.pass(time.Minute)
		if n := s.routers.sets(); n != 0 || len(s.store.Entries()) != stood {
			t.Errorf("%d requests left for what stands nowhere; %d entries were stored", n, len(s.store.Entries())-stood)
		}
	})
}

// TestIntentReadBackLate has what a replica wrote come back to it late: the Set leaves then, and not before. Taking back needs no
// such proof: the intent that it rests on was read before anything was set.
func TestIntentReadBackLate(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		hear := r.deafen()
		s.bus.publish(anomaly("1", events.Firing))
		s.until(time.Second, "the intent to stand", func() bool { return len(recorded[events.Intended](s)) == 1 })
		s.pass(300 * time.Millisecond)
		if n := s.routers.sets(); n != 0 {
			t.Errorf("%d requests left before the intent was read back", n)
		}
		hear()
		s.reaches(r, incident.Holding, time.Minute)
		s.changed(drainAB...)
		if refused := recorded[events.Refused](s); len(refused) != 0 {
			t.Errorf("recorded as refused: %+v", refused)
		}
		defer r.deafen()()
		if _, err := r.Submit(s.Context(), incident.Undrain("a-b-1", events.Person{Name: "kim"}, "repaired")); err != nil {
			s.Fatal(err)
		}
		s.until(time.Minute, "the drain to be taken back", func() bool { return len(s.routers.history()) == 2*len(drainAB) })
	})
}
