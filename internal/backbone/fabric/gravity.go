package fabric

import "github.com/detour-net/detour/internal/backbone/flow"

// ipv6Part is one in how many bits is IPv6 between routers that can exchange it.
const ipv6Part = 5

// Gravity makes a traffic matrix for the network as it is configured: every router sends to every other in proportion to
// the product of their masses, a router's mass being the capacity of its links. A fifth of it is IPv6 where there is a
// path for that. The whole is scaled so that the busiest arc is offered target of its capacity, 0.45 being 45 %.
func (f *Fabric) Gravity(target float64) [2][]int64 {
	f.settle()
	mass, sum := make([]float64, f.nodes), 0.0
	for _, l := range f.links {
		mass[l.A] += float64(l.Capacity)
		mass[l.B] += float64(l.Capacity)
		sum += 2 * float64(l.Capacity)
	}
	var routes [classes]*flow.Routes
	for class := range routes {
		routes[class] = flow.Paths(f.graph(class, f.truth()))
	}
	const raw = 1e15 // bits per second in all before scaling, so that rounding does not show
	demand := f.divide(routes[IPv6], func(from, to int) float64 { return raw * (mass[from] / sum) * (mass[to] / sum) })
	load := make([]int64, 2*len(f.links))
	for class := range routes {
		routes[class].Send(demand[class], func(arc int, rate int64) int64 {
			load[arc] += rate
			return rate
		})
	}
	busiest := 0.0
	for arc, rate := range load {
		busiest = max(busiest, float64(rate)/float64(f.links[arc/2].Capacity))
	}
	for class := range demand {
		for i := range demand[class] {
			if busiest == 0 {
				demand[class][i] = 0
				continue
			}
			demand[class][i] = int64(float64(demand[class][i]) * target / busiest)
		}
	}
	return demand
}

// divide splits a matrix into traffic classes.
func (f *Fabric) divide(ipv6 *flow.Routes, rate func(from, to int) float64) [2][]int64 {
	demand := [2][]int64{make([]int64, f.nodes*f.nodes), make([]int64, f.nodes*f.nodes)}
	for from := range f.nodes {
		for to := range f.nodes {
			if from == to {
				continue
			}
			whole, at := int64(rate(from, to)), from*f.nodes+to
			if _, ok := ipv6.Cost(from, to); ok {
				demand[IPv6][at] = whole / ipv6Part
			}
			demand[IPv4][at] = whole - demand[IPv6][at]
		}
	}
	return demand
}
