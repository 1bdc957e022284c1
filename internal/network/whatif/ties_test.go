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

// TestSurviveNamesTheFirstDirectionOfEquals has a failure that is measured by the direction which it fills most before the drain,
// and a drain that makes it fill another as much, which comes first by name.
func TestSurviveNamesTheFirstDirectionOfEquals(t *testing.T) {
	const x, y, z, w, first, dests, mega = 0, 1, 2, 3, 4, 6, 1_000_000
	s := Spec{Nodes: []Node{{Name: "x"}, {Name: "y"}, {Name: "z"}, {Name: "w"}}}
	join := func(name string, a, b int, metric uint32, capacity int64) {
		s.Links = append(s.Links, Link{Name: name, A: a, B: b, MetricAB: metric, MetricBA: metric, CapacityAB: capacity, CapacityBA: capacity})
	}
	join("main", x, y, 1, 10_000*mega)
	join("b-around", x, z, 5, 1000*mega)
	join("a-around", z, y, 5, 1010*mega)
	join("drained", z, w, 6, 10_000*mega)
	join("beside", w, y, 7, 10_000*mega) // so that what goes around does so by a-around, and nothing by the drained link but what goes to w
	for i := range dests {
		s.Nodes = append(s.Nodes, Node{Name: string(rune('1' + i))})
		join("to"+string(rune('1'+i)), y, first+i, 1, 10_000*mega)
		s.Demands = append(s.Demands, Demand{From: x, To: first + i, BPS: 150 * mega})
	}
	s.Demands = append(s.Demands, Demand{From: z, To: w, BPS: 8 * mega}, Demand{From: z, To: x, BPS: mega}, Demand{From: z, To: y, BPS: mega})
	before := solved(t, s)
	after, err := before.Apply(SoftDrain("drained"))
	if err != nil {
		t.Fatal(err)
	}
	all := before.net.Links()
	sv, err := NewSurvey(before, all, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if tr := newTrial(sv, after, DefaultLimits()); !tr.hinted(tr.best.index) || before.net.links[before.net.linkOf[tr.best.peak.arc]].Name != "b-around" {
		t.Errorf("measured by %+v", tr.best)
	}
	got, err := sv.Survive(after, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	got.Settled, got.Exact = 0, 0
	want := plainSurvive(t, before, after, all, DefaultLimits())
	if diff := cmp.Diff(want, got); diff != "" || want.Worst.Load.Link != "a-around" || want.Worst.Load.Permil != 900 {
		t.Errorf("worst %+v (-plain +survey):\n%s", want.Worst, diff)
	}
}
