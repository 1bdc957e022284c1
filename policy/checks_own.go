package policy

import (
	"fmt"
	"slices"

	"github.com/detour-net/detour/events"
)

// Requirement is a check that operators wrote: a condition that every plan must meet, or is denied, deferred or asked about.
type Requirement struct {
	Name      string         `yaml:"name" json:"name"`           // stands on records; no other check has it
	When      string         `yaml:"when" json:"when,omitempty"` // a condition: plans that it does not hold for are let through
	Require   string         `yaml:"require" json:"require"`     // a condition
	Message   string         `yaml:"message" json:"message"`     // a sentence for people, for when it does not hold
	Otherwise events.Verdict `yaml:"otherwise" json:"otherwise"` // what the verdict is then at least; default deny
}

// Checks returns the operators' own checks in order.
func (p *Policy) Checks() []Requirement { return slices.Clone(p.file.Checks) }

// CheckCondition is the check of a rule's own condition; it stands only on the records of rules that have one.
const CheckCondition = "condition"

// asked are the checks of an act under a rule. What operators wrote stands behind the first of our own checks, which hold
// the plan against its target and its fault, and before everything that only time can change: a refusal is named by the
// first check that says no.
func (p *Policy) asked(rule Rule) []check {
	if rule.When == "" && len(p.file.Checks) == 0 {
		return actChecks
	}
	after := slices.IndexFunc(actChecks, func(c check) bool { return c.name == CheckFresh })
	list := make([]check, 0, len(actChecks)+len(p.file.Checks)+1)
	list = append(list, actChecks[:after]...)
	if rule.When != "" {
		list = append(list, check{CheckCondition, events.Deny, ruleCondition})
	}
	for _, r := range p.file.Checks {
		list = append(list, check{r.Name, r.Otherwise, r.ask})
	}
	return append(list, actChecks[after:]...)
}

// ruleCondition asks the rule's condition. One that speaks of what changes by itself defers, for it may hold later; no
// time changes what a plan sets, nor what an alarm said.
func ruleCondition(p *Policy, q Question) answer {
	c := p.conditions[q.Rule.When]
	if c == nil {
		return answer{
			value: "not of this policy", limit: clip(q.Rule.When, shownText), detail: fmt.Sprintf("the condition of rule %q is not one of the policy in force", q.Rule.Name),
			remedy: "it is decided anew by itself, under the policy in force",
		}
	}
	s := q.scene()
	a := answer{value: c.values(s), limit: c.limit(), detail: fmt.Sprintf("what rule %q asks for holds", q.Rule.Name)}
	var err error
	switch a.ok, err = c.holds(s); {
	case err != nil:
		return undecided(a, err)
	case !a.ok && c.since >= observed:
		a.no, a.remedy = events.Defer, "it goes on by itself when the condition holds; until then a person decides"
	case !a.ok:
		a.remedy = "leave it to a person, or change the rule's condition in the policy"
	}
	if !a.ok {
		a.detail = fmt.Sprintf("what rule %q asks for does not hold", q.Rule.Name)
	}
	return a
}

// ask asks an operators' check.
func (r Requirement) ask(p *Policy, q Question) answer {
	s := q.scene()
	must := p.conditions[r.Require]
	a := answer{value: must.values(s), limit: must.limit(), detail: "what the check of the policy requires holds"}
	if r.When != "" {
		switch applies, err := p.conditions[r.When].holds(s); {
		case err != nil:
			return undecided(a, err)
		case !applies:
			return answer{ok: true, value: p.conditions[r.When].values(s), limit: a.limit, detail: "the check of the policy is not about this plan"}
		}
	}
	holds, err := must.holds(s)
	a.ok = holds
	switch {
	case err != nil:
		return undecided(a, err)
	case holds:
		return a
	}
	a.detail, a.remedy = r.Message, "leave it to a person, or change the check in the policy"
	switch {
	case r.Otherwise == events.Ask && q.Mode != events.Live:
		a.ok, a.detail = true, r.Message+" (a dry run touches nothing, so nobody is asked; live, an approver would be)"
	case r.Otherwise == events.Ask && q.approved:
		a.ok, a.detail = true, r.Message+" (and exactly this plan was approved)"
	case r.Otherwise == events.Ask:
		a.remedy = "an approver decides"
	case r.Otherwise == events.Defer:
		a.remedy = "it goes on by itself when the check holds; until then a person decides"
	}
	return a
}

// undecided is the answer of a condition that cannot be decided: no, whatever it would have led to.
func undecided(a answer, err error) answer {
	a.ok, a.no = false, events.Deny
	a.detail = fmt.Sprintf("it cannot be decided, which is a no: %s", clip(err.Error(), shownText))
	a.remedy = "leave it to a person; an operator corrects the condition in the policy: has(...) asks whether something is known"
	return a
}
