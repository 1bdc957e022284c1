package whatif

import "math/bits"

// meeter finds, destination by destination, where its traffic meets failures.
type meeter struct {
	net      *Net
	worse    []arcChange
	stamp    int32   // 1 + the row at hand, for what is marked
	up, down []int32 // per node: upstream of a touched one, and downstream
	before   []int64 // per arc: traffic before the change
	drop     []int64 // per arc: traffic that the change takes off it, over all rows
	hops     []int32
	touched  []int32
	above    []int32 // nodes marked up
	below    []int32 // nodes marked down
	found    []meet
}

func newMeeter(n *Net, worse []arcChange) *meeter {
	return &meeter{
		net: n, worse: worse, before: make([]int64, len(n.tail)), drop: make([]int64, len(n.tail)),
		up: make([]int32, len(n.nodes)), down: make([]int32, len(n.nodes)),
	}
}

// meet looks at a row that the change alters, with a units of it on worse arcs. Only what lies upstream or downstream of a
// touched node can meet it.
func (m *meeter) meet(index int32, old, after *row, a int64) {
	m.stamp = index + 1
	m.mark(old, after)
	for _, node := range m.below {
		m.meetHops(node, old, after, a)
		m.meetNode(node, old, after, a)
	}
	for _, node := range m.above {
		if m.down[node] != m.stamp {
			m.meetHops(node, old, after, a)
			m.meetNode(node, old, after, a)
		}
	}
}

// passes notes an element that is upstream only and carries so much: that much its failure may take off the worse arcs.
func (m *meeter) passes(element int32, before, a int64) {
	if before > 0 {
		m.found = append(m.found, meet{element: element, row: m.stamp - 1, meeting: meeting{both: min(a, before), less: min(a, before)}})
	}
}

// moves notes an element downstream that carries so much before the change and then, and moves that when it fails; moved is
// false when it is known to move in the same way.
func (m *meeter) moves(element int32, before, then, a int64, moved bool) {
	x := meet{element: element, row: m.stamp - 1, down: true}
	if moved {
		x.meeting = meeting{both: min(a, before+then), less: min(a, before), drop: min(a, max(0, before+then-a))}
	}
	m.found = append(m.found, x)
}

func (m *meeter) meetNode(node int32, old, after *row, a int64) {
	n, element := m.net, int32(len(m.net.tail))+node
	before, then := old.flow[node], after.flow[node]
	if before == 0 && then == 0 {
		return
	}
	if node == n.dests[m.stamp-1] { // all its traffic ends: like something upstream of everything, but not for what else fails
		m.passes(element, before, a)
		m.moves(element, 0, 0, a, false)
		return
	}
	if m.down[node] != m.stamp {
		m.passes(element, before, a)
		return
	}
	own := n.demand(int(m.stamp-1), node)
	if m.up[node] != m.stamp && own > 0 {
		before, then, own = max(0, before-own)+int64(len(n.tail)), max(0, then-own), 0
	}
	if !m.enters(node, old, after) {
		before, then = min(before, own), min(then, own)
	}
	m.moves(element, before, then, a, true)
}

// enters reports whether a node that is downstream meets the change when it fails: somebody who sends into it does not send
// as before, or has no other next hop.
func (m *meeter) enters(node int32, old, after *row) bool {
	n := m.net
	for arc := n.out[node]; arc < n.out[node+1]; arc++ {
		in, tail := n.back[arc], n.head[arc]
		if !old.has(in) && !after.has(in) || old.flow[tail] == 0 && after.flow[tail] == 0 {
			continue
		}
		if m.up[tail] == m.stamp || old.flow[tail] != after.flow[tail] {
			return true
		}
		m.hops = old.hops(n, tail, m.hops[:0])
		if onlyTo(n, m.hops, node) {
			return true
		}
	}
	return false
}

// onlyTo reports whether all of the next hops lead to head.
func onlyTo(n *Net, hops []int32, head int32) bool {
	for _, arc := range hops {
		if n.head[arc] != head {
			return false
		}
	}
	return true
}

// meetHops looks at the arcs that a node upstream or downstream sends over.
func (m *meeter) meetHops(node int32, old, after *row, a int64) {
	n := m.net
	was, is := old.flow[node], after.flow[node]
	if was == 0 && is == 0 {
		return
	}
	m.hops = old.hops(n, node, m.hops[:0])
	first := len(m.hops)
	m.hops = after.hops(n, node, m.hops)
	for i, arc := range m.hops[:first] {
		m.before[arc] = portion(was, first, i)
	}
	down, up := m.down[node] == m.stamp, m.up[node] == m.stamp
	then := m.hops[first:]
	steady := !up && was == is && len(then) > 1
	for i, arc := range then {
		x := portion(is, len(then), i)
		m.meetArc(arc, m.before[arc], x, a, old, after, down, steady)
		m.drop[arc] += max(0, m.before[arc]-x)
		m.before[arc] = -1
	}
	for _, arc := range m.hops[:first] {
		if x := m.before[arc]; x >= 0 {
			m.meetArc(arc, x, 0, a, old, after, down, false)
			m.drop[arc] += x
		}
		m.before[arc] = 0
	}
	for _, arc := range then {
		m.before[arc] = 0
	}
}

func (m *meeter) meetArc(arc int32, before, then, a int64, old, after *row, down, steady bool) {
	back := m.net.back[arc]
	switch both := old.has(back) || after.has(back); {
	case both || down:
		m.moves(arc, before, then, a, both || !steady)
	default:
		m.passes(arc, before, a)
	}
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
	m.above = m.begin(m.up, m.above)
	for i := 0; i < len(m.above); i++ { // grows
		node := m.above[i]
		for arc := n.out[node]; arc < n.out[node+1]; arc++ {
			if head := n.head[arc]; m.up[head] != m.stamp && old.has(n.back[arc]) {
				m.up[head] = m.stamp
				m.above = append(m.above, head)
			}
		}
	}
	m.below = m.begin(m.down, m.below)
	for i := 0; i < len(m.below); i++ { // grows
		m.hops = after.hops(n, m.below[i], old.hops(n, m.below[i], m.hops[:0]))
		for _, arc := range m.hops {
			if head := n.head[arc]; m.down[head] != m.stamp {
				m.down[head] = m.stamp
				m.below = append(m.below, head)
			}
		}
	}
}

// begin marks the touched nodes, once each, and lists them.
func (m *meeter) begin(marks, list []int32) []int32 {
	list = list[:0]
	for _, node := range m.touched {
		if marks[node] != m.stamp {
			marks[node] = m.stamp
			list = append(list, node)
		}
	}
	return list
}
