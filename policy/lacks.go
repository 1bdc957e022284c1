package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/detour-net/detour/events"
)

// Lacks says what keeps drains of all targets from ever being in force at once, whatever else is: budgets and rates that are
// too small for them alone, in the words of the policy's file with what they would have to be, and the ceiling, of a network
// of so many links. It is nil when nothing does.
func (p *Policy) Lacks(targets []events.Target, links int) (lacks []string) {
	most := map[string]int{} // by kind of scope, of the targets that share one
	count := map[events.Scope]int{}
	for _, t := range targets {
		for _, s := range t.Scopes {
			count[s]++
			most[s.Kind()] = max(most[s.Kind()], count[s])
		}
	}
	b := p.file.Budgets
	for _, section := range []struct {
		name   string
		limits map[string]int
	}{{"in_flight", b.InFlight}, {"stop_at", b.StopAt}} {
		for _, kind := range slices.Sorted(maps.Keys(section.limits)) {
			if n := most[kind]; kind != partnerKind && n > section.limits[kind] { // the partner's links are others than these
				lacks = append(lacks, fmt.Sprintf("budgets.%s.%s: %d instead of %d", section.name, kind, n, section.limits[kind]))
			}
		}
	}
	for _, r := range b.Rates {
		if len(targets) > r.AtMost {
			lacks = append(lacks, fmt.Sprintf("budgets.rates: %d in %s instead of %d", len(targets), r.Per, r.AtMost))
		}
	}
	if ceiling := ceilingDrained(links); len(targets) > ceiling {
		lacks = append(lacks, fmt.Sprintf("a network of which more than %d links may be out of normal use: no policy raises that", ceiling))
	}
	if n := most["device"]; n > CeilingPerDevice {
		lacks = append(lacks, fmt.Sprintf("a router of which more than %d links may be under mitigation: no policy raises that", CeilingPerDevice))
	}
	return lacks
}
