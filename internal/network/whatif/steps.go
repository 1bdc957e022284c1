package whatif

import (
	"fmt"
	"slices"
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
	p := planner{net: st.net, view: st.view, target: target}
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
	net    *Net
	view   *view // what the pushes so far lead to
	target uint32
	arcs   []arcChange // of the set
	start  []uint32    // their metrics before its first push
	top    uint32      // the raise that gives all the target
}

// reached is a destination that uses one of the arcs, as it is reached now.
type reached struct {
	to  int32
	row *row
}

func (p *planner) raise(bundle []int32, allowed int, plan *Steps) {
	n := p.net
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
	affected := make([]int32, len(n.nodes))
	for i := range affected {
		affected[i] = int32(i)
	}
	for now, pushes := uint32(0), 1; now < p.top; pushes++ {
		rows := p.reach(affected)
		affected = affected[:0]
		for _, r := range rows {
			affected = append(affected, r.to)
		}
		next := p.farthest(rows, now)
		switch {
		case next == p.top:
		case next == now:
			plan.Loops, next = true, p.top
		case pushes == allowed:
			plan.Loops, plan.Capped, next = true, true, p.top
		}
		now, p.view = next, p.raised(next)
		push := make([]Metrics, len(bundle))
		for i, link := range bundle {
			push[i] = n.metrics(p.view, link)
		}
		plan.Pushes = append(plan.Pushes, push)
	}
}

// raised is the view with the set raised by so much.
func (p *planner) raised(by uint32) *view {
	v := p.view.clone()
	for i, c := range p.arcs {
		v.metric[c.arc] = min(p.start[i]+by, p.target, LastResort)
		if by == p.top {
			v.metric[c.arc] = p.target
		}
	}
	v.weigh(p.net)
	return v
}

// reach finds how the given destinations are reached now, and returns those that use an arc of the set. Raising the set
// more never makes others use it.
func (p *planner) reach(destinations []int32) []reached {
	n := p.net
	all := make([]*row, len(destinations))
	n.parallel(len(all), func(s *scratch, i int) {
		r := &row{dist: make([]uint32, len(n.nodes)), next: make([]uint64, (len(n.tail)+63)/64)}
		s.reach(p.view, destinations[i], r)
		if s.gather(r, destinations[i], p.arcs) {
			all[i] = r
		}
	}, nil)
	var rows []reached
	for i, r := range all {
		if r != nil {
			rows = append(rows, reached{to: destinations[i], row: r})
		}
	}
	return rows
}

// farthest is the largest raise that is free of loops for all rows, found by halving; now when there is none. Only rows
// that loop when raised by more are tried for less, and what is found is tried for all.
func (p *planner) farthest(rows []reached, now uint32) uint32 {
	looping := p.looping(rows, p.top)
	low, high := now, p.top
	for len(looping) > 0 {
		for high-low > 1 {
			middle := low + (high-low)/2
			if worse := p.looping(looping, middle); len(worse) > 0 {
				high, looping = middle, worse
			} else {
				low = middle
			}
		}
		if low == now {
			return now
		}
		if looping = p.looping(rows, low); len(looping) > 0 {
			low, high = now, low
			continue
		}
		return low
	}
	return high
}

// looping are the rows for which packets may loop while routers move from now to the set raised by so much.
func (p *planner) looping(rows []reached, by uint32) []reached {
	v := p.raised(by)
	var arcs []arcChange
	for _, c := range p.arcs {
		if compareWeights(p.view.weight[c.arc], v.weight[c.arc]) > 0 {
			arcs = append(arcs, c)
		}
	}
	loops := make([]bool, len(rows))
	p.net.parallel(len(rows), func(s *scratch, i int) {
		s.gather(rows[i].row, rows[i].to, arcs)
		s.reroute(v, rows[i].to, rows[i].row)
		loops[i] = s.cycle(rows[i].row)
	}, nil)
	var list []reached
	for i, r := range rows {
		if loops[i] {
			list = append(list, r)
		}
	}
	return list
}

// cycle reports whether r's next hops and those of the repair just made hold a cycle together. One would pass a changed
// node, since either set alone holds none.
func (s *scratch) cycle(r *row) bool {
	s.walk, s.hops = s.walk[:0], s.hops[:0]
	for _, root := range s.changed {
		if s.due[root] == s.epoch {
			continue
		}
		s.enter(r, root)
		for len(s.walk) > 0 {
			top := &s.walk[len(s.walk)-1]
			if int(top.at) == len(s.hops) {
				s.pending[top.node] = 0
				s.hops = s.hops[:top.from]
				s.walk = s.walk[:len(s.walk)-1]
				continue
			}
			head := s.net.head[s.hops[top.at]]
			top.at++
			if s.due[head] != s.epoch {
				s.enter(r, head)
			} else if s.pending[head] != 0 {
				return true
			}
		}
	}
	return false
}

// visit is a node on the way of a search for cycles, with where its next hops begin and which is to be followed next.
type visit struct{ node, from, at int32 }

// enter puts node on the way, which pending says of it until it is left for good.
func (s *scratch) enter(r *row, node int32) {
	s.due[node], s.pending[node] = s.epoch, 1
	from := int32(len(s.hops))
	s.hops = r.hops(s.net, node, s.hops)
	if s.cutting[node] == s.epoch {
		s.hops = append(s.hops, s.arena[s.hopsFrom[node]:s.hopsTo[node]]...)
	}
	s.walk = append(s.walk, visit{node, from, from})
}
