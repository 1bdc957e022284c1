package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// TestEveryLink drains and restores each kind of link once: what follows attacks something that works. Routers that are alike
// are held to the usual limits, and drained by steps where it takes some.
func TestEveryLink(t *testing.T) {
	t.Run("unlike", func(t *testing.T) {
		t.Parallel()
		pairs := [][]string{{linkPlain, linkSingle}, {linkUnfenced, linkEdge}, {linkAbsent, linkLevels}}
		if testing.Short() {
			pairs = pairs[:1]
		}
		if steps := raise(t, setup{replicas: 2, proven: true}).everyLink(pairs); steps != len(slices.Concat(pairs...)) {
			t.Errorf("%d steps for %d links", steps, len(slices.Concat(pairs...)))
		}
	})
	t.Run("alike", func(t *testing.T) {
		long(t)
		t.Parallel()
		links := [][]string{{linkPlain}, {linkAbsent}, {linkSingle}, {linkUnfenced}, {linkEdge}}
		if steps := byWay(t, 2, 500*time.Millisecond, nil).everyLink(links); steps != 1+2+2+1+1 {
			t.Errorf("%d steps for %v", steps, links)
		}
	})
}

// everyLink drains and restores groups of links, and returns how many steps that took one way.
func (s *stage) everyLink(groups [][]string) (steps int) {
	s.t.Helper()
	for _, links := range groups {
		for _, link := range links {
			s.sicken(link)
		}
		for _, link := range links {
			if i := s.reaches(link, incident.Holding, incident.Closed); i.Phase == incident.Closed {
				s.t.Fatalf("%s ended as %s: %s\n%s", i.ID, i.End.Outcome, i.End.Reason, s.history(i.ID))
			} else {
				steps += len(i.Plan.Plan.Steps)
			}
			s.heal(link)
		}
		for _, link := range links {
			s.ends(link, events.Restored)
		}
	}
	if risks, back := s.sets(); risks != 2*steps || back != 2*steps {
		s.t.Errorf("%d Sets added risk and %d took it back, want one on each end for %d steps", risks, back, steps)
	}
	s.account()
	return steps
}
