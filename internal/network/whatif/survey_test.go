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

// TestForemost wants an effect to know the directions that it fills most, and how full the others get at most.
func TestForemost(t *testing.T) {
	beyond := 0
	for seed := range uint64(10) {
		st := solved(t, ispLike(60, 150, 950, seed))
		sv, err := NewSurvey(st, slices.Concat(st.net.Links(), st.net.Nodes()), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for i := range sv.effects {
			e := &sv.effects[i]
			var full []int64
			for j, arc := range e.arcs {
				full = append(full, st.net.permil(arc, st.load[arc]+e.gain[j]))
			}
			slices.SortFunc(full, func(a, b int64) int { return cmp.Compare(b, a) })
			less := int64(0)
			if len(full) > foremost {
				less, full = full[foremost], full[:foremost]
				beyond++
			}
			var got []int64
			for _, x := range e.full {
				if got = append(got, x.permil); x.permil != st.net.permil(x.arc, st.load[x.arc]+e.atMost(st.net, x.arc)) || !e.has(st.net, x.arc) {
					t.Fatalf("seed %d, failure %d: %+v", seed, i, x)
				}
			}
			if !slices.Equal(got, full) || e.less != less {
				t.Fatalf("seed %d, failure %d: %d, and less than %d; want %d and %d", seed, i, got, e.less, full, less)
			}
		}
	}
	if beyond == 0 {
		t.Error("no failure changes many directions")
	}
}
