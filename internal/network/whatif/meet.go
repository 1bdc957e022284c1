package whatif

import "math/bits"

// meeter finds, destination by destination, the traffic where a change and failures meet.
type meeter struct {
	net   *Net
	worse []arcChange // in the layer of the row at hand
	to    int32       // its destination
	stamp uint32      // of the row at hand, for what is marked
	bad   []uint32    // per arc: made worse
	below []uint32    // per node: behind a worse arc
	above []uint32    // per node: before one
	list  []uint32    // per node: listed
	past  []int64     // per node below: how often its traffic has crossed worse arcs
	ahead []int64     // per node above: how often a unit of its traffic will, in parts of one
	heap  heap
	nodes []int32 // where anything meets
	sent  []int64 // per arc: traffic after the change, for arcs of the node at hand; else 0
	hops  []int32
	found []meet
}

// one is a crossing in meeter.ahead.
const one = 1 << 20

func newMeeter(n *Net) *meeter {
	nodes, arcs := len(n.nodes), len(n.tail)
	return &meeter{
		net: n, bad: make([]uint32, arcs), sent: make([]int64, arcs),
		below: make([]uint32, nodes), above: make([]uint32, nodes), list: make([]uint32, nodes),
		past: make([]int64, nodes), ahead: make([]int64, nodes),
	}
}

// meet looks at a row, towards to, that the change alters by making arcs worse, and says where it meets failures.
func (m *meeter) meet(index, to int32, worse []arcChange, old, after *row) []meet {
	n := m.net
	m.found = nil
	m.worse, m.to = worse, to
	m.stamp++
	m.nodes = m.nodes[:0]
	for _, c := range m.worse {
		if c.on(n, to) > 0 && old.has(c.arc) {
			m.bad[c.arc] = m.stamp
		}
	}
	m.behind(old)
	m.before(old)
	for node, flow := range old.flow {
		if flow != after.flow[node] {
			m.note(int32(node))
		}
	}
	for i, word := range old.next {
		for differ := word ^ after.next[i]; differ != 0; differ &= differ - 1 {
			m.note(n.tail[i<<6+bits.TrailingZeros64(differ)])
		}
	}
	for _, node := range m.nodes {
		if old.flow[node] > 0 || after.flow[node] > 0 {
			m.meetNode(index, node, old, after)
			m.meetHops(index, node, old, after)
		}
	}
	return m.found
}

// note lists a node, once.
func (m *meeter) note(node int32) {
	if m.list[node] != m.stamp {
		m.list[node] = m.stamp
		m.nodes = append(m.nodes, node)
	}
}

// behind follows the traffic on worse arcs to the destination, the farthest node first.
func (m *meeter) behind(old *row) {
	n := m.net
	arrive := func(arc int32, crossings int64) {
		if head := n.head[arc]; crossings > 0 {
			if m.below[head] != m.stamp {
				m.below[head], m.past[head] = m.stamp, 0
				m.heap.push(^old.dist[head], head)
			}
			m.past[head] = saturate(m.past[head] + crossings)
		}
	}
	for _, c := range m.worse {
		if m.bad[c.arc] == m.stamp {
			arrive(c.arc, old.carried(n, c.arc))
		}
	}
	for len(m.heap) > 0 {
		_, node := m.heap.pop()
		m.note(node)
		m.hops = old.hops(n, node, m.hops[:0])
		for _, arc := range m.hops {
			arrive(arc, ceil(m.past[node], len(m.hops)))
		}
	}
}

// before works out who sends onto worse arcs how much of what they send, the nearest node first.
func (m *meeter) before(old *row) {
	n := m.net
	reach := func(node int32) {
		if m.above[node] != m.stamp {
			m.above[node], m.ahead[node] = m.stamp, 0
			m.heap.push(old.dist[node], node)
		}
	}
	for _, c := range m.worse {
		if m.bad[c.arc] == m.stamp {
			reach(n.tail[c.arc])
		}
	}
	for len(m.heap) > 0 {
		_, node := m.heap.pop()
		m.note(node)
		sum := int64(0)
		m.hops = old.hops(n, node, m.hops[:0])
		for _, arc := range m.hops {
			sum += m.will(arc)
		}
		m.ahead[node] = ceil(sum, len(m.hops))
		for arc := n.out[node]; arc < n.out[node+1]; arc++ {
			if old.has(n.back[arc]) {
				reach(n.head[arc])
			}
		}
	}
}

// will is how many worse arcs a unit of traffic on arc crosses from there on, arc included.
func (m *meeter) will(arc int32) (crossings int64) {
	if m.bad[arc] == m.stamp {
		crossings = one
	}
	if head := m.net.head[arc]; m.above[head] == m.stamp {
		crossings += m.ahead[head]
	}
	return crossings
}

// crossed is how many times the traffic of a node has crossed worse arcs.
func (m *meeter) crossed(node int32) int64 {
	if m.below[node] != m.stamp {
		return 0
	}
	return m.past[node]
}

func (m *meeter) meetNode(index, node int32, old, after *row) {
	past, ahead := m.crossed(node), int64(0)
	if m.above[node] == m.stamp {
		ahead = times(old.flow[node], m.ahead[node])
	}
	element := int32(len(m.net.tail)) + node
	if node == m.to { // all its traffic ends with it
		m.add(index, element, 0, past)
		return
	}
	stays := past == 0 && after.dist[node] == old.dist[node]
	m.meeting(index, element, after.flow[node]-old.flow[node], past+ahead, stays)
}

// meetHops looks at the arcs that a node sends over.
func (m *meeter) meetHops(index, node int32, old, after *row) {
	n := m.net
	m.hops = after.hops(n, node, m.hops[:0])
	now := len(m.hops)
	for i, arc := range m.hops {
		m.sent[arc] = portion(after.flow[node], now, i)
	}
	m.hops = old.hops(n, node, m.hops)
	was := m.hops[now:]
	past := ceil(m.crossed(node), max(1, len(was)))
	for i, arc := range was {
		carried := portion(old.flow[node], len(was), i)
		joint := past + times(carried, m.will(arc))
		stays := past == 0 && after.has(arc) && after.dist[node] == old.dist[node]
		m.meeting(index, arc, m.sent[arc]-carried, joint, stays)
		m.sent[arc] = 0
	}
	for _, arc := range m.hops[:now] {
		m.meeting(index, arc, m.sent[arc], 0, false)
		m.sent[arc] = 0
	}
}

// meeting notes an element that carries more after the change than before, by so much, and that carries joint units that
// cross worse arcs too; stays says that it carries all of these after the change as well.
func (m *meeter) meeting(index, element int32, more, joint int64, stays bool) {
	if !stays {
		more += joint
	}
	m.add(index, element, max(0, more), joint)
}

func (m *meeter) add(index, element int32, moved, joint int64) {
	if moved > 0 || joint > 0 {
		m.found = append(m.found, meet{element: element, row: index, meeting: meeting{moved: moved, joint: joint}})
	}
}

// ceil is x shared by k, rounded up.
func ceil(x int64, k int) int64 { return (x + int64(k) - 1) / int64(k) }

// times is traffic times crossings, in parts of one, rounded up.
func times(traffic, crossings int64) int64 {
	if crossings == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(traffic), uint64(crossings))
	if hi >= one {
		return maxTotal << fraction
	}
	product, _ := bits.Div64(hi, lo, one)
	return saturate(int64(min(product, 1<<62)) + 1)
}
