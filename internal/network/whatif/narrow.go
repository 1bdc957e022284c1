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
// Of M (see slack) an arc gets what comes by its tail when both have happened. A tail from which no path is by what fails, after
// the change, keeps its next hops when that fails. So to a destination for which the arc is no next hop then, nothing comes by it;
// and else it gets an equal share, since whoever has crossed what fails, by the change alone, has not come by the tail, and so the
// choice that is made there says nothing about who is in M.
type narrowing struct {
	after *State // of one layer
	lanes []lane // by suspect
}

// narrowing prepares to narrow suspects of a failure in one layer.
func (t *trial) narrowing(f *failure, layer int, suspects []suspect) narrowing {
	w := narrowing{after: t.after.all()[layer]}
	gates := w.after.view.gates(w.after.net, f)
	for _, x := range suspects {
		w.lanes = append(w.lanes, w.after.lane(gates, w.after.net.tail[x.arc]))
	}
	return w
}

// share is among how many arcs, arc being one, M of a row is divided at the tail of suspect i; 0 when nothing comes by the arc.
func (w *narrowing) share(i int, arc int32, r *row) int {
	n := w.after.net
	tail := n.tail[arc]
	switch far := r.dist[tail]; {
	case far >= Unreachable:
		return 0
	case w.lanes[i].uses(r, far):
		return 1
	case !r.has(arc):
		return 0
	}
	return int(r.count(n, tail))
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
	f, list := &t.sv.failures[o.index], o.bound.suspects
	for j := range list {
		list[j].more = 0
	}
	var w narrowing
	layer := -1
	for i := range o.meets {
		m := &o.meets[i]
		if which, _ := t.after.layer(int(m.row)); which != layer {
			layer = which
			w = t.narrowing(f, layer, list)
		}
		most := int64(0)
		for j := range list {
			if k := w.share(j, list[j].arc, t.after.rows[m.row]); k > 0 {
				part := ceil(m.moved, k)
				list[j].more = saturate(list[j].more + part)
				most = max(most, part)
			}
		}
		m.moved = most
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
