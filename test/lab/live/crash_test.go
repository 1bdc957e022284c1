//go:build linux

package live

import (
	"flag"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/lab/testbed"
)

var (
	flagKills  = flag.Int("kills", 2, "moments at which the worker is killed, and as many at which an agent is")
	flagBusCut = flag.Duration("bus-cut", 20*time.Second, "how long the bus is away")
)

// during is what an intent and its Sets take on a machine like ours, and somewhat more.
const during = 60 * time.Millisecond

// moments are chosen at random while a link is being drained: the first at once, the others anywhere.
func moments() []time.Duration {
	list := make([]time.Duration, *flagKills)
	r := chance()
	for i := range list {
		if i > 0 {
			list[i] = time.Duration(r.Int64N(int64(during))).Round(100 * time.Microsecond)
		}
	}
	return list
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// upon calls deed a moment after the ledger says that the link is about to be drained.
func (s *stage) upon(moment time.Duration, deed func()) {
	s.t.Helper()
	s.wait("the intent to stand on the ledger", func() bool {
		_, i := s.phase(s.sick)
		return i != nil && i.Intent != nil
	})
	timer := time.NewTimer(moment)
	defer timer.Stop()
	<-timer.C
	deed()
}

// TestWorkerKilled kills the worker while it drains both ends, at several moments. Who starts next finishes it, one way or
// the other, and never leaves one end drained alone.
func TestWorkerKilled(t *testing.T) {
	for _, moment := range moments() {
		t.Run(moment.String(), func(t *testing.T) {
			s := raise(t)
			f := s.flow(s.sick)
			began := f.mark()
			s.sicken()
			s.upon(moment, s.worker.kill)
			a, b, err := s.advertised(s.sick)
			t.Logf("killed; others hear %d and %d, %v", a, b, err)
			s.worker.start()
			s.reaches(s.sick, incident.Holding)
			s.advertises(s.sick, softDrain)
			f.expect("until it was drained", began, f.mark())
			s.mend()
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
			s.upon(moment, func() { s.must(s.bed.Kill(s.far, testbed.Agent)) })
			s.must(s.bed.Start(s.within(), s.far, testbed.Agent))
			s.wait("the link to be drained on both ends, or on none", func() bool {
				phase, _ := s.phase(s.sick)
				a, b, err := s.advertised(s.sick)
				return err == nil && a == b && (phase == incident.Holding || phase == incident.Closed)
			})
			s.inflict(s.sick, testbed.Fault{})
			s.account()
		})
	}
}

// TestRoutingDaemonRestarts starts isisd of one end anew while the link is drained. It reads its configuration and knows
// nothing of the drain, which must be noticed and decided again.
func TestRoutingDaemonRestarts(t *testing.T) {
	s := raise(t)
	s.sicken()
	s.reaches(s.sick, incident.Holding)
	s.must(s.bed.Kill(s.far, testbed.ISISD))
	s.must(s.bed.Start(s.within(), s.far, testbed.ISISD))
	s.wait("the end to come back as it is configured", func() bool {
		_, b, err := s.advertised(s.sick)
		return err == nil && b == s.metric(s.sick)
	})
	s.wait("the drain to be noticed as lost", func() bool {
		phase, _ := s.phase(s.sick)
		return phase != incident.Holding
	})
	s.wait("the link to be drained again", func() bool {
		phase, _ := s.phase(s.sick)
		return phase == incident.Holding
	})
	s.advertises(s.sick, softDrain)
	s.mend()
	s.account()
}

// TestBusCut stops the bus while the link is drained. Nothing is decided without it, nothing is forgotten, and nothing is
// done twice when it is back. What the detector could not publish meanwhile, it does then.
func TestBusCut(t *testing.T) {
	s := raise(t)
	f := s.flow(s.sick)
	s.sicken()
	s.reaches(s.sick, incident.Holding)
	f.run(500)
	drained := f.mark()
	port := s.busPort()
	s.stopBus()
	f.run(uint64(*flagBusCut / (2 * pace)))
	s.inflict(s.sick, testbed.Fault{})
	f.run(uint64(*flagBusCut / (2 * pace)))
	s.advertises(s.sick, softDrain)
	s.startBus(port)
	s.must(s.conn.Wait(s.within()))
	f.expect("without the bus", drained, f.mark())
	s.restored()
	s.account()
}
