package e2e

import (
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// TestEveryLink drains and restores each kind of link once: what follows attacks something that works.
func TestEveryLink(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true})
	pairs := [][2]string{{linkPlain, linkSingle}, {linkUnfenced, linkEdge}, {linkAbsent, linkLevels}}
	if testing.Short() {
		pairs = pairs[:1]
	}
	for _, pair := range pairs {
		for _, link := range pair {
			s.sicken(link)
		}
		for _, link := range pair {
			if i := s.reaches(link, incident.Holding, incident.Closed); i.Phase == incident.Closed {
				t.Fatalf("%s ended as %s: %s\n%s", i.ID, i.End.Outcome, i.End.Reason, s.history(i.ID))
			}
			s.heal(link)
		}
		for _, link := range pair {
			s.ends(link, events.Restored)
		}
	}
	if risks, back := s.sets(); risks != 4*len(pairs) || back != 4*len(pairs) {
		t.Errorf("%d Sets added risk and %d took it back, want one on each end of %d links", risks, back, 2*len(pairs))
	}
	s.account()
}
