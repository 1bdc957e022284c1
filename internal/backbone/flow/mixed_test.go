package flow

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// altered is g as others know it: with other metrics, and other arcs and nodes usable.
func altered(rng *rand.Rand, g *Graph) *Graph {
	other := &Graph{Nodes: g.Nodes, Arcs: slices.Clone(g.Arcs), Overload: slices.Clone(g.Overload)}
	for i := range other.Arcs {
		switch rng.IntN(6) {
		case 0:
			other.Arcs[i].Metric = uint32(1 + rng.IntN(6))
		case 1:
			other.Arcs[i].Up = !other.Arcs[i].Up
		}
	}
	for n := range other.Overload {
		if rng.IntN(4) == 0 {
			other.Overload[n] = !other.Overload[n]
		}
	}
	return other
}

// mixture is a small network whose nodes forward by up to four tables.
func mixture(rng *rand.Rand) *Mixed {
	g := random(rng)
	tables := []*Routes{Paths(g)}
	for range 1 + rng.IntN(3) {
		tables = append(tables, Paths(altered(rng, g)))
	}
	whose := make([]int, g.Nodes)
	for n := range whose {
		whose[n] = rng.IntN(len(tables))
	}
	return Mix(tables, whose)
}

// fate is what becomes of a unit of traffic.
type fate struct{ delivered, unroutable, looped *big.Rat }

// walk follows every way that a part of the traffic can take, until it comes to a node that it has passed before.
func (m *Mixed) walk(n, to int, passed []bool, part *big.Rat, f fate, load []*big.Rat) {
	hops := m.next(n, to)
	switch {
	case n == to:
		f.delivered.Add(f.delivered, part)
		return
	case passed[n]:
		f.looped.Add(f.looped, part)
		return
	case len(hops) == 0:
		f.unroutable.Add(f.unroutable, part)
		return
	}
	passed[n] = true
	each := new(big.Rat).Quo(part, big.NewRat(int64(len(hops)), 1))
	for _, arc := range hops {
		load[arc].Add(load[arc], each)
		m.walk(m.tables[0].graph.Arcs[arc].To, to, passed, each, f, load)
	}
	passed[n] = false
}

// splits says whether any node divides its traffic to a destination.
func (m *Mixed) splits(to int) bool {
	for n := range m.whose {
		if len(m.next(n, to)) > 1 {
			return true
		}
	}
	return false
}

func TestMixedAgainstWalking(t *testing.T) {
	exact, bounded, straight := 0, 0, 0
	for seed := range uint64(3000) {
		m := mixture(rand.New(rand.NewPCG(seed, 4)))
		for from := range m.whose {
			for to := range m.whose {
				if from == to {
					continue
				}
				looped, err := m.compare(from, to)
				switch {
				case err != nil:
					t.Fatalf("seed %d, from %d to %d: %v", seed, from, to, err)
				case !looped:
					straight++
				case m.splits(to):
					bounded++
				default:
					exact++
				}
			}
		}
	}
	if exact < 100 || bounded < 100 || straight < 1000 {
		t.Errorf("%d loops without and %d with splits, %d without loops: too few to tell", exact, bounded, straight)
	}
}

func (m *Mixed) compare(from, to int) (looped bool, err error) {
	const rate, rounding = 1_000_000_007, 32
	nodes := len(m.whose)
	want, load := fate{new(big.Rat), new(big.Rat), new(big.Rat)}, make([]*big.Rat, len(m.tables[0].graph.Arcs))
	for i := range load {
		load[i] = new(big.Rat)
	}
	m.walk(from, to, make([]bool, nodes), big.NewRat(rate, 1), want, load)

	demand, got := make([]int64, nodes*nodes), make([]int64, len(load))
	demand[from*nodes+to] = rate
	ends := m.Send(demand, func(arc int, rate int64) int64 { got[arc] += rate; return rate })
	sum := ends.Total()
	d, u, l := sum.Delivered, sum.Unroutable, sum.Looped
	if d+u+l != rate || ends[to].Delivered != d {
		return false, fmt.Errorf("%d delivered, %d without a route and %d looped are not %d", d, u, l, rate)
	}
	off := func(got int64, want *big.Rat) int64 {
		exact, _ := want.Float64()
		return got - int64(exact)
	}
	switch less := off(l, want.looped); {
	case less < -rounding:
		return false, fmt.Errorf("%d looped, want at least %d more", l, -less)
	case want.looped.Sign() == 0 && l != 0:
		return false, fmt.Errorf("%d looped where nothing can", l)
	case l > 0 && m.splits(to):
		return true, nil
	case less > rounding || max(off(d, want.delivered), -off(d, want.delivered)) > rounding:
		return false, fmt.Errorf("%d delivered and %d looped, want %v and %v", d, l, want.delivered.FloatString(0), want.looped.FloatString(0))
	case l > 0:
		return true, nil
	}
	for arc := range got {
		if x := off(got[arc], load[arc]); max(x, -x) > rounding {
			return false, fmt.Errorf("arc %d carries %d, want %v", arc, got[arc], load[arc].FloatString(0))
		}
	}
	return false, nil
}

// To the bit, at every node: whatever enters goes on, is delivered, has no route, or loops.
func TestMixedConservation(t *testing.T) {
	var all int64
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 5))
		m := mixture(rng)
		demand, _ := demands(rng, len(m.whose))
		passes := newPassage(m.tables[0].graph, demand)
		ends := m.Send(demand, passes.cross)
		if err := passes.balance(ends); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		all += ends.Total().Looped
	}
	if all == 0 {
		t.Error("nothing looped")
	}
}

func demands(rng *rand.Rand, nodes int) (demand []int64, sum int64) {
	demand = make([]int64, nodes*nodes)
	for i := range demand {
		if i/nodes != i%nodes {
			demand[i] = rng.Int64N(1 << 40)
			sum += demand[i]
		}
	}
	return demand, sum
}

// Nodes that all have the same tables forward exactly as by one table, losses and all.
func TestMixOfTheSameIsPlain(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 6))
		g := random(rng)
		demand, _ := demands(rng, g.Nodes)
		whose := make([]int, g.Nodes)
		for n := range whose {
			whose[n] = rng.IntN(2)
		}
		type outcome struct{ ends, load string }
		send := func(m *Mixed) (o outcome) {
			load := make([]int64, len(g.Arcs))
			ends := m.Send(demand, func(arc int, rate int64) int64 {
				load[arc] += rate
				return rate - rate/3
			})
			o.ends, o.load = fmt.Sprint(ends), fmt.Sprint(load)
			return o
		}
		plain := send(Mix([]*Routes{Paths(g)}, nil))
		if mixed := send(Mix([]*Routes{Paths(g), Paths(g)}, whose)); mixed != plain {
			t.Fatalf("seed %d: %+v, want %+v", seed, mixed, plain)
		}
	}
}

// A link in a square is raised, and one of its ends knows: what it sends the other way comes back from the neighbour that
// does not.
func TestLoop(t *testing.T) {
	square := func(metric uint32) *Graph {
		g := &Graph{Nodes: 4}
		for i, m := range []uint32{metric, 10, 10, 5} {
			to := (i + 1) % 4
			g.Arcs = append(g.Arcs, Arc{i, to, m, true}, Arc{to, i, m, true})
		}
		return g
	}
	before, after := Paths(square(10)), Paths(square(100))
	tests := []struct {
		name              string
		whose             []int // 0 before, 1 after
		delivered, looped int64
	}{
		{"nobody knows", []int{0, 0, 0, 0}, 11, 0},
		{"the end knows", []int{1, 0, 0, 0}, 0, 11},
		{"its neighbour knows", []int{0, 0, 0, 1}, 11, 0},
		{"both know", []int{1, 0, 0, 1}, 11, 0},
		{"all know", []int{1, 1, 1, 1}, 11, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			demand := make([]int64, 16)
			demand[0*4+1], demand[3*4+1] = 4, 7
			got := Mix([]*Routes{before, after}, tt.whose).Send(demand, func(_ int, rate int64) int64 { return rate }).Total()
			if want := (Fate{Delivered: tt.delivered, Looped: tt.looped}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// What feeds a loop crosses the arcs up to it and none in it; what passes by is not drawn in.
func TestOnlyWhatEntersALoopIsIn(t *testing.T) {
	// 0 sends to 4 by 1 and 3 equally; 1 by 2; 2 back to 1 by its table; 3 straight on.
	arcs := func(direct uint32) []Arc {
		return []Arc{
			{0, 1, 1, true}, {0, 3, 1, true}, {1, 2, 1, true}, {2, 1, 1, true}, {2, 4, direct, true}, {3, 4, 2, true}, {1, 4, 9, true},
		}
	}
	near := Paths(&Graph{Nodes: 5, Arcs: arcs(1)})
	far := Paths(&Graph{Nodes: 5, Arcs: arcs(100)})
	load := make([]int64, 7)
	demand := make([]int64, 25)
	demand[0*5+4] = 10
	got := Mix([]*Routes{near, far}, []int{0, 0, 1, 0, 0}).Send(demand, func(arc int, rate int64) int64 {
		load[arc] += rate
		return rate
	}).Total()
	if want := (Fate{Delivered: 5, Looped: 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if want := []int64{5, 5, 0, 0, 0, 5, 0}; !slices.Equal(load, want) {
		t.Errorf("loads %v, want %v", load, want)
	}
}
