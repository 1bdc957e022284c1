package policy

import (
	"fmt"

	"github.com/detour-net/detour/events"
)

// AtOnce says why a target is not drained by steps between which no packet loops: it loses at least
// prospect.skip_steps_loss of its packets, and moments in which some loop lose less than the time that steps take. It is ""
// where there is time for them.
func (p *Policy) AtOnce(s Subject, f *events.Prospect) (why string) {
	return p.file.Prospect.atOnce(s, f)
}

func (l ProspectLimits) atOnce(s Subject, f *events.Prospect) string {
	if lost := s.lost(f); lost >= l.SkipStepsLoss {
		return fmt.Sprintf("it loses %.2g of its packets", lost)
	}
	return ""
}

// lost is the share of its packets that the link loses, 0 to 1: what the counters say, or the alarm where that says more.
// An alarm says it when it is of a kind that is measured as a ratio, and what it says is one.
func (s Subject) lost(f *events.Prospect) float64 {
	share := 0.0
	if f != nil && f.Moved > 0 {
		share = float64(f.Benefit) / float64(f.Moved)
	}
	ratio := s.Kind == events.LinkErrors || s.Kind == events.SilentLoss
	if a := s.Anomaly; a != nil && a.Unit != "" && a.Unit != "ratio" {
		ratio = false
	}
	if ratio && s.Value > share && s.Value <= 1 {
		share = s.Value
	}
	return min(share, 1)
}
