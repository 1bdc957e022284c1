package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/device"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// gathered is every series of a registry, by name and labels' values: gauges by value, histograms by how much they observed.
func gathered(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return got
}

// TestSurroundings counts routers, up and silent and down, and drains by whose they are.
func TestSurroundings(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	up := func(silent time.Duration) device.RouterStatus {
		return device.RouterStatus{Reachable: true, LastSeen: now, LastTold: now.Add(-silent)}
	}
	ledger := boardtest.New(t)
	id, plan := ledger.Open("den-kcy", events.Major, events.Allow)
	ledger.Act(id, plan)
	ledger.Say(id, events.Applied{Act: events.Act{Fence: ledger.Incident(id).Intent.Position}, Sets: 1})
	ledger.Open("hou-atl", events.Major, events.Defer) // of which nothing stands
	for name, c := range map[string]struct {
		bus     bool
		taking  bool
		routers []device.RouterStatus
		want    []float64 // bus, taking in, routers up and down, silence
	}{
		"all is well":        {true, true, []device.RouterStatus{up(time.Second), up(3 * time.Second)}, []float64{1, 1, 2, 0, 3}},
		"one has gone":       {true, false, []device.RouterStatus{up(time.Second), {LastSeen: now.Add(-time.Hour)}}, []float64{1, 0, 1, 1, 1}},
		"one says nothing":   {true, true, []device.RouterStatus{up(time.Second), {Reachable: true}}, []float64{1, 1, 2, 0, 90}},
		"nothing is reached": {false, false, []device.RouterStatus{{}, {}}, []float64{0, 0, 0, 2, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			registry.MustRegister(&surroundings{
				connected: func() bool { return c.bus }, takingIn: func() bool { return c.taking }, routers: func() []device.RouterStatus { return c.routers }, others: func() []string { return []string{"a-b", "c-d"} },
				view: ledger.View, began: now.Add(-90 * time.Second), now: func() time.Time { return now },
			})
			want := map[string]float64{"detour_drains detour": 1, "detour_drains others": 2}
			for i, name := range []string{"detour_bus_connected", "detour_taking_in", "detour_routers up", "detour_routers down", "detour_router_told_age_seconds"} {
				want[name] = c.want[i]
			}
			if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
		})
	}
}
