package policy

import (
	"fmt"
	"testing"

	"github.com/detour-net/detour/events"
)

// TestStop counts links that are out of use, whoever did it and whatever they lack.
func TestStop(t *testing.T) {
	// Nothing but the threshold stands in the way.
	const roomy = "budgets: {in_flight: {network: 9, level: 9, site: 9, device: 2, bundle: 9, site-pair: 9, plane: 9, srlg: 9}, rates: [], stop_at: {%s}}\nfacts: {others_down: 1000}"
	type out struct {
		drained, down, overloaded []string
		claims                    []Claim
		scopes                    []events.Scope // of every link named x
	}
	named := func(n int) []string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("x%d", i))
		}
		return list
	}
	for _, tt := range []struct {
		name, at string
		out      out
		verdict  events.Verdict
		says     string
	}{
		{"the network, inside", "network: 4", out{down: named(3)}, events.Allow, ""},
		{"the network, outside", "network: 4", out{down: named(4)}, events.Defer, "4 links are out of use in network (an outage of link:x0,"},
		{"down and drained together", "network: 4", out{down: named(2), drained: []string{"y", "z"}}, events.Defer, "a drain that is not ours of link:y"},
		{"claimed too", "network: 4", out{down: named(2), claims: []Claim{claim("a-1", "link:a"), claim("b-1", "link:b")}}, events.Defer, "a-1, b-1, an outage of link:x0"},
		{"an overload bit too", "network: 4", out{down: named(3), overloaded: []string{"nyc"}}, events.Defer, "the overload bit of nyc"},
		{"an overload bit is for whoever set it", "site: 1", out{overloaded: []string{"x0"}, scopes: []events.Scope{"site:den"}}, events.Defer, "the overload bit of x0 is cleared on the router by whoever set it; or raise the policy's budgets.stop_at.site"},
		{"an overload bit, inside", "network: 4", out{down: named(2), overloaded: []string{"nyc"}}, events.Allow, ""},
		{"an overload bit at a site", "site: 1", out{overloaded: []string{"x0"}, scopes: []events.Scope{"site:den"}}, events.Defer, "in site:den (the overload bit of x0)"},
		{"each once", "network: 4", out{down: named(3), drained: named(3), claims: []Claim{claim("a-1", "link:x0")}}, events.Allow, ""},
		{"the target does not count", "network: 1", out{down: []string{"den-kcy"}}, events.Allow, ""},
		{"a site, inside", "site: 2", out{down: named(1), scopes: []events.Scope{"site:den"}}, events.Allow, ""},
		{"a site, outside", "site: 2", out{down: named(2), scopes: []events.Scope{"site:den"}}, events.Defer, "2 links are out of use in site:den"},
		{"the second of two sites", "site: 2", out{drained: named(2), scopes: []events.Scope{"site:kcy"}}, events.Defer, "in site:kcy"},
		{"another site", "site: 2", out{down: named(2), scopes: []events.Scope{"site:nyc"}}, events.Allow, ""},
		{"a pair of sites", "site-pair: 1", out{down: named(1), scopes: []events.Scope{"site-pair:den-kcy"}}, events.Defer, "1 link is out of use"},
		{"a device", "device: 1", out{down: named(1), scopes: []events.Scope{"device:kcy"}}, events.Defer, "budgets.stop_at.device"},
		{"a bundle", "bundle: 1", out{down: named(1), scopes: []events.Scope{"bundle:b"}}, events.Defer, "bundle:b"},
		{"a risk group", "srlg: 1", out{down: named(1), scopes: []events.Scope{"srlg:s"}}, events.Defer, "srlg:s"},
		{"a plane", "plane: 1", out{down: named(1), scopes: []events.Scope{"plane:1"}}, events.Defer, "plane:1"},
		{"a level", "level: 1", out{down: named(1), scopes: []events.Scope{"level:2"}}, events.Defer, "level:2"},
		{"another level", "level: 1", out{down: named(1), scopes: []events.Scope{"level:1"}}, events.Allow, ""},
		{"the diverse partner is whole", "", out{down: named(1), scopes: []events.Scope{"srlg:other"}}, events.Allow, ""},
		{"the diverse partner has a link down", "", out{down: named(1), scopes: []events.Scope{"srlg:d"}}, events.Defer, "in srlg:d (an outage of link:x0), which is there to survive the target's own risk group"},
		{"the diverse partner has a link drained", "", out{drained: named(1), scopes: []events.Scope{"srlg:d"}}, events.Defer, "a drain that is not ours of link:x0"},
		{"the diverse partner has a link claimed", "", out{claims: []Claim{claim("a-1", "link:a", "srlg:d")}}, events.Defer, "(a-1)"},
		{"one link of the partner is allowed", "srlg-partner: 2", out{down: named(1), scopes: []events.Scope{"srlg:d"}}, events.Allow, ""},
		{"a link of another pair of partners is not of this one", "", out{claims: []Claim{claim("a-1", "link:a", "srlg-partner:d")}}, events.Allow, ""},
	} {
		checks := CheckStop
		if tt.verdict == events.Allow {
			checks = ""
		}
		spoil := func(q *Question) {
			q.Plan.Target.Scopes = append(q.Plan.Target.Scopes, "level:2", "srlg-partner:d")
			q.Facts.Network.Links = 1000
			q.Facts.Network.DownLinks, q.Facts.Network.DrainedLinks, q.Situation.Claims = tt.out.down, tt.out.drained, tt.out.claims
			q.Facts.Network.Overloaded, q.Situation.Routers = tt.out.overloaded, map[string]events.Target{}
			for _, name := range tt.out.overloaded {
				q.Situation.Routers[name] = events.Target{Scopes: append([]events.Scope{events.Network, events.ScopeOf("device", name)}, tt.out.scopes...)}
			}
			q.Situation.Links = map[string]events.Target{}
			for _, name := range named(9) {
				q.Situation.Links[name] = events.Target{Scopes: append([]events.Scope{events.Network, events.ScopeOf("link", name)}, tt.out.scopes...)}
			}
		}
		t.Run(tt.name, spoiling{tt.name, fmt.Sprintf(roomy, tt.at), spoil, tt.verdict, checks, tt.says}.test)
	}
}

// TestStopIsOnRecord: every count stands on the record with its threshold, also when nothing is reached.
func TestStopIsOnRecord(t *testing.T) {
	q := good()
	q.Facts.Network.DownLinks = []string{"a"}
	c := found(t, parse(t, "").Evaluate(q), CheckStop)
	const value = "1 in network, 0 in bundle:b, 0 in device:den, 0 in device:kcy, 0 in site:den, 0 in site:kcy, 0 in site-pair:den-kcy, 0 in plane:1, 0 in srlg:s"
	const limit = "fewer than network 5, bundle 2, device 2, site 3, site-pair 2, plane 5, srlg 2"
	if c.Value != value || c.Limit != limit || !c.OK {
		t.Errorf("check %+v", c)
	}
}

// TestBudgetOfALevel: the cap of one IGP level holds beside the network's.
func TestBudgetOfALevel(t *testing.T) {
	for _, tt := range []spoiling{
		{"full", "budgets: {in_flight: {network: 3, level: 1}}", func(q *Question) { q.Situation.Claims = []Claim{claim("a-1", "level:2")} }, events.Defer, "budget-level", "the budget of level:2 is used up by a-1"},
		{"as the network", "budgets: {in_flight: {network: 3}}", func(q *Question) { q.Situation.Claims = []Claim{claim("a-1", "level:2")} }, events.Allow, "", ""},
		{"another", "budgets: {in_flight: {network: 3, level: 1}}", func(q *Question) { q.Situation.Claims = []Claim{claim("a-1", "level:1")} }, events.Allow, "", ""},
	} {
		then := tt.spoil
		tt.spoil = func(q *Question) { then(q); q.Plan.Target.Scopes = append(q.Plan.Target.Scopes, "level:2") }
		t.Run(tt.name, tt.test)
	}
}
