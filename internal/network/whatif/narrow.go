package whatif

import (
	"cmp"
	"slices"
)

// gate is a way into what fails: to the node at, by which any path goes that uses it, and on for cost to next.
type gate struct {
	at, next int32
	cost     uint32
}

// gates are the ways into what fails under v. One of them is on each path that the failure takes away.
func (v *view) gates(n *Net, f *failure) []gate {
	list := make([]gate, 0, len(f.nodes)+2*len(f.links))
	for _, node := range f.nodes {
		list = append(list, gate{at: node, next: node})
	}
	for _, link := range f.links {
		for _, arc := range n.arcsOf[link] {
			if v.weight[arc] != 0 {
				list = append(list, gate{at: n.tail[arc], next: n.head[arc], cost: v.weight[arc]})
			}
		}
	}
	return list
}

// lane is how a node gets to what fails in one layer: for each gate, what it costs to be behind it.
type lane struct {
	next []int32
	cost []uint32
	all  bool // that is not known of some gate: any path may be by it
}

// lane finds node's way to each gate.
func (st *State) lane(gates []gate, node int32) (l lane) {
	for _, g := range gates {
		switch row := st.net.rowOf[g.at]; {
		case g.at == node:
			l.add(g, 0)
		case row < 0:
			l.all = true
		case st.rows[row].dist[node] < Unreachable:
			l.add(g, st.rows[row].dist[node])
		}
	}
	return l
}

func (l *lane) add(g gate, cost uint32) {
	l.next, l.cost = append(l.next, g.next), append(l.cost, cost+g.cost)
}

// uses reports whether a shortest path of r from a node that is dist away may be by what fails: then the cost to be behind one
// gate and from there to the destination is the whole.
func (l *lane) uses(r *row, dist uint32) bool {
	for i, next := range l.next {
		if r.dist[next] < Unreachable && l.cost[i]+r.dist[next] == dist {
			return true
		}
	}
	return l.all
}

// narrowing is a closer look at the suspects of one failure, without computing paths.
//
// What exceeds the sum is traffic that the change or the failure sends another way, and on an arc it comes by the arc's tail. A
// tail from which no path is by what fails keeps its next hops when that fails. So for a destination to which, after the change,
// the arc is no next hop, and the tail has no path by what fails, nothing comes by the arc when both have happened. And when the
// tail has the same next hops before the change and after it, and no path by what fails in either, it divides its traffic alike
// in all four states: of what exceeds the sum at it the arc has an equal share.
type narrowing struct {
	before, after *State    // of one layer
	lanes         [2][]lane // before and after, by suspect
}

// narrowing prepares to narrow suspects of a failure in one layer.
func (t *trial) narrowing(f *failure, layer int, suspects []suspect) narrowing {
	w := narrowing{before: t.sv.before.all()[layer], after: t.after.all()[layer]}
	for i, st := range []*State{w.before, w.after} {
		gates := st.view.gates(st.net, f)
		for _, x := range suspects {
			w.lanes[i] = append(w.lanes[i], st.lane(gates, st.net.tail[x.arc]))
		}
	}
	return w
}

// share is among how many arcs, arc being one, what exceeds the sum in a row at the tail of suspect i is divided; 0 when nothing
// comes by the arc.
func (w *narrowing) share(i int, arc int32, was, is *row) int {
	n := w.after.net
	tail := n.tail[arc]
	far := is.dist[tail]
	switch {
	case far >= Unreachable:
		return 0
	case w.lanes[1][i].uses(is, far):
		return 1
	case !is.has(arc):
		return 0
	case w.lanes[0][i].uses(was, was.dist[tail]) || !was.alike(n, is, tail):
		return 1
	}
	return int(is.count(n, tail))
}

// narrow finds the destinations where a failure meets the change, those first where that is most, and bounds each suspect by what
// may come by it, if that may settle the failure.
func (t *trial) narrow(o *open) {
	o.meets = t.slack.meets(&t.sv.failures[o.index])
	if t.hopeful(o) {
		t.divide(o)
	}
	t.rank(o)
	t.again(o)
}

// divide bounds each suspect by what may come by it, and each destination by how much that is for any suspect.
func (t *trial) divide(o *open) {
	f, n, list := &t.sv.failures[o.index], t.after.net, o.bound.suspects
	for j := range list {
		list[j].more = 0
	}
	shared := make([]bool, len(list))
	var w narrowing
	layer := -1
	for i := range o.meets {
		m := &o.meets[i]
		if which, _ := t.after.layer(int(m.row)); which != layer {
			layer = which
			w = t.narrowing(f, layer, list)
		}
		was, is, most := t.sv.before.rows[m.row], t.after.rows[m.row], int64(0)
		for j := range list {
			if k := w.share(j, list[j].arc, was, is); k > 0 {
				part := ceil(m.moved, k)
				list[j].more = saturate(list[j].more + part)
				most = max(most, part)
				shared[j] = shared[j] || k > 1
			}
		}
		m.moved = most
	}
	for j := range list {
		if x := &list[j]; shared[j] {
			x.drop = max(x.drop, min(t.slack.meeting(f).joint, t.slack.elements[int32(len(n.tail))+n.tail[x.arc]].joint))
		}
	}
	o.meets = slices.DeleteFunc(o.meets, func(m meet) bool { return m.moved == 0 && m.joint == 0 })
}

// rank orders the destinations where a failure meets the change by how much that is.
func (t *trial) rank(o *open) {
	slices.SortFunc(o.meets, func(a, b meet) int {
		return cmp.Or(cmp.Compare(b.moved+b.joint, a.moved+a.joint), cmp.Compare(a.row, b.row))
	})
	for _, m := range o.meets {
		o.known.rest = o.known.rest.plus(m.meeting)
	}
}

// few suspects are narrowed in any case, since that spares paths later.
const few = 16

// hopeful reports whether to narrow may settle a failure, or takes little.
func (t *trial) hopeful(o *open) bool {
	f, space := &t.sv.failures[o.index], t.barFor(o.index).space
	onto := t.slack.onto(f, &t.sv.effects[o.index], t.slack.meeting(f).joint, 0)
	return len(o.bound.suspects) <= few || !slices.ContainsFunc(o.bound.suspects, func(x suspect) bool { return x.gain+onto > space[x.arc] })
}
