package whatif

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSwingsAreTheWaysThere raises parallel links by amounts about which ways change, and wants the next hops that thresholds
// give to be those of paths computed anew. Many metrics lie near the last resort, where raising ends.
func TestSwingsAreTheWaysThere(t *testing.T) {
	raises, changing, ends := 0, 0, 0
	eachSeed(t, 3, func(r *rand.Rand, _ Spec) {
		s := raisable(r)
		for i := range s.Links {
			for _, m := range []*uint32{&s.Links[i].MetricAB, &s.Links[i].MetricBA} {
				if r.IntN(4) == 0 {
					*m = LastResort - uint32(r.IntN(20))
				}
			}
		}
		st := solved(t, s)
		p := planner{before: st, view: st.view, target: []uint32{LastResort, Unused}[r.IntN(2)]}
		link := r.IntN(len(st.net.links))
		for i := range st.net.links {
			if l, of := st.net.links[i], st.net.links[link]; i == link || l.A == of.A && l.B == of.B && r.IntN(2) == 0 {
				for _, arc := range st.net.arcsOf[i] {
					p.arcs = append(p.arcs, arcChange{arc: arc, ends: 1, beyond: 1})
					p.start = append(p.start, st.view.metric[arc])
					p.top = max(p.top, p.target-st.view.metric[arc])
				}
			}
		}
		scratch := newScratch(st.net)
		for to := range int32(len(st.net.nodes)) {
			old := p.reach(scratch, to)
			if !scratch.gather(old, to, p.arcs) {
				continue
			}
			scratch.reroute(p.raised(p.top), to, old)
			p.swing(scratch, old)
			w := scratch.swing.clone()
			list := []uint32{0, p.reachable(old), p.top, r.Uint32N(p.top + 1)}
			for _, x := range w.nodes {
				list = append(list, x.joins, x.leaves)
			}
			for _, around := range list {
				for by := max(around, 1) - 1; by <= min(around+1, p.top); by++ {
					raises++
					now := newRow(st.net)
					scratch.reach(p.raised(by), to, now)
					for node := range int32(len(st.net.nodes)) {
						want, got := heads(st.net, now.hops(st.net, node, nil)), w.heads(st.net, node, by)
						if !slices.Equal(got, want) {
							t.Fatalf("raised by %d of %d, node %d sends to %v towards %d: want %v\n%+v", by, p.top, node, got, to, want, s)
						}
						if !slices.Equal(want, heads(st.net, old.hops(st.net, node, nil))) {
							changing++
						}
					}
				}
			}
			if p.target > LastResort && p.reachable(old) < p.top-1 {
				ends++
			}
		}
	})
	t.Logf("%d raises of a destination, %d next hops other than at the beginning; %d where one direction ends before the other", raises, changing, ends)
}

// heads are the nodes that arcs lead to, each once.
func heads(n *Net, arcs []int32) (list []int32) {
	for _, arc := range arcs {
		list = append(list, n.head[arc])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// heads are the nodes that a node sends to when the set is raised by so much.
func (w *swing) heads(n *Net, node int32, by uint32) []int32 {
	i := slices.IndexFunc(w.nodes, func(x swinging) bool { return x.node == node })
	if i < 0 {
		return heads(n, w.row.hops(n, node, nil))
	}
	var arcs []int32
	if w.nodes[i].leaves >= by {
		arcs = w.row.hops(n, node, arcs)
	}
	if w.nodes[i].joins <= by {
		arcs = append(arcs, w.hops[w.nodes[i].from:w.nodes[i].to]...)
	}
	return heads(n, arcs)
}
