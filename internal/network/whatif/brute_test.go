package whatif

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// This file computes the same things as the package in the most direct way: distances by relaxing every arc until
// nothing changes, traffic as exact fractions handed from node to node. It shares no code with the package.

// randomSpec is a small multigraph with whatever can be wrong with one: parallel links, asymmetric and special metrics,
// overloads, parts that hang on nothing, links that are down, demands of zero, of one and of thousands.
func randomSpec(r *rand.Rand) Spec {
	nodes := 2 + r.IntN(6)
	if r.IntN(8) == 0 {
		nodes += r.IntN(12)
	}
	var s Spec
	for i := range nodes {
		s.Nodes = append(s.Nodes, Node{Name: fmt.Sprintf("n%d", (i*7+3)%nodes+100*i), Overload: r.IntN(10) == 0})
	}
	scale := []int{1, 3, 9, 4000}[r.IntN(4)]
	for i := range r.IntN(3*nodes) + nodes/2 {
		a := r.IntN(nodes)
		b := (a + 1 + r.IntN(nodes-1)) % nodes
		l := Link{
			Name: fmt.Sprintf("l%02d", (i*5)%997), A: a, B: b,
			MetricAB: randomMetric(r, scale), CapacityAB: 1 + r.Int64N(1000), CapacityBA: 1 + r.Int64N(1000), Down: r.IntN(20) == 0,
		}
		l.MetricBA = l.MetricAB
		if r.IntN(3) == 0 {
			l.MetricBA = randomMetric(r, scale)
		}
		if r.IntN(3) == 0 {
			l.SRLGs = []string{fmt.Sprintf("g%d", r.IntN(3))}
		}
		s.Links = append(s.Links, l)
	}
	for from := range nodes {
		for to := range nodes {
			if from != to && r.IntN(4) > 0 {
				s.Demands = append(s.Demands, Demand{from, to, []int64{0, 1, 7, r.Int64N(1000), r.Int64N(1 << 40)}[r.IntN(5)]})
			}
		}
	}
	return s
}

func randomMetric(r *rand.Rand, scale int) uint32 {
	switch r.IntN(20) {
	case 0:
		return LastResort
	case 1:
		return Unused
	case 2:
		return 0
	}
	return uint32(1 + r.IntN(scale))
}

// brute is a Spec's state as computed here. Arcs are counted as in the Spec: 2i from link i's A to its B, 2i+1 back.
type brute struct {
	spec Spec
	dead []bool
	dist [][]uint64 // by destination, then node
	hops [][][]int  // by destination, then node: arcs
	load []*big.Rat // per arc
	lost map[[2]int]int64
}

func (s Spec) ends(arc int) (from, to int) {
	l := s.Links[arc/2]
	if arc%2 == 0 {
		return l.A, l.B
	}
	return l.B, l.A
}

func (s Spec) cost(arc int, dead []bool) (uint64, bool) {
	l := s.Links[arc/2]
	m, other := l.MetricAB, l.MetricBA
	if arc%2 == 1 {
		m, other = other, m
	}
	ok := !l.Down && m != 0 && other != 0 && m != 1<<24-1 && !dead[l.A] && !dead[l.B]
	return uint64(m), ok
}

func bruteForce(s Spec, dead []bool) *brute {
	const infinite = 0xFE000000
	if dead == nil {
		dead = make([]bool, len(s.Nodes))
	}
	b := &brute{spec: s, dead: dead, load: make([]*big.Rat, 2*len(s.Links)), lost: map[[2]int]int64{}}
	for i := range b.load {
		b.load[i] = new(big.Rat)
	}
	for to := range s.Nodes {
		dist := make([]uint64, len(s.Nodes))
		for i := range dist {
			dist[i] = infinite
		}
		dist[to] = 0
		usable := func(arc int) (cost uint64, ok bool) {
			_, head := s.ends(arc)
			c, ok := s.cost(arc, dead)
			return c + dist[head], ok && dist[head] < infinite && (head == to || !s.Nodes[head].Overload)
		}
		for again := true; again; {
			again = false
			for arc := range 2 * len(s.Links) {
				tail, _ := s.ends(arc)
				if c, ok := usable(arc); ok && c < dist[tail] {
					dist[tail], again = c, true
				}
			}
		}
		hops := make([][]int, len(s.Nodes))
		for arc := range 2 * len(s.Links) {
			tail, _ := s.ends(arc)
			if c, ok := usable(arc); ok && c == dist[tail] && tail != to {
				hops[tail] = append(hops[tail], arc)
			}
		}
		b.dist, b.hops = append(b.dist, dist), append(b.hops, hops)
		b.flow(to, infinite)
	}
	return b
}

// flow sends every demand towards to, one node after the other, the farthest first.
func (b *brute) flow(to int, infinite uint64) {
	at := make([]*big.Rat, len(b.spec.Nodes))
	for i := range at {
		at[i] = new(big.Rat)
	}
	for _, d := range b.spec.Demands {
		if d.To != to || d.BPS == 0 {
			continue
		}
		if b.dist[to][d.From] >= infinite {
			b.lost[[2]int{d.From, to}] += d.BPS
			continue
		}
		at[d.From].Add(at[d.From], new(big.Rat).SetInt64(d.BPS))
	}
	order := make([]int, 0, len(at))
	for i := range at {
		if b.dist[to][i] < infinite && i != to {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(x, y int) int { return int(int64(b.dist[to][y]) - int64(b.dist[to][x])) })
	for _, node := range order {
		hops := b.hops[to][node]
		each := new(big.Rat).Quo(at[node], new(big.Rat).SetInt64(int64(len(hops))))
		for _, arc := range hops {
			_, head := b.spec.ends(arc)
			b.load[arc].Add(b.load[arc], each)
			at[head].Add(at[head], each)
		}
	}
}

// check compares a state with brute force: distances, what is lost, and every load within one bit per second.
func (b *brute) check(t *testing.T, st *State) {
	t.Helper()
	s := b.spec
	for to, n := range s.Nodes {
		for from, m := range s.Nodes {
			if st.net.rowOf[st.net.nodeAt[n.Name]] < 0 {
				continue
			}
			got, ok := st.Distance(m.Name, n.Name)
			if want := b.dist[to][from]; ok != (want < Unreachable) || ok && uint64(got) != want {
				t.Fatalf("distance %s to %s: %d %v, want %d\n%+v", m.Name, n.Name, got, ok, want, s)
			}
		}
	}
	lost := map[[2]string]int64{}
	for _, l := range st.Undelivered(1 << 20).Named {
		lost[[2]string{l.From, l.To}] += l.BPS
	}
	for pair, bps := range b.lost {
		key := [2]string{s.Nodes[pair[0]].Name, s.Nodes[pair[1]].Name}
		if lost[key] != bps {
			t.Fatalf("lost %v: %d, want %d\n%+v", key, lost[key], bps, s)
		}
		delete(lost, key)
	}
	if len(lost) > 0 {
		t.Fatalf("lost though it can be delivered: %v\n%+v", lost, s)
	}
	for i, l := range s.Links {
		ab, ba, ok := st.Load(l.Name)
		if !ok || ab.From != s.Nodes[l.A].Name || ba.From != s.Nodes[l.B].Name || ab.Capacity != l.CapacityAB {
			t.Fatalf("load of %q: %+v %+v %v", l.Name, ab, ba, ok)
		}
		within(t, b.load[2*i], ab)
		within(t, b.load[2*i+1], ba)
	}
}

// within wants a load at most one bit per second from its fraction, and its utilisation to be that of what is reported.
func within(t *testing.T, want *big.Rat, got Load) {
	t.Helper()
	off := new(big.Rat).Sub(new(big.Rat).SetInt64(got.BPS), want)
	if off.Abs(off).Cmp(big.NewRat(1, 1)) > 0 {
		t.Fatalf("load %+v, want %s", got, want.FloatString(6))
	}
	permil := got.BPS * 1000 / got.Capacity
	if permil*got.Capacity < got.BPS*1000 {
		permil++
	}
	if got.Permil != permil {
		t.Fatalf("utilisation %+v, want %d permil", got, permil)
	}
}
