package forecast_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

// TestBounded leaves the worst failure more to a bound: the verdict is the same for every link, and the bound holds.
func TestBounded(t *testing.T) {
	top, _, err := network.LoadGML("../testdata/topologyzoo/Geant2012.gml")
	if err != nil {
		t.Fatal(err)
	}
	loose := whatif.DefaultLimits()
	loose.Bound = true
	survives := func(p events.Prospect) bool {
		return p.NewViolations == 0 && p.Drained.SurvivePermil <= max(int(loose.Permil), p.InService.SurvivePermil+int(loose.Worse))
	}
	bounded, unsafe := 0, 0
	for _, total := range []int64{40_000_000_000, 120_000_000_000} {
		m, err := network.Gravity(top, total)
		if err != nil {
			t.Fatal(err)
		}
		exact, bound := forecast.New(top), forecast.New(top)
		bound.Limit(loose)
		exact.Use(m)
		bound.Use(m)
		state := seen(top, model(t, top, m))
		for _, l := range top.Links {
			want, got := exact.Link(l.Name, state), bound.Link(l.Name, state)
			if want.Missing != "" || want.Drained.AtMost || want.InService.AtMost {
				t.Fatalf("%s: %+v", l.Name, want)
			}
			if got.Drained.AtMost {
				bounded++
			}
			if is, most := want.Drained.SurvivePermil, got.Drained.SurvivePermil; is > most || is < most && !got.Drained.AtMost {
				t.Errorf("%s: one more failure %d per mille, bounded to %d, said to be a bound: %t", l.Name, is, most, got.Drained.AtMost)
			}
			if survives(want) != survives(got) {
				t.Errorf("%s: another verdict: exact %t, bounded %t", l.Name, survives(want), survives(got))
			}
			if !survives(want) {
				unsafe++
			}
			same := cmpopts.IgnoreFields(events.Outlook{}, "SurvivePermil", "AtMost", "Failure", "Link", "Settled")
			if diff := cmp.Diff(want, got, same, cmpopts.IgnoreFields(events.Prospect{}, "Inputs")); diff != "" {
				t.Errorf("%s (-exact +bounded):\n%s", l.Name, diff)
			}
		}
	}
	if bounded == 0 || unsafe == 0 {
		t.Errorf("%d drains were bounded and %d unsafe: this shows nothing", bounded, unsafe)
	}
}
