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
	sent, lost, dropped := f.between(began, ill)
	t.Logf("sick: %d of %d packets lost, the link dropped %d", lost, sent, dropped)
	if lost == 0 || dropped == 0 {
		t.Fatal("the link is not sick, or the flows do not cross it")
	}

	s.tell(sick, events.LinkErrors, events.Firing, float64(lost)/float64(sent))
	s.reaches(sick, incident.Holding)
	s.advertises(sick, softDrain)
	drained := f.mark()
	sent, lost, dropped = f.between(ill, drained)
	t.Logf("draining: %d of %d packets lost, the link dropped %d", lost, sent, dropped)
	if lost > dropped {
		t.Errorf("draining has lost %d packets that the link did not drop", lost-dropped)
	}
	f.run(1000)
	stands := f.mark()
	if sent, lost, _ = f.between(drained, stands); lost != 0 {
		t.Errorf("drained, and %d of %d packets are lost", lost, sent)
	}

	s.inflict(sick, testbed.Fault{})
	s.tell(sick, events.LinkErrors, events.Resolved, 0)
	s.reaches(sick, incident.Closed)
	s.advertises(sick, 10)
	f.run(500)
	restored := f.mark()
	sent, lost, _ = f.between(stands, restored)
	t.Logf("restoring: %d of %d packets lost", lost, sent)
	if lost != 0 {
		t.Errorf("restoring has lost %d of %d packets", lost, sent)
	}
	if _, i := s.phase(sick); i.End.Outcome != events.Restored {
		t.Errorf("ended as %s: %s", i.End.Outcome, i.End.Reason)
	}
	s.account()
}
