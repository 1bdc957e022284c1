package bench

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// fullest is how full, in permil, the worst failure of a link or router makes any link of the networks that are measured:
// full enough that a drain is often not safe.
const fullest = 950

// gravityTotal is the traffic of a real network before it is scaled, in bits per second.
const gravityTotal = 100_000_000_000

// zooSpec is a network of the Internet Topology Zoo with gravity traffic, as much as its capacities carry.
func zooSpec(b *testing.B, name string) whatif.Spec {
	topology, _, err := network.LoadGML("../../internal/network/testdata/topologyzoo/" + name + ".gml")
	if err != nil {
		b.Fatal(err)
	}
	m, err := network.Gravity(topology, gravityTotal)
	if err != nil {
		b.Fatal(err)
	}
	var s whatif.Spec
	at := map[string]int{}
	for i, r := range topology.Routers {
		at[r.Name] = i
		s.Nodes = append(s.Nodes, whatif.Node{Name: r.Name})
	}
	for _, l := range topology.Links {
		level := l.Levels()[0]
		s.Links = append(s.Links, whatif.Link{
			Name: l.Name, A: at[l.A.Device], B: at[l.B.Device],
			MetricAB: l.A.MetricAt(level, network.IPv4), MetricBA: l.B.MetricAt(level, network.IPv4),
			CapacityAB: l.Capacity, CapacityBA: l.Capacity,
		})
	}
	for _, d := range m.Demands {
		s.Demands = append(s.Demands, whatif.Demand{From: at[d.From], To: at[d.To], BPS: d.BPS})
	}
	worst := int64(1)
	for _, l := range peaks(b, s) {
		worst = max(worst, l.Permil)
	}
	for i := range s.Demands {
		s.Demands[i].BPS = s.Demands[i].BPS * fullest / worst
	}
	return s
}

// peaks are the greatest loads of all links in any failure of a link or router, or in none.
func peaks(b *testing.B, s whatif.Spec) []whatif.Load {
	n, err := whatif.New(s)
	if err != nil {
		b.Fatal(err)
	}
	base := n.Solve()
	most := base.Loads()
	for _, f := range slices.Concat(n.Links(), n.Nodes()) {
		st, err := base.Apply(whatif.Change{Down: f.Links, Dead: f.Nodes})
		if err != nil {
			b.Fatal(err)
		}
		for i, l := range st.Loads() {
			if l.BPS > most[i].BPS {
				most[i] = l
			}
		}
	}
	return most
}

// ispSpec makes a network that resembles a provider's, with gravity traffic between all.
func ispSpec(b *testing.B, routers, links int) whatif.Spec {
	r := rand.New(rand.NewPCG(1, 1))
	s, ends := providers(r, routers, links)
	mass := make([]float64, routers)
	for _, end := range ends {
		mass[end] += 0.5 + r.Float64()
	}
	return load(b, s, mass)
}

// providers makes a connected network that resembles a provider's: a ring, then links that prefer routers with many, and few
// different metrics, so that nearly every pair has several equal paths; every fifth link is in a risk group of four. Its ends are
// those of all links.
func providers(r *rand.Rand, routers, links int) (s whatif.Spec, ends []int) {
	s = bare(routers)
	metrics := []uint32{10, 10, 10, 20, 20, 30, 40}
	for i := range links {
		from, to := i, (i+1)%routers
		if i >= routers {
			from = ends[r.IntN(len(ends))]
			for to = from; to == from; {
				to = ends[r.IntN(len(ends))]
			}
		}
		ends = append(ends, from, to)
		s.Links = append(s.Links, wire(i, from, to, metrics[r.IntN(len(metrics))]))
		if i%5 == 0 {
			s.Links[i].SRLGs = []string{fmt.Sprintf("group%d", i/20)}
		}
	}
	return s, ends
}

// largestSpec is a provider's network in which every router sends to so many others, and gets from as many.
func largestSpec(routers, links, others int) whatif.Spec {
	r := rand.New(rand.NewPCG(1, 3))
	s, _ := providers(r, routers, links)
	for from := range routers {
		for i := range others {
			to := (from + 1 + i*(routers-1)/others) % routers
			s.Demands = append(s.Demands, whatif.Demand{From: from, To: to, BPS: 1 + r.Int64N(100_000_000)})
		}
	}
	return s
}

// geometricSpec makes a network of routers scattered over a square, each linked to near ones, with distances as metrics:
// nearly every pair has one path.
func geometricSpec(b *testing.B, routers, links int) whatif.Spec {
	r := rand.New(rand.NewPCG(1, 2))
	s := bare(routers)
	x, y, mass := make([]float64, routers), make([]float64, routers), make([]float64, routers)
	for i := range routers {
		x[i], y[i], mass[i] = r.Float64(), r.Float64(), 0.2+r.ExpFloat64()
	}
	type pair struct {
		from, to int
		far      float64
	}
	var pairs, rest []pair
	for from := range routers {
		for to := range from {
			pairs = append(pairs, pair{from, to, math.Hypot(x[from]-x[to], y[from]-y[to])})
		}
	}
	slices.SortFunc(pairs, func(p, q pair) int { return cmp.Compare(p.far, q.far) })
	part := make([]int, routers)
	for i := range part {
		part[i] = i
	}
	add := func(p pair) {
		s.Links = append(s.Links, wire(len(s.Links), p.from, p.to, uint32(max(1, p.far*1000))))
	}
	for _, p := range pairs { // the shortest tree first, so that all hang together
		joined, gone := part[p.to], part[p.from]
		if joined == gone {
			rest = append(rest, p)
			continue
		}
		for i := range part {
			if part[i] == gone {
				part[i] = joined
			}
		}
		add(p)
	}
	for _, p := range rest[:links-len(s.Links)] {
		add(p)
	}
	return load(b, s, mass)
}

func bare(routers int) (s whatif.Spec) {
	for i := range routers {
		s.Nodes = append(s.Nodes, whatif.Node{Name: fmt.Sprintf("r%04d", i)})
	}
	return s
}

func wire(i, from, to int, metric uint32) whatif.Link {
	return whatif.Link{Name: fmt.Sprintf("link%05d", i), A: from, B: to, MetricAB: metric, MetricBA: metric, CapacityAB: 1, CapacityBA: 1}
}

// load gives s a full gravity matrix of 10 Tbit/s, and each link the usual speed that survives any failure.
func load(b *testing.B, s whatif.Spec, mass []float64) whatif.Spec {
	const total = 1e13
	sum := 0.0
	for _, m := range mass {
		sum += m
	}
	for from := range s.Nodes {
		for to := range s.Nodes {
			if from != to {
				s.Demands = append(s.Demands, whatif.Demand{From: from, To: to, BPS: int64(total * mass[from] / sum * mass[to] / sum)})
			}
		}
	}
	speeds := []int64{1e10, 4e10, 1e11, 2e11, 4e11, 8e11}
	need := peaks(b, s) // in the order of the links' names, which is their own
	for i := range s.Links {
		bps := max(need[2*i].BPS, need[2*i+1].BPS) * 1000 / fullest
		step, _ := slices.BinarySearch(speeds, bps)
		speed := (bps/1e12 + 1) * 1e12
		if step < len(speeds) {
			speed = speeds[step]
		}
		s.Links[i].CapacityAB, s.Links[i].CapacityBA = speed, speed
	}
	return s
}
