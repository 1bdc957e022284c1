package whatif

import (
	"cmp"
	"slices"
	"sort"
)

// swing is how one destination is reached while a set of parallel links is raised, all by the same amount. A node that is
// d away, and m without the set, is min(d+r, m) away when it is raised by r. So it has the next hops that it had as long as
// r is at most m-d, those that it has without the set from there on, and both when r is just that: whoever leads it as near
// without the set does so for every larger r, and the others led it there over the set. What a push can do follows from
// these thresholds alone, without paths being computed for any raise but the last.
type swing struct {
	row   *row
	nodes []swinging // that change, by joins
	hops  []int32    // their next hops at the end
}

// swinging is a node of a swing.
type swinging struct {
	node     int32
	joins    uint32 // the least raise at which it has the next hops of the end
	leaves   uint32 // the largest at which it has those of the beginning
	from, to int32  // its next hops at the end, in hops
}

func (w *swing) clone() swing {
	return swing{row: w.row, nodes: slices.Clone(w.nodes), hops: slices.Clone(w.hops)}
}

// swing makes s.swing of the repair just made, which raised the set to the top.
func (p *planner) swing(s *scratch, r *row) {
	w := &s.swing
	w.row, w.nodes, w.hops = r, w.nodes[:0], w.hops[:0]
	most := p.reachable(r)
	for _, node := range s.changed {
		x := swinging{node: node, from: int32(len(w.hops))}
		w.hops = s.is.hops(s.net, node, w.hops)
		x.to = int32(len(w.hops))
		x.joins = s.dist[node] - r.dist[node]
		x.leaves = x.joins
		if p.target > LastResort && x.joins >= most { // the last resort holds until the links are out
			x.leaves = p.top - 1
			if x.joins > most {
				x.joins = p.top
			}
		}
		w.nodes = append(w.nodes, x)
	}
	slices.SortFunc(w.nodes, func(a, b swinging) int { return cmp.Or(cmp.Compare(a.joins, b.joins), cmp.Compare(a.node, b.node)) })
}

// reachable is the largest raise that the links which r uses can have, short of being taken out; all of these have the same
// metric.
func (p *planner) reachable(r *row) uint32 {
	i := slices.IndexFunc(p.arcs, func(c arcChange) bool { return r.has(c.arc) })
	return min(p.target, LastResort) - p.start[i]
}

// free is the largest raise up to most at which no packet may loop when the set goes there from now.
func (s *scratch) free(w *swing, now, most uint32) uint32 {
	if !s.loops(w, now, most) {
		return most
	}
	i := sort.Search(len(w.nodes), func(i int) bool {
		joins := w.nodes[i].joins
		return joins > now && (joins >= most || s.loops(w, now, joins))
	})
	return w.nodes[i].joins - 1
}

// loops reports whether a node's next hops while the set is raised from one amount to another, old and new ones together
// since nobody knows who has which, hold a cycle.
func (s *scratch) loops(w *swing, from, to uint32) bool {
	s.nextSearch()
	for i, x := range w.nodes {
		s.steps[x.node].swings, s.steps[x.node].at = s.epoch, int32(i)
	}
	s.walk, s.hops = s.walk[:0], s.hops[:0]
	for _, root := range w.nodes { // a cycle passes one that has new next hops, since the old alone hold none
		if root.joins > to {
			break
		}
		if s.steps[root.node].seen != s.epoch && s.cycle(w, root.node, from, to) {
			return true
		}
	}
	return false
}

// cycle reports whether there is a cycle on the way of anything that root sends.
func (s *scratch) cycle(w *swing, root int32, from, to uint32) bool {
	s.enter(w, root, from, to)
	for len(s.walk) > 0 {
		top := &s.walk[len(s.walk)-1]
		if int(top.at) == len(s.hops) {
			s.steps[top.node].on = false
			s.hops = s.hops[:top.from]
			s.walk = s.walk[:len(s.walk)-1]
			continue
		}
		head := s.net.head[s.hops[top.at]]
		top.at++
		if s.steps[head].seen != s.epoch {
			s.enter(w, head, from, to)
		} else if s.steps[head].on {
			return true
		}
	}
	return false
}

// step is what a search for cycles knows of one node. It is valid where its stamp is the current epoch, so that nothing needs clearing.
type step struct {
	swings uint32 // epoch: it changes
	at     int32  // where in swing.nodes, when it does
	seen   uint32 // epoch: it was entered
	on     bool   // and is on the way still
}

// nextSearch forgets the search before.
func (s *scratch) nextSearch() {
	s.epoch++
	if s.epoch == 0 { // after 2^32 searches old stamps could come to life
		clear(s.steps)
		s.epoch = 1
	}
}

// visit is a node on the way of a search for cycles, with where its next hops begin and which is to be followed next.
type visit struct{ node, from, at int32 }

// enter puts node on the way, which on says of it until it is left for good.
func (s *scratch) enter(w *swing, node int32, from, to uint32) {
	at := &s.steps[node]
	at.seen, at.on = s.epoch, true
	first := int32(len(s.hops))
	if at.swings != s.epoch {
		s.hops = w.row.hops(s.net, node, s.hops)
	} else {
		x := &w.nodes[at.at]
		if x.leaves >= from {
			s.hops = w.row.hops(s.net, node, s.hops)
		}
		if x.joins <= to {
			s.hops = append(s.hops, w.hops[x.from:x.to]...)
		}
	}
	s.walk = append(s.walk, visit{node, first, first})
}
