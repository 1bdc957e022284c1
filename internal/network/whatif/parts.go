package whatif

import "slices"

// Connectivity is how a network hangs together, whatever traffic there is. Links count that are used in both directions;
// overloaded nodes hang on others and hold nothing together.
type Connectivity struct {
	Parts         int      // that nothing joins, not counting overloaded and dead nodes
	CutOff        []string // nodes outside the largest part, dead ones included; of equal parts the one with the first node counts
	Bridges       []string // links whose failure makes more parts
	Articulations []string // nodes whose failure does
}

// Connectivity says how the network hangs together.
func (st *State) Connectivity() Connectivity {
	n := st.net
	p := findParts(n, st.view)
	c := Connectivity{Parts: p.count}
	size := make([]int, p.count)
	for _, part := range p.of {
		if part >= 0 {
			size[part]++
		}
	}
	largest := int32(-1)
	if p.count > 0 {
		largest = int32(slices.Index(size, slices.Max(size)))
	}
	for node, part := range p.of {
		joined := part == largest && part >= 0
		if part < 0 && !st.view.nodeDown[node] {
			for arc := n.out[node]; arc < n.out[node+1]; arc++ {
				joined = joined || st.view.weight[arc] != 0 && st.view.behind[arc] != 0 && p.of[n.head[arc]] == largest
			}
		}
		if !joined {
			c.CutOff = append(c.CutOff, n.nodes[node].Name)
		}
		if p.pieces[node] > 1 {
			c.Articulations = append(c.Articulations, n.nodes[node].Name)
		}
	}
	for link, bridge := range p.bridge {
		if bridge {
			c.Bridges = append(c.Bridges, n.links[link].Name)
		}
	}
	return c
}

// parts is how the core of a view hangs together: its nodes that are neither overloaded nor dead, with the links between
// them that are used in both directions.
type parts struct {
	net    *Net
	view   *view
	count  int
	of     []int32 // per node its part, or -1 outside the core
	bridge []bool  // per link
	pieces []int32 // per node, the parts that its own falls into without it; 0 when it is alone or not in the core

	// whole says that between nodes of the core reaching is hanging together: no link is used in one direction only, and
	// no path can cost too much.
	whole bool
}

// core reports whether arc is part of the core.
func (v *view) core(n *Net, arc int32) bool {
	return v.weight[arc] != 0 && v.behind[arc] != 0 && !v.overload[n.tail[arc]] && !v.overload[n.head[arc]]
}

func findParts(n *Net, v *view) *parts {
	p := &parts{
		net: n, view: v, of: make([]int32, len(n.nodes)), bridge: make([]bool, len(n.links)), pieces: make([]int32, len(n.nodes)), whole: true,
	}
	var sum uint64
	for arc, w := range v.weight {
		p.whole = p.whole && (w == 0) == (v.behind[arc] == 0)
		sum += uint64(w)
	}
	p.whole = p.whole && sum < Unreachable
	for i := range p.of {
		p.of[i] = -1
	}
	walk := depthFirst{parts: p, seen: make([]int32, len(n.nodes)), low: make([]int32, len(n.nodes)), at: slices.Clone(n.out[:len(n.nodes)]), by: make([]int32, len(n.nodes))}
	for node := range n.nodes {
		if p.of[node] < 0 && !v.overload[node] && !v.nodeDown[node] {
			walk.from(int32(node))
			p.count++
		}
	}
	return p
}

// under is p under another view: p itself when nothing that it depends on is different.
func (p *parts) under(v *view) *parts {
	same := p.whole && slices.Equal(v.overload, p.view.overload) && slices.Equal(v.nodeDown, p.view.nodeDown)
	var sum uint64
	for arc, w := range v.weight {
		same = same && (w == 0) == (p.view.weight[arc] == 0)
		sum += uint64(w)
	}
	if same && sum < Unreachable {
		return p
	}
	return findParts(p.net, v)
}

// depthFirst finds bridges and articulation points (Tarjan), without recursion.
type depthFirst struct {
	*parts
	clock     int32
	seen, low []int32 // per node, when it was reached, from 1; and the earliest that its subtree reaches
	at        []int32 // per node, the arc to look at next
	by        []int32 // per node, the arc it was reached by
	stack     []int32
}

func (d *depthFirst) from(root int32) {
	n := d.net
	d.by[root] = -1
	d.enter(root)
	children := int32(0)
	for len(d.stack) > 0 {
		node := d.stack[len(d.stack)-1]
		if arc := d.at[node]; arc < n.out[node+1] {
			d.at[node]++
			head := n.head[arc]
			switch {
			case !d.view.core(n, arc) || d.by[node] >= 0 && arc == n.back[d.by[node]]:
			case d.seen[head] == 0:
				d.by[head] = arc
				d.enter(head)
			default:
				d.low[node] = min(d.low[node], d.seen[head])
			}
			continue
		}
		d.stack = d.stack[:len(d.stack)-1]
		if d.by[node] < 0 {
			break
		}
		above := n.tail[d.by[node]]
		d.low[above] = min(d.low[above], d.low[node])
		d.bridge[n.linkOf[d.by[node]]] = d.low[node] > d.seen[above]
		if above == root {
			children++
		} else if d.low[node] >= d.seen[above] {
			d.pieces[above]++
		}
	}
	d.pieces[root] = children
}

func (d *depthFirst) enter(node int32) {
	d.clock++
	d.seen[node], d.low[node] = d.clock, d.clock
	d.of[node] = int32(d.count)
	if d.by[node] >= 0 {
		d.pieces[node] = 1 // what lies above it
	}
	d.stack = append(d.stack, node)
}

// without is the number of parts of the core without a failure's links and nodes.
func (p *parts) without(f *failure) int {
	switch {
	case len(f.nodes) == 0 && len(f.links) == 1:
		if p.bridge[f.links[0]] {
			return p.count + 1
		}
		return p.count
	case len(f.nodes) == 1 && len(f.links) == 0:
		if p.of[f.nodes[0]] < 0 {
			return p.count
		}
		return p.count - 1 + int(p.pieces[f.nodes[0]])
	}
	n := p.net
	out := make(map[int32]bool, len(f.arcs))
	for _, arc := range f.arcs {
		out[arc] = true
	}
	above := make([]int32, len(n.nodes))
	count := 0
	for node := range above {
		above[node] = int32(node)
		if p.of[node] >= 0 && !slices.Contains(f.nodes, int32(node)) {
			count++
		}
	}
	find := func(x int32) int32 {
		for above[x] != x {
			above[x] = above[above[x]]
			x = above[x]
		}
		return x
	}
	for _, arcs := range n.arcsOf {
		arc := arcs[0]
		if p.view.core(n, arc) && !out[arc] {
			if a, b := find(n.tail[arc]), find(n.head[arc]); a != b {
				above[a] = b
				count--
			}
		}
	}
	return count
}

// mayCut reports whether a failure may part nodes that hang together in p: if not, it surely cuts off nobody but the
// nodes that fail.
func (p *parts) mayCut(f *failure) bool {
	if !p.whole || len(f.nodes) > 0 && len(f.nodes)+len(f.links) > 1 {
		return true
	}
	for _, arc := range f.arcs {
		if p.view.overload[p.net.tail[arc]] && p.view.weight[arc] != 0 {
			return true
		}
	}
	if len(f.nodes) == 1 {
		return p.pieces[f.nodes[0]] > 1
	}
	return p.without(f) > p.count
}

// comparable reports whether p's core lacks nothing of before's but links, so that counting parts compares them: the same
// nodes, all reached exactly when they hang together, and overloaded nodes hang on the same links.
func (p *parts) comparable(before *parts) bool {
	for arc, w := range p.view.weight {
		if (w == 0) != (before.view.weight[arc] == 0) && (p.view.overload[p.net.tail[arc]] || p.view.overload[p.net.head[arc]]) {
			return false
		}
	}
	return before.whole && p.whole && slices.Equal(before.view.overload, p.view.overload) && slices.Equal(before.view.nodeDown, p.view.nodeDown)
}

// cutsAlike reports whether a failure leaves the same parts in p as in before, which are comparable: p's are parts of
// before's, so equally many are the same, and whoever is cut off in one is in the other.
func (p *parts) cutsAlike(before *parts, f *failure) bool { return before.without(f) == p.without(f) }
