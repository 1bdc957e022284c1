package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger/mem"
	"github.com/detour-net/detour/internal/worker"
)

// meanwhile is how the record says that something was taken back without one.
const meanwhile = "while the ledger could not be written"

var thereAndBack = append([]string{"a 700", "b 700"}, drainAB...)

// drains brings r to where its drain stands and has not been verified; what verification will see is harm.
func (s *site) drains(r *replica) {
	s.Helper()
	s.routers.alter(func() { s.routers.way["a"], s.routers.way["b"] = 500*time.Millisecond, 500*time.Millisecond })
	s.bus.publish(anomaly("1", events.Firing))
	s.reaches(r, incident.Acting, time.Second)
	s.routers.alter(func() { s.routers.harm, s.routers.reading = true, 2*time.Second })
	s.reaches(r, incident.Verifying, time.Second)
}

// TestUndoWhileLedgerIsAway takes back a step of one's own whose verification failed without any ledger, once, and records
// so when the ledger is back.
func TestUndoWhileLedgerIsAway(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []mem.Fault // of the appends once the ledger is back
	}{
		{"and it is back", nil},
		{"and its first append fails", []mem.Fault{mem.Fails}},
		{"and its first append is stored in doubt", []mem.Fault{mem.FailsStored}},
		{"and its first append is in doubt and not stored", []mem.Fault{mem.DoubtNot}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				s.drains(r)
				r.cut()
				before := len(s.commits())
				s.until(20*time.Second, "it is taken back", func() bool { return len(s.routers.history()) == 4 })
				s.pass(time.Minute)
				s.changed(thereAndBack...)
				if len(s.commits()) != before || s.routers.sets() != 4 {
					t.Errorf("%d requests left, the ledger holds %v", s.routers.sets(), s.kinds())
				}
				r.Inject(c.faults...)
				r.mend()
				s.reaches(r, incident.Closed, time.Minute)
				s.changed(thereAndBack...)
				said := 0
				for _, f := range recorded[events.Found](s) {
					if f.Seen == events.SeenBefore && strings.Contains(f.Detail, meanwhile) {
						said++
					}
				}
				if said != 2 {
					t.Errorf("%d of 2 changes are on record as taken back meanwhile: %v", said, s.kinds())
				}
				// The failed verification is what allowed it: it counts for the breaker, and the end says so.
				if v := recorded[events.Verified](s); len(v) != 1 || v[0].Pass {
					t.Errorf("verified %+v, want one that failed", v)
				}
				if e := recorded[events.Closed](s); len(e) != 1 || e[0].Outcome != events.RolledBack {
					t.Errorf("ended as %+v, want %s", e, events.RolledBack)
				}
			})
		})
	}
}

// TestLedgerIsBackAmidUndo has the ledger come back while one end is still being taken back without it: no second Set leaves for
// that, and what came of the first is on record. Another replica has gone on meanwhile.
func TestLedgerIsBackAmidUndo(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.drains(r)
		s.routers.alter(func() { s.routers.way["b"] = 5 * time.Second })
		r.cut()
		s.until(20*time.Second, "one end is taken back", func() bool { return len(s.routers.history()) == 3 })
		s.routers.alter(func() { s.routers.way["b"] = 0 })
		s.other(events.Frozen{Scope: "device:c", By: ann, Reason: "another replica goes on"})
		r.mend()
		s.reaches(r, incident.Closed, time.Minute)
		s.changed(thereAndBack...)
		said := 0
		for _, a := range recorded[events.Applied](s) {
			if a.Undo && strings.Contains(a.Detail, meanwhile) {
				said++
			}
		}
		for _, f := range recorded[events.Found](s) {
			if f.Seen == events.SeenBefore && strings.Contains(f.Detail, meanwhile) {
				said++
			}
		}
		if said != 2 || s.routers.sets() != 4 {
			t.Errorf("%d of 2 changes are on record as taken back meanwhile, by %d requests: %v", said, s.routers.sets(), s.kinds())
		}
	})
}

// TestUndoInDoubt has the ledger go away right after it took the commit that decides on the undo.
func TestUndoInDoubt(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.drains(r)
		r.Inject(mem.FailsStored)
		r.overtake(r.cut)
		s.until(20*time.Second, "it is taken back", func() bool { return len(s.routers.history()) == 4 })
		r.mend()
		s.reaches(r, incident.Closed, time.Minute)
		s.changed(thereAndBack...)
	})
}

// TestUndoWhileLedgerTakesNothing has a ledger that answers, and takes no append: its disk is full. What has failed is taken
// back all the same, once that has lasted.
func TestUndoWhileLedgerTakesNothing(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.drains(r)
		r.refuse(true)
		s.pass(8 * time.Second)
		s.changed(drainAB...)
		s.until(10*time.Second, "it is taken back", func() bool { return len(s.routers.history()) == 4 })
		r.refuse(false)
		s.reaches(r, incident.Closed, time.Minute)
		s.changed(thereAndBack...)
	})
}

// TestUndoOfWhatIsNotOnRecord has the ledger go away between a Set's answer and its record. The worker knows what it has set
// and that nobody else does: it verifies that as ever, and takes back what fails.
func TestUndoOfWhatIsNotOnRecord(t *testing.T) {
	for _, c := range []struct {
		name    string
		trouble func(*network)
		busy    bool // alarms of other links come in meanwhile
		before  time.Duration
		want    []string // of the routers, until the ledger is back
		ends    events.Outcome
	}{
		{"harm is seen", func(n *network) { n.harm = true }, false, 30 * time.Second, thereAndBack, events.RolledBack},
		{"harm is seen, and there is more to write", func(n *network) { n.harm = true }, true, 30 * time.Second, thereAndBack, events.RolledBack},
		{"nothing can be seen", func(n *network) { n.reading = time.Hour }, false, 4 * time.Minute, thereAndBack, events.RolledBack},
		{"one end refused", func(n *network) { n.away["b"] = true }, false, 30 * time.Second, []string{"a 16777214", "a 700"}, events.RolledBack},
		{"all is well", func(*network) {}, false, time.Hour, drainAB, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				s.routers.alter(func() { s.routers.way["a"], s.routers.way["b"] = 500*time.Millisecond, 500*time.Millisecond })
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Acting, time.Second)
				// Cut as the first Set is answered: its intent was heard of to be the newest word, and its outcome cannot be written.
				s.until(time.Second, "a Set is on its way", func() bool { return s.routers.sets() > 0 || len(recorded[events.Intended](s)) == 1 })
				r.overtake(r.cut)
				s.routers.alter(func() { c.trouble(s.routers) })
				s.until(5*time.Second, "the Sets are answered", func() bool { return !r.isUp() })
				known := len(s.commits())
				if c.busy {
					other := anomaly("2", events.Firing)
					other.Data.Kind = events.LinkFlap // which no rule answers
					other.Data.Resource = events.Resource{Device: "c", Interface: "to-d"}
					s.bus.publish(other)
				}
				s.until(c.before, "it stands as it shall", func() bool { return len(s.routers.history()) >= len(c.want) })
				s.pass(c.before)
				s.changed(c.want...)
				if len(s.commits()) != known {
					t.Fatalf("the ledger was written: %v", s.kinds())
				}
				s.routers.alter(func() { s.routers.reading, s.routers.away["b"] = 0, false })
				r.mend()
				if c.ends == "" {
					s.reaches(r, incident.Holding, time.Minute)
					s.changed(drainAB...)
					return
				}
				s.reaches(r, incident.Closed, time.Minute)
				s.changed(c.want...)
				if e := recorded[events.Closed](s); len(e) == 0 || e[0].Outcome != c.ends {
					t.Errorf("ended as %+v, want %s", e, c.ends)
				}
			})
		})
	}
}

// TestNoOtherActWhileLedgerIsAway lists what is not done without a record: all but the one thing.
func TestNoOtherActWhileLedgerIsAway(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(s *site, r *replica)
	}{
		{"the ledger answers, and takes no append for a moment", func(s *site, r *replica) {
			s.drains(r)
			r.refuse(true)
			s.pass(4 * time.Second)
			s.routers.alter(func() { s.routers.harm = false })
		}},
		{"nothing was seen to fail", func(s *site, r *replica) {
			s.drains(r)
			s.routers.alter(func() { s.routers.harm = false })
			r.cut()
		}},
		{"it was verified", func(s *site, r *replica) {
			s.bus.publish(anomaly("1", events.Firing))
			s.reaches(r, incident.Holding, 20*time.Second)
			s.routers.alter(func() { s.routers.harm = true })
			s.bus.publish(anomaly("2", events.Resolved))
			r.cut()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				c.act(s, r)
				s.pass(time.Hour)
				s.changed(drainAB...)
			})
		})
	}
}

// TestOthersStepIsNotTakenBack has a replica that is cut off leave alone what another's intent set.
func TestOthersStepIsNotTakenBack(t *testing.T) {
	inBubble(t, func(s *site) {
		quiet := newBus()
		peer := s.start("r2", autonomous, func(c *worker.Config) { c.Intake = quiet })
		r := s.start("r1", autonomous)
		s.drains(r)
		s.reaches(peer, incident.Verifying, time.Second)
		peer.cut()
		r.stop()
		s.pass(10 * time.Minute)
		s.changed(drainAB...)
		peer.mend()
		s.reaches(peer, incident.Closed, time.Minute)
		s.changed(thereAndBack...)
	})
}

// TestWritesAgain has the ledger be away while there is something to write and nothing to take back: nobody is asked whether it
// answers, and it is soon tried again to write.
func TestWritesAgain(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		r.cut()
		s.bus.publish(anomaly("1", events.Firing))
		s.pass(time.Minute)
		const soon = 100 * time.Millisecond
		if tried := len(r.tried()); tried < 10 || r.rested > soon {
			t.Errorf("it was tried %d times, and not for %s in between, want %s at most", tried, r.rested, soon)
		}
		r.mend()
		s.until(2*soon, "it is written", func() bool { return len(recorded[*events.Observed](s)) > 0 })
	})
}
