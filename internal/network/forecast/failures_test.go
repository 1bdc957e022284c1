package forecast_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

// stub is Abilene with one router that hangs on a single link, and another that hangs on nothing that is up.
func stub() *network.Topology {
	top := backbone.Abilene()
	for i, name := range []string{"slc", "rno"} {
		top.Routers = append(top.Routers, network.Router{Name: name})
		top.Links = append(top.Links, network.Link{
			Name: "den-" + name, Capacity: 10_000_000_000,
			A: network.End{Device: "den", Interface: "ethernet-1/9" + string(rune('0'+i)), Metric: 600}, B: network.End{Device: name, Interface: "ethernet-1/1", Metric: 600},
		})
	}
	return top
}

// TestFailures holds every failure against whatif, which computes the whole network anew for it.
func TestFailures(t *testing.T) {
	top := stub()
	m := matrix(t, top, offered)
	f := forecast.New(top)
	f.Use(m)
	state := edit(seen(top, model(t, top, m)), "den-rno", func(l *network.LinkState) { l.B.Down = true })
	base, err := model(t, top, m).Apply(whatif.Change{Down: []string{"den-rno"}})
	if err != nil {
		t.Fatal(err)
	}
	var all []forecast.Failure
	if err := f.Failures(state, func(failure forecast.Failure) error {
		all = append(all, failure)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := 1 + len(top.Links) + len(top.RiskGroups()) + len(top.Routers); len(all) != want {
		t.Fatalf("%d failures, want %d", len(all), want)
	}
	if now := all[0]; now.Cause != forecast.CauseNone || now.CutOff != base.Undelivered(0).BPS || now.CutOff == 0 || len(now.CutOffNames) != 8 {
		t.Errorf("now %+v", now)
	}
	groups := map[string][]string{}
	for _, g := range top.RiskGroups() {
		groups[g.Name] = g.Links
	}
	for _, got := range all[1:] {
		change := whatif.Change{}
		switch got.Cause {
		case forecast.CauseLink:
			change.Down = []string{got.Name}
		case forecast.CauseSRLG:
			change.Groups = []string{got.Name}
		case forecast.CauseRouter:
			change.Dead = []string{got.Name}
		}
		st, err := base.Apply(change)
		if err != nil {
			t.Fatal(err)
		}
		want := int64(0)
		for _, l := range st.Undelivered(1 << 20).Named {
			if !strings.Contains(l.From+l.To, "rno") && (got.Cause != forecast.CauseRouter || l.From != got.Name && l.To != got.Name) {
				want += l.BPS
			}
		}
		if diff := cmp.Diff([]int64{st.Worst().Permil, want}, []int64{int64(got.WorstPermil), got.CutOff}); diff != "" {
			t.Errorf("%s %s (-whatif +forecast):\n%s", got.Cause, got.Name, diff)
		}
		cuts := got.Name == "den-slc" || got.Cause == forecast.CauseRouter && got.Name == "den"
		if cuts != (got.CutOff > 0) || cuts != (len(got.CutOffNames) > 0) || slices.ContainsFunc(got.CutOffNames, func(s string) bool { return !strings.Contains(s, "slc") }) {
			t.Errorf("%s %s cuts off %d: %v", got.Cause, got.Name, got.CutOff, got.CutOffNames)
		}
	}
}

// Who has seen enough ends it; without traffic nothing is known; and a network that is not seen is not guessed at.
func TestFailuresEnd(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	state := seen(top, model(t, top, m))
	f := forecast.New(top)
	visits := 0
	count := func(forecast.Failure) error { visits++; return nil }
	if err := f.Failures(state, count); err == nil || !strings.Contains(err.Error(), "traffic matrix") {
		t.Errorf("without a matrix: %v", err)
	}
	f.Use(m)
	if err := f.Failures(network.State{At: now}, count); err == nil || !strings.Contains(err.Error(), "not seen") {
		t.Errorf("nothing seen: %v", err)
	}
	if visits != 0 {
		t.Errorf("%d visits", visits)
	}
	for enough := range 3 {
		visits = 0
		end := errors.New("enough")
		if err := f.Failures(state, func(forecast.Failure) error {
			if visits++; visits > enough {
				return end
			}
			return nil
		}); !errors.Is(err, end) || visits != enough+1 {
			t.Errorf("ended after %d visits with %v", visits, err)
		}
	}
}

// What a drain cuts off is named even in a network of which much is cut off already.
func TestCutOffNamesWhatIsNew(t *testing.T) {
	top := stub()
	m := matrix(t, top, offered)
	state := edit(seen(top, model(t, top, m)), "den-rno", func(l *network.LinkState) { l.B.Down = true })
	f := forecast.New(top)
	f.Use(m)
	p := f.Link("den-slc", state)
	if p.InService.CutOff == 0 || p.Drained.CutOff <= p.InService.CutOff || len(p.Drained.CutOffNames) <= len(p.InService.CutOffNames) {
		t.Errorf("in service %d %v, drained %d %v", p.InService.CutOff, p.InService.CutOffNames, p.Drained.CutOff, p.Drained.CutOffNames)
	}
	for _, name := range p.Drained.CutOffNames[len(p.InService.CutOffNames):] {
		if !strings.Contains(name, "slc") {
			t.Errorf("%s is not new", name)
		}
	}
}
