//go:build linux

package live

import (
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/lab/testbed"
)

// softDrain is the metric of a soft drain (RFC 5305, section 3).
const softDrain = 1<<24 - 2

// sicken lets the link lose packets, which its routers count and the detector notices.
func (s *stage) sicken() {
	s.t.Helper()
	s.inflict(s.sick, testbed.Fault{Loss: 0.02})
}

// mend takes the fault off the link and sees the link restored once the detector has noticed.
func (s *stage) mend() {
	s.t.Helper()
	s.inflict(s.sick, testbed.Fault{})
	s.restored()
}

// restored sees the link's incident end with the link as it was.
func (s *stage) restored() {
	s.t.Helper()
	s.reaches(s.sick, incident.Closed)
	if _, i := s.phase(s.sick); i.End.Outcome != events.Restored {
		s.t.Errorf("%s ended as %s: %s\n%s", i.ID, i.End.Outcome, i.End.Reason, s.worker.tail())
	}
}

// TestDrainAndRestore lets a link lose 2 % of its packets. Until the drain nothing but the link loses any; while it stands,
// and while it is taken back, none is lost at all.
func TestDrainAndRestore(t *testing.T) {
	s := raise(t)
	f := s.flow(s.sick)
	f.run(500)
	well := f.mark()
	s.sicken()
	s.reaches(s.sick, incident.Holding)
	s.advertises(s.sick, softDrain)
	f.settled()
	drained := f.mark()
	if l := f.expect("sick, and draining", well, drained); l.lost == 0 || l.dropped == 0 {
		t.Error("the link is not sick, or the flows do not cross it")
	}
	f.run(1000)
	healing := f.mark()
	if l := f.between(drained, healing); l.lost > l.overrun()+l.routeless() {
		t.Errorf("drained: %s", l)
	}
	s.mend()
	s.advertises(s.sick, s.metric(s.sick))
	f.run(500)
	f.expect("restoring", healing, f.mark())
	s.account()
}
