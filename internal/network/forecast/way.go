package forecast

import (
	"fmt"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network/whatif"
)

// plan fills in the way from the links in service to the links raised to metric. A push names both ends of a link at once where
// they get the same.
func (h *held) plan(q *question, metric uint32, p *events.Prospect) error {
	way, err := h.base.Steps(q.names, metric, whatif.DefaultSteps)
	if err != nil {
		return fmt.Errorf("plan to raise %s to %d: %w", listed(q.names), metric, err)
	}
	p.Way, p.Loops = nil, way.Loops
	for _, raised := range way.Pushes {
		var push events.Push
		for _, m := range raised {
			if m.AB == m.BA {
				push = append(push, events.EndMetric{Link: m.Link, Metric: m.AB})
				continue
			}
			l := q.topology.Links[q.links[m.Link]]
			push = append(push,
				events.EndMetric{Link: m.Link, Device: l.A.Device, Metric: m.AB},
				events.EndMetric{Link: m.Link, Device: l.B.Device, Metric: m.BA})
		}
		p.Way = append(p.Way, push)
	}
	return nil
}
