package forecast

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// shape is everything that paths depend on but traffic, by router and link of the topology.
type shape struct {
	nodes  []whatif.Node
	layers []layer
}

// layer is one of a network's topologies.
type layer struct {
	family network.Family // "" is both
	links  []whatif.Link
}

// configured is the shape with what never changes filled in: one layer for either family, or for both.
func (f *Forecaster) configured() (s shape) {
	for _, r := range f.topology.Routers {
		s.nodes = append(s.nodes, whatif.Node{Name: r.Name})
	}
	var links []whatif.Link
	for _, l := range f.topology.Links {
		links = append(links, whatif.Link{Name: l.Name, A: f.routers[l.A.Device], B: f.routers[l.B.Device]})
	}
	for _, g := range f.topology.RiskGroups() {
		for _, member := range g.Links {
			l := &links[f.links[member]]
			l.SRLGs = append(l.SRLGs, g.Name)
		}
	}
	for range network.Families() {
		s.layers = append(s.layers, layer{links: slices.Clone(links)})
	}
	return s
}

func (s shape) clone() shape {
	c := shape{nodes: slices.Clone(s.nodes)}
	for _, l := range s.layers {
		c.layers = append(c.layers, layer{l.family, slices.Clone(l.links)})
	}
	return c
}

// same tells shapes of one topology apart.
func (s shape) same(o shape) bool {
	return slices.Equal(s.nodes, o.nodes) && slices.EqualFunc(s.layers, o.layers, func(x, y layer) bool {
		return x.family == y.family && slices.EqualFunc(x.links, y.links, func(a, b whatif.Link) bool {
			return a.MetricAB == b.MetricAB && a.MetricBA == b.MetricBA && a.CapacityAB == b.CapacityAB && a.CapacityBA == b.CapacityBA && a.Down == b.Down
		})
	})
}

// digest identifies the shape with its traffic.
func (s shape) digest(traffic events.Digest) events.Digest {
	type part struct {
		Family network.Family
		Links  []whatif.Link
	}
	var parts []part
	for _, l := range s.layers {
		parts = append(parts, part{l.family, l.links})
	}
	return events.DigestOf(struct {
		Nodes   []whatif.Node
		Layers  []part
		Traffic events.Digest
	}{s.nodes, parts, traffic})
}

// inputs identifies all that the answer depends on; now are the metrics that the links have which it is about.
func (q *question) inputs(now [][]whatif.Metrics) events.Digest {
	h := sha256.New()
	var line []byte
	put := func(text string, numbers ...int64) {
		line = append(strconv.AppendQuote(line[:0], text), ' ')
		for _, n := range numbers {
			line = append(strconv.AppendInt(line, n, 10), ' ')
		}
		h.Write(line)
	}
	put(string(q.held.digest), q.limits.Permil, q.limits.Worse)
	for _, m := range slices.Concat(now...) {
		put(m.Link, int64(m.AB), int64(m.BA))
	}
	for i, l := range q.topology.Links {
		seen := q.seen.Links[l.Name]
		put(l.Name, q.live.Links[i].Capacity)
		for _, end := range []network.EndState{seen.A, seen.B} {
			put("", end.At.Unix(), int64(end.At.Nanosecond()))
			for _, r := range []network.Reading{end.Load, end.Arrived} {
				put("", r.BPS, r.At.Unix(), int64(r.At.Nanosecond()))
			}
		}
	}
	for _, r := range q.topology.Routers {
		b := q.seen.Routers[r.Name].Balance
		put(r.Name, b.In, b.Out, b.Dropped, b.Broken, b.At.Unix(), int64(b.At.Nanosecond()))
		put(b.Missing)
	}
	return events.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
}

// shape takes the network as it stands, but with the links in service that the question is about: what metrics they have now
// is returned, by layer.
func (q *question) shape() (now [][]whatif.Metrics, err error) {
	if q.level == 0 {
		return nil, errTwoLevels
	}
	q.asked = q.room
	for i := range q.asked.nodes {
		q.asked.nodes[i].Overload = q.live.Routers[i].Overload
	}
	families, err := q.topologies()
	if err != nil {
		return nil, err
	}
	q.asked.layers = q.asked.layers[:len(families)]
	now = make([][]whatif.Metrics, len(families))
	for n, family := range families {
		q.asked.layers[n].family = family
		for i, l := range q.topology.Links {
			seen, link := q.live.Links[i], &q.asked.layers[n].links[i]
			link.CapacityAB, link.CapacityBA, link.Down = max(seen.Capacity, 1), max(seen.Capacity, 1), seen.Down
			link.MetricAB, link.MetricBA = q.metric(seen, family)
			if q.about[i] {
				now[n] = append(now[n], whatif.Metrics{Link: l.Name, AB: link.MetricAB, BA: link.MetricBA})
				link.MetricAB, link.MetricBA = q.inService(l, link.MetricAB, link.MetricBA, seen, family)
			}
		}
	}
	return now, nil
}

var errTwoLevels = errors.New("the network runs IS-IS on two levels, and not every link is on level 1: routes between areas are not modelled")

// levelOf is the IS-IS level whose paths packets take: the only one that links are on, or level 1 where every link is on it,
// also beside level 2, which makes one area of the network: of two routes a router takes that of level 1 (RFC 5302, section
// 3.2). 0 where some links are on one level alone and others on the other: which router leads out of an area, and what is told
// of one area in another, is not modelled.
func levelOf(t *network.Topology) int {
	on := func(level int) func(network.Link) bool {
		return func(l network.Link) bool { return slices.Contains(l.Levels(), level) }
	}
	switch {
	case !slices.ContainsFunc(t.Links, on(1)):
		return 2
	case !slices.ContainsFunc(t.Links, func(l network.Link) bool { return !on(1)(l) }):
		return 1
	}
	return 0
}
