package flow

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// random makes a small multigraph with few different metrics, so that ties and parallel arcs are common.
func random(rng *rand.Rand) *Graph {
	g := &Graph{Nodes: 2 + rng.IntN(6)}
	for range rng.IntN(3 * g.Nodes) {
		a, b := rng.IntN(g.Nodes), rng.IntN(g.Nodes)
		if a == b {
			continue
		}
		up := rng.IntN(8) > 0
		metric := func() uint32 {
			switch rng.IntN(12) {
			case 0:
				return MaxMetric
			case 1:
				return MaxMetric - 1
			}
			return uint32(1 + rng.IntN(3))
		}
		g.Arcs = append(g.Arcs, Arc{a, b, metric(), up}, Arc{b, a, metric(), up})
	}
	if rng.IntN(2) == 0 {
		g.Overload = make([]bool, g.Nodes)
		for n := range g.Overload {
			g.Overload[n] = rng.IntN(4) == 0
		}
	}
	return g
}

// costs finds shortest paths the slow way, by relaxing every arc until nothing changes (Bellman and Ford).
func costs(g *Graph, to int) []uint64 {
	cost := slices.Repeat([]uint64{MaxPath}, g.Nodes)
	cost[to] = 0
	for range g.Nodes {
		for _, a := range g.Arcs {
			through := a.To == to || g.Overload == nil || !g.Overload[a.To]
			if a.Up && a.Metric != MaxMetric && through && cost[a.To] < MaxPath {
				cost[a.From] = min(cost[a.From], cost[a.To]+uint64(a.Metric))
			}
		}
	}
	return cost
}

// share is the exact part of from's traffic to to that crosses each arc, by walking every path.
func share(g *Graph, cost []uint64, n, to int, part *big.Rat, load []*big.Rat) {
	if n == to {
		return
	}
	var hops []int
	for i, a := range g.Arcs {
		through := a.To == to || g.Overload == nil || !g.Overload[a.To]
		if a.From == n && a.Up && a.Metric != MaxMetric && through && cost[a.To] < MaxPath && cost[n] == cost[a.To]+uint64(a.Metric) {
			hops = append(hops, i)
		}
	}
	each := new(big.Rat).Quo(part, big.NewRat(int64(len(hops)), 1))
	for _, i := range hops {
		load[i].Add(load[i], each)
		share(g, cost, g.Arcs[i].To, to, each, load)
	}
}

func TestAgainstBruteForce(t *testing.T) {
	for seed := range uint64(2000) {
		g := random(rand.New(rand.NewPCG(seed, 1)))
		if err := compare(g); err != nil {
			t.Fatalf("seed %d: %v\n%+v", seed, err, g)
		}
	}
}

func compare(g *Graph) error {
	routes := Paths(g)
	const rate = 1_000_000_007
	for from := range g.Nodes {
		for to := range g.Nodes {
			cost := costs(g, to)
			got, ok := routes.Cost(from, to)
			if ok != (cost[from] < MaxPath) || ok && got != cost[from] {
				return fmt.Errorf("cost from %d to %d is %d (%v), want %d", from, to, got, ok, cost[from])
			}
			if from == to || !ok {
				continue
			}
			exact := make([]*big.Rat, len(g.Arcs))
			for i := range exact {
				exact[i] = new(big.Rat)
			}
			share(g, cost, from, to, big.NewRat(rate, 1), exact)
			load := make([]int64, len(g.Arcs))
			demand := make([]int64, g.Nodes*g.Nodes)
			demand[from*g.Nodes+to] = rate
			ends := routes.Send(demand, func(arc int, rate int64) int64 { load[arc] += rate; return rate })
			if ends[to].Delivered != rate || ends.Total() != (Fate{Delivered: rate}) {
				return fmt.Errorf("of %d from %d to %d became %+v", rate, from, to, ends)
			}
			for i := range load {
				want, _ := exact[i].Float64()
				if off := float64(load[i]) - want; off > 16 || off < -16 {
					return fmt.Errorf("from %d to %d arc %d carries %d, want %.1f", from, to, i, load[i], want)
				}
			}
		}
	}
	return nil
}

// At every node, whatever enters goes on, is delivered or has no route: to the bit.
func TestConservation(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		g := random(rng)
		demand, _ := demands(rng, g.Nodes)
		passes := newPassage(g, demand)
		if err := passes.balance(Paths(g).Send(demand, passes.cross)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// passage is what comes into nodes less what goes out of them. Every arc drops a seventh.
type passage struct {
	graph *Graph
	left  []int64
}

func newPassage(g *Graph, demand []int64) passage {
	p := passage{g, make([]int64, g.Nodes)}
	for i, rate := range demand {
		p.left[i/g.Nodes] += rate
	}
	return p
}

func (p passage) cross(arc int, rate int64) int64 {
	kept := rate - rate/7
	p.left[p.graph.Arcs[arc].From] -= rate
	p.left[p.graph.Arcs[arc].To] += kept
	return kept
}

// balance holds what is left at each node against what is said to have ended there.
func (p passage) balance(ends Ends) error {
	for n, f := range ends {
		if sum := f.Delivered + f.Unroutable + f.Looped; sum != p.left[n] {
			return fmt.Errorf("at node %d %d end, %d are left", n, sum, p.left[n])
		}
	}
	return nil
}

func TestRules(t *testing.T) {
	both := func(a, b int, metric uint32) []Arc { return []Arc{{a, b, metric, true}, {b, a, metric, true}} }
	triangle := func(metric uint32) []Arc {
		return slices.Concat(both(0, 1, metric), both(0, 2, 10), both(2, 1, 10))
	}
	tests := []struct {
		name  string
		graph Graph
		cost  uint64 // from 0 to 1; 0 for none
		hops  []int32
	}{
		{"direct", Graph{Nodes: 3, Arcs: triangle(10)}, 10, []int32{0}},
		{"equal cost", Graph{Nodes: 3, Arcs: triangle(20)}, 20, []int32{0, 2}},
		{"parallel links count each", Graph{Nodes: 2, Arcs: slices.Concat(both(0, 1, 5), both(0, 1, 5), both(0, 1, 6))}, 5, []int32{0, 2}},
		{"raised out of the way", Graph{Nodes: 3, Arcs: triangle(MaxMetric - 1)}, 20, []int32{2}},
		{"last resort", Graph{Nodes: 2, Arcs: both(0, 1, MaxMetric-1)}, MaxMetric - 1, []int32{0}},
		{"out of shortest paths", Graph{Nodes: 2, Arcs: both(0, 1, MaxMetric)}, 0, nil},
		{"overloaded router is not passed", Graph{Nodes: 3, Arcs: triangle(MaxMetric - 1), Overload: []bool{false, false, true}}, MaxMetric - 1, []int32{0}},
		{"overloaded router is reached", Graph{Nodes: 2, Arcs: both(0, 1, 5), Overload: []bool{false, true}}, 5, []int32{0}},
		{"overloaded router sends", Graph{Nodes: 2, Arcs: both(0, 1, 5), Overload: []bool{true, false}}, 5, []int32{0}},
		{"down", Graph{Nodes: 2, Arcs: []Arc{{0, 1, 5, false}, {1, 0, 5, false}}}, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Paths(&tt.graph)
			cost, ok := r.Cost(0, 1)
			if ok != (tt.cost > 0) || ok && cost != tt.cost {
				t.Errorf("cost %d (%v), want %d", cost, ok, tt.cost)
			}
			if hops := r.NextHops(0, 1); !slices.Equal(hops, tt.hops) {
				t.Errorf("next hops %v, want %v", hops, tt.hops)
			}
		})
	}
}

func TestSplitGivesTheRestToTheFirst(t *testing.T) {
	g := &Graph{Nodes: 2, Arcs: []Arc{{0, 1, 1, true}, {0, 1, 1, true}, {0, 1, 1, true}}}
	load := make([]int64, 3)
	Paths(g).Send([]int64{0, 11, 0, 0}, func(arc int, rate int64) int64 { load[arc] += rate; return rate })
	if want := []int64{4, 4, 3}; !slices.Equal(load, want) {
		t.Errorf("split %v, want %v", load, want)
	}
}

func BenchmarkPaths(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	g := &Graph{Nodes: 300}
	for range 900 {
		a, to := rng.IntN(300), rng.IntN(300)
		if a != to {
			metric := uint32(1 + rng.IntN(1000))
			g.Arcs = append(g.Arcs, Arc{a, to, metric, true}, Arc{to, a, metric, true})
		}
	}
	for b.Loop() {
		Paths(g)
	}
}
