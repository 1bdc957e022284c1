package whatif

import (
	"errors"
	"fmt"

	"github.com/detour-net/detour/internal/network"
)

// Layer is one level and address family of a network, with all traffic that both its ends can send there.
type Layer struct {
	Level  int
	Family network.Family
	Net    *Net

	// Elsewhere is the traffic, in bits per second, that is not in Net because one of its ends has no link on this level.
	Elsewhere int64
}

// Layers lays out a network with its traffic and what was observed of it: one Layer per level that links are on, for
// IPv4, and another for IPv6 where a metric differs. The matrix does not say which family traffic is of, so each layer
// is offered all of it: no layer is ever better off than the network.
//
// It refuses what Effective and New refuse, and an observed metric of 0, over which packets could go round.
func Layers(t *network.Topology, m network.Matrix, s network.State) ([]Layer, error) {
	live, err := network.Effective(t, s)
	if err != nil {
		return nil, fmt.Errorf("what-if: %w", err)
	}
	groups := map[string][]string{}
	for _, g := range t.RiskGroups() {
		for _, l := range g.Links {
			groups[l] = append(groups[l], g.Name)
		}
	}
	var layers []Layer
	for _, level := range []int{1, 2} {
		on := onLevel(t, level)
		if len(on) == 0 {
			continue
		}
		var ipv4 []Link
		for _, family := range network.Families() {
			links, err := layerLinks(live, groups, level, family)
			if err != nil {
				return nil, fmt.Errorf("what-if: %w", err)
			}
			if family == network.IPv4 {
				ipv4 = links
			} else if alike(ipv4, links) {
				continue
			}
			layer, err := newLayer(live, m, links, on)
			if err != nil {
				return nil, fmt.Errorf("level %d %s: %w", level, family, err)
			}
			layer.Level, layer.Family = level, family
			layers = append(layers, layer)
		}
	}
	return layers, nil
}

// onLevel are the routers with a link on a level.
func onLevel(t *network.Topology, level int) map[string]bool {
	on := map[string]bool{}
	for _, l := range t.Links {
		for _, has := range l.Levels() {
			if has == level {
				on[l.A.Device], on[l.B.Device] = true, true
			}
		}
	}
	return on
}

func layerLinks(live network.Live, groups map[string][]string, level int, family network.Family) ([]Link, error) {
	index := make(map[string]int, len(live.Topology.Routers))
	for i, r := range live.Topology.Routers {
		index[r.Name] = i
	}
	links := make([]Link, 0, len(live.Links))
	var errs []error
	for i, l := range live.Links {
		was := live.Topology.Links[i]
		capacity := l.Capacity
		if l.Down {
			capacity = was.Capacity
		}
		link := Link{
			Name: was.Name, A: index[was.A.Device], B: index[was.B.Device], CapacityAB: capacity, CapacityBA: capacity,
			Down: l.Down, SRLGs: groups[was.Name],
		}
		if ab, ba, ok := l.Metric(level, family); ok {
			if ab == 0 || ba == 0 {
				errs = append(errs, fmt.Errorf("link %q: observed metric 0 on level %d for %s: packets could go round: not computed", was.Name, level, family))
			}
			link.MetricAB, link.MetricBA = ab, ba
		}
		links = append(links, link)
	}
	return links, errors.Join(errs...)
}

// alike reports whether two layers' links have the same metrics.
func alike(a, b []Link) bool {
	for i := range a {
		if a[i].MetricAB != b[i].MetricAB || a[i].MetricBA != b[i].MetricBA {
			return false
		}
	}
	return true
}

func newLayer(live network.Live, m network.Matrix, links []Link, on map[string]bool) (Layer, error) {
	spec := Spec{Links: links}
	index := make(map[string]int, len(live.Routers))
	for i, r := range live.Topology.Routers {
		index[r.Name] = i
		spec.Nodes = append(spec.Nodes, Node{Name: r.Name, Overload: live.Routers[i].Overload})
	}
	var layer Layer
	var f faults
	for i, d := range m.Demands {
		from, known := index[d.From]
		to, alsoKnown := index[d.To]
		switch {
		case !known || !alsoKnown:
			f.add("demands[%d]: from %q to %q: want routers of the inventory", i, d.From, d.To)
		case !on[d.From] || !on[d.To]:
			layer.Elsewhere = min(layer.Elsewhere+d.BPS, maxTotal)
		default:
			spec.Demands = append(spec.Demands, Demand{From: from, To: to, BPS: d.BPS})
		}
	}
	if err := f.err(); err != nil {
		return Layer{}, err
	}
	var err error
	layer.Net, err = New(spec)
	return layer, err
}
