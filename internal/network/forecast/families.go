package forecast

import (
	"errors"
	"fmt"
	"slices"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// topologies are the families whose paths are computed apart, in the order of network.Families; one "" where they are computed
// together, since every link that carries both has the same metrics for both.
//
// That some links carry one family alone does not say whether the other has a topology of its own, by which packets avoid
// them, or shares one, in which they are lost there (RFC 5120, section 1); metrics that differ anywhere do.
func (q *question) topologies() ([]network.Family, error) {
	var run []network.Family // that any link carries
	alone, apart := "", false
	for i, l := range q.topology.Links {
		var carried []network.Family
		for _, family := range network.Families() {
			ab, ba, ok := q.live.Links[i].Metric(q.level, family)
			if _, _, above := q.live.Links[i].Metric(2, family); !ok && above {
				return nil, fmt.Errorf("link %s is on level 2 alone for %s, and others on level 1: routes between areas are not modelled", l.Name, family)
			}
			if !ok {
				continue
			}
			if ab == 0 || ba == 0 {
				return nil, fmt.Errorf("link %s has metric 0 for %s: paths over it are not modelled", l.Name, family)
			}
			if carried = append(carried, family); !slices.Contains(run, family) && !q.live.Links[i].Down {
				run = append(run, family)
			}
		}
		switch {
		case len(carried) == 2:
			apart = apart || !q.alike(i)
		case len(carried) == 1 && alone == "" && !q.live.Links[i].Down:
			alone = fmt.Sprintf("link %s carries %s alone", l.Name, carried[0])
		}
	}
	slices.Sort(run)
	switch {
	case len(run) < 2:
		return []network.Family{""}, nil
	case apart:
		return run, nil
	case alone != "":
		return nil, fmt.Errorf("%s, and others %v with equal metrics: whether they have topologies of their own is not known", alone, run)
	}
	return []network.Family{""}, nil
}

// alike reports whether a link that carries both families has the same metrics for both.
func (q *question) alike(link int) bool {
	ab4, ba4, _ := q.live.Links[link].Metric(q.level, network.IPv4)
	ab6, ba6, _ := q.live.Links[link].Metric(q.level, network.IPv6)
	return ab4 == ab6 && ba4 == ba6
}

// metric is what a link costs in each direction for a family, or for those that it carries; 0 where it is not advertised.
func (q *question) metric(seen network.LiveLink, family network.Family) (ab, ba uint32) {
	for _, f := range network.Families() {
		if x, y, ok := seen.Metric(q.level, f); ok && (family == "" || family == f) {
			return x, y
		}
	}
	return 0, 0
}

// inService are the metrics of a link that nobody drains: as they are, or as configured. A link that does not carry the family,
// and carries the other, is not in its topology.
func (q *question) inService(l network.Link, ab, ba uint32, seen network.LiveLink, family network.Family) (uint32, uint32) {
	if other, _ := q.metric(seen, ""); family != "" && ab == 0 && other != 0 {
		return 0, 0
	}
	undrained := func(now uint32, e network.End) uint32 {
		if now != 0 && now < network.MetricLastResort {
			return now
		}
		return configured(e, q.level, family)
	}
	return undrained(ab, l.A), undrained(ba, l.B)
}

// configured is the metric of an end as people wrote it; for both families that of IPv4.
func configured(e network.End, level int, family network.Family) uint32 {
	if family == "" {
		family = network.IPv4
	}
	return e.MetricAt(level, family)
}

// probe is what every router sends to every other where traffic is not known, in bits per second: so much that the smallest
// share of it shows, and so little that whatif's bounds leave room for it.
const probe = 1 << 20

var errNoSplit = errors.New("the metrics of IPv6 differ from those of IPv4, and how much of the traffic is IPv6 is not known: give the matrix a column family, or the topology ipv6_permil")

// demands is the traffic of a layer. Without a matrix every router sends the same to every other, so that paths can be asked for
// all the same. Traffic of which the matrix does not say the family is split as the topology says.
func (q *question) demands(family network.Family) (list []whatif.Demand, err error) {
	for _, d := range q.matrix.Demands {
		bps := d.BPS
		switch split := q.topology.IPv6Permil; {
		case family == "" || d.Family == family:
		case d.Family != "":
			continue
		case split == nil:
			return nil, errNoSplit
		default:
			six := bps/1000*int64(*split) + bps%1000*int64(*split)/1000
			if bps -= six; family == network.IPv6 {
				bps = six
			}
		}
		list = append(list, whatif.Demand{From: q.routers[d.From], To: q.routers[d.To], BPS: bps})
	}
	if len(q.matrix.Demands) > 0 {
		return list, nil
	}
	for from := range q.topology.Routers {
		for to := range q.topology.Routers {
			if from != to {
				list = append(list, whatif.Demand{From: from, To: to, BPS: probe})
			}
		}
	}
	return list, nil
}
