package whatif

import (
	"errors"
	"fmt"
	"slices"
)

var errLayers = errors.New("what-if: layers are one or more states of networks with the same nodes and links, whatever their metrics")

var errOffered = fmt.Errorf("what-if: the demands of all layers together: want at most %d bits per second", int64(maxTotal))

// together is what the layers of one network carry: topologies with metrics and traffic of their own (RFC 5120) over the same
// nodes and links. Its rows are those of all layers, one layer after the other, and its loads their sums. It has no view, since
// each layer has one; a single layer is what it is.
func together(layers []*State) (*State, error) {
	if len(layers) == 0 {
		return nil, errLayers
	}
	if len(layers) == 1 {
		return layers[0], nil
	}
	all := &State{net: layers[0].net, layers: layers, load: slices.Clone(layers[0].load)}
	offered := int64(0)
	for i, st := range layers {
		if offered += st.net.offered; offered > maxTotal<<fraction {
			return nil, errOffered
		}
		if i > 0 {
			if !st.net.alike(all.net) {
				return nil, errLayers
			}
			for arc, x := range st.load {
				all.load[arc] += x
			}
		}
		all.rows = append(all.rows, st.rows...)
	}
	return all, nil
}

// Loads are the loads of all links in the order of State.Loads, as the layers of one network carry them together: rounded once
// all is added up.
func Loads(layers ...*State) []Load {
	sum := slices.Clone(layers[0].load)
	for _, st := range layers[1:] {
		for arc, x := range st.load {
			sum[arc] += x
		}
	}
	return (&State{net: layers[0].net, load: sum}).Loads()
}

// alike reports whether two networks have the same layout.
func (n *Net) alike(o *Net) bool {
	return n == o || slices.EqualFunc(n.nodes, o.nodes, func(a, b Node) bool { return a.Name == b.Name }) &&
		slices.EqualFunc(n.links, o.links, func(a, b Link) bool {
			return a.Name == b.Name && a.A == b.A && a.B == b.B && a.CapacityAB == b.CapacityAB && a.CapacityBA == b.CapacityBA && slices.Equal(a.SRLGs, b.SRLGs)
		})
}

// all are the layers that the state is put together of, itself when it is one.
func (st *State) all() []*State {
	if st.layers == nil {
		return []*State{st}
	}
	return st.layers
}

// layer finds the layer that row is in, and which of the layer's rows it is.
func (st *State) layer(row int) (which, index int) {
	for which < len(st.layers) && row >= len(st.layers[which].rows) {
		row -= len(st.layers[which].rows)
		which++
	}
	return which, row
}

// to is the destination of row.
func (st *State) to(row int) int32 {
	which, index := st.layer(row)
	return st.all()[which].net.dests[index]
}

// ofOne reports whether the layers are states of the same networks.
func (st *State) ofOne(o *State) bool {
	return slices.EqualFunc(st.all(), o.all(), func(a, b *State) bool { return a.net == b.net })
}

// worsened are the arcs that a change makes worse, by layer.
type worsened [][]arcChange

// worsens says what leads from before to after, layer by layer; ok is false unless that only makes arcs worse, the same in all
// layers that use them: then what a failure brings onto such an arc can be told from what it brings there in all layers.
func worsens(before, after *State) (by worsened, ok bool) {
	ok = true
	for i, st := range before.all() {
		worse, better := differences(st.net, st.view, after.all()[i].view)
		by, ok = append(by, worse), ok && len(better) == 0
	}
	if len(by) == 1 {
		return by, ok
	}
	for _, c := range by.union() {
		for i, st := range before.all() {
			ok = ok && (st.view.weight[c.arc] == 0 || slices.Contains(by[i], c))
		}
	}
	return by, ok
}

// union are all arcs that are worse in a layer, ascending and once each.
func (w worsened) union() []arcChange {
	all := slices.Concat(w...)
	slices.SortFunc(all, func(a, b arcChange) int { return int(a.arc - b.arc) })
	return slices.CompactFunc(all, func(a, b arcChange) bool { return a.arc == b.arc })
}
