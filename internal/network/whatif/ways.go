package whatif

import (
	"math/bits"
	"slices"
)

// gate is a way into what fails: to the node at, and on for cost to next.
type gate struct {
	at, next int32
	cost     uint32
	dist     []uint32 // per node, how far at is; nil when that is not known
}

// ways are the ways into what fails in one layer's state. One of the gates is on each path that the failure takes away.
type ways struct {
	net   *Net
	arcs  []int32 // that fail
	gates []gate
}

// ways finds the ways into what fails.
func (st *State) ways(f *failure) ways {
	n := st.net
	w := ways{net: n, arcs: f.arcs, gates: make([]gate, 0, len(f.nodes)+2*len(f.links))}
	add := func(g gate) {
		if row := n.rowOf[g.at]; row >= 0 {
			g.dist = st.rows[row].dist
		}
		w.gates = append(w.gates, g)
	}
	for _, node := range f.nodes {
		add(gate{at: node, next: node})
	}
	for _, link := range f.links {
		for _, arc := range n.arcsOf[link] {
			if cost := st.view.weight[arc]; cost != 0 {
				add(gate{at: n.tail[arc], next: n.head[arc], cost: cost})
			}
		}
	}
	return w
}

// use reports whether a shortest path of r from node may be by what fails: then the cost to be behind one gate and from there
// to the destination is the whole.
func (w *ways) use(r *row, node int32) bool {
	for i := range w.gates {
		g := &w.gates[i]
		far, on := uint32(0), r.dist[g.next]
		switch {
		case g.at == node:
		case g.dist == nil:
			return true
		default:
			far = g.dist[node]
		}
		if far < Unreachable && on < Unreachable && far+g.cost+on == r.dist[node] {
			return true
		}
	}
	return false
}

// strand reports whether the failure may leave node, in r, without any of the next hops that it has: each of them must fail, or
// lead to a node that is itself left without any. How far that is followed is bounded by depth.
func (w *ways) strand(r *row, node int32, depth int) bool {
	if r.dist[node] >= Unreachable || !w.use(r, node) {
		return false
	}
	if depth == 0 {
		return true
	}
	n := w.net
	for at, end := n.out[node], n.out[node+1]; at < end; at = (at>>6 + 1) << 6 {
		for word := r.next.from(at, end); word != 0; word &= word - 1 {
			arc := at + int32(bits.TrailingZeros64(word))
			if _, fails := slices.BinarySearch(w.arcs, arc); !fails && !w.strand(r, n.head[arc], depth-1) {
				return false
			}
		}
	}
	return true
}

// followed is how many hops ahead is looked whether a node is stranded. To look farther spares no more paths.
const followed = 2

// change reports whether the failure may change what arc carries of r. Only who is stranded gets next hops that it had not.
func (w *ways) change(r *row, arc int32) bool {
	return r.has(arc) || w.strand(r, w.net.tail[arc], followed)
}

// nearest is how far the nearest tail of any suspect is whose load of r the failure may change; Unreachable when there is none.
func (w *ways) nearest(r *row, suspects []suspect) uint32 {
	nearest := uint32(Unreachable)
	for _, x := range suspects {
		if far := r.dist[w.net.tail[x.arc]]; far < nearest && w.change(r, x.arc) {
			nearest = far
		}
	}
	return nearest
}
