package forecast_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
)

// TestConserved holds what comes into chi, a router of two links of 10 Gbit/s, against what goes out of it.
func TestConserved(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	state := seen(top, model(t, top, m))
	for _, r := range top.Routers {
		state.Routers[r.Name] = network.RouterState{At: now, Balance: network.Balance{In: 8e9, Out: 8e9, At: now}}
	}
	all := len(top.Routers)
	carries := int64(0)
	for _, l := range top.Links {
		if l.A.Device == "chi" || l.B.Device == "chi" {
			carries += l.Capacity
		}
	}
	off := func(worst int, in, out int64) events.Conservation {
		return events.Conservation{Routers: all, Balanced: all - 1, Worst: worst, Router: "chi", In: in, Out: out}
	}
	whole := events.Conservation{Routers: all, Balanced: all}
	not := func(why string) events.Conservation {
		return events.Conservation{Routers: all - 1, Balanced: all - 1, Unchecked: 1, Why: "chi: " + why}
	}
	for name, c := range map[string]struct {
		balance network.Balance
		want    events.Conservation
	}{
		"all of it":                  {network.Balance{In: 8e9, Out: 8e9}, whole},
		"five in a hundred less":     {network.Balance{In: 8e9, Out: 7.6e9}, whole},
		"a little less still":        {network.Balance{In: 8e9, Out: 7.6e9 - 1}, off(51, 8e9, 7.6e9-1)},
		"five in a hundred more":     {network.Balance{In: 7.6e9, Out: 8e9}, whole},
		"a little more still":        {network.Balance{In: 7.6e9 - 1, Out: 8e9}, off(51, 7.6e9-1, 8e9)},
		"nothing":                    {network.Balance{In: 8e9}, off(1000, 8e9, 0)},
		"out of nothing":             {network.Balance{Out: 8e9}, off(1000, 0, 8e9)},
		"said to be dropped":         {network.Balance{In: 8e9, Out: 6e9, Dropped: 2e9}, whole},
		"more is said to be dropped": {network.Balance{In: 8e9, Out: 6e9, Dropped: 3e9}, off(167, 5e9, 6e9)},
		"all is said to be dropped":  {network.Balance{In: 1e9, Out: 6e9, Dropped: 3e9}, off(1000, 0, 6e9)},
		"broken, and counted":        {network.Balance{In: 8e9, Out: 6e9, Broken: 2e9}, whole},
		"broken, and not counted":    {network.Balance{In: 8e9, Out: 8e9, Broken: 2e9}, whole},
		"more than broken":           {network.Balance{In: 8e9, Out: 5e9, Broken: 2e9}, off(125, 8e9, 5e9)},
		"nearly idle":                {network.Balance{In: carries / 100}, whole},
		"no longer":                  {network.Balance{In: carries/100 + 1}, off(1000, carries/100+1, 0)},
		"idle":                       {network.Balance{}, whole},
		"not counted":                {network.Balance{Missing: "edge0 is not counted"}, not("edge0 is not counted")},
		"counted a minute ago":       {network.Balance{In: 8e9, Out: 8e9, At: now.Add(-time.Minute)}, whole},
		"counted long ago":           {network.Balance{In: 8e9, At: now.Add(-time.Minute - 1)}, not("it was counted more than 1m0s ago")},
	} {
		t.Run(name, func(t *testing.T) {
			if c.balance.At.IsZero() && c.balance.Missing == "" {
				c.balance.At = now
			}
			for method, traffic := range map[string]network.Matrix{"exact": m, "bound": {}} {
				f := forecast.New(top)
				f.Use(traffic)
				s := state
				s.Routers = maps.Clone(state.Routers)
				s.Routers["chi"] = network.RouterState{At: now, Balance: c.balance}
				p := f.Link("den-kcy", s)
				if diff := cmp.Diff(c.want, p.Conserved); diff != "" || p.Missing != "" {
					t.Errorf("%s: %s (-want +got):\n%s", method, p.Missing, diff)
				}
				if before := f.Link("den-kcy", state); (before.Inputs == p.Inputs) != (c.balance == state.Routers["chi"].Balance) {
					t.Errorf("%s: inputs %s, before %s", method, p.Inputs, before.Inputs)
				}
			}
		})
	}
}

// TestNothingIsHeardOfRouters has telemetry of links alone.
func TestNothingIsHeardOfRouters(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	f := forecast.New(top)
	f.Use(m)
	p := f.Link("den-kcy", seen(top, model(t, top, m)))
	want := events.Conservation{Unchecked: len(top.Routers), Why: top.Routers[0].Name + ": it is not heard"}
	if diff := cmp.Diff(want, p.Conserved); diff != "" || p.Missing != "" {
		t.Errorf("%s (-want +got):\n%s", p.Missing, diff)
	}
}
