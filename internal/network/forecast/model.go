package forecast

import (
	"errors"
	"fmt"
	"slices"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// spec is the network as it stands but with the links in service: what metrics they have now is returned beside it. Without
// a matrix every router sends the same to every other, so that paths can be asked for all the same.
func (q *question) spec() (spec whatif.Spec, now []whatif.Metrics, err error) {
	at := make(map[string]int, len(q.topology.Routers))
	for i, r := range q.topology.Routers {
		at[r.Name] = i
		spec.Nodes = append(spec.Nodes, whatif.Node{Name: r.Name, Overload: q.live.Routers[i].Overload})
	}
	groups := map[string][]string{}
	for _, g := range q.topology.RiskGroups() {
		for _, member := range g.Links {
			groups[member] = append(groups[member], g.Name)
		}
	}
	level, err := q.level()
	if err != nil {
		return whatif.Spec{}, nil, err
	}
	q.families = q.run(level)
	for i, l := range q.topology.Links {
		seen := q.live.Links[i]
		link := whatif.Link{
			Name: l.Name, A: at[l.A.Device], B: at[l.B.Device], CapacityAB: max(seen.Capacity, 1), CapacityBA: max(seen.Capacity, 1),
			Down: seen.Down, SRLGs: groups[l.Name],
		}
		if link.MetricAB, link.MetricBA, err = q.oneMetric(l, seen, level); err != nil {
			return whatif.Spec{}, nil, err
		}
		if q.about[i] {
			now = append(now, whatif.Metrics{Link: l.Name, AB: link.MetricAB, BA: link.MetricBA})
			link.MetricAB, link.MetricBA = inService(link.MetricAB, l.A, level), inService(link.MetricBA, l.B, level)
		}
		spec.Links = append(spec.Links, link)
	}
	spec.Demands = q.demands(at)
	return spec, now, nil
}

// level is the one IS-IS level that the network runs. Traffic between areas follows rules that are not modelled.
func (q *question) level() (int, error) {
	level := 0
	for _, l := range q.topology.Links {
		for _, of := range l.Levels() {
			if level != 0 && of != level {
				return 0, errors.New("the network runs IS-IS on two levels: only one is modelled")
			}
			level = of
		}
	}
	return level, nil
}

// oneMetric is what a link costs in each direction for every address family alike; 0 where it is not advertised. A link that
// carries one family of those that the network runs, and not the other, makes two topologies of it; and over a metric of 0,
// which routers may show, packets could go round.
func (q *question) oneMetric(l network.Link, seen network.LiveLink, level int) (ab, ba uint32, err error) {
	var carried []network.Family
	for _, family := range network.Families() {
		x, y, ok := seen.Metric(level, family)
		switch {
		case !ok:
			continue
		case x == 0 || y == 0:
			return 0, 0, fmt.Errorf("link %s has metric 0 for %s: paths over it are not modelled", l.Name, family)
		case len(carried) > 0 && (x != ab || y != ba):
			return 0, 0, fmt.Errorf("link %s has other metrics for IPv6 than for IPv4: only one topology is modelled", l.Name)
		}
		ab, ba, carried = x, y, append(carried, family)
	}
	if !seen.Down && len(carried) > 0 && len(carried) < len(q.families) {
		return 0, 0, fmt.Errorf("link %s carries %s alone, and others %v: only one topology is modelled", l.Name, carried[0], q.families)
	}
	return ab, ba, nil
}

// run are the address families that any link carries now.
func (q *question) run(level int) (families []network.Family) {
	for _, family := range network.Families() {
		if slices.ContainsFunc(q.live.Links, func(l network.LiveLink) bool {
			_, _, ok := l.Metric(level, family)
			return ok && !l.Down
		}) {
			families = append(families, family)
		}
	}
	return families
}

// inService is the metric of an end when nobody drains it: as it is, or as configured.
func inService(now uint32, e network.End, level int) uint32 {
	if now != 0 && now < network.MetricLastResort {
		return now
	}
	return e.MetricAt(level, network.IPv4)
}

// probe is what every router sends to every other where traffic is not known, in bits per second: so much that the smallest
// share of it shows, and so little that whatif's bounds leave room for it.
const probe = 1 << 20

func (q *question) demands(at map[string]int) []whatif.Demand {
	var list []whatif.Demand
	for _, d := range q.matrix.Demands {
		list = append(list, whatif.Demand{From: at[d.From], To: at[d.To], BPS: d.BPS})
	}
	if len(list) > 0 {
		return list
	}
	for from := range q.topology.Routers {
		for to := range q.topology.Routers {
			if from != to {
				list = append(list, whatif.Demand{From: from, To: to, BPS: probe})
			}
		}
	}
	return list
}
