package whatif

// State is where traffic goes in a network as it is, or as it would be. It never changes and may be used by many at once;
// states of one Net share what they have in common.
type State struct {
	net  *Net
	view *view
	rows []*row
	load []int64 // per arc, in units
	lost int64   // units that cannot be delivered
	cut  int     // demands that cannot be delivered

	layers []*State // of which it is put together (see together); nil of one by itself
}

// Solve computes the state of the network as its Spec has it.
func (n *Net) Solve() *State { return n.solveUnder(n.present) }

func (n *Net) solveUnder(v *view) *State {
	st := &State{net: n, view: v, rows: make([]*row, len(n.dests)), load: make([]int64, len(n.tail))}
	n.parallel(len(st.rows), func(s *scratch, i int) {
		st.rows[i] = newRow(n)
		s.into(func(load []int64) { s.solve(v, i, st.rows[i], load) })
	}, func(s *scratch) { st.absorb(s) })
	st.count()
	return st
}

// into lets fill add to the worker's sum, arc by arc.
func (s *scratch) into(fill func(load []int64)) {
	if len(s.touched) < len(s.gain) {
		for arc := range s.gain {
			s.add(int32(arc), 0)
		}
	}
	fill(s.gain)
}

// absorb takes over what a worker has summed.
func (st *State) absorb(s *scratch) {
	for _, arc := range s.touched {
		st.load[arc] += s.gain[arc]
	}
}

func (st *State) count() {
	st.lost, st.cut = 0, 0
	for _, r := range st.rows {
		st.lost += r.lost
		st.cut += int(r.cut)
	}
}

// Apply returns the state after c: exactly what solving the changed network from nothing would give. It refuses names
// that the network does not have.
func (st *State) Apply(c Change) (*State, error) {
	next, err := st.net.changed(st.view, c)
	if err != nil {
		return nil, err
	}
	return st.under(next), nil
}

// under is the state with v in place of its view.
func (st *State) under(v *view) *State {
	n := st.net
	worse, better := differences(n, st.view, v)
	after := &State{net: n, view: v, rows: append([]*row(nil), st.rows...), load: append([]int64(nil), st.load...)}
	n.parallel(len(st.rows), func(s *scratch, i int) {
		r, to := st.rows[i], n.dests[i]
		if n.attracted(v, r, to, better) {
			r.eachArc(n, s.hops, func(arc int32, x int64) { s.add(arc, -x) })
			after.rows[i] = newRow(n)
			s.into(func(load []int64) { s.solve(v, i, after.rows[i], load) })
			return
		}
		if s.gather(r, to, worse) {
			s.reroute(v, to, r)
			s.carry(to, r, 0)
			after.rows[i] = s.repaired(i)
		}
	}, func(s *scratch) { after.absorb(s) })
	after.count()
	return after
}

// attracted reports whether one of the arcs that became better would be a next hop of r.
func (n *Net) attracted(v *view, r *row, to int32, better []arcChange) bool {
	for _, c := range better {
		if c.on(n, to) < 0 {
			head := r.dist[n.head[c.arc]]
			cost := head + v.weight[c.arc]
			if head < Unreachable && cost < Unreachable && cost <= r.dist[n.tail[c.arc]] {
				return true
			}
		}
	}
	return false
}

// gather puts the arcs that became worse for destination to into s.worse, and reports whether r uses one.
func (s *scratch) gather(r *row, to int32, worse []arcChange) bool {
	s.worse = s.worse[:0]
	used := false
	for _, c := range worse {
		if c.on(s.net, to) > 0 {
			s.worse = append(s.worse, c.arc)
			used = used || r.has(c.arc)
		}
	}
	return used
}

// Net is the network that the state is of.
func (st *State) Net() *Net { return st.net }

// Digest identifies the network, its traffic and everything that was changed.
func (st *State) Digest() string {
	d := newDigest()
	d.text(st.net.digest)
	for i, l := range st.net.arcsOf {
		d.put(int64(st.view.metric[l[0]]), int64(st.view.metric[l[1]]), truth(st.view.linkDown[i]))
	}
	for i := range st.net.nodes {
		d.put(truth(st.view.overload[i]), truth(st.view.nodeDown[i]))
	}
	return d.sum()
}
