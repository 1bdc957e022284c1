package forecast_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

// pairs are all sets of two links.
func pairs(top *network.Topology) (list [][]string) {
	for i, a := range top.Links {
		for _, b := range top.Links[i+1:] {
			list = append(list, []string{a.Name, b.Name})
		}
	}
	return list
}

// direct asks whatif what draining links of base does, without the forecaster.
func direct(t *testing.T, base *whatif.State, names []string) (drained, gone *whatif.State, survival whatif.Survival) {
	t.Helper()
	drained, err := base.Apply(whatif.SoftDrain(names...))
	if err != nil {
		t.Fatal(err)
	}
	if gone, err = base.Apply(whatif.HardDrain(names...)); err != nil {
		t.Fatal(err)
	}
	net := base.Net()
	survival, err = whatif.Survive(base, drained, slices.Concat(net.Links(), net.Groups(), net.Nodes()), whatif.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return drained, gone, survival
}

// TestJointExact holds the joint forecast of every pair of Abilene's links against whatif asked directly, and wants pairs
// among them of which each link is safe to drain and both together are not: by their load, and by what they cut off.
func TestJointExact(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	base := model(t, top, m)
	f := forecast.New(top)
	f.Use(m)
	state := seen(top, base)
	safe := func(p events.Prospect) bool {
		return p.Drained.WorstPermil <= 1000 && p.NewViolations == 0 && p.Drained.CutOff == 0
	}
	full, cut, moved := 0, 0, map[string]int64{}
	for _, l := range top.Links {
		moved[l.Name] = f.Link(l.Name, state).Moved
	}
	for _, pair := range pairs(top) {
		p := f.Links(pair, state)
		if p.Missing != "" {
			t.Fatalf("%v: %s", pair, p.Missing)
		}
		drained, gone, survival := direct(t, base, pair)
		got := []int64{int64(p.InService.WorstPermil), int64(p.Drained.WorstPermil), p.Drained.CutOff, int64(p.NewViolations), int64(p.Drained.SurvivePermil), p.Moved}
		want := []int64{
			base.Worst().Permil, drained.Worst().Permil, gone.Undelivered(0).BPS, int64(survival.Violations + survival.Cut),
			max(survival.Worst.Load.Permil, drained.Worst().Permil), moved[pair[0]] + moved[pair[1]],
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-whatif +forecast):\n%s", pair, diff)
		}
		if safe(f.Link(pair[0], state)) && safe(f.Link(pair[1], state)) && !safe(p) {
			if p.Drained.CutOff > 0 {
				cut++
			} else {
				full++
			}
		}
	}
	t.Logf("of %d pairs %d fill a link and %d cut off though each link alone does neither", len(pairs(top)), full, cut)
	if full == 0 || cut == 0 {
		t.Errorf("of %d pairs %d fill a link and %d cut off though each link alone does neither: want some of both", len(pairs(top)), full, cut)
	}
}

// The same question is the same however it is put, whatever stands now, and whatever was asked before.
func TestJointAlike(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	base := model(t, top, m)
	state := seen(top, base)
	f := forecast.New(top)
	f.Use(m)
	want := f.Links([]string{"chi-nyc", "den-kcy"}, state)
	if diff := cmp.Diff(want, f.Links([]string{"den-kcy", "chi-nyc", "den-kcy"}, state)); diff != "" {
		t.Errorf("in another order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, f.Links([]string{"chi-nyc", "den-kcy"}, state)); diff != "" {
		t.Errorf("asked again (-want +got):\n%s", diff)
	}
	drained, _, _ := direct(t, base, []string{"den-kcy"})
	one := f.Links([]string{"chi-nyc", "den-kcy"}, edit(seen(top, drained), "den-kcy", drain))
	if one.Fit.Close != one.Fit.Links || one.Fit.Links == 0 {
		t.Errorf("measured with one of them drained, fit is %+v", one.Fit)
	}
	if diff := cmp.Diff(want, one, cmpopts.IgnoreFields(events.Prospect{}, "Inputs", "Fit")); diff != "" {
		t.Errorf("with one of them drained (-want +got):\n%s", diff)
	}
	for _, names := range [][]string{nil, {"den-kcy", "den-rio"}} {
		if p := f.Links(names, state); p.Missing == "" {
			t.Errorf("%q: nothing is missing", names)
		}
	}
}

// One drain must not live off another: of two links of which one is drained already, draining the second cuts off what
// draining both cuts off, although the first is still there as the last resort.
func TestDrainedOneAfterTheOther(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	base := model(t, top, m)
	exact, bound := forecast.New(top), forecast.New(top)
	exact.Use(m)
	cuts := 0
	for _, pair := range pairs(top) {
		drained, _, _ := direct(t, base, pair[:1])
		state := edit(seen(top, drained), pair[0], drain)
		both, first, second := exact.Links(pair, seen(top, base)), exact.Link(pair[0], seen(top, base)), exact.Link(pair[1], state)
		got, want := []int64{second.InService.CutOff, second.Drained.CutOff}, []int64{first.Drained.CutOff, both.Drained.CutOff}
		if diff := cmp.Diff(want, got); diff != "" || second.Missing != "" {
			t.Errorf("%v: %s: (-together +one after the other):\n%s", pair, second.Missing, diff)
		}
		if b := bound.Link(pair[1], state); (b.Drained.CutOff > 0) != (want[1] > want[0]) || b.Missing != "" {
			t.Errorf("%v: bounded, %d is cut off (%s), exactly %d", pair, b.Drained.CutOff, b.Missing, want[1])
		}
		if want[1] > want[0] {
			cuts++
		}
	}
	if cuts == 0 {
		t.Error("no pair cuts anything off")
	}
}

// A link that is configured as the last resort is drained by nobody, and a way like any other.
func TestConfiguredLastResort(t *testing.T) {
	top := backbone.Abilene()
	for i := range top.Links {
		if l := &top.Links[i]; l.Name == "sea-snv" {
			l.A.Metric, l.B.Metric = network.MetricLastResort, network.MetricLastResort
		}
	}
	m := matrix(t, top, offered)
	f := forecast.New(top)
	f.Use(m)
	if p := f.Link("sea-den", seen(top, model(t, top, m))); p.Missing != "" || p.Drained.CutOff != 0 {
		t.Errorf("cuts off %v (%s)", p.Drained.CutOffNames, p.Missing)
	}
}

// Limit decides what a new violation is.
func TestLimit(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	state := seen(top, model(t, top, m))
	f := forecast.New(top)
	f.Use(m)
	count := func() (sum int) {
		for _, l := range top.Links {
			sum += f.Link(l.Name, state).NewViolations
		}
		return sum
	}
	usual := count()
	f.Limit(whatif.Limits{Permil: 200, Worse: 0, Listed: 5})
	strict := count()
	f.Limit(whatif.Limits{Permil: 100_000, Worse: 50, Listed: 5})
	if lax := count(); lax != 0 || strict <= usual {
		t.Errorf("%d new violations by default, %d when next to nothing is allowed, %d when everything is", usual, strict, lax)
	}
}

// random is a connected network with parallel links, bridges, risk groups and metrics that differ by direction.
func random(r *rand.Rand) *network.Topology {
	top := &network.Topology{}
	n := 3 + r.IntN(5)
	for i := range n {
		top.Routers = append(top.Routers, network.Router{Name: fmt.Sprintf("r%d", i)})
	}
	end := func(router, link int) network.End {
		return network.End{Device: fmt.Sprintf("r%d", router), Interface: fmt.Sprintf("ethernet-1/%d", link+1), Metric: 1 + r.Uint32N(12)}
	}
	for i := range n - 1 + r.IntN(2*n) {
		a, b := i+1, 0
		if i < n-1 {
			b = r.IntN(i + 1)
		} else {
			a = r.IntN(n)
			b = (a + 1 + r.IntN(n-1)) % n
		}
		l := network.Link{Name: fmt.Sprintf("l%d", i), A: end(a, i), B: end(b, i), Capacity: []int64{1e9, 4e9, 1e10}[r.IntN(3)]}
		if r.IntN(4) == 0 {
			l.SRLGs = []string{fmt.Sprintf("g%d", r.IntN(2))}
		}
		top.Links = append(top.Links, l)
	}
	return top
}

// TestJointBound holds the bound against the exact answer on random networks, for one to three links: it is never smaller,
// not even where a drained link stays in use for want of another way.
func TestJointBound(t *testing.T) {
	const networks = 300
	questions, last := 0, 0
	for seed := range uint64(networks) {
		r := rand.New(rand.NewPCG(seed, 3))
		top := random(r)
		if err := top.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		m := matrix(t, top, 1+r.Int64N(20_000_000_000))
		base := model(t, top, m)
		state := seen(top, base)
		exact, bound := forecast.New(top), forecast.New(top)
		exact.Use(m)
		for range 4 {
			var names []string
			for range 1 + r.IntN(3) {
				names = append(names, top.Links[r.IntN(len(top.Links))].Name)
			}
			e, b := exact.Links(names, state), bound.Links(names, state)
			if e.Missing != "" || b.Missing != "" || e.Method != events.MethodExact || b.Method != events.MethodBound {
				t.Fatalf("seed %d: %v: %q by %q, %q by %q", seed, names, e.Missing, e.Method, b.Missing, b.Method)
			}
			questions++
			if strings.HasPrefix(e.Drained.WorstLink, "l") && slices.Contains(names, strings.Split(e.Drained.WorstLink, ",")[0]) {
				last++
			}
			const rounding = 1 // of measured loads to whole bits per second
			for what, of := range map[string][2]int{
				"worst in service":    {e.InService.WorstPermil, b.InService.WorstPermil},
				"worst drained":       {e.Drained.WorstPermil, b.Drained.WorstPermil},
				"survived in service": {e.InService.SurvivePermil, b.InService.SurvivePermil},
				"survived drained":    {e.Drained.SurvivePermil, b.Drained.SurvivePermil},
			} {
				if of[1] < of[0]-rounding {
					t.Errorf("seed %d: %v: %s: at most %d, and exactly %d", seed, names, what, of[1], of[0])
				}
			}
			if (e.Drained.CutOff > 0) != (b.Drained.CutOff > 0) || b.Drained.CutOff > 0 && len(b.Drained.CutOffNames) == 0 || b.InService.CutOff != 0 {
				t.Errorf("seed %d: %v: cut off %d %v, exactly %d %v", seed, names, b.Drained.CutOff, b.Drained.CutOffNames, e.Drained.CutOff, e.Drained.CutOffNames)
			}
			if diff := cmp.Diff(e.Way, b.Way); diff != "" {
				t.Errorf("seed %d: %v: the way depends on traffic:\n%s", seed, names, diff)
			}
		}
	}
	t.Logf("%d questions about %d networks; in %d a drained link is the fullest", questions, networks, last)
	if last == 0 {
		t.Error("no drained link stayed in use: the test shows less than it should")
	}
}
