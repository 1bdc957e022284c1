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
					if f.Seen == events.SeenBefore && strings.Contains(f.Detail, "while the ledger could not be written") {
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

// TestNoOtherActWhileLedgerIsAway lists what is not done without a record: all but the one thing.
func TestNoOtherActWhileLedgerIsAway(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(s *site, r *replica)
	}{
		{"the ledger answers, and takes no append", func(s *site, r *replica) {
			s.drains(r)
			r.refuse(true)
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
