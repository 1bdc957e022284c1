package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger/mem"
)

// TestNothingLeavesBeforeItsIntentStands keeps the ledger busy with an intent for longer than its acts take to be made
// ready, and looks at the routers before it answers.
func TestNothingLeavesBeforeItsIntentStands(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		left := -1
		r.overtake(func() {
			<-time.After(time.Second)
			left = s.routers.sets()
		})
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Holding, 20*time.Second)
		if left != 0 {
			t.Errorf("%d requests had left while the intent was being written", left)
		}
		s.changed(drainAB...)
		if n := s.routers.sets(); n != 2 {
			t.Errorf("%d requests, want one for each end", n)
		}
	})
}

// TestIntentThatStandsTooLate keeps the ledger busy with an intent for longer than its deadline: nothing is sent, and the
// record says what was waited for.
func TestIntentThatStandsTooLate(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous+"clocks: {set_deadline: 1s}\n")
		r.overtake(func() { <-time.After(2 * time.Second) })
		s.bus.publish(anomaly("1", events.Firing))
		s.until(5*time.Second, "what came of it is recorded", func() bool { return len(recorded[events.Refused](s)) == 2 })
		for _, refused := range recorded[events.Refused](s) {
			const want = "the ledger was silent: its intent was still being written"
			if refused.Class != events.RefusedInSilence || refused.Sets != 0 || !strings.Contains(refused.Detail, want) {
				t.Errorf("recorded %+v, want %q", refused, want)
			}
		}
		if n := s.routers.sets(); n != 0 {
			t.Errorf("%d requests left", n)
		}
	})
}

// TestFreezeBehindDoubtedIntent has nobody tell whether an intent is stored until a freeze stands behind it, which the replica
// does not hear of either. That the intent is then found to stand says nothing of what stands behind it: nothing is sent.
func TestFreezeBehindDoubtedIntent(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		hear := func() {}
		r.Inject(mem.FailsStored)
		r.overtake(func() {
			hear = r.deafen()
			<-time.After(time.Second)
		})
		s.bus.publish(anomaly("1", events.Firing))
		s.until(5*time.Second, "the intent to stand", func() bool { return len(recorded[events.Intended](s)) == 1 })
		s.other(events.Frozen{Scope: events.Network, By: events.Person{Name: "kim"}, Reason: "cable work"})
		s.pass(8 * time.Second)
		if n := s.routers.sets(); n != 0 {
			t.Errorf("%d requests left, long after the freeze", n)
		}
		hear()
		s.until(time.Minute, "what came of it is recorded", func() bool { return len(recorded[events.Refused](s)) == 2 })
		s.pass(time.Minute)
		s.changed()
	})
}

// TestReadyActsOfLostIntent has another replica take the position at which an intent was to stand: the acts that were
// made ready for it are dropped, and what became of them is not taken for what became of the other's.
func TestReadyActsOfLostIntent(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		person := events.Person{Name: "kim"}
		r.overtake(func() {
			<-time.After(100 * time.Millisecond)
			s.other(events.Frozen{Scope: events.Network, By: person, Reason: "cable work"})
		})
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Waiting, 5*time.Second)
		s.pass(30 * time.Second)
		if n := s.routers.sets(); n != 0 || len(recorded[events.Intended](s)) != 0 {
			t.Errorf("%d requests left, intents %v", n, recorded[events.Intended](s))
		}
		s.other(events.Thawed{Scope: events.Network, By: person})
		s.reaches(r, incident.Holding, 30*time.Second)
		s.changed(drainAB...)
		if refused := recorded[events.Refused](s); len(refused) != 0 {
			t.Errorf("recorded as refused: %+v", refused)
		}
	})
}

// TestToldTargetIsNotRead has routers that tell what they are configured to do: the first record does not wait for reading
// them, and what is planned is read before it is set.
func TestToldTargetIsNotRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		tells bool
		want  time.Duration // from the arrival to the acknowledgement
	}{
		{"told", true, 0},
		{"not told", false, 100 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				s.routers.alter(func() { s.routers.reading, s.routers.tells = 100*time.Millisecond, c.tells })
				arrived := time.Now()
				var took time.Duration
				s.bus.onAck = func(string) { took = time.Since(arrived) }
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Holding, 20*time.Second)
				if took != c.want {
					t.Errorf("acknowledged after %s, want %s", took, c.want)
				}
				if planned := recorded[events.Planned](s); len(planned) != 1 || planned[0].Facts.Told != c.tells || len(s.kinds()[0]) != len(wayToSet) {
					t.Errorf("the ledger holds %v", s.kinds())
				}
				orders := s.routers.asked()
				if len(orders) != 2 || orders[0].ReadAt.IsZero() != c.tells || orders[1].ReadAt.IsZero() != c.tells {
					t.Errorf("the routers were asked for %+v", orders)
				}
			})
		})
	}
}
