package incident

import (
	"maps"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Shared risks in a simulation: links of one conduit or line card, which fall sick together, in whatever order telemetry says so.

// share lets links of the network share risks.
func (s *simulation) share() {
	s.groups = grouped{
		"srlg:west":    {"a-b", "c-d", "e-f"},
		"srlg:east":    {"g-h", "a-h"},
		"linecard:a/1": {"a-b", "a-e"},
	}
	s.world.Inventory = s.groups
}

// breakGroup lets most links of one group be sick at about the same time.
func (s *simulation) breakGroup() {
	if s.groups == nil {
		return
	}
	scopes := slices.Sorted(maps.Keys(s.groups))
	for _, name := range s.groups[scopes[s.rng.IntN(len(scopes))]] {
		n := slices.IndexFunc(s.targets, func(t events.Target) bool { return t.Name == name })
		s.after(s.between(0, 3*time.Second), func() {
			if !s.calm && s.chance(90) {
				s.sicken(s.targets[n])
			}
		})
	}
}

// gathered forgets who has nobody to wait for any more, since all have alarmed. That one of them is over later says nothing.
func (s *simulation) gathered() {
	maps.DeleteFunc(s.auditor.gathering, func(_ string, g events.Gathering) bool {
		_, _, waits := s.missing(g)
		return !waits
	})
}

// missing is a link that has not alarmed of those that are waited for.
func (s *simulation) missing(g events.Gathering) (link string, scope events.Scope, ok bool) {
	for _, scope := range g.Scopes {
		for _, link := range s.groups[scope] {
			if j, known := s.auditor.board.Latest("link/" + link); !known || !j.alarms() {
				return link, scope, true
			}
		}
	}
	return "", "", false
}

// auditShared looks at a drain that is begun: none while its incident waits for others, unless all of them have alarmed, and
// of one cause one after the other.
func (s *simulation) auditShared(c events.Commit, i *Incident) {
	a := s.auditor
	if g, waits := a.gathering[i.ID]; waits && i.Cause == nil && i.Cycle == 1 && a.board.Now.Before(g.Until) {
		if link, scope, ok := s.missing(g); ok {
			s.fail("%s is begun %s before it had waited for %s of %s", i.ID, g.Until.Sub(c.At), link, scope)
		}
	}
	if i.Cause == nil {
		return
	}
	for _, other := range a.board.Open() {
		if other.ID != i.ID && other.Live() && other.Cause != nil && other.Cause.Scope == i.Cause.Scope && (other.Phase == Acting || other.Phase == Verifying) {
			s.fail("%s is begun while %s is %s, for one cause: %s", i.ID, other.ID, other.Phase, i.Cause.Scope)
		}
	}
}
