package whatif

import "slices"

// view is what shortest paths are computed over: what is up, and what it costs.
type view struct {
	metric   []uint32 // per arc, as advertised
	linkDown []bool
	nodeDown []bool
	overload []bool

	// What follows from these, per arc: the cost of using it, 0 when it is not used, and the same of the link's other
	// direction, so that both are read in the order of a node's arcs.
	weight []uint32
	behind []uint32
	plain  bool // every arc is used and no node is overloaded
}

func newView(n *Net) *view {
	arcs := len(n.tail)
	v := &view{
		metric: make([]uint32, arcs), weight: make([]uint32, arcs), behind: make([]uint32, arcs),
		linkDown: make([]bool, len(n.links)), nodeDown: make([]bool, len(n.nodes)), overload: make([]bool, len(n.nodes)),
	}
	for i, x := range n.nodes {
		v.overload[i] = x.Overload
	}
	for i, l := range n.links {
		v.linkDown[i] = l.Down
		v.metric[n.arcsOf[i][0]], v.metric[n.arcsOf[i][1]] = l.MetricAB, l.MetricBA
	}
	v.weigh(n)
	return v
}

func (v *view) clone() *view {
	return &view{
		metric: slices.Clone(v.metric), weight: slices.Clone(v.weight), behind: slices.Clone(v.behind),
		linkDown: slices.Clone(v.linkDown), nodeDown: slices.Clone(v.nodeDown), overload: slices.Clone(v.overload), plain: v.plain,
	}
}

// weigh works out weight and behind.
func (v *view) weigh(n *Net) {
	for link, arcs := range n.arcsOf {
		ab, ba := arcs[0], arcs[1]
		a, b := v.metric[ab], v.metric[ba]
		if a == 0 || b == 0 || v.linkDown[link] || v.nodeDown[n.tail[ab]] || v.nodeDown[n.head[ab]] {
			a, b = 0, 0
		}
		v.set(n, ab, a)
		v.set(n, ba, b)
	}
	v.plain = !slices.Contains(v.weight, 0) && !slices.Contains(v.overload, true)
}

// set gives arc a cost; Unused becomes 0.
func (v *view) set(n *Net, arc int32, weight uint32) {
	if weight == Unused {
		weight = 0
	}
	v.weight[arc] = weight
	v.behind[n.back[arc]] = weight
}

// through reports whether a path to destination to may go on from node.
func (v *view) through(node, to int32) bool { return node == to || !v.overload[node] }

// An arcChange says what a change of view means for one arc: for destinations at its head, and for those beyond, which an
// overloaded head bars.
type arcChange struct {
	arc          int32
	ends, beyond int8 // 1 worse, -1 better, 0 as before
}

// differences are the arcs that to treats unlike from.
func differences(n *Net, from, to *view) (worse, better []arcChange) {
	for arc := range from.weight {
		head := n.head[arc]
		c := arcChange{
			arc:    int32(arc),
			ends:   compareWeights(from.weight[arc], to.weight[arc]),
			beyond: compareWeights(barred(from, head, from.weight[arc]), barred(to, head, to.weight[arc])),
		}
		if c.ends > 0 || c.beyond > 0 {
			worse = append(worse, c)
		}
		if c.ends < 0 || c.beyond < 0 {
			better = append(better, c)
		}
	}
	return worse, better
}

func barred(v *view, head int32, weight uint32) uint32 {
	if v.overload[head] {
		return 0
	}
	return weight
}

// compareWeights is 1 when after is worse than before: dearer, or not used at all.
func compareWeights(before, after uint32) int8 {
	switch {
	case before == after:
		return 0
	case before != 0 && (after == 0 || after > before):
		return 1
	}
	return -1
}

// on is what the change means for destination to.
func (c arcChange) on(n *Net, to int32) int8 {
	if n.head[c.arc] == to {
		return c.ends
	}
	return c.beyond
}
