// Package flow says where traffic goes in a link-state network, and lets it be carried there.
//
// A Graph is one topology as a link-state protocol sees it: arcs with metrics, and nodes that may be overloaded. Paths
// computes every node's equal-cost next hops towards every destination. Routes.Send then pushes a demand matrix along
// them, splitting equally per next hop at each node; parallel arcs are next hops of their own. The caller says what
// becomes of traffic at each arc, so the same walk serves for offered load, for loss and for congestion. Mixed does the
// same for nodes that do not all forward by the same Routes, where traffic may loop.
//
// Rates are int64 and nothing is rounded away: what a node cannot divide evenly goes, unit by unit, to its first next
// hops, so whatever enters is delivered, dropped by an arc, or had no route. No clock, no goroutine, no randomness.
package flow

import "slices"

const (
	// MaxMetric takes an arc out of shortest paths (RFC 5305, section 3).
	MaxMetric = 1<<24 - 1
	// MaxPath is the cost at which a node counts as unreachable (MAX_PATH_METRIC of RFC 5305, section 3).
	MaxPath = 0xFE000000
)

// Arc is one direction of a link.
type Arc struct {
	From, To int
	Metric   uint32 // at least 1; MaxMetric is never used
	Up       bool   // both ends advertise the adjacency
}

// Graph is what shortest paths are computed over.
type Graph struct {
	Nodes    int
	Arcs     []Arc
	Overload []bool // per node: reached, but not passed through (ISO 10589, 7.2.8.1); nil when none is
}

// Routes are the shortest paths of one Graph.
type Routes struct {
	graph   *Graph
	towards []tree // per destination
}

// tree is how one destination is reached from everywhere.
type tree struct {
	cost  []uint64
	order []int   // reachable nodes, farthest first, without the destination
	first []int32 // per node, where its next hops begin in hops; the next node's begin ends them
	hops  []int32 // arcs
}

// Paths computes the shortest paths between all nodes of g, which must not change as long as the routes are used.
func Paths(g *Graph) *Routes {
	r := &Routes{graph: g, towards: make([]tree, g.Nodes)}
	in, out := make([][]int32, g.Nodes), make([][]int32, g.Nodes)
	for i, a := range g.Arcs {
		if a.Up && a.Metric < MaxMetric {
			in[a.To] = append(in[a.To], int32(i))
			out[a.From] = append(out[a.From], int32(i))
		}
	}
	for to := range r.towards {
		r.towards[to] = g.reach(to, in, out)
	}
	return r
}

// reach runs Dijkstra's algorithm from the destination backwards. An overloaded node is settled but never expanded.
func (g *Graph) reach(to int, in, out [][]int32) tree {
	t := tree{cost: make([]uint64, g.Nodes), first: make([]int32, g.Nodes+1)}
	for n := range t.cost {
		t.cost[n] = MaxPath
	}
	t.cost[to] = 0
	settled := make([]bool, g.Nodes)
	queue := heap{{0, to}}
	for len(queue) > 0 {
		n := queue.pop().node
		if settled[n] {
			continue
		}
		settled[n] = true
		if n != to {
			t.order = append(t.order, n)
		}
		if !g.transit(n, to) {
			continue
		}
		for _, i := range in[n] {
			a := &g.Arcs[i]
			if cost := t.cost[n] + uint64(a.Metric); cost < t.cost[a.From] {
				t.cost[a.From] = cost
				queue.push(item{cost, a.From})
			}
		}
	}
	slices.Reverse(t.order)
	for n := range g.Nodes {
		t.first[n] = int32(len(t.hops))
		if n == to || !settled[n] {
			continue
		}
		for _, i := range out[n] {
			a := &g.Arcs[i]
			if g.transit(a.To, to) && t.cost[a.To] < MaxPath && t.cost[n] == t.cost[a.To]+uint64(a.Metric) {
				t.hops = append(t.hops, i)
			}
		}
	}
	t.first[g.Nodes] = int32(len(t.hops))
	return t
}

// transit says whether a path to the destination may continue from n.
func (g *Graph) transit(n, to int) bool {
	return n == to || g.Overload == nil || !g.Overload[n]
}

// Cost is the metric of the shortest path, and false when there is none.
func (r *Routes) Cost(from, to int) (uint64, bool) {
	cost := r.towards[to].cost[from]
	return cost, cost < MaxPath
}

// NextHops are the arcs over which traffic leaves from on its way to to, in the order of the graph's arcs.
func (r *Routes) NextHops(from, to int) []int32 {
	return r.towards[to].next(from)
}

func (t *tree) next(n int) []int32 { return t.hops[t.first[n]:t.first[n+1]] }

// Fate is what becomes of traffic that no arc dropped.
type Fate struct {
	Delivered  int64
	Unroutable int64 // without a route
	Looped     int64 // until its time to live was over
}

// Ends are the fates of a demand by the node where each comes about.
type Ends []Fate

// Total is the fate of all of it.
func (e Ends) Total() (sum Fate) {
	for _, f := range e {
		sum.Delivered += f.Delivered
		sum.Unroutable += f.Unroutable
		sum.Looped += f.Looped
	}
	return sum
}

// Send carries demand, a rate for each pair at index from*Nodes+to. At each arc cross is given the rate entering it and
// returns the rate that arrives at the other end, which is at most as much. An arc may be asked several times, once for
// each destination. Send returns where it ended: what has no route does so at its source.
func (r *Routes) Send(demand []int64, cross func(arc int, rate int64) int64) Ends {
	nodes := r.graph.Nodes
	at, ends := make([]int64, nodes), make(Ends, nodes)
	for to := range r.towards {
		t := &r.towards[to]
		for n := range nodes {
			at[n] = demand[n*nodes+to]
			if n != to && t.cost[n] >= MaxPath {
				ends[n].Unroutable += at[n]
				at[n] = 0
			}
		}
		at[to] = 0
		for _, n := range t.order {
			if at[n] == 0 {
				continue
			}
			r.graph.split(at, t.next(n), at[n], cross)
		}
		ends[to].Delivered += at[to]
	}
	return ends
}

// split divides a rate over next hops and adds what arrives to what is at their other ends.
func (g *Graph) split(at []int64, hops []int32, rate int64, cross func(arc int, rate int64) int64) {
	share, rest := rate/int64(len(hops)), rate%int64(len(hops))
	for i, arc := range hops {
		part := share
		if int64(i) < rest {
			part++
		}
		if part > 0 {
			at[g.Arcs[arc].To] += cross(int(arc), part)
		}
	}
}
