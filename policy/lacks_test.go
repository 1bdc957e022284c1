package policy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// TestLacks: what it names is what Evaluate would hold the last of the drains for, and nothing else.
func TestLacks(t *testing.T) {
	conduit := func(n int) (targets []events.Target) {
		for i := range n {
			targets = append(targets, events.Target{Kind: events.TargetLink, Name: fmt.Sprint("l", i), Scopes: []events.Scope{
				events.Network, events.ScopeOf("link", fmt.Sprint("l", i)), events.ScopeOf("device", fmt.Sprint("r", i)), events.ScopeOf("device", fmt.Sprint("s", i/2)),
				"srlg:conduit-7", "srlg-partner:conduit-8", "level:2",
			}})
		}
		return targets
	}
	for _, tt := range []struct {
		name, policy string
		links        []events.Target
		of           int // links
		want         []string
	}{
		{"one link", "", conduit(1), 100, nil},
		{"no link", "", nil, 100, nil},
		{"two of a conduit, by default", "", conduit(2), 100, []string{
			"budgets.in_flight.device: 2 instead of 1", "budgets.in_flight.level: 2 instead of 1", "budgets.in_flight.network: 2 instead of 1", "budgets.in_flight.srlg: 2 instead of 1",
		}},
		{"three, just allowed", "budgets: {in_flight: {network: 3, srlg: 3, device: 2}}", conduit(3), 100, nil},
		{"three, with a level less", "budgets: {in_flight: {network: 3, srlg: 3, device: 2, level: 2}}", conduit(3), 100, []string{"budgets.in_flight.level: 3 instead of 2"}},
		{"three, and it stops at two", "budgets: {in_flight: {network: 3, srlg: 2, device: 2}, stop_at: {srlg: 2}}", conduit(3), 100, []string{"budgets.in_flight.srlg: 3 instead of 2", "budgets.stop_at.srlg: 3 instead of 2"}},
		{"three, at another rate", "budgets: {in_flight: {network: 3, srlg: 3, device: 2}, rates: [{per: 10m, at_most: 2}, {per: 1h, at_most: 3}]}", conduit(3), 100, []string{"budgets.rates: 3 in 10m0s instead of 2"}},
		{"three of few links", "budgets: {in_flight: {network: 3, srlg: 3, device: 2}}", conduit(3), 29, []string{"a network of which more than 2 links may be out of normal use: no policy raises that"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := parse(t, tt.policy)
			if diff := cmp.Diff(tt.want, p.Lacks(tt.links, tt.of)); diff != "" {
				t.Errorf("lacks (-want +got):\n%s", diff)
			}
		})
	}
	line := conduit(3)
	for i := range line {
		line[i].Scopes = append(line[i].Scopes, "device:den")
	}
	if got := parse(t, "budgets: {in_flight: {network: 3, srlg: 3, device: 2}}").Lacks(line, 100); len(got) != 2 || got[1] != "a router of which more than 2 links may be under mitigation: no policy raises that" {
		t.Errorf("three of one router: %q", got)
	}
}
