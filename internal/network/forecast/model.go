package forecast

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// shape is everything that paths depend on but traffic, by router and link of the topology.
type shape struct {
	nodes []whatif.Node
	links []whatif.Link
}

// configured is the shape with what never changes filled in.
func (f *Forecaster) configured() (s shape) {
	for _, r := range f.topology.Routers {
		s.nodes = append(s.nodes, whatif.Node{Name: r.Name})
	}
	for _, l := range f.topology.Links {
		s.links = append(s.links, whatif.Link{Name: l.Name, A: f.routers[l.A.Device], B: f.routers[l.B.Device]})
	}
	for _, g := range f.topology.RiskGroups() {
		for _, member := range g.Links {
			l := &s.links[f.links[member]]
			l.SRLGs = append(l.SRLGs, g.Name)
		}
	}
	return s
}

func (s shape) clone() shape { return shape{slices.Clone(s.nodes), slices.Clone(s.links)} }

// same tells shapes of one topology apart.
func (s shape) same(o shape) bool {
	return slices.Equal(s.nodes, o.nodes) && slices.EqualFunc(s.links, o.links, func(a, b whatif.Link) bool {
		return a.MetricAB == b.MetricAB && a.MetricBA == b.MetricBA && a.CapacityAB == b.CapacityAB && a.CapacityBA == b.CapacityBA && a.Down == b.Down
	})
}

// digest identifies the shape with its traffic.
func (s shape) digest(traffic events.Digest) events.Digest {
	return events.DigestOf(struct {
		Nodes   []whatif.Node
		Links   []whatif.Link
		Traffic events.Digest
	}{s.nodes, s.links, traffic})
}

// inputs identifies all that the answer depends on; now are the metrics that the links have which it is about.
func (q *question) inputs(now []whatif.Metrics) events.Digest {
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
	for _, m := range now {
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
	return events.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
}

// shape takes the network as it stands, but with the links in service that the question is about: what metrics they have now
// is returned.
func (q *question) shape() (now []whatif.Metrics, err error) {
	if q.level == 0 {
		return nil, errors.New("the network runs IS-IS on two levels: only one is modelled")
	}
	for i := range q.asked.nodes {
		q.asked.nodes[i].Overload = q.live.Routers[i].Overload
	}
	q.families = q.run(q.level)
	for i, l := range q.topology.Links {
		seen, link := q.live.Links[i], &q.asked.links[i]
		link.CapacityAB, link.CapacityBA, link.Down = max(seen.Capacity, 1), max(seen.Capacity, 1), seen.Down
		if link.MetricAB, link.MetricBA, err = q.oneMetric(l, seen, q.level); err != nil {
			return nil, err
		}
		if q.about[i] {
			now = append(now, whatif.Metrics{Link: l.Name, AB: link.MetricAB, BA: link.MetricBA})
			link.MetricAB, link.MetricBA = inService(link.MetricAB, l.A, q.level), inService(link.MetricBA, l.B, q.level)
		}
	}
	return now, nil
}

// levelOf is the one IS-IS level that a network runs, 0 if it runs both: traffic between areas follows rules that are not
// modelled.
func levelOf(t *network.Topology) (level int) {
	for _, l := range t.Links {
		for _, of := range l.Levels() {
			if level != 0 && of != level {
				return 0
			}
			level = of
		}
	}
	return level
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

// demands is the traffic matrix. Without one every router sends the same to every other, so that paths can be asked for all
// the same.
func (q *question) demands() (list []whatif.Demand) {
	for _, d := range q.matrix.Demands {
		list = append(list, whatif.Demand{From: q.routers[d.From], To: q.routers[d.To], BPS: d.BPS})
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
