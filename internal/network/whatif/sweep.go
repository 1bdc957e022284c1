package whatif

import (
	"runtime"
	"slices"
)

// sweepBatch is how many failures a worker takes at once, a power of two and at most 64: enough to use a row while it is at hand, few
// enough for what they do to stay in a processor's cache.
const sweepBatch = 32

// found is what a sweep finds out about a failure.
type found struct {
	gain []int64 // per arc: what it gains and loses, in units
	lost int64   // units that cannot be delivered any more and could before, but for what the failed nodes themselves send and receive
	rows int     // that use what fails
}

// add adds what another worker has found out about the same failure.
func (f *found) add(o found) {
	f.lost, f.rows = f.lost+o.lost, f.rows+o.rows
	for arc, x := range o.gain {
		f.gain[arc] += x
	}
}

// sweep evaluates failures on st, and shows what it finds out about each. Calls of visit may run at once, and must not keep gain.
//
// Workers take some failures each, or when these are few some rows each, and rows one after the other with all failures that they
// have, since fetching a row costs more than repairing it.
func (n *Net) sweep(st *State, list []*failure, visit func(s *scratch, i int, found found)) {
	switch {
	case len(list) == 0:
		return
	case len(list) <= sweepBatch:
		n.sweepFew(st, list, visit)
		return
	}
	width := min(sweepBatch, int(ceil(int64(len(list)), runtime.GOMAXPROCS(0))))
	batches := slices.Collect(slices.Chunk(list, width))
	n.parallel(len(batches), func(s *scratch, b int) {
		l := s.begun(len(batches[b]))
		for index := range st.rows {
			s.failRows(st, index, batches[b])
		}
		for lane := range batches[b] {
			visit(s, b*width+lane, l.found[lane])
		}
		l.end()
	}, nil)
}

// sweepFew is sweep of a batch.
func (n *Net) sweepFew(st *State, batch []*failure, visit func(s *scratch, i int, found found)) {
	all := make([]found, len(batch))
	for i := range all {
		all[i].gain = make([]int64, len(n.tail))
	}
	n.parallel(len(st.rows), func(s *scratch, index int) {
		s.begun(len(batch))
		s.failRows(st, index, batch)
	}, func(s *scratch) {
		if s.lanes == nil {
			return
		}
		for i, f := range s.lanes.found {
			all[i].add(f)
		}
		s.lanes.end()
	})
	n.parallel(len(batch), func(s *scratch, i int) { visit(s, i, all[i]) }, nil)
}

// failRow adds to the sum what arcs gain and lose in one row by the failure, as far as their tails are nearest or farther from
// the destination.
func (s *scratch) failRow(st *State, index int, f *failure, nearest uint32) {
	which, at := st.layer(index)
	layer := st.all()[which]
	r, to := layer.rows[at], layer.net.dests[at]
	if slices.Contains(f.nodes, to) {
		r.eachArc(s.net, s.hops, func(arc int32, x int64) { s.add(arc, -x) })
		return
	}
	s.fail(layer.view, f, to, r)
	s.carry(to, r, nearest)
}

// fail reroutes a row that v is what holds for as the failure has it.
func (s *scratch) fail(v *view, f *failure, to int32, r *row) {
	s.worse = append(s.worse[:0], f.arcs...)
	s.strand(r)
	if len(s.moved) > 0 {
		s.rehome(s.before.try(s.net, v, f), to)
		s.before.takeBack(s.net, f)
	}
}

// eachCut visits the sources that the repair just made cuts off from the destination of st's row, and what they send.
func (s *scratch) eachCut(st *State, index int, f *failure, visit func(node int32, amount int64)) {
	r, n := st.rows[index], st.net
	if len(f.nodes) > 0 && slices.Contains(f.nodes, n.dests[index]) {
		return
	}
	for _, node := range s.moved {
		if s.dist[node] < Unreachable || r.flow[node] == 0 || len(f.nodes) > 0 && slices.Contains(f.nodes, node) {
			continue
		}
		if amount := n.demand(index, node); amount > 0 {
			visit(node, amount)
		}
	}
}

// newlyCut visits the demands that f cuts off in after and not in before, and that after alone delivers; those of failed
// nodes left out. Both are states of one layer.
func (s *scratch) newlyCut(before, after *State, f *failure, visit func(index int, node int32, amount int64)) {
	type source struct {
		node   int32
		amount int64
	}
	n := after.net
	va, vb := s.after.try(n, after.view, f), s.before.try(n, before.view, f)
	defer s.after.takeBack(n, f)
	defer s.before.takeBack(n, f)
	s.worse = append(s.worse[:0], f.arcs...)
	var found []source
	for i, r := range after.rows {
		if !f.hits(r) {
			continue
		}
		s.reroute(va, n.dests[i], r)
		found = found[:0]
		s.eachCut(after, i, f, func(node int32, amount int64) { found = append(found, source{node, amount}) })
		if len(found) == 0 {
			continue
		}
		old := before.rows[i]
		s.reroute(vb, n.dests[i], old)
		slices.SortFunc(found, func(a, b source) int { return int(a.node - b.node) })
		for _, x := range found {
			if s.dist[x.node] < Unreachable {
				visit(i, x.node, x.amount)
			}
		}
	}
}
