package whatif

import (
	"math/bits"
	"slices"
)

// slack bounds how far the loads after a change and a failure together may exceed the sum of what each does alone:
//
//	load(change, failure) <= load(failure) + load(change) - load() + slack
//
// for every arc, when the change only makes arcs worse. For a destination t let a be its traffic on the worse arcs and F,
// F' its traffic that the failure moves before and after the change. Taking things away adds at most the traffic moved to
// any arc, and takes at most as much from any. Applied to the failure first and the change second, and the other way
// round, t can exceed the sum by at most
//
//	min(2a + g, F + F')
//
// where g is what the failure brings onto the worse arcs; destinations that do not use them have only g. Over all
// destinations g is what the worse arcs gain by the failure, plus what they lose by it, which is at most the sum of
// min(a, F).
//
// Mostly the two meet less than that. Let the change touch t at the nodes where its next hops change or worse arcs begin.
//   - What fails alone does not lie downstream of a touched node, before the change or after. Then it neither alters the
//     ways that the change uses nor those it takes instead, so the change moves what crosses the worse arcs in the same
//     way, and t exceeds the sum by at most g and what the failure takes off the worse arcs: nothing, unless it lies
//     upstream of a touched node.
//   - It does, but every node that sends into it keeps another next hop, so that no distance changes, has the same traffic
//     after the change as before, and nothing downstream of it is touched. Then t does not exceed the sum at all.
//   - A failed node's own traffic ends; on a way that is not touched that is linear.
//
// Rounding then adds less than a quarter of a unit per arc and state.
type slack struct {
	net   *Net
	worse []arcChange
	all   int64 // sum of a over destinations
	rows  int64 // destinations with traffic on the worse arcs
	cross int64 // how many of the worse arcs one path can cross

	arcs, nodes []meets
}

// meets is where traffic of a change meets one arc or node that fails.
type meets struct {
	alone, joined meeting // when nothing else fails, and when something does
	rows          []int32 // ascending: where more than rounding comes of it when alone
	bare          int64   // traffic to destinations that the change overloads: a failure may take it off an arc that is worse for others
}

type meeting struct {
	both int64 // sum of min(2a, F + F')
	less int64 // sum of min(a, F)
}

// full notes that the failure moves so much before and after the change.
func (m *meeting) full(a, before, after int64) {
	m.both += min(2*a, before+after)
	m.less += min(a, before)
}

// only notes that the failure takes at most so much off the worse arcs, and nothing else comes of it but rounding.
func (m *meeting) only(a, taken, rounding int64) {
	m.both += min(2*a, taken+rounding)
	m.less += min(a, taken+rounding)
}

// newSlack prepares the bound for every failure of a change that leads from before to after.
func newSlack(before, after *State, worse []arcChange) *slack {
	n := before.net
	k := &slack{net: n, worse: worse, arcs: make([]meets, len(n.tail)), nodes: make([]meets, len(n.nodes))}
	k.countCrossings(n, before.view, after.view)
	m := meeter{
		slack: k, rounding: int64(len(n.tail)), sum: make([]int64, len(n.tail)), own: make([]int64, len(n.nodes)),
		up: make([]int32, len(n.nodes)), down: make([]int32, len(n.nodes)), met: make([]int32, len(n.nodes)),
	}
	for i, old := range before.rows {
		to := n.dests[i]
		if before.view.overload[to] != after.view.overload[to] {
			m.bare(old, to)
		}
		if after.rows[i] == old {
			continue
		}
		if a := m.moved(old, to); a > 0 {
			k.all += a
			k.rows++
			m.meet(i, old, after.rows[i], a)
		}
	}
	return k
}

func (k *slack) countCrossings(n *Net, before, after *view) {
	dearer := map[int32]bool{}
	for _, c := range k.worse {
		if c.ends > 0 {
			dearer[n.linkOf[c.arc]] = true
		}
	}
	k.cross = int64(len(dearer))
	for node := range n.nodes {
		if after.overload[node] && !before.overload[node] {
			k.cross++
		}
	}
}

// of is the slack for a failure with the given effect before the change.
func (k *slack) of(f *failure, e *effect) int64 {
	var sum meeting
	alone := len(f.links)+len(f.nodes) == 1
	add := func(m meets) {
		x := m.joined
		if alone {
			x = m.alone
		}
		sum.both, sum.less = saturate(sum.both+x.both), saturate(sum.less+x.less)
	}
	for _, link := range f.links {
		for _, arc := range k.net.arcsOf[link] {
			add(k.arcs[arc])
		}
	}
	for _, node := range f.nodes {
		add(k.nodes[node])
	}
	brought := k.all
	if sum.less == 0 || k.cross < k.all/sum.less {
		brought = sum.less * k.cross
	}
	brought = saturate(brought + k.bare(f))
	for _, c := range k.worse {
		brought += e.atMost(k.net, c.arc)
	}
	return saturate(sum.both + saturate(max(0, brought)))
}

// bare is the traffic to destinations that the change overloads which the failure may move.
func (k *slack) bare(f *failure) int64 {
	sum := int64(0)
	for _, link := range f.links {
		for _, arc := range k.net.arcsOf[link] {
			sum = saturate(sum + k.arcs[arc].bare)
		}
	}
	for _, node := range f.nodes {
		sum = saturate(sum + k.nodes[node].bare)
	}
	return sum
}

// saturate keeps sums of loads where adding a few of them cannot overflow: no load is ever more than that.
func saturate(x int64) int64 { return min(x, maxTotal<<fraction) }

// meeter sums up, destination by destination, where its traffic meets failures.
type meeter struct {
	*slack
	rounding int64
	stamp    int32   // 1 + the row at hand, for what is marked
	up, down []int32 // per node: upstream of a touched one, and downstream
	met      []int32 // per node: its failure meets the change though it is downstream
	sum      []int64 // per arc
	own      []int64 // per node: what it sends itself
	hops     []int32
	touched  []int32
	todo     []int32
}

// moved is the row's traffic on arcs that become worse for it.
func (m *meeter) moved(r *row, to int32) int64 {
	sum := int64(0)
	for _, c := range m.worse {
		if c.on(m.net, to) <= 0 || !r.has(c.arc) {
			continue
		}
		m.hops = r.hops(m.net, m.net.tail[c.arc], m.hops[:0])
		share, rest := split(r.flow[m.net.tail[c.arc]], len(m.hops))
		sum += part(share, rest, slices.Index(m.hops, c.arc))
	}
	return sum
}

// meet adds a row that the change alters, with a units of it on worse arcs.
func (m *meeter) meet(index int, old, after *row, a int64) {
	n, to := m.net, m.net.dests[index]
	m.stamp = int32(index) + 1
	m.mark(old, after)
	for node := range int32(len(n.nodes)) {
		if old.flow[node] != 0 || after.flow[node] != 0 {
			m.meetHops(node, old, after, a)
		}
	}
	for i := n.first[index]; i < n.first[index+1]; i++ {
		m.own[n.from[i]] = n.amount[i]
	}
	for node := range int32(len(n.nodes)) {
		before, then, own := old.flow[node], after.flow[node], m.own[node]
		m.own[node] = 0
		if own > 0 && m.up[node] != m.stamp {
			before, then, own = max(0, before-own)+m.rounding, max(0, then-own), 0
		}
		x := &m.nodes[node]
		x.joined.full(a, before, then)
		down, up := m.down[node] == m.stamp, m.up[node] == m.stamp
		if node == to || up || down && (m.met[node] == m.stamp || own > 0) {
			x.rows = append(x.rows, int32(index))
		}
		switch {
		case node == to:
			x.alone.only(a, before, 0)
		case !down && !up:
			x.alone.only(a, 0, m.rounding)
		case !down:
			x.alone.only(a, before, m.rounding)
		case m.met[node] != m.stamp:
			x.alone.full(a, min(before, own+m.rounding), min(then, own))
		default:
			x.alone.full(a, before, then)
		}
	}
}

// meetHops adds what a node sends to its next hops, and marks the nodes there whose failure meets the change.
func (m *meeter) meetHops(node int32, old, after *row, a int64) {
	n := m.net
	m.hops = old.hops(n, node, m.hops[:0])
	first := len(m.hops)
	m.hops = after.hops(n, node, m.hops)
	was, is := m.hops[:first], m.hops[first:]
	down, up := m.down[node] == m.stamp, m.up[node] == m.stamp
	steady := !up && old.flow[node] == after.flow[node]
	for i, arc := range was {
		m.sum[arc] = portion(old.flow[node], first, i)
	}
	for i, arc := range is {
		m.meetArc(arc, m.sum[arc], portion(after.flow[node], len(is), i), a, old, after, down, up, steady && len(is) > 1)
		m.sum[arc] = -1
	}
	for _, arc := range was {
		if m.sum[arc] >= 0 {
			m.meetArc(arc, m.sum[arc], 0, a, old, after, down, up, false)
		}
		m.sum[arc] = 0
	}
	for _, arc := range is {
		m.sum[arc] = 0
	}
	for _, arc := range m.hops {
		if !steady || m.only(was, n.head[arc]) {
			m.met[n.head[arc]] = m.stamp
		}
	}
}

func (m *meeter) meetArc(arc int32, before, then, a int64, old, after *row, down, up, steady bool) {
	back, x := m.net.back[arc], &m.arcs[arc]
	x.joined.full(a, before, then)
	both := old.has(back) || after.has(back)
	if both || up || down && !steady {
		x.rows = append(x.rows, m.stamp-1)
	}
	switch {
	case both:
		x.alone.full(a, before, then)
	case !down && !up:
		x.alone.only(a, 0, m.rounding)
	case !down:
		x.alone.only(a, before, m.rounding)
	case steady:
		x.alone.only(a, 0, m.rounding)
	default:
		x.alone.full(a, before, then)
	}
}

// only reports whether all of the next hops lead to head.
func (m *meeter) only(hops []int32, head int32) bool {
	for _, arc := range hops {
		if m.net.head[arc] != head {
			return false
		}
	}
	return true
}

// mark finds the touched nodes, and marks what lies upstream of them before the change and downstream at any time.
func (m *meeter) mark(old, after *row) {
	n := m.net
	m.touched = m.touched[:0]
	for _, c := range m.worse {
		if old.has(c.arc) {
			m.touched = append(m.touched, n.tail[c.arc])
		}
	}
	for i, word := range old.next {
		for differ := word ^ after.next[i]; differ != 0; differ &= differ - 1 {
			m.touched = append(m.touched, n.tail[i<<6+bits.TrailingZeros64(differ)])
		}
	}
	m.flood(m.up, func(node int32, reach func(int32)) {
		for arc := n.out[node]; arc < n.out[node+1]; arc++ {
			if old.has(n.back[arc]) {
				reach(n.head[arc])
			}
		}
	})
	m.flood(m.down, func(node int32, reach func(int32)) {
		m.hops = after.hops(n, node, old.hops(n, node, m.hops[:0]))
		for _, arc := range m.hops {
			reach(n.head[arc])
		}
	})
}

// flood marks the touched nodes and all that next leads to.
func (m *meeter) flood(marks []int32, next func(node int32, reach func(int32))) {
	m.todo = m.todo[:0]
	reach := func(node int32) {
		if marks[node] != m.stamp {
			marks[node] = m.stamp
			m.todo = append(m.todo, node)
		}
	}
	for _, node := range m.touched {
		reach(node)
	}
	for len(m.todo) > 0 {
		node := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		next(node, reach)
	}
}

// bare adds the row of a destination that the change overloads: what goes to it may leave a worse arc by a failure though
// the arc is not worse for it.
func (m *meeter) bare(r *row, to int32) {
	r.eachArc(m.net, m.hops, func(arc int32, x int64) { m.arcs[arc].bare += x })
	for node, x := range r.flow {
		m.nodes[node].bare += x
	}
}
