//go:build linux

package live

import (
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/lab/testbed"
)

// The metric of a soft drain (RFC 5305, section 3).
const softDrain = 1<<24 - 2

// sick is the link that tests break, one of the ring's inner triangle.
const sick = "r1-r3"

// TestDrainAndRestore lets a link lose 2 % of its packets. Until the drain nothing but the link loses any; while it stands,
// and while it is taken back, none is lost at all.
func TestDrainAndRestore(t *testing.T) {
	s := raise(t)
	f := s.flow(sick)
	f.run(500)
	s.inflict(sick, testbed.Fault{Loss: 0.02})
	began := f.mark()
	f.run(1000)
	ill := f.mark()
	l := f.between(began, ill)
	t.Logf("sick: %s", l)
	if l.lost == 0 || l.dropped == 0 {
		t.Fatal("the link is not sick, or the flows do not cross it")
	}

	s.tell(sick, events.LinkErrors, events.Firing, float64(l.lost)/float64(l.sent))
	s.reaches(sick, incident.Holding)
	s.advertises(sick, softDrain)
	f.settled()
	drained := f.mark()
	f.expect("draining", ill, drained)
	f.run(1000)
	s.inflict(sick, testbed.Fault{})
	healed := f.mark()
	if l := f.between(drained, healed); l.lost != 0 {
		t.Errorf("drained: %s", l)
	}

	s.tell(sick, events.LinkErrors, events.Resolved, 0)
	s.reaches(sick, incident.Closed)
	s.advertises(sick, 10)
	f.run(500)
	f.expect("restoring", healed, f.mark())
	if _, i := s.phase(sick); i.End.Outcome != events.Restored {
		t.Errorf("ended as %s: %s", i.End.Outcome, i.End.Reason)
	}
	s.account()
}
