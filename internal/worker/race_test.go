package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/worker"
)

var (
	ann     = events.Person{Name: "ann", Role: []string{"approver"}, Via: "cli"}
	bob     = events.Person{Name: "bob", Role: []string{"approver"}, Via: "cli"}
	drainAB = []string{"a 16777214", "b 16777214"}
)

// changed wants the routers to have been changed exactly so, in any order.
func (s *site) changed(want ...string) {
	s.Helper()
	got := s.routers.history()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("changes of the routers (-want +got):\n%s\nthe ledger holds %v", diff, s.kinds())
	}
}

// TestManyWorkersOneSet has workers without any election decide the same over one ledger: every router is set once.
func TestManyWorkersOneSet(t *testing.T) {
	for _, workers := range []int{2, 3, 8} {
		inBubble(t, func(s *site) {
			var list []*replica
			var buses []*bus // each hears of the fault by itself, at the same moment
			for n := range workers {
				own := newBus()
				buses = append(buses, own)
				list = append(list, s.start(fmt.Sprintf("r%d", n), autonomous, func(c *worker.Config) { c.Intake = own }))
			}
			e := anomaly("1", events.Firing)
			for _, own := range buses {
				own.publish(e)
			}
			for _, r := range list {
				s.reaches(r, incident.Holding, 20*time.Second)
			}
			s.changed(drainAB...)
			if s.routers.sets() != 2 || len(recorded[events.Intended](s)) != 1 {
				t.Errorf("%d workers: %d requests, %d intents", workers, s.routers.sets(), len(recorded[events.Intended](s)))
			}
			taken := 0
			for _, o := range recorded[*events.Observed](s) {
				if o.Disposition.Taken() {
					taken++
				}
			}
			if taken != 1 {
				t.Errorf("the event was taken %d times", taken)
			}
			for n, own := range buses {
				if len(own.acked()) != 1 {
					t.Errorf("worker %d acknowledged %v", n, own.acked())
				}
			}
			var boards []string
			for _, r := range list {
				boards = append(boards, string(r.Status().Digest))
			}
			if len(slices.Compact(boards)) != 1 {
				t.Errorf("the workers stand at %v", boards)
			}
		})
	}
}

// TestOvertaken lets another replica take the position right before the first append: what it says is heeded.
func TestOvertaken(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.watchAcks()
		r.overtake(func() { s.other(events.Frozen{Scope: events.Network, By: ann, Reason: "exercise"}) })
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Waiting, 10*time.Second)
		s.until(time.Second, "it is acknowledged", func() bool { return len(s.bus.acked()) == 1 })
		s.changed()
		s.other(events.Thawed{Scope: events.Network, By: ann})
		s.reaches(r, incident.Holding, time.Minute)
		s.changed(drainAB...)
	})
}

// TestFreezeRightBeforeSet freezes after the intent stands and before its Sets have left: the permit stops both.
func TestFreezeRightBeforeSet(t *testing.T) {
	for _, c := range []struct {
		name   string
		freeze func(s *site, r, peer *replica)
		class  events.RefusalClass
		says   string
		then   incident.Phase
	}{
		{"here", func(s *site, r, _ *replica) { s.order(r, incident.Freeze(events.Network, ann, "exercise")) }, events.RefusedByPermit, "network is frozen by ann: exercise", incident.Closed},
		{"at another replica", func(s *site, _, peer *replica) { s.order(peer, incident.Freeze("link:a-b", ann, "exercise")) }, events.RefusedByPermit, "link:a-b is frozen by ann: exercise", incident.Closed},
		{"where it cannot be heard of", func(s *site, r, peer *replica) {
			r.cut()
			s.order(peer, incident.Freeze("device:a", ann, "exercise"))
		}, events.RefusedInSilence, "a freeze could not be heard of", incident.Waiting},
		{"aborted instead", func(s *site, r, _ *replica) {
			s.order(r, incident.Abort("a-b-1", ann, "exercise", false))
			s.order(r, incident.Freeze(events.Network, ann, "exercise"))
		}, events.RefusedByPermit, "network is frozen by ann: exercise", incident.Closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				quiet := newBus()
				peer := s.start("r2", autonomous, func(c *worker.Config) {
					c.Intake = quiet
					c.Peers = func(string) worker.Peers { return alive{"r1"} }
				})
				s.routers.alter(func() { s.routers.way["a"], s.routers.way["b"] = 3*time.Second, 4*time.Second })
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Acting, time.Second)
				c.freeze(s, r, peer)
				s.pass(6 * time.Second)
				s.changed()
				if !r.isUp() {
					r.mend()
				}
				s.until(time.Minute, "both refusals stand", func() bool { return len(recorded[events.Refused](s)) == 2 })
				for _, f := range recorded[events.Refused](s) {
					if f.Class != c.class || !strings.Contains(f.Detail, c.says) {
						t.Errorf("refused as %s: %s", f.Class, f.Detail)
					}
				}
				s.reaches(peer, c.then, time.Minute)
				if s.routers.sets() != 0 {
					t.Errorf("%d requests left", s.routers.sets())
				}
			})
		})
	}
}

// TestSilentLedgerIsNoRefusal cuts a replica off between its intent and its Sets: none leaves, and once the ledger answers the
// incident is decided anew, if its anomaly can still be acted on.
func TestSilentLedgerIsNoRefusal(t *testing.T) {
	for _, c := range []struct {
		name  string
		away  time.Duration
		then  incident.Phase
		sets  []string
		ended events.Outcome
	}{
		{"for some seconds", 5 * time.Second, incident.Holding, drainAB, ""},
		{"for longer than the anomaly is acted on", 2 * time.Minute, incident.Closed, nil, events.LetGo},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous+"max_age: {default: 1m}\n")
				s.routers.alter(func() { s.routers.way["a"], s.routers.way["b"] = 3*time.Second, 3*time.Second })
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Acting, time.Second)
				r.cut()
				s.pass(c.away)
				s.changed()
				r.mend()
				s.reaches(r, c.then, time.Minute)
				s.changed(c.sets...)
				if again := recorded[events.Relapsed](s); len(again) != 1 || len(recorded[events.Refused](s)) != 2 {
					t.Errorf("decided anew %+v, refused %+v", again, recorded[events.Refused](s))
				}
				if end := recorded[events.Closed](s); c.ended != "" && (len(end) != 1 || end[0].Outcome != c.ended) {
					t.Errorf("ended as %+v, want %s", end, c.ended)
				}
			})
		})
	}
}

// TestFreezeStopsNoUndo takes a drain back while the network is frozen.
func TestFreezeStopsNoUndo(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Holding, 10*time.Second)
		s.order(r, incident.Freeze(events.Network, ann, "exercise"))
		s.order(r, incident.Undrain("a-b-1", bob, "repaired"))
		s.reaches(r, incident.Closed, time.Minute)
		s.changed(append([]string{"a 700", "b 700"}, drainAB...)...)
	})
}

// TestLateSetIsNotSent holds a Set back until its incident has gone on without it: its intent is no longer the newest word.
func TestLateSetIsNotSent(t *testing.T) {
	inBubble(t, func(s *site) {
		s.start("r1", autonomous)
		quiet := newBus()
		peer := s.start("r2", autonomous, func(c *worker.Config) { c.Intake = quiet })
		s.routers.alter(func() { s.routers.way["a"], s.routers.way["b"] = time.Hour, time.Hour })
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(peer, incident.Acting, time.Second)
		s.until(time.Minute, "both are too late", func() bool { return len(recorded[events.Refused](s)) == 2 })
		for _, f := range recorded[events.Refused](s) {
			if f.Class != events.RefusedLate {
				t.Errorf("refused as %s", f.Class)
			}
		}
		s.changed()
	})
}
