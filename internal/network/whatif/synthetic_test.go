package whatif

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// ispLike makes a connected network of the size asked for that resembles a provider's: a ring of everybody, then links
// that prefer nodes with many, metrics of a few kinds, so that nearly every pair has several equal paths, a full gravity
// matrix, and capacities that the worst failure fills to the given permil.
func ispLike(nodes, links int, fullest int64, seed uint64) Spec {
	r := rand.New(rand.NewPCG(seed, 1))
	var s Spec
	var ends []int
	for i := range nodes {
		s.Nodes = append(s.Nodes, Node{Name: fmt.Sprintf("r%04d", i)})
	}
	metrics := []uint32{10, 10, 10, 20, 20, 30, 40}
	for i := range links {
		a, b := i, (i+1)%nodes
		if i >= nodes {
			a = ends[r.IntN(len(ends))]
			for b = a; b == a; {
				b = ends[r.IntN(len(ends))]
			}
		}
		ends = append(ends, a, b)
		s.Links = append(s.Links, plainLink(i, a, b, metrics[r.IntN(len(metrics))]))
	}
	mass := make([]float64, nodes)
	for _, e := range ends {
		mass[e] += 0.5 + r.Float64()
	}
	for i := 0; i+1 < links; i += 5 {
		g := fmt.Sprintf("g%d", i/20)
		s.Links[i].SRLGs = []string{g}
	}
	return loaded(s, mass, fullest)
}

// geometric makes a network of nodes scattered over a square, each linked to near ones, with distances as metrics.
func geometric(nodes, links int, fullest int64, seed uint64) Spec {
	r := rand.New(rand.NewPCG(seed, 2))
	var s Spec
	x, y, mass := make([]float64, nodes), make([]float64, nodes), make([]float64, nodes)
	for i := range nodes {
		x[i], y[i], mass[i] = r.Float64(), r.Float64(), 0.2+r.ExpFloat64()
		s.Nodes = append(s.Nodes, Node{Name: fmt.Sprintf("r%04d", i)})
	}
	type pair struct {
		a, b int
		d    float64
	}
	var pairs []pair
	for a := range nodes {
		for b := range a {
			pairs = append(pairs, pair{a, b, math.Hypot(x[a]-x[b], y[a]-y[b])})
		}
	}
	slices.SortFunc(pairs, func(p, q pair) int { return cmp.Compare(p.d, q.d) })
	metric := func(d float64) uint32 { return uint32(max(1, d*1000)) }
	group := make([]int, nodes)
	for i := range group {
		group[i] = i
	}
	var rest []pair
	for _, p := range pairs { // the shortest tree, so that it hangs together, then the nearest pairs
		if group[p.a] == group[p.b] {
			rest = append(rest, p)
			continue
		}
		from, to := group[p.a], group[p.b]
		for i, g := range group {
			if g == from {
				group[i] = to
			}
		}
		s.Links = append(s.Links, plainLink(len(s.Links), p.a, p.b, metric(p.d)))
	}
	for _, p := range rest[:links-len(s.Links)] {
		s.Links = append(s.Links, plainLink(len(s.Links), p.a, p.b, metric(p.d)))
	}
	return loaded(s, mass, fullest)
}

func plainLink(i, a, b int, metric uint32) Link {
	return Link{
		Name: fmt.Sprintf("link%05d", i), A: a, B: b, MetricAB: metric, MetricBA: metric, CapacityAB: 1e10, CapacityBA: 1e10,
	}
}

// loaded gives s a full gravity matrix, and every link the capacity at which the worst failure of a link or node fills it
// to so many permil at most, rounded up to a usual speed.
func loaded(s Spec, mass []float64, fullest int64) Spec {
	sum := 0.0
	for _, m := range mass {
		sum += m
	}
	for from := range s.Nodes {
		for to := range s.Nodes {
			if from != to {
				s.Demands = append(s.Demands, Demand{from, to, int64(1e13 * mass[from] / sum * mass[to] / sum)})
			}
		}
	}
	n, err := New(s)
	if err != nil {
		return Spec{}
	}
	need := peaks(n)
	speeds := []int64{1e10, 4e10, 1e11, 2e11, 4e11, 8e11}
	for i := range s.Links {
		at := 2 * n.linkAt[s.Links[i].Name]
		c := max(need[at], need[at+1]) * 1000 / fullest
		step, _ := slices.BinarySearch(speeds, c)
		if c > speeds[len(speeds)-1] {
			c = (c/1e12 + 1) * 1e12
		} else {
			c = speeds[step]
		}
		s.Links[i].CapacityAB, s.Links[i].CapacityBA = c, c
	}
	return s
}

// peaks are the greatest loads in bits per second that the failure of a link or node, or none, puts on each direction, in the
// order of State.Loads.
func peaks(n *Net) []int64 {
	base, list := n.Solve(), []*failure{}
	most := slices.Clone(base.load)
	failures, err := n.failures(slices.Concat(n.Links(), n.Nodes()))
	if err != nil {
		return nil
	}
	for i := range failures {
		list = append(list, &failures[i])
	}
	var mu sync.Mutex
	n.sweep(base, list, func(_ *scratch, _ int, found found) {
		mu.Lock()
		defer mu.Unlock()
		for arc, x := range found.gain {
			most[arc] = max(most[arc], base.load[arc]+x)
		}
	})
	var loads []int64
	for _, arcs := range n.arcsOf {
		loads = append(loads, toBPS(most[arcs[0]]), toBPS(most[arcs[1]]))
	}
	return loads
}
