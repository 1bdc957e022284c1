package whatif

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edge is a direction that a failure fills to just a limit, in a network with one capacity chosen so.
type edge struct {
	spec    Spec
	link    int
	ab      bool
	just    int64 // the least capacity at which the direction is not over the limit
	limits  Limits
	change  Change
	failure Scenario
}

// edgeOf looks for a failure that does more after a random change than before it, and for the capacity that makes this
// meet one of both limits exactly.
func edgeOf(t *testing.T, r *rand.Rand, s Spec) (edge, bool) {
	before := solved(t, s)
	e := edge{spec: s, change: worsening(r, s)}
	after, err := before.Apply(e.change)
	if err != nil {
		t.Fatal(err)
	}
	all := everything(r, before.net)
	e.failure = all[r.IntN(len(all))]
	was, is := failed(t, before, e.failure), failed(t, after, e.failure)
	for i, l := range s.Links {
		wasAB, wasBA, _ := was.Load(l.Name)
		isAB, isBA, _ := is.Load(l.Name)
		for _, d := range []struct {
			ab      bool
			was, is int64
		}{{true, wasAB.BPS, isAB.BPS}, {false, wasBA.BPS, isBA.BPS}} {
			more := d.is - d.was
			if more < 2 || d.is > maxCapacity/40 {
				continue
			}
			e.link, e.ab = i, d.ab
			if r.IntN(2) == 0 {
				e.limits = Limits{Permil: 500 + r.Int64N(500)}
				e.just = (d.is*1000 + e.limits.Permil - 1) / e.limits.Permil
			} else {
				times := []int64{2, 4, 5, 8, 10, 20}[r.IntN(6)]
				e.limits = Limits{Worse: 1000 / times}
				e.just = more * times
			}
			e.limits.Listed = 1 << 20
			return e, true
		}
	}
	return e, false
}

// TestSurviveAtLimits gives one direction the capacity with which a failure fills it to just a limit, and a bit per second
// less.
func TestSurviveAtLimits(t *testing.T) {
	edges, crossed := 0, 0
	eachSeed(t, 3, func(r *rand.Rand, s Spec) {
		if len(s.Links) == 0 {
			return
		}
		e, ok := edgeOf(t, r, s)
		if !ok {
			return
		}
		edges++
		var over [2]bool
		for outside := range int64(2) {
			l := &e.spec.Links[e.link]
			if e.ab {
				l.CapacityAB = e.just - outside
			} else {
				l.CapacityBA = e.just - outside
			}
			before := solved(t, e.spec)
			after, err := before.Apply(e.change)
			if err != nil {
				t.Fatal(err)
			}
			all := everything(r, before.net)
			all = append(all, Scenario{Name: "at the limit", Links: e.failure.Links, Nodes: e.failure.Nodes})
			want := plainSurvive(t, before, after, all, e.limits)
			sv, err := NewSurvey(before, all, 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			got, err := sv.Survive(after, e.limits)
			if err != nil {
				t.Fatal(err)
			}
			got.Settled, got.Exact = 0, 0
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%d bit/s outside, %+v (-plain +survey):\n%s\n%+v", outside, e.change, diff, e.spec)
			}
			over[outside] = breaks(t, before, after, e)
		}
		if over[0] || !over[1] {
			t.Fatalf("%s: over the limit with the capacity that is just enough: %v, and with less: %v", e.failure.Name, over[0], over[1])
		}
		crossed++
	})
	t.Logf("%d directions at a limit, %d crossed it", edges, crossed)
}

// breaks reports whether the failure makes the direction of an edge a violation.
func breaks(t *testing.T, before, after *State, e edge) bool {
	t.Helper()
	name := e.spec.Links[e.link].Name
	was, wasBA, _ := failed(t, before, e.failure).Load(name)
	is, isBA, _ := failed(t, after, e.failure).Load(name)
	if !e.ab {
		was, is = wasBA, isBA
	}
	return is.Permil > e.limits.Permil && (is.BPS-was.BPS)*1000 > e.limits.Worse*is.Capacity
}
