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

// TestCounters holds what is sent into chi-nyc, a link of 10 Gbit/s, against what comes out of it, and asks about another.
func TestCounters(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	state := seen(top, model(t, top, m))
	others := 2 * (len(top.Links) - 1)
	const off = "chi-nyc, chi to nyc"
	carries := func(sent, arrived int64) func(*network.LinkState) {
		return func(l *network.LinkState) { l.A.Load.BPS, l.B.Arrived.BPS = sent, arrived }
	}
	for name, c := range map[string]struct {
		link   string
		change func(*network.LinkState)
		want   events.Fit
	}{
		"as computed":           {"chi-nyc", func(*network.LinkState) {}, events.Fit{Links: others, Close: others}},
		"two in a hundred less": {"chi-nyc", carries(8e9, 7.84e9), events.Fit{Links: others, Close: others, Worst: 16, OnLink: off}},
		"a little less still":   {"chi-nyc", carries(8e9, 7.83e9), events.Fit{Links: others, Close: others - 1, Worst: 17, OnLink: off}},
		"more than was sent":    {"chi-nyc", carries(7.8e9, 8e9), events.Fit{Links: others, Close: others - 1, Worst: 20, OnLink: off}},
		"nearly empty":          {"chi-nyc", carries(1e8, 0), events.Fit{Links: others, Close: others, Worst: 10, OnLink: off}},
		"no longer":             {"chi-nyc", carries(1.1e8, 0), events.Fit{Links: others, Close: others - 1, Worst: 11, OnLink: off}},
		"counted at one end":    {"chi-nyc", func(l *network.LinkState) { l.B.Arrived = network.Reading{} }, events.Fit{Links: others - 1, Close: others - 1}},
		"counted long ago":      {"chi-nyc", func(l *network.LinkState) { l.A.Load.At = now.Add(-61 * time.Second) }, events.Fit{Links: others - 1, Close: others - 1}},
		"down":                  {"chi-nyc", func(l *network.LinkState) { l.A.Down, l.A.Load.BPS = true, 0 }, events.Fit{Links: others - 2, Close: others - 2}},
		"the one asked about":   {"den-kcy", func(l *network.LinkState) { l.A.Load.BPS += 5e9 }, events.Fit{Links: others, Close: others}},
	} {
		t.Run(name, func(t *testing.T) {
			for method, traffic := range map[string]network.Matrix{"exact": m, "bound": {}} {
				f := forecast.New(top)
				f.Use(traffic)
				now := state
				now.Links = maps.Clone(state.Links)
				p := f.Link("den-kcy", edit(now, c.link, c.change))
				if diff := cmp.Diff(c.want, p.Counters); diff != "" && p.Missing == "" {
					t.Errorf("%s (-want +got):\n%s", method, diff)
				}
			}
		})
	}
}
