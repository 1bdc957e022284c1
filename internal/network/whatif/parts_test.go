package whatif

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func equal(a, b Survival) bool { return cmp.Equal(a, b) }

func TestConnectivity(t *testing.T) {
	for _, x := range []struct {
		name   string
		spec   Spec
		change Change
		want   Connectivity
	}{
		{"ring", wires("a b 1", "b c 1", "c a 1"), Change{}, Connectivity{Parts: 1}},
		{"line", wires("a b 1", "b c 1"), Change{}, Connectivity{Parts: 1, Bridges: []string{"l0", "l1"}, Articulations: []string{"b"}}},
		{"parallel links are no bridges", wires("a b 1", "a b 1", "b c 1"), Change{}, Connectivity{Parts: 1, Bridges: []string{"l2"}, Articulations: []string{"b"}}},
		{"two triangles at one node", wires("a b 1", "b c 1", "c a 1", "c d 1", "d e 1", "e c 1"), Change{}, Connectivity{Parts: 1, Articulations: []string{"c"}}},
		{"cut", wires("a b 1", "b c 1", "c d 1"), HardDrain("l1"), Connectivity{Parts: 2, CutOff: []string{"c", "d"}, Bridges: []string{"l0", "l2"}}},
		{"a soft drain cuts nothing", wires("a b 1", "b c 1"), SoftDrain("l1"), Connectivity{Parts: 1, Bridges: []string{"l0", "l1"}, Articulations: []string{"b"}}},
		{"an overloaded node joins nobody", wires("a b 1", "b c 1"), Change{Overload: []string{"b"}}, Connectivity{Parts: 2, CutOff: []string{"c"}}},
		{"a dead node is cut off", wires("a b 1", "b c 1", "c a 1"), Change{Dead: []string{"b"}}, Connectivity{Parts: 1, CutOff: []string{"b"}, Bridges: []string{"l2"}}},
	} {
		st, err := solved(t, x.spec).Apply(x.change)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x.want, st.Connectivity()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, diff)
		}
	}
}

// TestPartsAgainstCounting compares bridges, articulation points and parts without a failure with plainly counting parts.
func TestPartsAgainstCounting(t *testing.T) {
	failures, cutting := 0, 0
	eachSeed(t, 3, func(r *rand.Rand, s Spec) {
		n := mustNew(t, s)
		p := findParts(n, n.present)
		list, err := n.failures(everything(r, n))
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			f := &list[i]
			want := countParts(n, n.present, f)
			if got := p.without(f); got != want {
				t.Fatalf("without %s: %d parts, want %d\n%+v", f.name, got, want, s)
			}
			failures++
			if p.mayCut(f) {
				cutting++
			}
		}
	})
	t.Logf("%d failures, %d of them may cut something off", failures, cutting)
}

// countParts floods the core without a failure.
func countParts(n *Net, v *view, f *failure) int {
	seen := make([]bool, len(n.nodes))
	var flood func(node int32)
	flood = func(node int32) {
		seen[node] = true
		for arc := range int32(len(n.tail)) {
			if n.tail[arc] == node && v.core(n, arc) && !slices.Contains(f.arcs, arc) && !seen[n.head[arc]] {
				flood(n.head[arc])
			}
		}
	}
	count := 0
	for node := range int32(len(n.nodes)) {
		if !seen[node] && !v.overload[node] && !v.nodeDown[node] && !slices.Contains(f.nodes, node) {
			flood(node)
			count++
		}
	}
	return count
}

// TestQueue compares with sorting, for costs near and far.
func TestQueue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		q := newQueue(64)
		q.begin()
		var waiting []uint32
		now := uint32(0)
		push := func(cost uint32) {
			q.push(cost, int32(len(waiting)))
			waiting = append(waiting, cost)
		}
		push(0)
		for len(waiting) > 0 {
			cost, _, ok := q.pop()
			least := slices.Min(waiting)
			if !ok || cost != least {
				t.Fatalf("pop: %d %v, want %d", cost, ok, least)
			}
			waiting = slices.Delete(waiting, slices.Index(waiting, least), slices.Index(waiting, least)+1)
			for now = cost; len(waiting) < 20 && r.IntN(3) > 0 && now < 1<<30; {
				push(now + 1 + uint32(r.IntN([]int{3, 64, 65, 1 << 24}[r.IntN(4)])))
			}
		}
		if _, _, ok := q.pop(); ok {
			t.Fatal("an empty queue hands something out")
		}
	}
}
