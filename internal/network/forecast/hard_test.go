package forecast_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

// ring is four routers in a circle, with room for everything.
func ring() *network.Topology {
	top := &network.Topology{}
	names := []string{"a", "b", "c", "d"}
	for i, name := range names {
		next := names[(i+1)%len(names)]
		top.Routers = append(top.Routers, network.Router{Name: name})
		top.Links = append(top.Links, network.Link{
			Name: name + "-" + next, Capacity: 100_000_000_000,
			A: network.End{Device: name, Interface: "e1", Metric: 10}, B: network.End{Device: next, Interface: "e2", Metric: 10},
		})
	}
	return top
}

// TestHardLeavesNoLastResort: a ring bears a drain that leaves the link as a last resort, and is one failure from being cut in
// two when the link is taken out, with a traffic matrix and without.
func TestHardLeavesNoLastResort(t *testing.T) {
	top := ring()
	m := matrix(t, top, 1_000_000_000)
	state := seen(top, model(t, top, m))
	for _, known := range []bool{true, false} {
		f := forecast.New(top)
		if known {
			f.Use(m)
		}
		soft, hard := f.Link("a-b", state), f.Hard([]string{"a-b"}, state)
		if soft.Missing != "" || hard.Missing != "" || soft.NewViolations != 0 {
			t.Fatalf("matrix %t: soft %+v, hard %q", known, soft, hard.Missing)
		}
		if hard.NewViolations < 3 || !strings.Contains(hard.Worst, "are cut off") {
			t.Errorf("matrix %t: after any other link the ring is cut in two, and it is said: %d, %q", known, hard.NewViolations, hard.Worst)
		}
		if !hard.Hard() || len(soft.Way) == 0 || soft.Hard() {
			t.Errorf("matrix %t: steps %v, soft %v", known, hard.Way, soft.Way)
		}
		if hard.Inputs == soft.Inputs || hard.Method != soft.Method || hard.Moved != soft.Moved {
			t.Errorf("matrix %t: hard %+v, soft %+v", known, hard, soft)
		}
		if again := f.Hard([]string{"a-b", "a-b"}, state); !cmp.Equal(again, hard) {
			t.Errorf("matrix %t: asked again:\n%s", known, cmp.Diff(hard, again))
		}
		if after := f.Link("a-b", state); !cmp.Equal(after, soft) {
			t.Errorf("matrix %t: the answer about a soft drain has changed:\n%s", known, cmp.Diff(soft, after))
		}
	}
}

// TestHardExact holds the forecast against whatif asked directly, on random networks for one and two links; and wants what
// must be so in any network: nothing is on the links, as much is cut off as by a soft drain, and no failure is borne better.
func TestHardExact(t *testing.T) {
	const networks = 200
	worse := 0
	for seed := range uint64(networks) {
		r := rand.New(rand.NewPCG(seed, 23))
		top := random(r)
		m := matrix(t, top, 1+r.Int64N(20_000_000_000))
		base := model(t, top, m)
		state := seen(top, base)
		names := []string{top.Links[r.IntN(len(top.Links))].Name}
		if r.IntN(3) == 0 {
			names = append(names, top.Links[r.IntN(len(top.Links))].Name)
		}
		f, bound := forecast.New(top), forecast.New(top)
		f.Use(m)
		soft, hard, most := f.Links(names, state), f.Hard(names, state), bound.Hard(names, state)
		if hard.Missing != "" || most.Missing != "" {
			t.Fatalf("seed %d: %q, %q", seed, hard.Missing, most.Missing)
		}
		out, err := base.Apply(whatif.HardDrain(names...))
		if err != nil {
			t.Fatal(err)
		}
		net := base.Net()
		after, err := whatif.Survive(base, out, slices.Concat(net.Links(), net.Groups(), net.Nodes()), whatif.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := hard.Drained.WorstPermil, int(out.Worst().Permil); got != want {
			t.Errorf("seed %d: %v: worst %d, want %d", seed, names, got, want)
		}
		if got, want := hard.Drained.SurvivePermil, int(max(after.Worst.Load.Permil, out.Worst().Permil)); got != want {
			t.Errorf("seed %d: %v: after a failure %d, want %d", seed, names, got, want)
		}
		if got, want := hard.NewViolations, after.Violations+after.Cut; got != want {
			t.Errorf("seed %d: %v: %d new violations, want %d", seed, names, got, want)
		}
		if diff := cmp.Diff([]any{soft.InService, soft.Drained.CutOff, soft.Drained.CutOffNames, soft.Fit}, []any{hard.InService, hard.Drained.CutOff, hard.Drained.CutOffNames, hard.Fit}); diff != "" {
			t.Errorf("seed %d: %v: what does not depend on it (-soft +hard):\n%s", seed, names, diff)
		}
		if slices.Contains(names, events.LinkOf(hard.Drained.WorstLink)) || slices.Contains(names, events.LinkOf(hard.Drained.Link)) {
			t.Errorf("seed %d: %v: the fullest is a link that is out: %+v", seed, names, hard.Drained)
		}
		if hard.NewViolations < soft.NewViolations || most.NewViolations < after.Cut {
			t.Errorf("seed %d: %v: %d new violations, soft %d; bounded %d of %d that cut off", seed, names, hard.NewViolations, soft.NewViolations, most.NewViolations, after.Cut)
		}
		if most.Drained.WorstPermil+1 < hard.Drained.WorstPermil || most.Drained.SurvivePermil+1 < hard.Drained.SurvivePermil {
			t.Errorf("seed %d: %v: bound %+v, exactly %+v", seed, names, most.Drained, hard.Drained)
		}
		last := map[string]events.EndMetric{}
		for _, m := range slices.Concat(hard.Way...) {
			last[m.Link] = m
		}
		for _, name := range names {
			if m := last[name]; m.Metric != whatif.Unused || m.Device != "" {
				t.Errorf("seed %d: %v: the way ends at %+v", seed, names, m)
			}
		}
		if hard.NewViolations > soft.NewViolations {
			worse++
		}
	}
	t.Logf("in %d of %d networks a failure more is borne worse than with a soft drain", worse, networks)
	if worse < 10 {
		t.Error("the test shows less than it should")
	}
}

// TestHardMissing: what keeps it from knowing is said.
func TestHardMissing(t *testing.T) {
	top := ring()
	state := seen(top, model(t, top, matrix(t, top, 1_000_000_000)))
	f := forecast.New(top)
	if p := f.Hard([]string{"x"}, state); !strings.Contains(p.Missing, `link "x" is not in the topology`) {
		t.Errorf("%+v", p)
	}
	if p := f.Hard(nil, state); p.Missing == "" {
		t.Errorf("%+v", p)
	}
}
