package forecast

import (
	"fmt"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// plan fills in the way from the links in service to the links raised to metric. A push names both ends of a link at once where
// they get the same, and both families where one topology has both. The layers go their ways at the same time, since packets
// stay in theirs.
func (h *held) plan(q *question, metric uint32, p *events.Prospect) error {
	p.Way, p.Loops = nil, false
	for n, st := range h.base {
		names := h.within(q, n)
		if len(names) == 0 {
			continue
		}
		way, err := st.Steps(names, metric, whatif.DefaultSteps)
		if err != nil {
			return fmt.Errorf("plan to raise %s to %d: %w", listed(names), metric, err)
		}
		p.Loops = p.Loops || way.Loops
		for i, raised := range way.Pushes {
			if i == len(p.Way) {
				p.Way = append(p.Way, nil)
			}
			p.Way[i] = append(p.Way[i], q.push(raised, h.shape.layers[n].family)...)
		}
	}
	return nil
}

// push puts metrics into the vocabulary.
func (q *question) push(raised []whatif.Metrics, family network.Family) (push events.Push) {
	for _, m := range raised {
		at := events.EndMetric{Link: m.Link, Family: string(family), Metric: m.AB}
		if m.AB != m.BA {
			l := q.topology.Links[q.links[m.Link]]
			other := at
			at.Device, other.Device, other.Metric = l.A.Device, l.B.Device, m.BA
			push = append(push, at, other)
			continue
		}
		push = append(push, at)
	}
	return push
}
