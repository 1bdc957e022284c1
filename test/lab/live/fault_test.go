//go:build linux

package live

import (
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/lab/testbed"
)

// mend takes the fault off a link and sees the link restored with it.
func (s *stage) mend(link string, kind events.AnomalyKind) {
	s.t.Helper()
	s.inflict(link, testbed.Fault{})
	s.tell(link, kind, events.Resolved, 0)
	s.reaches(link, incident.Closed)
	if _, i := s.phase(link); i.End.Outcome != events.Restored {
		s.t.Errorf("%s ended as %s: %s\n%s", i.ID, i.End.Outcome, i.End.Reason, s.worker.tail())
	}
}

// TestBlackHole breaks a link so that nothing crosses it but the hellos that keep its adjacency: IS-IS itself would never
// leave it.
func TestBlackHole(t *testing.T) {
	s := raise(t)
	f := s.flow(sick)
	f.run(200)
	s.inflict(sick, testbed.Fault{Loss: 1})
	began := f.mark()
	f.run(1000)
	told := f.mark()
	l := f.between(began, told)
	t.Logf("dark: %s", l)
	if l.lost*10 < l.sent*9 {
		t.Error("the link is dark, and packets cross it")
	}
	s.tell(sick, events.SilentLoss, events.Firing, 1)
	s.advertises(sick, softDrain)
	f.settled()
	moved := f.mark()
	s.reaches(sick, incident.Holding)
	f.run(500)
	f.expect("drained", moved, f.mark())
	healed := f.mark()
	s.mend(sick, events.SilentLoss)
	f.run(500)
	f.expect("restoring", healed, f.mark())
	s.account()
}

// TestFlap takes a link down and up again and again. Once it is drained nobody notices any more.
func TestFlap(t *testing.T) {
	s := raise(t)
	f := s.flow(sick)
	flap := func() {
		s.inflict(sick, testbed.Fault{Cut: true})
		s.advertises(sick, 0)
		s.inflict(sick, testbed.Fault{})
		s.wait("the adjacency to come back", func() bool {
			a, b, err := s.advertised(sick)
			return err == nil && a != 0 && b != 0
		})
	}
	f.run(200)
	began := f.mark()
	flap()
	f.run(200)
	l := f.between(began, f.mark())
	t.Logf("flapping: %s", l)
	if l.lost == 0 {
		t.Error("the link was down, and nothing is lost")
	}
	s.tell(sick, events.LinkFlap, events.Firing, 1)
	s.reaches(sick, incident.Holding)
	f.run(500)
	drained := f.mark()
	flap()
	flap()
	f.expect("flapping, drained", drained, f.mark())
	s.mend(sick, events.LinkFlap)
	s.account()
}

// TestLastResort cuts every other way while a link is drained: what is drained softly still carries what has no other way,
// and Detour, which sees that the network no longer bears the drain, leaves it to a person to take it back.
func TestLastResort(t *testing.T) {
	s := raise(t)
	f := s.flow(sick)
	s.inflict(sick, testbed.Fault{Loss: 0.02})
	s.tell(sick, events.LinkErrors, events.Firing, 0.02)
	s.reaches(sick, incident.Holding)
	s.inflict(sick, testbed.Fault{}) // so that a lost packet is one without a way
	others := []string{"r1-r2", "r6-r1", "r5-r1"}
	for _, link := range others {
		s.inflict(link, testbed.Fault{Cut: true})
	}
	for _, link := range others {
		s.advertises(link, 0)
	}
	f.settled()
	cut := f.mark()
	f.run(500)
	f.expect("by the drained link", cut, f.mark())
	s.advertises(sick, softDrain)
	for _, link := range others {
		s.inflict(link, testbed.Fault{})
	}
	for _, link := range others {
		s.advertises(link, 10)
	}
	s.reaches(sick, incident.Stuck)
	_, i := s.phase(sick)
	if got := s.worker.detour("undrain", i.ID); got.code != 0 {
		t.Fatalf("undrain exits with %d: %s", got.code, got.err)
	}
	s.tell(sick, events.LinkErrors, events.Resolved, 0)
	s.account()
}
