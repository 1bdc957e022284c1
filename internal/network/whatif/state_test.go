package whatif

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var seeds = flag.Int("seeds", usualSeeds, "random networks per property")

// eachSeed runs check on many random networks, each with its own source of chance, one in share of them.
func eachSeed(t *testing.T, share int, check func(r *rand.Rand, s Spec)) {
	t.Helper()
	for seed := range *seeds / share {
		func() {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			r := rand.New(rand.NewPCG(uint64(seed), 7))
			check(r, randomSpec(r))
		}()
	}
}

func solved(t testing.TB, s Spec) *State {
	t.Helper()
	n, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return n.Solve()
}

func TestSolveAgainstFractions(t *testing.T) {
	arcs, lost := 0, 0
	eachSeed(t, 1, func(_ *rand.Rand, s Spec) {
		st := solved(t, s)
		bruteForce(s, nil).check(t, st)
		arcs += len(st.load)
		lost += st.cut
		conserves(t, st)
	})
	t.Logf("%d networks, %d arcs, %d demands that cannot be delivered", *seeds, arcs, lost)
}

// conserves wants what enters every node to leave it, to the last unit, and every row to add up to the loads.
func conserves(t *testing.T, st *State) {
	t.Helper()
	n := st.net
	sum := make([]int64, len(st.load))
	for index, r := range st.rows {
		balance := make([]int64, len(n.nodes))
		r.eachArc(n, nil, func(arc int32, x int64) {
			sum[arc] += x
			balance[n.tail[arc]] -= x
			balance[n.head[arc]] += x
		})
		for i := n.first[index]; i < n.first[index+1]; i++ {
			if r.dist[n.from[i]] < Unreachable {
				balance[n.from[i]] += n.amount[i]
				balance[n.dests[index]] -= n.amount[i]
			}
		}
		if slices.ContainsFunc(balance, func(x int64) bool { return x != 0 }) {
			t.Fatalf("towards %s: %v does not balance", n.nodes[n.dests[index]].Name, balance)
		}
	}
	if !slices.Equal(sum, st.load) {
		t.Fatalf("rows add up to %v, loads are %v", sum, st.load)
	}
}

// randomChange is one to four things at once.
func randomChange(r *rand.Rand, s Spec) Change {
	var c Change
	link := func() string { return s.Links[r.IntN(len(s.Links))].Name }
	node := func() string { return s.Nodes[r.IntN(len(s.Nodes))].Name }
	for range 1 + r.IntN(4) {
		switch r.IntN(9) {
		case 0, 1:
			c.Metrics = append(c.Metrics, Metrics{link(), randomMetric(r, 9), randomMetric(r, 9)})
		case 2:
			c.Metrics = append(c.Metrics, SoftDrain(link()).Metrics...)
		case 3:
			c.Down = append(c.Down, link())
		case 4:
			c.Up = append(c.Up, link())
		case 5:
			c.Overload = append(c.Overload, node())
		case 6:
			c.Release = append(c.Release, node())
		case 7:
			c.Dead = append(c.Dead, node())
		case 8:
			c.Alive = append(c.Alive, node())
		}
	}
	if len(c.Alive) == 0 && r.IntN(6) == 0 {
		for _, l := range s.Links {
			c.Groups = append(c.Groups, l.SRLGs...)
		}
	}
	return c
}

// after is s with c done to it, and the nodes that are dead then.
func (s Spec) after(c Change, dead []bool) (Spec, []bool) {
	next := Spec{Nodes: slices.Clone(s.Nodes), Links: slices.Clone(s.Links), Demands: s.Demands}
	dead = append([]bool(nil), dead...)
	for len(dead) < len(s.Nodes) {
		dead = append(dead, false)
	}
	link := func(name string) *Link {
		return &next.Links[slices.IndexFunc(next.Links, func(l Link) bool { return l.Name == name })]
	}
	node := func(name string) int {
		return slices.IndexFunc(next.Nodes, func(n Node) bool { return n.Name == name })
	}
	for _, m := range c.Metrics {
		if m.AB != 0 {
			link(m.Link).MetricAB = m.AB
		}
		if m.BA != 0 {
			link(m.Link).MetricBA = m.BA
		}
	}
	for _, l := range c.Down {
		link(l).Down = true
	}
	for _, g := range c.Groups {
		for i := range next.Links {
			next.Links[i].Down = next.Links[i].Down || slices.Contains(next.Links[i].SRLGs, g)
		}
	}
	for _, l := range c.Up {
		link(l).Down = false
	}
	for _, x := range c.Overload {
		next.Nodes[node(x)].Overload = true
	}
	for _, x := range c.Release {
		next.Nodes[node(x)].Overload = false
	}
	for _, x := range c.Dead {
		dead[node(x)] = true
	}
	for _, x := range c.Alive {
		dead[node(x)] = false
	}
	return next, dead
}

// same wants two states to be the same to the last bit.
func same(t *testing.T, got, want *State) {
	t.Helper()
	if !slices.Equal(got.load, want.load) || got.lost != want.lost || got.cut != want.cut {
		t.Fatalf("loads %v lost %d of %d\nwant  %v lost %d of %d", got.load, got.lost, got.cut, want.load, want.lost, want.cut)
	}
	for i := range got.rows {
		if diff := cmp.Diff(want.rows[i], got.rows[i], cmp.AllowUnexported(row{})); diff != "" {
			t.Fatalf("row %d (-full +incremental):\n%s", i, diff)
		}
	}
}

func TestApplyEqualsSolve(t *testing.T) {
	changes, shared, rows := 0, 0, 0
	eachSeed(t, 1, func(r *rand.Rand, s Spec) {
		if len(s.Links) == 0 {
			return
		}
		st := solved(t, s)
		var dead []bool
		for range 5 {
			c := randomChange(r, s)
			s, dead = s.after(c, dead)
			next, err := st.Apply(c)
			if err != nil {
				t.Fatal(err)
			}
			same(t, next, st.net.solveUnder(next.view))
			if changes%5 == 0 {
				bruteForce(s, dead).check(t, next)
			}
			for i := range next.rows {
				rows++
				if next.rows[i] == st.rows[i] {
					shared++
				}
			}
			changes++
			st = next
		}
	})
	t.Logf("%d changes, %d rows, %d of them left alone", changes, rows, shared)
}
