package whatif

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSurviveNamesTheFirstOfEquals drains links of networks that are nearly empty, so that many failures fill many directions to
// the same few permil, and wants the worst to be named that computing all of them from nothing names.
func TestSurviveNamesTheFirstOfEquals(t *testing.T) {
	asked, settled, failures, hints := 0, 0, 0, 0
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 12))
		s := geometric(24, 40, 700, seed)
		if seed%2 == 0 {
			s = ispLike(24, 50, 700, seed)
		}
		for i := range s.Links {
			s.Links[i].CapacityAB *= 60 + r.Int64N(40)
			s.Links[i].CapacityBA *= 60 + r.Int64N(40)
		}
		before := solved(t, s)
		all := everything(r, before.net)
		sv, err := NewSurvey(before, all, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for range 6 {
			link := s.Links[r.IntN(len(s.Links))].Name
			after, err := before.Apply(SoftDrain(link))
			if err != nil {
				t.Fatal(err)
			}
			limits := Limits{Permil: []int64{5, 1000}[r.IntN(2)], Worse: 1, Listed: 1 << 20}
			got, err := sv.Survive(after, limits)
			if err != nil {
				t.Fatal(err)
			}
			if tr := newTrial(sv, after, limits); tr.hinted(tr.best.index) {
				hints++
			}
			asked, settled, failures = asked+1, settled+got.Settled, failures+got.Failures
			got.Settled, got.Exact = 0, 0
			if diff := cmp.Diff(plainSurvive(t, before, after, all, limits), got); diff != "" {
				t.Fatalf("seed %d, %s drained (-plain +survey):\n%s", seed, link, diff)
			}
		}
	}
	t.Logf("%d drains, %d of them measured by one direction first; %d failures, %d settled by a bound", asked, hints, failures, settled)
	if hints == 0 || settled == 0 {
		t.Error("the test shows less than it should")
	}
}
