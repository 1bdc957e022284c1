package whatif

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/graph/path"
	"gonum.org/v1/gonum/graph/simple"

	"github.com/detour-net/detour/internal/network"
)

// zoo is a network of the Topology Zoo with total bits per second of gravity traffic.
func zoo(t testing.TB, name string, total int64) *Net {
	t.Helper()
	topology, _, err := network.LoadGML("../testdata/topologyzoo/" + name + ".gml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := network.Gravity(topology, total)
	if err != nil {
		t.Fatal(err)
	}
	var s Spec
	index := map[string]int{}
	for i, r := range topology.Routers {
		index[r.Name] = i
		s.Nodes = append(s.Nodes, Node{Name: r.Name})
	}
	for _, l := range topology.Links {
		s.Links = append(s.Links, Link{
			Name: l.Name, A: index[l.A.Device], B: index[l.B.Device],
			MetricAB: l.A.MetricAt(2, network.IPv4), MetricBA: l.B.MetricAt(2, network.IPv4),
			CapacityAB: l.Capacity, CapacityBA: l.Capacity,
		})
	}
	for _, d := range m.Demands {
		s.Demands = append(s.Demands, Demand{From: index[d.From], To: index[d.To], BPS: d.BPS})
	}
	n, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// spec is the network as a Spec again.
func (n *Net) spec() Spec {
	s := Spec{Nodes: n.nodes, Links: n.links}
	for row, to := range n.dests {
		for i := n.first[row]; i < n.first[row+1]; i++ {
			s.Demands = append(s.Demands, Demand{int(n.from[i]), int(to), n.amount[i] >> fraction})
		}
	}
	return s
}

func TestRealNetworksAgainstFractions(t *testing.T) {
	for name, s := range map[string]Spec{
		"Abilene": zoo(t, "Abilene", 1e11).spec(), "DeutscheTelekom": zoo(t, "DeutscheTelekom", 1e11).spec(),
		"Geant2012": zoo(t, "Geant2012", 1e11).spec(), "with many equal paths": ispLike(60, 240, 600, 11),
	} {
		n := mustNew(t, s)
		st := n.Solve()
		b := bruteForce(s, nil)
		b.check(t, st)
		conserves(t, st)
		worst := new(big.Rat)
		for link, arcs := range n.arcsOf {
			if n.turned[link] {
				arcs[0], arcs[1] = arcs[1], arcs[0]
			}
			at := slices.IndexFunc(s.Links, func(l Link) bool { return l.Name == n.links[link].Name })
			for i, arc := range arcs {
				off := new(big.Rat).Sub(b.load[2*at+i], big.NewRat(st.load[arc], 1<<fraction))
				if off.Abs(off).Cmp(worst) > 0 {
					worst = off
				}
			}
		}
		t.Logf("%s: %d nodes, %d links, %d demands; no load is off by more than %s bit/s; fullest %+v",
			name, len(n.nodes), len(n.links), len(n.from), worst.FloatString(4), st.Worst())
	}
}

// TestDistancesAgainstGonum compares with an independent library where it can follow: one link between two nodes.
func TestDistancesAgainstGonum(t *testing.T) {
	pairs := 0
	compare := func(st *State) {
		n := st.net
		g := simple.NewWeightedDirectedGraph(0, -1)
		for node := range n.nodes {
			g.AddNode(simple.Node(node))
		}
		for arc, w := range st.view.weight {
			if w == 0 {
				continue
			}
			from, to := simple.Node(n.tail[arc]), simple.Node(n.head[arc])
			if e := g.WeightedEdge(from.ID(), to.ID()); e == nil || e.Weight() > float64(w) {
				g.SetWeightedEdge(simple.WeightedEdge{F: from, T: to, W: float64(w)})
			}
		}
		for from := range n.nodes {
			all := path.DijkstraFrom(simple.Node(from), g)
			for row, to := range n.dests {
				want := min(all.WeightTo(int64(to)), Unreachable)
				if got := float64(st.rows[row].dist[from]); got != want {
					t.Fatalf("%s to %s: %v, gonum has %v", n.nodes[from].Name, n.nodes[to].Name, got, want)
				}
				pairs++
			}
		}
	}
	for _, name := range []string{"Abilene", "Geant2012", "Colt"} {
		compare(zoo(t, name, 1e11).Solve())
	}
	compare(solved(t, ispLike(100, 300, 600, 3)))
	compare(solved(t, geometric(100, 250, 600, 4)))
	t.Logf("%d pairs as gonum has them", pairs)
}

// TestRealNetworksSurvive compares drains with every failure on top, by the survey and by solving all anew, where routes
// are long and bridges many.
func TestRealNetworksSurvive(t *testing.T) {
	asked, failures, settled := 0, 0, 0
	nets := []*Net{zoo(t, "Abilene", 1e11), zoo(t, "Geant2012", 2e11), zoo(t, "Colt", 1e11), mustNew(t, ispLike(40, 120, 700, 5)), mustNew(t, geometric(40, 90, 700, 6))}
	if testing.Short() {
		nets = nets[:2]
	}
	for i, n := range nets {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		n = mustNew(t, tight(t, r, n.spec()))
		before := n.Solve()
		all := slices.Concat(n.Links(), n.Groups(), n.Nodes())
		sv, err := NewSurvey(before, all, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			link := n.links[r.IntN(len(n.links))].Name
			after, err := before.Apply(SoftDrain(link))
			if err != nil {
				t.Fatal(err)
			}
			same(t, after, n.solveUnder(after.view))
			limits := DefaultLimits()
			limits.Listed = 1 << 20
			got, err := sv.Survive(after, limits)
			if err != nil {
				t.Fatal(err)
			}
			asked, failures, settled = asked+1, failures+got.Failures, settled+got.Settled
			got.Settled, got.Exact = 0, 0
			if diff := cmp.Diff(plainSurvive(t, before, after, all, limits), got); diff != "" {
				t.Fatalf("network %d without %s (-plain +survey):\n%s", i, link, diff)
			}
		}
	}
	t.Logf("%d drains, %d failures, %d settled by a bound", asked, failures, settled)
}

func mustNew(t testing.TB, s Spec) *Net {
	t.Helper()
	n, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
