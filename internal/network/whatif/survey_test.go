package whatif

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRanked wants arcs in the order of how full they are, those of a multiple of their capacity among them, and of equally full
// ones in the order of State.Loads.
func TestRanked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for seed := range uint64(100) {
		st := solved(t, ispLike(30, 80, 950, seed))
		n := st.net
		for arc := range st.load {
			st.load[arc] *= r.Int64N(4)
		}
		want := make([]int32, len(st.load))
		for arc := range want {
			want[arc] = int32(arc)
		}
		slices.SortFunc(want, func(a, b int32) int {
			return cmp.Or(cmp.Compare(n.permil(b, st.load[b]), n.permil(a, st.load[a])), cmp.Compare(n.place(a), n.place(b)))
		})
		got := st.ranked()
		if !slices.Equal(got.arcs, want) {
			t.Fatalf("seed %d: not in order", seed)
		}
		for i, arc := range want {
			if got.permil[i] != n.permil(arc, st.load[arc]) {
				t.Fatalf("seed %d: arc %d is %d permil full, want %d", seed, arc, got.permil[i], n.permil(arc, st.load[arc]))
			}
		}
	}
}
