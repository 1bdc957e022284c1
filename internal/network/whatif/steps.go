package whatif

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// DefaultSteps is how many pushes a plan takes at most unless told otherwise.
const DefaultSteps = 10

// Steps is a plan to raise the metrics of links without micro-loops: a list of pushes, each of which sets the metrics of
// both ends of parallel links. Between two pushes every router must have converged. Then, in whatever order routers learn
// of a push and update their tables, packets to no destination go round in circles: the old and the new next hops of all
// routers together hold no cycle.
type Steps struct {
	From   []Metrics   // what the links have before
	Pushes [][]Metrics // the last for a link gives it the target
	Loops  bool        // one push can loop for a while, because Capped, or because taking the link out is no matter of degree
	Capped bool        // fewer pushes than needed were allowed: what is left is done in one
}

// Reverse are the pushes that bring the links back, free of loops when the plan is.
func (s Steps) Reverse() [][]Metrics {
	had := map[string]Metrics{}
	for _, m := range s.From {
		had[m.Link] = m
	}
	back := make([][]Metrics, len(s.Pushes))
	for i, push := range s.Pushes {
		undo := make([]Metrics, len(push))
		for j, m := range push {
			undo[j], had[m.Link] = had[m.Link], m
		}
		back[len(back)-1-i] = undo
	}
	return back
}

// Steps plans to raise links to target, which is at most Unused and below none of their metrics, in at most most pushes
// for all of them together, at least one for each set of parallel links. Parallel links are raised together, by the same
// amount until each has the target; other links one set after the other, in the order of their names, since a router may
// learn of one and not yet of the other.
//
// Each push raises by as much as is free of loops for every node as a destination, whether traffic goes there or not.
// Raising by one always is: no distance then grows by more than one.
func (st *State) Steps(links []string, target uint32, most int) (Steps, error) {
	var plan Steps
	bundles, err := st.bundles(links, target)
	if err != nil {
		return plan, fmt.Errorf("what-if: metric steps: %w", err)
	}
	p := planner{before: st, view: st.view, target: target}
	for i, bundle := range bundles {
		for _, link := range bundle {
			plan.From = append(plan.From, st.net.metrics(st.view, link))
		}
		allowed := max(1, most-len(plan.Pushes)-(len(bundles)-1-i))
		p.raise(bundle, allowed, &plan)
	}
	return plan, nil
}

// bundles sorts links into sets of parallel ones.
func (st *State) bundles(links []string, target uint32) ([][]int32, error) {
	n := st.net
	var f faults
	if target > Unused {
		f.add("metric %d: want at most %d", target, Unused)
	}
	var bundles [][]int32
	at := map[[2]int]int{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(links))) {
		link, ok := n.linkAt[name]
		if !ok {
			f.add("link %q is not in this network", name)
			continue
		}
		for _, arc := range n.arcsOf[link] {
			if m := st.view.metric[arc]; m == 0 || m > target {
				f.add("link %q has metric %d from %s: want 1 to %d, to raise it", name, m, n.nodes[n.tail[arc]].Name, target)
			}
		}
		ends := [2]int{n.links[link].A, n.links[link].B}
		i, known := at[ends]
		if !known {
			i = len(bundles)
			at[ends] = i
			bundles = append(bundles, nil)
		}
		bundles[i] = append(bundles[i], link)
	}
	return bundles, f.err()
}

// metrics are those that link has in v, by the ends of its Spec.
func (n *Net) metrics(v *view, link int32) Metrics {
	ab, ba := v.metric[n.arcsOf[link][0]], v.metric[n.arcsOf[link][1]]
	if n.turned[link] {
		ab, ba = ba, ab
	}
	return Metrics{Link: n.links[link].Name, AB: ab, BA: ba}
}

// planner raises one set of parallel links after the other.
type planner struct {
	before *State
	view   *view // what the pushes so far lead to
	target uint32
	arcs   []arcChange // of the set
	start  []uint32    // their metrics before its first push
	top    uint32      // the raise that gives all the target
}

func (p *planner) raise(bundle []int32, allowed int, plan *Steps) {
	n := p.before.net
	p.arcs, p.start, p.top = p.arcs[:0], p.start[:0], 0
	for _, link := range bundle {
		for _, arc := range n.arcsOf[link] {
			p.arcs = append(p.arcs, arcChange{arc: arc, ends: 1, beyond: 1})
			p.start = append(p.start, p.view.metric[arc])
			p.top = max(p.top, p.target-p.view.metric[arc])
		}
	}
	if p.top == 0 {
		return
	}
	after := p.raised(p.top)
	swings := p.swings(after)
	p.view = p.view.clone()
	for now, pushes := uint32(0), 1; now < p.top; pushes++ {
		next := p.farthest(swings, now)
		switch {
		case next == p.top:
		case next == now:
			plan.Loops, next = true, p.top
		case pushes == allowed:
			plan.Loops, plan.Capped, next = true, true, p.top
		}
		now = next
		p.set(p.view, now)
		push := make([]Metrics, len(bundle))
		for i, link := range bundle {
			push[i] = n.metrics(p.view, link)
		}
		plan.Pushes = append(plan.Pushes, push)
	}
	p.view = after
}

// set gives the set the metrics that it has when raised by so much.
func (p *planner) set(v *view, by uint32) {
	for i, c := range p.arcs {
		v.metric[c.arc] = min(p.start[i]+by, p.target, LastResort)
		if by == p.top {
			v.metric[c.arc] = p.target
		}
	}
}

// raised is the view with the set raised by so much.
func (p *planner) raised(by uint32) *view {
	v := p.view.clone()
	p.set(v, by)
	v.weigh(p.before.net)
	return v
}

// swings are the destinations for which packets may loop when the set is raised to the top at once. Those for which they
// may not never loop: on any way there a node has no next hops but those that it has before or after.
func (p *planner) swings(after *view) []swing {
	n := p.before.net
	all := make([]*swing, len(n.nodes))
	n.parallel(len(all), func(s *scratch, to int) {
		r := p.reach(s, int32(to))
		if !s.gather(r, int32(to), p.arcs) {
			return
		}
		s.reroute(after, int32(to), r)
		if p.swing(s, r); s.loops(&s.swing, 0, p.top) {
			c := s.swing.clone()
			all[to] = &c
		}
	}, nil)
	var list []swing
	for _, w := range all {
		if w != nil {
			list = append(list, *w)
		}
	}
	return list
}

// reach is how a destination is reached before the set is raised.
func (p *planner) reach(s *scratch, to int32) *row {
	n := p.before.net
	if row := n.rowOf[to]; row >= 0 && p.view == p.before.view {
		return p.before.rows[row]
	}
	r := &row{dist: make([]uint32, len(n.nodes)), next: newBitset(len(n.tail))}
	s.reach(p.view, to, r)
	return r
}

// farthest is the largest raise that is free of loops for all destinations; now when there is none.
func (p *planner) farthest(swings []swing, now uint32) uint32 {
	var least atomic.Uint32
	least.Store(p.top)
	p.before.net.parallel(len(swings), func(s *scratch, i int) {
		most := least.Load()
		for own := s.free(&swings[i], now, most); own < most && !least.CompareAndSwap(most, own); {
			most = least.Load()
		}
	}, nil)
	return least.Load()
}
