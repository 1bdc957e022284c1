//go:build linux

package live

import (
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/lab/testbed"
)

// TestBlackHole breaks a link so that nothing crosses it but the hellos that keep its adjacency, and no counter tells: IS-IS
// would never leave it, and only probes notice.
func TestBlackHole(t *testing.T) {
	s := raise(t)
	f := s.flow(s.sick)
	f.run(200)
	began := f.mark()
	s.inflict(s.sick, testbed.Fault{Dark: true})
	s.advertises(s.sick, softDrain)
	f.settled()
	moved := f.mark()
	l := f.between(began, moved)
	t.Logf("dark, until it was drained: %s", l)
	if l.lost < 100 || l.dropped > 0 {
		t.Error("the link is not dark, or a counter tells of it")
	}
	s.reaches(s.sick, incident.Holding)
	if _, i := s.phase(s.sick); i.Symptom != events.SilentLoss {
		t.Errorf("noticed as %s", i.Symptom)
	}
	f.run(500)
	f.expect("drained", moved, f.mark())
	healed := f.mark()
	s.mend()
	f.run(500)
	f.expect("restoring", healed, f.mark())
	s.account()
}

// flap takes the link down and up again, and lets routers hear of both.
func (s *stage) flap() {
	s.t.Helper()
	s.inflict(s.sick, testbed.Fault{Cut: true})
	s.advertises(s.sick, 0)
	s.inflict(s.sick, testbed.Fault{})
	s.wait("the adjacency to come back", func() bool {
		a, b, err := s.advertised(s.sick)
		return err == nil && a != 0 && b != 0
	})
}

// TestFlap takes a link down and up again and again. Once it is drained nobody notices any more.
func TestFlap(t *testing.T) {
	s := raise(t)
	f := s.flow(s.sick)
	f.run(200)
	began := f.mark()
	s.flap()
	s.flap()
	f.run(200)
	l := f.between(began, f.mark())
	t.Logf("flapping: %s", l)
	if l.lost == 0 {
		t.Error("the link was down, and nothing is lost")
	}
	// What is noticed while an end is down is refused, since no drain cures that; it is noticed again.
	s.wait("the link to be drained", func() bool {
		phase, _ := s.phase(s.sick)
		return phase == incident.Holding
	})
	f.run(500)
	drained := f.mark()
	s.flap()
	s.flap()
	f.expect("flapping, drained", drained, f.mark())
	s.restored()
	s.account()
}

// TestLastResort cuts every other link of a router while one is drained: what is drained softly still carries what has no
// other way, and Detour, which sees that the network no longer bears the drain, leaves it to a person to take it back.
func TestLastResort(t *testing.T) {
	s := raise(t)
	f := s.flow(s.sick)
	s.sicken()
	s.reaches(s.sick, incident.Holding)
	var others []string
	for _, l := range s.bed.Topology.Links {
		if l.Name != s.sick && (l.A.Device == s.near || l.B.Device == s.near) {
			others = append(others, l.Name)
		}
	}
	for _, link := range others {
		s.inflict(link, testbed.Fault{Cut: true})
	}
	for _, link := range others {
		s.advertises(link, 0)
	}
	f.arrive()
	f.run(500)
	cut := f.mark()
	f.run(500)
	if l := f.expect("by the drained link", cut, f.mark()); l.lost*10 > l.sent {
		t.Error("the drained link carries nothing")
	}
	s.advertises(s.sick, softDrain)
	for _, link := range others {
		s.inflict(link, testbed.Fault{})
	}
	for _, link := range others {
		s.advertises(link, s.metric(link))
	}
	s.reaches(s.sick, incident.Stuck)
	_, i := s.phase(s.sick)
	s.inflict(s.sick, testbed.Fault{})
	if got := s.worker.detour("undrain", i.ID); got.code != 0 {
		t.Fatalf("undrain exits with %d: %s", got.code, got.err)
	}
	s.account()
}
