package whatif

import "slices"

// sweepBatch is how many failures a sweep takes at once: enough to use a row while it is at hand, few enough for what
// they log to stay in some ten megabytes. It is fixed, so that what is computed does not depend on the machine.
const sweepBatch = 64

// sweep evaluates failures on st: for each of them, the sum of a scratch is what arcs gain and lose when it happens, and
// lost what cannot be delivered then and could before, but for what the failed nodes themselves send and receive. Calls of
// visit may run at once.
//
// Rows are taken one after the other, each with all failures, since fetching a row costs more than repairing it.
func (n *Net) sweep(st *State, list []*failure, visit func(s *scratch, i int, found failureLog)) {
	for from := 0; from < len(list); from += sweepBatch {
		n.sweepRows(st, list[from:min(len(list), from+sweepBatch)], func(s *scratch, i int, found failureLog) { visit(s, from+i, found) })
	}
}

// sweepRows is sweep of few failures.
func (n *Net) sweepRows(st *State, list []*failure, visit func(s *scratch, i int, found failureLog)) {
	var logs []*sweepLog
	n.parallel(len(st.rows), func(s *scratch, index int) {
		if s.log == nil {
			s.log = n.logs.Get().(*sweepLog)
			s.log.begin(len(list))
		}
		for i, f := range list {
			if f.hits(st.rows[index]) {
				s.logRow(st, index, f, &s.log.of[i])
			}
		}
	}, func(s *scratch) {
		if s.log != nil {
			logs = append(logs, s.log)
			s.log = nil
		}
	})
	n.parallel(len(list), func(s *scratch, i int) {
		s.nextSum()
		var found failureLog
		for _, log := range logs {
			entry := &log.of[i]
			for j, arc := range entry.arcs {
				s.add(arc, entry.gain[j])
			}
			found.lost, found.rows = found.lost+entry.lost, found.rows+entry.rows
		}
		visit(s, i, found)
	}, nil)
	for _, log := range logs {
		n.logs.Put(log)
	}
}

// sweepLog is what one worker has found out about each failure of a sweep.
type sweepLog struct {
	of []failureLog
}

// failureLog is what is found out about a failure, by one worker or by all.
type failureLog struct {
	arcs []int32 // with gain: changes in load; empty in what sweep hands on, where the scratch has the sum
	gain []int64
	lost int64 // units that cannot be delivered any more
	rows int   // that use what fails
}

func (l *sweepLog) begin(failures int) {
	for len(l.of) < failures {
		l.of = append(l.of, failureLog{})
	}
	for i := range l.of {
		e := &l.of[i]
		*e = failureLog{arcs: e.arcs[:0], gain: e.gain[:0]}
	}
}

// logRow logs what the failure does to one row.
func (s *scratch) logRow(st *State, index int, f *failure, log *failureLog) {
	log.rows++
	s.nextSum()
	s.failRow(&s.before, st, index, f, 0)
	which, at := st.layer(index)
	s.eachCut(st.all()[which], at, f, func(_ int32, amount int64) { log.lost += amount })
	for _, arc := range s.touched {
		if x := s.gain[arc]; x != 0 {
			log.arcs, log.gain = append(log.arcs, arc), append(log.gain, x)
		}
	}
}

// failRow adds to the sum what arcs gain and lose in one row by the failure, as far as their tails are nearest or farther from
// the destination.
func (s *scratch) failRow(p *probe, st *State, index int, f *failure, nearest uint32) {
	which, at := st.layer(index)
	layer := st.all()[which]
	r, to := layer.rows[at], layer.net.dests[at]
	if slices.Contains(f.nodes, to) {
		r.eachArc(s.net, s.hops, func(arc int32, x int64) { s.add(arc, -x) })
		return
	}
	v := p.try(s.net, layer.view, f)
	s.worse = append(s.worse[:0], f.arcs...)
	s.reroute(v, to, r)
	s.carry(to, r, nearest)
	p.takeBack(s.net, f)
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
