package device

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// TestState holds what telemetry shows of a link against the simulated network: metrics, loads, and what is down.
func TestState(t *testing.T) {
	l := startLab(t, labSetup{})
	aToB, bToA := l.net.Load("a-b")
	var link network.LinkState
	eventually(t, "both ends are seen", func() bool {
		link = l.See().State().Links["a-b"]
		return !link.A.Load.At.IsZero() && !link.B.Load.At.IsZero() && !off(link.A.Load.BPS, aToB) && !off(link.B.Load.BPS, bToA)
	})
	for name, end := range map[string]network.EndState{"a": link.A, "b": link.B} {
		if end.At.IsZero() || end.Down || len(end.Metrics) != len(network.Families()) {
			t.Errorf("end %s: %+v", name, end)
		}
		for _, m := range end.Metrics {
			if m.Level != 2 || m.Value != 10 {
				t.Errorf("end %s shows metric %+v", name, m)
			}
		}
	}
	eventually(t, "all three routers are heard", func() bool { return len(l.See().State().Routers) == 3 })
	if err := l.net.SetLinkDown("a-b"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the link to be seen down", func() bool {
		link := l.See().State().Links["a-b"]
		return link.A.Down && link.B.Down
	})
}

// TestStateOfASingleTopology has routers whose IPv6 follows the metric of IPv4, and which go on showing another for it: what
// the network computes paths by is what they go by.
func TestStateOfASingleTopology(t *testing.T) {
	for _, c := range []struct {
		name   string
		single bool
		six    uint32
	}{{"single", true, 77}, {"multi", false, 10}} {
		t.Run(c.name, func(t *testing.T) {
			l := startLab(t, labSetup{router: func(o *backbone.Options) { o.SingleTopology = c.single }})
			r := l.net.Router("b")
			path := r.Path("interfaces", "interface[interface-id=ethernet-1/1]", "levels", "level[level-number=2]", "afi-safi", "af[afi-name=IPV4][safi-name=UNICAST]", "config", "metric")
			if err := r.Configure(path, "77"); err != nil {
				t.Fatal(err)
			}
			want := []network.Metric{{Level: 2, Family: network.IPv4, Value: 77}, {Level: 2, Family: network.IPv6, Value: c.six}}
			var got []network.Metric
			eventually(t, fmt.Sprintf("b to show %v", want), func() bool {
				got = l.See().State().Links["a-b"].B.Metrics
				return cmp.Equal(want, got)
			})
		})
	}
}

// off reports whether a measured rate is further than 5 % from the true one. The window of a rate is only as exact as the
// two clocks it is made of.
func off(got, want int64) bool {
	d := got - want
	return max(d, -d) > want/20
}
