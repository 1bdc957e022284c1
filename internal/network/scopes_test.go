package network

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// What may be frozen and maintained is of every kind that people can name; a router that has no link yet is somewhere, too.
func TestScopesOfEveryKind(t *testing.T) {
	r, err := NewResolver(&Topology{
		Routers: []Router{{Name: "a", Site: "x", Profile: "openconfig"}, {Name: "b", Site: "y", Plane: "1", Profile: "openconfig"}, {Name: "c", Site: "attic", Plane: "9", Profile: "openconfig"}},
		Links:   []Link{{Name: "a-b", Capacity: 1, Bundle: "ab", A: End{Device: "a", Interface: "1", Card: "7"}, B: End{Device: "b", Interface: "1"}}},
		SRLGs:   []SRLG{{Name: "duct", Links: []string{"a-b"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []events.Scope{
		events.Network, "bundle:ab", "device:a", "device:b", "level:2", "link:a-b", "plane:1", "site-pair:x-y", "site:x", "site:y", "srlg:duct",
		"device:c", "plane:9", "site:attic",
	}
	if diff := cmp.Diff(want, r.Scopes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Every scope that a link is in is listed once, the widest first.
func TestScopes(t *testing.T) {
	r := resolver(t)
	list := r.Scopes()
	if list[0] != events.Network {
		t.Errorf("%s comes before the network", list[0])
	}
	for n, scope := range list {
		if n > 0 && (len(r.Links(scope)) > len(r.Links(list[n-1])) || slices.Contains(list[:n], scope)) {
			t.Errorf("%s, with %d links, comes after %s with %d", scope, len(r.Links(scope)), list[n-1], len(r.Links(list[n-1])))
		}
	}
	for _, scope := range []events.Scope{"bundle:dk", "device:chi", "srlg:river", "link:den-kcy"} {
		if !slices.Contains(list, scope) {
			t.Errorf("%s is missing of %v", scope, list)
		}
	}
}
