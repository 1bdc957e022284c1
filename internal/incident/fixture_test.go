package incident

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators"
)

var testStart = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

// testNetwork knows links by their name alone: "a-b" joins routers a and b over interface "to-b" and "to-a".
type testNetwork struct{}

func (testNetwork) Resolve(r events.Resource) (events.Target, bool) {
	var a, b string
	switch {
	case len(r.Link) == 3 && r.Link[1] == '-':
		a, b = r.Link[:1], r.Link[2:]
	case len(r.Device) == 1 && len(r.Interface) == 4:
		a, b = min(r.Device, r.Interface[3:]), max(r.Device, r.Interface[3:])
	default:
		return events.Target{}, false
	}
	name := a + "-" + b
	return events.Target{
		Kind: events.TargetLink, Name: name, Capacity: 10_000_000_000,
		Ends:   []events.End{{Device: a, Interface: "to-" + b}, {Device: b, Interface: "to-" + a}},
		Scopes: []events.Scope{events.Network, events.ScopeOf("link", name), events.ScopeOf("device", a), events.ScopeOf("device", b)},
	}, true
}

func (n testNetwork) Link(name string) (events.Target, bool) {
	return n.Resolve(events.Resource{Link: name})
}

// Device has each router on a site of its own; h alone is at the edge.
func (testNetwork) Device(name string) (events.Device, bool) {
	d := events.Device{Name: name, Site: "site-" + name, Plane: "1", Roles: []string{"core"}}
	if name == "h" {
		d.Roles = []string{"edge"}
	}
	return d, len(name) == 1
}

// grouped is the test network with groups of links that have a scope in common.
type grouped map[events.Scope][]string

func (g grouped) Links(scope events.Scope) []string { return g[scope] }

func (g grouped) Resolve(r events.Resource) (events.Target, bool) {
	t, ok := testNetwork{}.Resolve(r)
	for _, scope := range slices.Sorted(maps.Keys(g)) {
		if slices.Contains(g[scope], t.Name) && !slices.Contains(t.Scopes, scope) {
			t.Scopes = append(t.Scopes, scope)
		}
	}
	return t, ok
}

func (g grouped) Link(name string) (events.Target, bool) {
	return g.Resolve(events.Resource{Link: name})
}

func (g grouped) Device(name string) (events.Device, bool) { return testNetwork{}.Device(name) }

func testWorld(t testing.TB, text string) World {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return World{Now: testStart, Me: "r0/0", Policy: p, Mode: events.Live, Inventory: testNetwork{}, Remediators: remediators.All()}
}

func testEvent(id string, state events.AnomalyState, at time.Time) events.Event {
	return events.Event{
		SpecVersion: "1.0", Type: events.TypeAnomaly, ID: id, Source: "/telemetry/a", Time: at,
		Data: events.Anomaly{
			Kind: events.LinkErrors, State: state, Severity: events.Major, Resource: events.Resource{Device: "a", Interface: "to-b"},
			ObservedAt: at, Value: 3e-4,
		},
	}
}

// testFacts are the facts of link a-b with its ends as seen, at a moment when a drain helps, or does not.
func testFacts(at time.Time, seen [2]events.Seen, helps bool) events.Facts {
	f := events.Facts{At: at, Network: events.NetworkFacts{Routers: 11, Seen: 11, Links: 14, WorstLink: "c-d", WorstPermil: 400}}
	target, _ := testNetwork{}.Resolve(events.Resource{Link: "a-b"})
	for n, end := range target.Ends {
		value, bps := events.UintValue(700), int64(2_000_000_000)
		if seen[n] == events.SeenAfter {
			value = events.UintValue(16777214)
		}
		if seen[0] == events.SeenAfter && seen[1] == events.SeenAfter && helps {
			bps = 0
		}
		e := events.EndFacts{
			End: end, Oper: "UP", Adjacencies: 1, System: end.Device, Neighbours: []string{target.Ends[1-n].Device}, Traffic: &events.Traffic{Window: events.Duration(time.Second), InBPS: bps, OutBPS: bps, InPPS: bps / 8000},
			Profile: events.Profile{Name: "openconfig", SoftMetric: 16777214, HardMetric: 16777215, Bars: []events.Bar{events.BarArbitration, events.BarDeadline}, Qualified: true},
		}
		for _, family := range []string{events.IPv4, events.IPv6} {
			ref := events.LeafRef{Leaf: events.ISISMetric, Interface: end.Interface, Level: 2, Family: family}
			e.Leaves = append(e.Leaves, events.LeafFacts{LeafRef: ref, Config: value, State: value})
		}
		f.Ends = append(f.Ends, e)
	}
	return f
}
