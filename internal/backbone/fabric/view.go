package fabric

import (
	"slices"

	"github.com/detour-net/detour/internal/backbone/flow"
)

// view is the network as a router knows it. Those of routers that know the same share its slices.
type view struct {
	ends     []End
	told     []bool // by end
	overload []bool // nil when none is
}

// knowledge says what every router knows.
type knowledge struct {
	views []view
	whose []int // by router, into views; nil when there is one for all
}

// truth is what a router knows that has learned everything.
func (f *Fabric) truth() view { return view{f.ends, f.told, f.overload} }

// untouched is what routers would know had nothing been configured since the start, with the news that there would be.
func (f *Fabric) untouched() (view, []*news) {
	return view{f.start, f.told, nil}, slices.DeleteFunc(slices.Clone(f.flight), configured)
}

// knowledge is who knows what, when so much is true and these news are still under way.
func (f *Fabric) knowledge(truth view, flight []*news) knowledge {
	if len(flight) == 0 {
		return knowledge{views: []view{truth}}
	}
	k := knowledge{whose: make([]int, f.nodes)}
	known := map[string]int{}
	heard := make([]byte, len(flight))
	for node := range f.nodes {
		for i, n := range flight {
			heard[i] = '-'
			if n.heard[node] {
				heard[i] = '+'
			}
		}
		at, ok := known[string(heard)]
		if !ok {
			at = len(k.views)
			known[string(heard)] = at
			k.views = append(k.views, truth.before(flight, node))
		}
		k.whose[node] = at
	}
	return k
}

// before takes out of a view the news that a router has not heard. It undoes the latest first, so that of several about
// the same thing the value before the earliest unheard one remains.
func (v view) before(flight []*news, node int) view {
	v = view{slices.Clone(v.ends), slices.Clone(v.told), slices.Clone(v.overload)}
	for _, n := range slices.Backward(flight) {
		if !n.heard[node] {
			n.undo(&v)
		}
	}
	return v
}

// graph is the network as one class of traffic is routed over it by who knows v. A link is used when both its ends tell
// of the adjacency.
func (f *Fabric) graph(class int, v view) *flow.Graph {
	g := &flow.Graph{Nodes: f.nodes, Arcs: make([]flow.Arc, 2*len(f.links)), Overload: v.overload}
	for i, l := range f.links {
		a, b := &v.ends[2*i], &v.ends[2*i+1]
		shared := a.Levels & b.Levels
		up := v.told[2*i] && v.told[2*i+1] && a.Class[class] && b.Class[class]
		g.Arcs[2*i] = flow.Arc{From: l.A, To: l.B, Metric: a.effective(class, shared), Up: up}
		g.Arcs[2*i+1] = flow.Arc{From: l.B, To: l.A, Metric: b.effective(class, shared), Up: up}
	}
	return g
}

// effective is the metric of an end over the levels that both ends share, and out of reach when there is none.
func (e *End) effective(class int, levels uint8) uint32 {
	metric := uint32(flow.MaxMetric)
	for level := 1; level <= 2; level++ {
		if levels&(1<<level) != 0 {
			metric = min(metric, max(1, e.Metric[level][class]))
		}
	}
	return metric
}
