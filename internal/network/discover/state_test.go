package discover

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/network"
)

// What routers tell is laid over the configured network, everybody's drains included.
func TestState(t *testing.T) {
	at := time.Unix(1_000, 0).UTC()
	on, off := true, false
	net := &network.Topology{
		Routers: []network.Router{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Links:   []network.Link{link("ab", "a", "p1", "b", "p1", 10, 10), link("bc", "b", "p2", "c", "p1", 20, 20), link("ca", "c", "p2", "a", "p2", 30, 35)},
	}
	routers := func(c network.RouterState) map[string]network.RouterState {
		return map[string]network.RouterState{"a": {At: at, Overload: &off}, "b": {At: at, Overload: &off}, "c": c}
	}
	end := func(metric uint32) network.EndState { return network.EndState{At: at, Metrics: both(metric)} }
	links := func(ab, bc, ca network.LinkState) map[string]network.LinkState {
		return map[string]network.LinkState{"ab": ab, "bc": bc, "ca": ca}
	}
	ab, bc, ca := network.LinkState{A: end(10), B: end(10)}, network.LinkState{A: end(20), B: end(20)}, network.LinkState{A: end(30), B: end(35)}
	seen := network.RouterState{At: at, Overload: &off}
	for name, c := range map[string]struct {
		alter   func(map[string]*Account)
		links   map[string]network.LinkState
		c       network.RouterState
		unknown []string
	}{
		"as configured": {links: links(ab, bc, ca), c: seen},
		"drained at one end": {
			alter: func(all map[string]*Account) { all["b"].Ports[0].Metrics = both(network.MetricLastResort) },
			links: links(network.LinkState{A: end(10), B: end(network.MetricLastResort)}, bc, ca), c: seen,
		},
		"overloaded": {
			alter: func(all map[string]*Account) { all["c"].Overload = &on },
			links: links(ab, bc, ca), c: network.RouterState{At: at, Overload: &on},
		},
		"down": {
			alter: func(all map[string]*Account) {
				all["a"].Ports[0].Oper = "DOWN"
				all["b"].Ports[0].Adjacencies[0].Up = false
			},
			links: links(network.LinkState{A: network.EndState{At: at, Metrics: both(10), Down: true}, B: network.EndState{At: at, Metrics: both(10), Down: true}}, bc, ca), c: seen,
		},
		"silent, and others tell": {
			alter: func(all map[string]*Account) {
				silence("c")(all)
				for _, name := range []string{"a", "b"} {
					all[name].Database[2].Overload = true
				}
			},
			links: links(ab, bc, ca), c: network.RouterState{At: at, Overload: &on},
		},
		"silent, and nobody tells": {
			alter: func(all map[string]*Account) {
				silence("c")(all)
				all["a"].Database, all["b"].Database = nil, nil
			},
			links: links(ab, network.LinkState{A: end(20)}, network.LinkState{B: end(35)}), unknown: []string{"bc", "c", "ca"},
		},
		"two that are silent": {
			alter: func(all map[string]*Account) {
				silence("c", "b")(all)
				all["a"].Database = nil
			},
			links: map[string]network.LinkState{"ab": {A: end(10)}, "ca": {B: end(35)}}, unknown: []string{"ab", "b", "bc", "c", "ca"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			accounts := world(triangle, wires, c.alter)
			for i := range accounts {
				accounts[i].At = at
			}
			want := routers(c.c)
			for _, name := range c.unknown {
				delete(want, name)
			}
			got, unknown := State(net, accounts)
			if diff := cmp.Diff(network.State{At: at, Links: c.links, Routers: want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.unknown, unknown); diff != "" {
				t.Errorf("unknown (-want +got):\n%s", diff)
			}
		})
	}
}

// Of a silent router with several links to its neighbour it is not known which metric is whose.
func TestStateParallel(t *testing.T) {
	net := &network.Topology{
		Routers: []network.Router{{Name: "a"}, {Name: "b"}},
		Links:   []network.Link{link("one", "a", "p1", "b", "p4", 10, 10), link("two", "a", "p2", "b", "p3", 20, 20)},
	}
	got, unknown := State(net, world([]string{"a", "b"}, twins, silence("b")))
	if diff := cmp.Diff([]string{"one", "two"}, unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
	for _, name := range []string{"one", "two"} {
		if l := got.Links[name]; len(l.A.Metrics) == 0 || len(l.B.Metrics) != 0 {
			t.Errorf("%s: %+v", name, l)
		}
	}
}
