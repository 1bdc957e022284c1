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
// min(a, F). Where a failure also ends traffic, that of a failed node, F has it too when its path meets the change; when
// it does not, ending it is linear but for rounding, which is below a quarter of a unit per arc and state.
type slack struct {
	net   *Net
	worse []arcChange
	all   int64 // sum of a over destinations
	cross int64 // how many of the worse arcs one path can cross

	arcs, nodes []meets // as if each failed alone
}

// meets is where traffic of a change meets one arc or node that fails.
type meets struct {
	both int64 // sum of min(2a, F + F')
	less int64 // sum of min(a, F)
	bare int64 // traffic to destinations that the change overloads: a failure may take it off an arc that is worse for others
}

// newSlack prepares the bound for every failure of a change that leads from before to after.
func newSlack(before, after *State, worse []arcChange) *slack {
	n := before.net
	k := &slack{net: n, worse: worse, arcs: make([]meets, len(n.tail)), nodes: make([]meets, len(n.nodes))}
	k.countCrossings(n, before.view, after.view)
	m := meeting{slack: k, sum: make([]int64, len(n.tail)), up: make([]int32, len(n.nodes)), own: make([]int64, len(n.nodes))}
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
	var sum meets
	for _, link := range f.links {
		for _, arc := range k.net.arcsOf[link] {
			sum.add(k.arcs[arc])
		}
	}
	for _, node := range f.nodes {
		sum.add(k.nodes[node])
	}
	brought := k.all
	if sum.less == 0 || k.cross < k.all/sum.less {
		brought = sum.less * k.cross
	}
	brought = saturate(brought + sum.bare)
	for _, c := range k.worse {
		brought += e.of(c.arc)
	}
	return saturate(sum.both + saturate(max(0, brought)))
}

func (m *meets) add(x meets) {
	m.both, m.less, m.bare = saturate(m.both+x.both), saturate(m.less+x.less), saturate(m.bare+x.bare)
}

// saturate keeps sums of loads where adding a few of them cannot overflow: no load is ever more than that.
func saturate(x int64) int64 { return min(x, maxTotal<<fraction) }

// meeting sums up, destination by destination, where its traffic meets failures.
type meeting struct {
	*slack
	sum  []int64 // per arc
	used []int32 // arcs with a sum
	up   []int32 // per node: 1 + the row in which its paths meet the change
	own  []int64 // per node: what it sends itself
	hops []int32
	todo []int32
}

// moved is the row's traffic on arcs that become worse for it.
func (m *meeting) moved(r *row, to int32) int64 {
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
func (m *meeting) meet(index int, old, after *row, a int64) {
	n := m.net
	m.used = m.used[:0]
	old.eachArc(n, m.hops, func(arc int32, x int64) {
		m.sum[arc] = x
		m.used = append(m.used, arc)
		m.arcs[arc].less += min(a, x)
	})
	after.eachArc(n, m.hops, func(arc int32, x int64) {
		if m.sum[arc] == 0 {
			m.used = append(m.used, arc)
		}
		m.sum[arc] += x
	})
	for _, arc := range m.used {
		m.arcs[arc].both += min(2*a, m.sum[arc])
		m.sum[arc] = 0
	}
	m.upstream(index, old, after)
	for i := n.first[index]; i < n.first[index+1]; i++ {
		m.own[n.from[i]] = n.amount[i]
	}
	rounding := int64(len(n.tail))
	for node := range n.nodes {
		f, g := old.flow[node], after.flow[node]
		if own := m.own[node]; own > 0 {
			if m.up[node] != int32(index)+1 {
				f, g = max(0, f-own)+rounding, max(0, g-own)
			}
			m.own[node] = 0
		}
		m.nodes[node].less += min(a, f)
		m.nodes[node].both += min(2*a, f+g)
	}
}

// upstream marks the nodes whose paths meet a worse arc, or a node that the change gives other next hops.
func (m *meeting) upstream(index int, old, after *row) {
	n, stamp := m.net, int32(index)+1
	m.todo = m.todo[:0]
	reach := func(node int32) {
		if m.up[node] != stamp {
			m.up[node] = stamp
			m.todo = append(m.todo, node)
		}
	}
	for _, c := range m.worse {
		if old.has(c.arc) {
			reach(n.tail[c.arc])
		}
	}
	for i, word := range old.next {
		for differ := word ^ after.next[i]; differ != 0; differ &= differ - 1 {
			reach(n.tail[i<<6+bits.TrailingZeros64(differ)])
		}
	}
	for len(m.todo) > 0 {
		node := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		for arc := n.out[node]; arc < n.out[node+1]; arc++ {
			if old.has(n.back[arc]) {
				reach(n.head[arc])
			}
		}
	}
}

// bare adds the row of a destination that the change overloads: what goes to it may leave a worse arc by a failure though
// the arc is not worse for it.
func (m *meeting) bare(r *row, to int32) {
	r.eachArc(m.net, m.hops, func(arc int32, x int64) { m.arcs[arc].bare += x })
	for node, x := range r.flow {
		m.nodes[node].bare += x
	}
}
