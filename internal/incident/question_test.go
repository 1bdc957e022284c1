package incident

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// housed is the test network with each router at a site of its own, and as large as four links.
type housed struct{ testNetwork }

func (h housed) Resolve(r events.Resource) (events.Target, bool) {
	if len(r.Device) == 1 && r.Interface == "" {
		return events.Target{Kind: events.TargetDevice, Name: r.Device, Scopes: []events.Scope{events.Network, events.ScopeOf("device", r.Device), events.ScopeOf("site", r.Device)}}, true
	}
	return h.testNetwork.Resolve(r)
}

func (h housed) Capacity(scope events.Scope) (bps int64, known bool) {
	return 40e9, scope.Kind() == "device"
}

// TestOverloadIsKnown: of a router that somebody has overloaded the policy is told where it is and how large; of one that the
// inventory does not have, nothing.
func TestOverloadIsKnown(t *testing.T) {
	at := []events.Scope{events.Network, "device:g", "site:g"}
	g := events.Target{Kind: events.TargetDevice, Name: "g", Scopes: at, Capacity: 40e9}
	for _, tt := range []struct {
		name      string
		inventory Inventory
		want      map[string]events.Target
	}{
		{"with capacities", housed{}, map[string]events.Target{"g": g}},
		{"without", struct{ Inventory }{housed{}}, map[string]events.Target{"g": {Kind: g.Kind, Name: g.Name, Scopes: at}}},
		{"not in the inventory", testNetwork{}, map[string]events.Target{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := draft{board: NewBoard(), world: testWorld(t, usualPolicy(t))}
			d.world.Inventory = tt.inventory
			i := Incident{ID: "a-b-1", Target: events.Target{Kind: events.TargetLink, Name: "a-b"}}
			p := events.Planned{Facts: events.Facts{Network: events.NetworkFacts{Overloaded: []string{"g", "nobody"}}}}
			rule, _ := d.world.Policy.Match(d.subject(&i))
			if diff := cmp.Diff(tt.want, d.question(&i, rule, p, false).Situation.Routers); diff != "" {
				t.Errorf("routers (-want +got):\n%s", diff)
			}
		})
	}
}
