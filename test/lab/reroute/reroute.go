package reroute

import (
	"math"
	"slices"

	"github.com/detour-net/detour/internal/network"
)

// Drained is the metric of a soft drain, the highest that is used (RFC 5305, section 3).
const Drained = 1<<24 - 2

// arc is one direction of a link.
type arc struct {
	from, to int
	link     string
	metric   uint64
}

// Graph is a topology as shortest paths see it. It never changes.
type Graph struct {
	names []string
	arcs  []arc
}

// Of makes a graph of a topology, by the metrics of level 2 and IPv4. Overloaded routers are taken for others.
func Of(t *network.Topology) *Graph {
	g := &Graph{}
	at := map[string]int{}
	for i, r := range t.Routers {
		at[r.Name] = i
		g.names = append(g.names, r.Name)
	}
	for _, l := range t.Links {
		a, b := at[l.A.Device], at[l.B.Device]
		g.arcs = append(g.arcs,
			arc{a, b, l.Name, uint64(l.A.MetricAt(2, network.IPv4))}, arc{b, a, l.Name, uint64(l.B.MetricAt(2, network.IPv4))})
	}
	return g
}

// with is the graph with another metric at both ends of a link.
func (g *Graph) with(link string, metric uint64) *Graph {
	other := &Graph{names: g.names, arcs: slices.Clone(g.arcs)}
	for i := range other.arcs {
		if other.arcs[i].link == link {
			other.arcs[i].metric = metric
		}
	}
	return other
}

// without is the graph without some links.
func (g *Graph) without(links ...string) *Graph {
	return &Graph{names: g.names, arcs: slices.DeleteFunc(slices.Clone(g.arcs), func(a arc) bool { return slices.Contains(links, a.link) })}
}

// unreached is the distance of who cannot be reached.
const unreached = math.MaxUint64

// toward is every router's distance to one.
func (g *Graph) toward(to int) []uint64 {
	far := make([]uint64, len(g.names))
	for i := range far {
		far[i] = unreached
	}
	far[to] = 0
	for changed := true; changed; {
		changed = false
		for _, a := range g.arcs {
			if far[a.to] != unreached && far[a.to]+a.metric < far[a.from] {
				far[a.from], changed = far[a.to]+a.metric, true
			}
		}
	}
	return far
}

// next are the routers that each hands packets for one to.
func (g *Graph) next(to int) [][]int {
	far := g.toward(to)
	hops := make([][]int, len(g.names))
	for _, a := range g.arcs {
		if far[a.to] != unreached && a.from != to && far[a.to]+a.metric == far[a.from] && !slices.Contains(hops[a.from], a.to) {
			hops[a.from] = append(hops[a.from], a.to)
		}
	}
	return hops
}

// Whole says whether every router reaches every other without some links.
func (g *Graph) Whole(without ...string) bool {
	return !slices.Contains(g.without(without...).toward(0), unreached)
}

// Direct are the links by which alone packets go from either of their ends to the other, and without which every router
// still reaches every other: those on which a fault is felt, and whose drain has somewhere to send packets.
func (g *Graph) Direct() []string {
	var list []string
	for i := 0; i < len(g.arcs); i += 2 {
		there, back := g.arcs[i], g.arcs[i+1]
		rest := g.without(there.link)
		if rest.toward(there.to)[there.from] > there.metric && rest.toward(back.to)[back.from] > back.metric && g.Whole(there.link) {
			list = append(list, there.link)
		}
	}
	return list
}

// Loop is a link whose drain in one step lets packets from one of its ends go round in circles until every router has heard
// of it, and that end and where those packets go.
type Loop struct{ Link, From, To string }

// Loops are all of them, in the topology's order.
func (g *Graph) Loops() []Loop {
	var list []Loop
	for i := 0; i < len(g.arcs); i += 2 {
		link := g.arcs[i].link
		after := g.with(link, Drained)
		for to := range g.names {
			old, later := g.next(to), after.next(to)
			for _, from := range []int{g.arcs[i].from, g.arcs[i].to} {
				if circles(from, old, later) {
					list = append(list, Loop{link, g.names[from], g.names[to]})
				}
			}
		}
	}
	return list
}

// circles says whether packets that leave a router may come back to it, when each router goes by either of two tables.
func circles(from int, old, later [][]int) bool {
	seen := map[int]bool{}
	open := []int{from}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		for _, hop := range append(slices.Clone(old[at]), later[at]...) {
			if hop == from {
				return true
			}
			if !seen[hop] {
				seen[hop] = true
				open = append(open, hop)
			}
		}
	}
	return false
}

// Avoids says whether no shortest path between two routers, in either direction, leads over a third, without some links.
func (g *Graph) Avoids(a, b, third string, without ...string) bool {
	rest := g.without(without...)
	i, j, k := slices.Index(g.names, a), slices.Index(g.names, b), slices.Index(g.names, third)
	for _, way := range [][2]int{{i, j}, {j, i}} {
		direct, onto, from := rest.toward(way[1])[way[0]], rest.toward(k)[way[0]], rest.toward(way[1])[k]
		if onto != unreached && from != unreached && onto+from == direct {
			return false
		}
	}
	return true
}

// Around says whether every router but one still reaches every other without some links when packets may not pass that one.
func (g *Graph) Around(router string, without ...string) bool {
	k := slices.Index(g.names, router)
	rest := g.without(without...)
	rest.arcs = slices.DeleteFunc(rest.arcs, func(a arc) bool { return a.from == k || a.to == k })
	start := 0
	if k == 0 {
		start = 1
	}
	for i, far := range rest.toward(start) {
		if far == unreached && i != k {
			return false
		}
	}
	return true
}
