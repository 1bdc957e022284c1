package flow

import "slices"

// Mixed is a network in which some nodes forward by other tables than the rest, as routers do until all of them have
// learned of a change. What one node sends on by its table may come back by another's, and then goes round until its
// time to live is over.
type Mixed struct {
	tables []*Routes
	whose  []int
}

// Mix lets node n forward by tables[whose[n]]; with a nil whose all do by the only table. The tables' graphs must have
// the same nodes and arcs, apart from metrics, from what is up and from what is overloaded.
func Mix(tables []*Routes, whose []int) *Mixed { return &Mixed{tables, whose} }

func (m *Mixed) next(from, to int) []int32 { return m.tables[m.whose[from]].towards[to].next(from) }

// Send carries demand as Routes.Send does, each node splitting by its own table. Traffic without a route may have none
// only at a node on its way.
//
// Traffic that comes to a node from which it can return to that node has looped: it stays there and crosses no further
// arc. That is exact where no node of a cycle splits its traffic. Where one does, some flows would have left by a next
// hop that leads out, so what is counted is a bound: nothing else can loop.
func (m *Mixed) Send(demand []int64, cross func(arc int, rate int64) int64) Ends {
	if m.whose == nil {
		return m.tables[0].Send(demand, cross)
	}
	nodes := len(m.whose)
	at, ends := make([]int64, nodes), make(Ends, nodes)
	s := newSorter(m)
	for to := range nodes {
		s.sort(to)
		for n := range nodes {
			at[n] = demand[n*nodes+to]
		}
		at[to] = 0
		for _, n := range s.order {
			switch hops := m.next(n, to); {
			case n == to:
				ends[n].Delivered += at[n]
			case s.circular[n]:
				ends[n].Looped += at[n]
			case len(hops) == 0:
				ends[n].Unroutable += at[n]
			case at[n] > 0:
				m.tables[0].graph.split(at, hops, at[n], cross)
			}
		}
	}
	return ends
}

// sorter puts the nodes in an order in which traffic to a destination passes them, and finds those on cycles. It is
// Tarjan's algorithm for strongly connected components, which completes a component only after all that follow it.
type sorter struct {
	mixed *Mixed
	to    int

	found   []int // when a node was found, from 1; 0 while it is not
	low     []int // the earliest found of what it leads to
	finds   int
	pending []int // found, and of no component yet
	waiting []bool

	order    []int // every node, before those that its traffic goes to unless they are on a cycle together
	circular []bool
}

func newSorter(m *Mixed) *sorter {
	nodes := len(m.whose)
	return &sorter{
		mixed: m, found: make([]int, nodes), low: make([]int, nodes),
		waiting: make([]bool, nodes), circular: make([]bool, nodes),
	}
}

func (s *sorter) sort(to int) {
	s.to, s.finds, s.order = to, 0, s.order[:0]
	clear(s.found)
	clear(s.circular)
	for n := range s.found {
		if s.found[n] == 0 {
			s.visit(n)
		}
	}
	slices.Reverse(s.order)
}

func (s *sorter) visit(n int) {
	s.finds++
	s.found[n], s.low[n] = s.finds, s.finds
	s.pending, s.waiting[n] = append(s.pending, n), true
	for _, arc := range s.mixed.next(n, s.to) {
		head := s.mixed.tables[0].graph.Arcs[arc].To
		switch {
		case s.found[head] == 0:
			s.visit(head)
			s.low[n] = min(s.low[n], s.low[head])
		case s.waiting[head]:
			s.low[n] = min(s.low[n], s.found[head])
		}
	}
	if s.low[n] < s.found[n] {
		return
	}
	first := slices.Index(s.pending, n)
	for _, member := range s.pending[first:] {
		s.waiting[member], s.circular[member] = false, len(s.pending)-first > 1
		s.order = append(s.order, member)
	}
	s.pending = s.pending[:first]
}
