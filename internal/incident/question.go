package incident

import (
	"fmt"
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators"
)

// propose asks the rule's remediator for a plan.
func (d *draft) propose(rule policy.Rule, i *Incident, facts events.Facts) (events.Plan, error) {
	r, err := remediators.Find(d.world.Remediators, rule.Remediation)
	if err != nil {
		return events.Plan{}, fmt.Errorf("rule %q: %w", rule.Name, err)
	}
	return r.Propose(i.Target, facts, d.world.Policy.AtOnce(d.subject(i), facts.Prospect), rule.With)
}

// question puts together all that the policy may look at. A dry run needs nobody's approval. Approved means approved for the
// checks that people were asked for.
func (d *draft) question(i *Incident, rule policy.Rule, p events.Planned, approved bool) policy.Question {
	q := policy.Question{
		Now: d.world.Now, Rule: rule, Symptom: i.Symptom, Plan: p.Plan, Digest: p.Digest, Mode: p.Mode, Facts: p.Facts,
		Approved: approved || p.Mode != events.Live, Situation: d.board.situation(i.ID), Subject: d.subject(i), Lap: d.world.Lap,
	}
	if i.Ask != nil {
		q.ApprovedFor = i.Ask.Checks
	}
	q.Situation.Links, q.Situation.Capacity = map[string]events.Target{}, d.capacities(i.Target.Scopes)
	for _, name := range slices.Concat(p.Facts.Network.DrainedLinks, p.Facts.Network.DownLinks) {
		if target, ok := d.world.Inventory.Link(name); ok {
			q.Situation.Links[name] = target
		}
	}
	q.Situation.Routers = d.overloaded(p.Facts.Network.Overloaded)
	return q
}

// Sizes is what an Inventory may know besides: what all links of a scope can carry together, in bits per second. Of one that
// does not know, no share of a scope is known.
type Sizes interface {
	Capacity(scope events.Scope) (bps int64, known bool)
}

// overloaded are the routers of these names that the inventory has, each as large as its links together.
func (d *draft) overloaded(names []string) map[string]events.Target {
	routers := map[string]events.Target{}
	for _, name := range names {
		if target, ok := d.world.Inventory.Resolve(events.Resource{Device: name}); ok {
			itself := events.ScopeOf("device", name)
			target.Capacity = d.capacities([]events.Scope{itself})[itself]
			routers[name] = target
		}
	}
	return routers
}

// capacities are those of the scopes that are known.
func (d *draft) capacities(scopes []events.Scope) map[events.Scope]int64 {
	sizes, knows := d.world.Inventory.(Sizes)
	if !knows {
		return nil
	}
	known := map[events.Scope]int64{}
	for _, scope := range scopes {
		if bps, ok := sizes.Capacity(scope); ok {
			known[scope] = bps
		}
	}
	return known
}

// releaseQuestion is the question of taking back what stands.
func (d *draft) releaseQuestion(i *Incident, facts events.Facts) policy.Question {
	rule, _ := d.world.Policy.Match(d.subject(i))
	p := *i.Plan
	p.Facts = facts
	return d.question(i, rule, p, true)
}

// situation is what the Board says besides one incident.
func (b *Board) situation(except string) policy.Situation {
	s := policy.Situation{Freezes: b.Freezes(), Busy: map[string]string{}, Failures: b.failures}
	for _, i := range b.Open() {
		if i.ID == except {
			continue
		}
		if i.Holds() {
			s.Claims = append(s.Claims, policy.Claim{Incident: i.ID, Scopes: i.Target.Scopes, Capacity: i.Target.Capacity})
		}
		if !i.Live() {
			continue
		}
		for n, step := range i.Steps {
			for m, c := range step {
				if c.Pending || c.Doubt > 0 || c.Armed {
					s.Busy[i.Plan.Plan.Steps[n].Changes[m].Device] = i.ID
				}
			}
		}
	}
	for _, a := range b.admissions {
		s.Admissions = append(s.Admissions, policy.Admission(a))
	}
	return s
}

// onBoard returns the checks that rest on the Board and the clock alone: asking them again needs no new look at routers.
func onBoard(checks []events.Check) []events.Check {
	var list []events.Check
	for _, c := range checks {
		if policy.OnBoard(c.Name) {
			list = append(list, c)
		}
	}
	return list
}

// failed reports whether any check is not OK.
func failed(checks []events.Check) bool {
	return slices.ContainsFunc(checks, func(c events.Check) bool { return !c.OK })
}
