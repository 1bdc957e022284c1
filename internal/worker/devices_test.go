package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/policy/cases"
)

// TestDevices asks conditions about the routers at a link's ends, of the running service and of the operators' own cases
// (detour policy test): both see what the inventory says, and answer alike.
func TestDevices(t *testing.T) {
	const ends = `[{name: a, interface: to-b, site: site-a, plane: plane-a, roles: [core, reflector]}, {name: b, interface: to-a, site: site-b, plane: plane-b, roles: [core, reflector]}]`
	for _, c := range []struct {
		condition string
		holds     bool
	}{
		{`device.all(d, "core" in d.roles)`, true},
		{`device.exists(d, "edge" in d.roles)`, false},
		{`device[0].roles == ["core", "reflector"]`, true},
		{`device.exists_one(d, d.site == "site-b")`, true},
		{`device[0].site == device[1].site`, false},
		{`device.exists(d, d.plane == "plane-a" && d.name == "a")`, true},
		{`device.exists(d, d.plane == "plane-a" && d.name == "b")`, false},
	} {
		for _, as := range []struct {
			name, rule, check string
			no                events.Verdict // what it says where the condition does not hold
		}{
			{"when", fmt.Sprintf(", when: '%s'", c.condition), "", ""},
			{"check", "", fmt.Sprintf("checks: [{name: own, require: '%s', message: so we want it}]\n", c.condition), events.Deny},
		} {
			t.Run(as.name+" "+c.condition, func(t *testing.T) {
				rules := fmt.Sprintf("rules: [{name: drain, match: {kinds: [link-errors]}, remediation: link-drain, autonomy: auto%s}]\nprospect: {missing: allow}\n%s", as.rule, as.check)
				expect := "{rule: drain, verdict: allow, failing: []}"
				switch {
				case !c.holds && as.no == "":
					expect = "{rule: none}"
				case !c.holds:
					expect = "{rule: drain, verdict: deny, failing: [own]}"
				}
				answersCase(t, rules, fmt.Sprintf("cases: [{name: c, anomaly: {kind: link-errors}, device: %s, expect: %s}]\n", ends, expect))
				inBubble(t, func(s *site) {
					r := s.start("r1", rules)
					s.bus.publish(anomaly("1", events.Firing))
					if c.holds {
						s.reaches(r, incident.Holding, 10*time.Second)
						return
					}
					s.reaches(r, incident.Closed, 10*time.Second)
					s.changed()
					if ruled := recorded[events.Ruled](s); len(ruled) != 1 || as.no != "" && ruled[0].Verdict != as.no {
						t.Errorf("it was ruled %+v", ruled)
					}
				})
			})
		}
	}
}

// answersCase wants one case to come out as it expects.
func answersCase(t *testing.T, rules, text string) {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	f, err := cases.Parse("c.cases.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Run(p) {
		if !r.OK {
			t.Errorf("detour policy test: %s, %s: %v", r.Rule, r.Verdict, r.Differences)
		}
	}
}
