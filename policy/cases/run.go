package cases

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// Result is what a policy said of a case.
type Result struct {
	Name        string         `json:"name"`
	OK          bool           `json:"ok"`
	Rule        string         `json:"rule"` // that answered, or NoRule
	Verdict     events.Verdict `json:"verdict,omitempty"`
	Failing     []string       `json:"failing"`     // checks that say no, in their order
	Differences []string       `json:"differences"` // from what was expected, one sentence each
	Checks      []events.Check `json:"checks"`
}

// Run asks the policy about every case.
func (f *File) Run(p *policy.Policy) []Result {
	results := make([]Result, len(f.Cases))
	for i := range f.Cases {
		results[i] = f.Cases[i].run(p)
	}
	return results
}

func (c *Case) run(p *policy.Policy) Result {
	r := Result{Name: c.Name, Rule: NoRule, Failing: []string{}, Differences: []string{}, Checks: []events.Check{}}
	s := c.subject()
	if rule, ok := p.Match(s); ok {
		mode, _ := p.Mode(c.Mode, rule, c.Now, s.Target.Scopes, nil)
		q := policy.Question{
			Now: c.Now, Rule: rule, Symptom: c.Anomaly.Kind, Plan: c.plan(rule.Remediation), Mode: mode, Facts: c.facts(),
			Approved: mode != events.Live, Situation: c.situation(), Subject: s,
		}
		ruled := p.Evaluate(q)
		if c.Approved {
			q.Approved, q.ApprovedFor = true, events.Failing(ruled.Checks) // by people who were asked for everything that says no
			ruled = p.Evaluate(q)
		}
		r.Rule, r.Verdict, r.Checks, r.Failing = rule.Name, ruled.Verdict, ruled.Checks, append(r.Failing, events.Failing(ruled.Checks)...)
	}
	c.Expect.compare(&r)
	r.OK = len(r.Differences) == 0
	return r
}

// compare adds what is not as expected.
func (e Expect) compare(r *Result) {
	differ := func(format string, args ...any) { r.Differences = append(r.Differences, fmt.Sprintf(format, args...)) }
	if e.Rule != "" && e.Rule != r.Rule {
		differ("rule %s answers, expected %s", r.Rule, e.Rule)
	}
	if r.Rule == NoRule {
		if e.Rule == "" {
			differ("no rule answers, so nothing was checked")
		}
		return
	}
	if e.Verdict != "" && e.Verdict != r.Verdict {
		differ("the verdict is %s, expected %s%s", r.Verdict, e.Verdict, because(r.Checks))
	}
	if e.Failing == nil {
		return
	}
	for _, c := range r.Checks {
		if !c.OK && !slices.Contains(*e.Failing, c.Name) {
			differ("check %s says no (%s; want %s): %s", c.Name, c.Value, c.Limit, c.Detail)
		}
	}
	for _, name := range *e.Failing {
		i := slices.IndexFunc(r.Checks, func(c events.Check) bool { return c.Name == name })
		switch {
		case i < 0:
			differ("there is no check %s", name)
		case r.Checks[i].OK:
			differ("check %s says yes (%s; want %s): %s", name, r.Checks[i].Value, r.Checks[i].Limit, r.Checks[i].Detail)
		}
	}
}

// because names the checks that say no.
func because(checks []events.Check) string {
	if names := events.Failing(checks); len(names) > 0 {
		return " (held by " + strings.Join(names, ", ") + ")"
	}
	return ""
}
