package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger/mem"
	"github.com/detour-net/detour/internal/worker"
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
			const want = "nothing was sent: its intent was still being written to the ledger"
			if refused.Class != events.RefusedByPermit || refused.Sets != 0 || !strings.Contains(refused.Detail, want) {
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

// announcer lets a test announce events to a worker.
type announcer chan events.Event

func (a announcer) announced(ctx context.Context, seen func(events.Event)) error {
	for {
		select {
		case e := <-a:
			seen(e)
		case <-ctx.Done():
			return nil
		}
	}
}

func (a announcer) to(c *worker.Config) { c.Announced = a.announced }

// TestAnnouncedTargetIsReadAhead announces an anomaly before it arrives: the reading that takes so long has then begun.
func TestAnnouncedTargetIsReadAhead(t *testing.T) {
	for _, c := range []struct {
		name     string
		announce bool
		want     time.Duration // from the arrival to the acknowledgement
	}{
		{"announced", true, 20 * time.Millisecond},
		{"not announced", false, 100 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				early := make(announcer)
				r := s.start("r1", autonomous, early.to)
				s.routers.alter(func() { s.routers.reading = 100 * time.Millisecond })
				e := anomaly("1", events.Firing)
				if c.announce {
					early <- e
				}
				s.pass(80 * time.Millisecond)
				arrived := time.Now()
				var took time.Duration
				s.bus.onAck = func(string) { took = time.Since(arrived) }
				s.bus.publish(e)
				s.reaches(r, incident.Holding, 20*time.Second)
				if took != c.want {
					t.Errorf("acknowledged after %s, want %s", took, c.want)
				}
				if planned := recorded[events.Planned](s); len(planned) != 1 || len(s.kinds()[0]) != len(wayToSet) {
					t.Errorf("the ledger holds %v", s.kinds())
				}
			})
		})
	}
}

// TestAnnouncementOutlivesNothing has the routers change, and the ledger go on, between an announcement and the arrival:
// what was read then is not decided on.
func TestAnnouncementOutlivesNothing(t *testing.T) {
	for _, c := range []struct {
		name    string
		between func(*site)
	}{
		{"the ledger has gone on", func(s *site) { s.other(events.Thawed{Scope: "site:x"}) }},
		{"it is too long ago", func(s *site) { s.pass(worker.Prefetch + time.Millisecond) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				early := make(announcer)
				r := s.start("r1", autonomous, early.to)
				e := anomaly("1", events.Firing)
				early <- e
				s.pass(time.Millisecond)
				s.routers.alter(func() {
					s.routers.metric[events.End{Device: "a", Interface: "to-b"}] = 900
					s.routers.metric[events.End{Device: "b", Interface: "to-a"}] = 900
				})
				c.between(s)
				s.pass(time.Millisecond)
				s.bus.publish(e)
				s.reaches(r, incident.Holding, 20*time.Second)
				before := recorded[events.Planned](s)[0].Plan.Steps[0].Changes[0].Settings[0].Before
				if before != events.UintValue(900) {
					t.Errorf("planned on a pre-image of %s, the router held 900", before)
				}
			})
		})
	}
}

// TestStormOfAnnouncements announces faults of many links, again and again: few targets are read for it at once, and those
// of which an incident is open are not.
func TestStormOfAnnouncements(t *testing.T) {
	inBubble(t, func(s *site) {
		early := make(announcer)
		r := s.start("r1", autonomous, early.to)
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Holding, 20*time.Second)
		s.routers.alter(func() { s.routers.reading = 10 * time.Millisecond })
		read := s.routers.readings()
		for range 10 {
			early <- anomaly("again", events.Firing)
		}
		s.pass(20 * time.Millisecond)
		if n := s.routers.readings() - read; n > 1 { // one may be the hold's own
			t.Errorf("the target of an open incident was read %d times", n)
		}
		read = s.routers.readings()
		for n := range 50 {
			e := anomaly("other", events.Firing)
			e.Data.Resource = events.Resource{Device: string(rune('c' + n%20)), Interface: "to-z"}
			early <- e
		}
		s.pass(20 * time.Millisecond)
		if n := s.routers.readings() - read; n < 2 || n > 5 {
			t.Errorf("%d targets were read, want a few", n)
		}
	})
}
