//go:build linux

package live

import (
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/lab/testbed"
)

// far is the router at the sick link's end B.
const far = "r3"

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// sicken lets the link lose packets and says so.
func (s *stage) sicken() {
	s.t.Helper()
	s.inflict(sick, testbed.Fault{Loss: 0.02})
	s.tell(sick, events.LinkErrors, events.Firing, 0.02)
}

// upon calls deed a moment after the ledger says that the link is about to be drained.
func (s *stage) upon(moment time.Duration, deed func()) {
	s.t.Helper()
	s.wait("the intent to stand on the ledger", func() bool {
		_, i := s.phase(sick)
		return i != nil && i.Intent != nil
	})
	timer := time.NewTimer(moment)
	defer timer.Stop()
	<-timer.C
	deed()
}

// moments are those between an intent and the end of its Sets on a machine like ours, and one after.
func moments() []time.Duration {
	return []time.Duration{0, 6 * time.Millisecond, 50 * time.Millisecond}
}

// TestWorkerKilled kills the worker while it drains both ends, at several moments. Who starts next finishes it, one way or
// the other, and never leaves one end drained alone.
func TestWorkerKilled(t *testing.T) {
	for _, moment := range moments() {
		t.Run(moment.String(), func(t *testing.T) {
			s := raise(t)
			f := s.flow(sick)
			began := f.mark()
			s.sicken()
			s.upon(moment, s.worker.kill)
			a, b, err := s.advertised(sick)
			t.Logf("killed; others hear %d and %d, %v", a, b, err)
			s.worker.start()
			s.reaches(sick, incident.Holding)
			s.advertises(sick, softDrain)
			f.expect("until it was drained", began, f.mark())
			s.mend(sick, events.LinkErrors)
			s.account()
		})
	}
}

// TestAgentKilled kills the agent of one end while it does its Set, at several moments.
func TestAgentKilled(t *testing.T) {
	for _, moment := range moments() {
		t.Run(moment.String(), func(t *testing.T) {
			s := raise(t)
			s.sicken()
			s.upon(moment, func() { s.must(s.bed.Kill(far, testbed.Agent)) })
			s.must(s.bed.Start(s.within(), far, testbed.Agent))
			s.wait("the link to be drained on both ends, or on none", func() bool {
				phase, _ := s.phase(sick)
				a, b, err := s.advertised(sick)
				return err == nil && a == b && (phase == incident.Holding || phase == incident.Closed)
			})
			s.inflict(sick, testbed.Fault{})
			s.tell(sick, events.LinkErrors, events.Resolved, 0)
			s.account()
		})
	}
}

// TestRoutingDaemonRestarts starts isisd of one end anew while the link is drained. It reads its configuration and knows
// nothing of the drain, which must be noticed and decided again.
func TestRoutingDaemonRestarts(t *testing.T) {
	s := raise(t)
	s.sicken()
	s.reaches(sick, incident.Holding)
	s.must(s.bed.Kill(far, testbed.ISISD))
	s.must(s.bed.Start(s.within(), far, testbed.ISISD))
	s.wait("the end to come back as it is configured", func() bool {
		_, b, err := s.advertised(sick)
		return err == nil && b == 10
	})
	s.wait("the drain to be noticed as lost", func() bool {
		phase, _ := s.phase(sick)
		return phase != incident.Holding
	})
	stop := s.telling(sick, events.LinkErrors, 0.02)
	s.wait("the link to be drained again", func() bool {
		phase, _ := s.phase(sick)
		return phase == incident.Holding
	})
	stop()
	s.advertises(sick, softDrain)
	s.mend(sick, events.LinkErrors)
	s.account()
}

// TestBusCut stops the bus while the link is drained. Nothing is decided without it, nothing is forgotten, and nothing is
// done twice when it is back.
func TestBusCut(t *testing.T) {
	s := raise(t)
	f := s.flow(sick)
	s.sicken()
	s.reaches(sick, incident.Holding)
	f.run(500)
	drained := f.mark()
	port := s.busPort()
	s.stopBus()
	f.run(5000) // ten seconds
	s.advertises(sick, softDrain)
	s.startBus(port)
	s.must(s.conn.Wait(s.within()))
	f.expect("without the bus", drained, f.mark())
	s.mend(sick, events.LinkErrors)
	s.account()
}
