package policy

import (
	"math"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
)

// TestShare counts what is under mitigation by what it can carry.
func TestShare(t *testing.T) {
	// Nothing but the share stands in the way. The target carries 10 Gbit/s.
	const roomy = "budgets: {in_flight: {network: 9, level: 9, site: 9, device: 2, bundle: 9, site-pair: 9, plane: 9, srlg: 9}, rates: []"
	sized := func(bps int64, scopes ...events.Scope) Claim {
		c := claim("a-1", append(scopes, "link:a")...)
		c.Capacity = bps
		return c
	}
	const bundle, plane = events.Scope("bundle:b"), events.Scope("plane:1")
	for _, tt := range []struct {
		name, policy string
		scope        events.Scope // that has whole
		whole        int64        // bits per second; 0: not known
		claims       []Claim
		verdict      events.Verdict
		says         string
	}{
		{"alone it may be all of a bundle", "", bundle, 10e9, nil, events.Allow, ""},
		{"alone its share need not be known", "", bundle, 0, nil, events.Allow, ""},
		{"a bundle, inside", "", bundle, 80e9, []Claim{sized(10e9, bundle)}, events.Allow, ""},
		{"a bundle, outside", "", bundle, 80e9 - 1, []Claim{sized(10e9, bundle)}, events.Defer, "with the target 251 per mille of the capacity of bundle:b would be under mitigation (a-1), at most 250 per mille may be"},
		{"a large one", "", bundle, 400e9, []Claim{sized(100e9, bundle)}, events.Defer, "275 per mille"},
		{"many small ones", "", bundle, 400e9, []Claim{sized(1e9, bundle), sized(1e9, bundle), sized(1e9, bundle)}, events.Allow, ""},
		{"in another bundle", "", bundle, 20e9, []Claim{sized(10e9, "bundle:c")}, events.Allow, ""},
		{"a plane, inside", "", plane, 1000e9, []Claim{sized(10e9, plane)}, events.Allow, ""},
		{"a plane, outside", "", plane, 999e9, []Claim{sized(10e9, plane)}, events.Defer, "21 per mille of the capacity of plane:1"},
		{"no share of a site", "", "site:den", 20e9, []Claim{sized(10e9, "site:den")}, events.Allow, ""},
		{"a share of a site", ", capacity_permil: {site: 400}", "site:den", 20e9, []Claim{sized(10e9, "site:den")}, events.Defer, "budgets.capacity_permil.site"},
		{"a share of the network", ", capacity_permil: {network: 20}", events.Network, 1000e9, []Claim{sized(11e9)}, events.Defer, "of the capacity of network"},
		{"all of a bundle", ", capacity_permil: {bundle: 1000}", bundle, 20e9, []Claim{sized(10e9, bundle)}, events.Allow, ""},
		{"a share that is raised", ", capacity_permil: {plane: 30}", plane, 999e9, []Claim{sized(10e9, plane)}, events.Allow, ""},
		{"nobody knows the whole", "", bundle, 0, []Claim{sized(10e9, bundle)}, events.Defer, "with the target an unknown share of the capacity of bundle:b"},
		{"nobody knows a part", "", bundle, 80e9, []Claim{sized(0, bundle)}, events.Defer, "an unknown share"},
		{"a part is nonsense", "", bundle, 80e9, []Claim{sized(-5, bundle)}, events.Defer, "an unknown share"},
		{"sums that an int64 does not hold", "", bundle, 1, []Claim{sized(math.MaxInt64, bundle)}, events.Defer, "at most 250 per mille"},
	} {
		checks := CheckShare
		if tt.verdict == events.Allow {
			checks = ""
		}
		spoil := func(q *Question) {
			q.Facts.Network.Links = 1000
			q.Situation.Claims = tt.claims
			if q.Situation.Capacity[tt.scope] = tt.whole; tt.whole == 0 {
				delete(q.Situation.Capacity, tt.scope)
			}
		}
		t.Run(tt.name, spoiling{tt.name, roomy + tt.policy + "}", spoil, tt.verdict, checks, tt.says}.test)
	}
}

// TestShareCountsOthers counts the drains that facts show as well, at the size that the topology gives them.
func TestShareCountsOthers(t *testing.T) {
	for _, tt := range []spoiling{
		{"known", "", func(q *Question) {
			q.Situation.Links = map[string]events.Target{"x": {Scopes: []events.Scope{events.Network, "link:x", "plane:1"}, Capacity: 40e9}}
		}, events.Defer, CheckShare, "50 per mille of the capacity of plane:1 would be under mitigation (a drain that is not ours of link:x)"},
		{"of a size that nobody knows", "", func(q *Question) {
			q.Situation.Links = map[string]events.Target{"x": {Scopes: []events.Scope{events.Network, "link:x", "plane:1"}}}
		}, events.Defer, CheckShare, "an unknown share of the capacity of plane:1"},
		{"an overload bit", "", func(q *Question) {
			q.Facts.Network.DrainedLinks, q.Facts.Network.Overloaded = nil, []string{"nyc"}
			q.Situation.Routers = map[string]events.Target{"nyc": {Scopes: []events.Scope{events.Network, "device:nyc", "plane:1"}, Capacity: 40e9}}
		}, events.Defer, CheckShare, "50 per mille of the capacity of plane:1 would be under mitigation (the overload bit of nyc)"},
		{"an overload bit of a size that nobody knows", "", func(q *Question) {
			q.Facts.Network.DrainedLinks, q.Facts.Network.Overloaded = nil, []string{"nyc"}
			q.Situation.Routers = map[string]events.Target{"nyc": {Scopes: []events.Scope{events.Network, "device:nyc", "plane:1"}}}
		}, events.Defer, CheckShare, "an unknown share of the capacity of plane:1"},
		{"in nothing that is known", "", func(*Question) {}, events.Allow, "", ""},
		{"down is not drained", "", func(q *Question) {
			q.Facts.Network.DrainedLinks, q.Facts.Network.DownLinks = nil, []string{"x"}
			q.Situation.Links = map[string]events.Target{"x": {Scopes: []events.Scope{events.Network, "link:x", "plane:1"}, Capacity: 40e9}}
		}, events.Allow, "", ""},
	} {
		then := tt.spoil
		tt.policy = "budgets: {in_flight: {network: 9, level: 9, plane: 9}}\nfacts: {others_down: 9}"
		tt.spoil = func(q *Question) {
			q.Facts.Network.DrainedLinks = []string{"x"}
			q.Situation.Capacity["plane:1"] = 1000e9
			then(q)
		}
		t.Run(tt.name, tt.test)
	}
}

// TestShareIsOnRecord: every share stands on the record with its limit, also when nothing is reached.
func TestShareIsOnRecord(t *testing.T) {
	q := good()
	q.Situation.Claims = []Claim{claim("a-1", "site:den")}
	q.Situation.Capacity["bundle:b"] = 30e9
	delete(q.Situation.Capacity, "plane:1")
	c := found(t, parse(t, "budgets: {in_flight: {network: 2, site: 2}, capacity_permil: {site: 500}}").Evaluate(q), CheckShare)
	const value = "334 per mille of bundle:b (1), 2 per mille of site:den (2), 1 per mille of site:kcy (1), an unknown share of plane:1 (1)"
	const limit = "at most bundle 250, site 500, plane 20 per mille, or one link"
	if c.Value != value || c.Limit != limit || !c.OK {
		t.Errorf("check %+v", c)
	}
}

// TestShareOfPolicy refuses a share of what has none, and prints those in force.
func TestShareOfPolicy(t *testing.T) {
	for text, want := range map[string]string{
		"budgets: {capacity_permil: {link: 100}}":         `policy.yaml:1:35: budgets.capacity_permil.link: "link" is no kind of scope with several links of its own; want one of [bundle `,
		"budgets: {capacity_permil: {srlg-partner: 100}}": "srlg-partner",
		"budgets: {capacity_permil: {bundle: 0}}":         "budgets.capacity_permil.bundle: 0: want 1 to 1000",
		"budgets: {capacity_permil: {bundle: 1001}}":      "1000 is all of it",
	} {
		if _, err := Parse("policy.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	inForce := map[string]string{}
	for _, l := range parse(t, "budgets: {capacity_permil: {site: 600}}").Limits() {
		inForce[l.Name] = l.Value + " " + string(l.Source)
	}
	for name, want := range map[string]string{"bundle": "250 default", "plane": "20 default", "site": "600 file"} {
		if got := inForce["budgets.capacity_permil."+name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestPermilOf rounds up, and never overflows.
func TestPermilOf(t *testing.T) {
	for _, tt := range []struct {
		part, whole uint64
		want        int64
	}{
		{0, 1, 0}, {1, 1000, 1}, {1, 1001, 1}, {1, 999, 2}, {1, 1, 1000}, {5, 2, 2500}, {math.MaxUint64, math.MaxUint64, 1000}, {math.MaxUint64, 1, math.MaxInt64},
		{math.MaxUint64, 1000, math.MaxInt64}, {1, math.MaxUint64, 1},
	} {
		if got := permilOf(tt.part, tt.whole); got != tt.want {
			t.Errorf("%d of %d: %d, want %d", tt.part, tt.whole, got, tt.want)
		}
	}
}
