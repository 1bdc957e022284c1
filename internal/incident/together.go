package incident

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// Incidents with one cause keep a life each, since each link is drained, verified and put back by itself, but their drains
// are decided together: all that it takes are made, or none. To drain some links of a sick conduit moves their traffic onto
// its other sick links, and uses up what room there is for nothing.
//
// They are judged in the order of their alarms, each as if those before it were drained: budgets, rates and the what-if
// count them. What all of them would do is then held against the limits of one drain. They are made one after the other,
// each when the one before it has been verified; when one of them fails, those behind it wait for a person. A link that
// needs no drain, because it is down or has been drained by somebody, does not count.
//
// The first of them, the lead, speaks for all: its plan names the others', so a person is asked once and answers for all.

// maxTogether bounds how many drains are judged together. No ceiling allows as many.
const maxTogether = 32

// joint is the decision on what is undecided of one cause.
type joint struct {
	*cause
	lead  string    // the incident that speaks for those for which none has spoken yet; "" when there are none
	parts []*part   // in the order of their alarms
	open  bool      // not all facts are there; they have been asked for
	by    *Incident // what its approvals count for, nil: nothing is approved
	asks  []string  // checks for which people must approve
	no    hold      // why nothing of it is begun
}

// part is one incident's share of a joint decision.
type part struct {
	i      *Incident
	rule   policy.Rule
	spoken *Incident // the incident that has gone ahead and spoke for it, nil when there is none
	facts  events.Facts
	plan   events.Planned
	err    error // why there is no plan
	ruled  events.Ruled
	none   bool // nothing is drained there, whatever becomes of the others
}

// hold is why something waits, and what ends that. The zero hold is none.
type hold struct{ why, remedy string }

// decideTogether decides on an incident that has one cause in common with others.
func (d *draft) decideTogether(i *Incident, rule policy.Rule, c *cause) {
	j := d.jointly(c)
	n := slices.IndexFunc(j.parts, func(p *part) bool { return p.i.ID == i.ID })
	switch {
	case n < 0:
		d.waitTurn(i, rule, c, hold{"it came when people had been asked about others, and is decided on after them", "it goes on by itself then"})
	case j.open:
	case j.parts[n].err != nil:
		d.recordNone(i, j.ruling(j.parts[n]), j.parts[n].err)
	case j.parts[n].spoken != nil:
		d.record(i, j.parts[n].plan, j.ruling(j.parts[n]), appeal{events.Failing(j.parts[n].ruled.Checks), rule.Click}, false)
	default:
		d.record(i, j.parts[n].plan, j.ruling(j.parts[n]), appeal{j.asks, j.byClick()}, j.by != nil && j.by.ID == i.ID)
	}
}

// byClick reports whether an answer from a chat is enough: each of the drains that it is about must allow it.
func (j *joint) byClick() bool {
	return !slices.ContainsFunc(j.parts, func(p *part) bool { return !p.none && p.spoken == nil && !p.rule.Click })
}

// jointly is the decision on what is undecided of a cause, the same for all of it.
func (d *draft) jointly(c *cause) *joint {
	if j, ok := d.joints[c]; ok {
		return j
	}
	j := &joint{cause: c, parts: d.parts(c)}
	if d.joints == nil {
		d.joints = map[*cause]*joint{}
	}
	d.joints[c] = j
	if n := slices.IndexFunc(j.parts, func(p *part) bool { return p.spoken == nil && d.approved(p.i) }); n >= 0 {
		j.by = j.parts[n].i
		if d.judge(j); j.open || j.lead == j.by.ID && j.by.hasPlan(j.parts[n].plan) {
			return j
		}
		j.by = nil // something else was approved
	}
	d.judge(j)
	return j
}

// parts are the incidents to be decided on together. While people are asked about some of them, nothing is added to those.
func (d *draft) parts(c *cause) []*part {
	var list []*part
	asking := slices.IndexFunc(c.members, func(i *Incident) bool { return i.Phase == Asking && i.undecided() })
	for n, i := range c.members {
		rule, ok := d.world.Policy.Match(d.subject(i))
		spoken := d.speaker(i)
		if !ok || !i.undecided() || asking >= 0 && asking != n && spoken == nil && !c.members[asking].speaksFor(i) {
			continue
		}
		list = append(list, &part{i: i, rule: rule, spoken: spoken})
	}
	return list
}

// judge rules on every part as if those before it were drained.
func (d *draft) judge(j *joint) {
	j.lead, j.asks, j.no = "", nil, hold{}
	var before []*part
	for _, p := range j.parts {
		if !d.prepare(p, before) {
			j.open = true
		} else if p.err == nil {
			p.ruled = d.world.Policy.Evaluate(d.beside(p, before, j.by))
			p.none = needless(p.ruled)
		}
		if p.none {
			continue
		}
		before = append(before, p)
		if j.lead == "" && p.spoken == nil {
			j.lead = p.i.ID
		}
		if p.ruled.Verdict == events.Ask && p.spoken == nil {
			j.asks = append(j.asks, events.Failing(p.ruled.Checks)...)
		}
		if bad := p.ruled.Verdict == events.Defer || p.ruled.Verdict == events.Deny; bad && j.no.why == "" {
			j.no = together(p.i.ID, p.ruled.Checks)
		}
	}
	slices.Sort(j.asks)
	j.asks = slices.Compact(j.asks)
	if lacks := d.lacks(before); j.no.why != "" && lacks != nil {
		j.no.remedy = fmt.Sprintf("it does not go on by itself: all %d drains at once would need %s; a person drains them", len(before), strings.Join(lacks, ", "))
	}
	if !j.open && j.no.why == "" {
		j.no = d.whole(before)
	}
	j.speak()
}

// lacks is what keeps the policy from ever allowing all of it.
func (d *draft) lacks(parts []*part) []string {
	if len(parts) < 2 {
		return nil
	}
	var targets []events.Target
	for _, p := range parts {
		targets = append(targets, p.i.Target)
	}
	return d.world.Policy.Lacks(targets, parts[0].facts.Network.Links)
}

// prepare plans a part beside those before it; ok is false when facts are missing for it.
func (d *draft) prepare(p *part, before []*part) (ok bool) {
	i := p.i
	besides := d.board.Besides(i.ID)
	for _, b := range before {
		besides = append(besides, b.i.Target.Name)
	}
	slices.Sort(besides)
	p.facts, ok = d.known(i)
	ok = ok && p.facts.At.After(i.Touched) && d.world.Now.Sub(p.facts.At) <= d.clocks().Fresh.Std() && (p.facts.Prospect == nil || slices.Equal(p.facts.Prospect.Besides, besides)) &&
		(i.Phase != Waiting || p.facts.At.After(d.board.freed))
	if !ok {
		d.observeBeside(i, besides, i.isolates())
		return false
	}
	plan, err := d.propose(p.rule, i, p.facts)
	if p.err = err; err != nil {
		p.ruled = d.unplannable(p.rule, p.facts, err)
		p.none = p.ruled.Verdict == events.Deny
		return true
	}
	if otherDrain(plan, p.facts) {
		d.observeBeside(i, besides, policy.Isolates(plan, p.facts))
		return false
	}
	p.plan = d.planned(i, p.rule, p.facts, plan)
	return true
}

// beside is the question of a part's plan with those before it begun. What was approved of another incident that speaks for it,
// by, or one that has gone ahead, was approved of it too.
func (d *draft) beside(p *part, before []*part, by *Incident) policy.Question {
	if l := p.spoken; l != nil {
		by = nil
		if d.approved(l) && l.agreed(p.i, p.plan.Digest) {
			by = l
		}
	}
	q := d.question(p.i, p.rule, p.plan, by != nil)
	if by != nil {
		q.ApprovedFor = by.Ask.Checks
	}
	for _, b := range before {
		q.Situation.Admissions = append(q.Situation.Admissions, policy.Admission{At: d.world.Now, Scopes: b.i.Target.Scopes})
		if !b.i.Holds() {
			q.Situation.Claims = append(q.Situation.Claims, policy.Claim{Incident: b.i.ID, Scopes: b.i.Target.Scopes})
		}
	}
	return q
}

// needless reports whether a ruling says that the link is not to be drained, for a reason that has nothing to do with others.
func needless(r events.Ruled) bool {
	return r.Verdict == events.Deny && !slices.ContainsFunc(r.Checks, func(c events.Check) bool {
		return !c.OK && (c.Name == policy.CheckConnected || c.Name == policy.CheckSelf)
	})
}

// together is why nothing is begun: what holds one of them holds all.
func together(id string, checks []events.Check) hold {
	h := hold{why: fmt.Sprintf("they are drained together or not at all, and %s is held by %s", id, firstFailed(checks))}
	if n := slices.IndexFunc(checks, func(c events.Check) bool { return !c.OK }); n >= 0 {
		h.remedy = checks[n].Remedy
	}
	return h
}

// whole holds what all drains would do against the limits of one: each may add little, and all of them too much. New
// failures that are not survived have been judged one by one.
func (d *draft) whole(parts []*part) hold {
	if len(parts) < 2 {
		return hold{}
	}
	first, last := parts[0].facts.Prospect, parts[len(parts)-1].facts.Prospect
	for _, p := range parts {
		if f := p.facts.Prospect; f == nil || f.Missing != "" || f.NewViolations > 0 {
			return hold{}
		}
	}
	f := *last
	f.InService = first.InService
	if checks := d.world.Policy.Prospects().Judge(&f); failed(checks) {
		return hold{
			why:    fmt.Sprintf("they are drained together or not at all, and all %d of them are held by %s", len(parts), firstFailed(checks)),
			remedy: "it goes on by itself when load falls or other links are back; or add capacity",
		}
	}
	return hold{}
}

// speak lets the lead's plan name those of the others.
func (j *joint) speak() {
	n := slices.IndexFunc(j.parts, func(p *part) bool { return p.i.ID == j.lead })
	if n < 0 || j.open || j.no.why != "" {
		return
	}
	plan := &j.parts[n].plan
	var names []string
	for _, p := range j.parts[n+1:] {
		if p.spoken == nil && !p.none {
			plan.Plan.Together = append(plan.Plan.Together, events.Companion{Incident: p.i.ID, Plan: p.plan.Digest})
			names = append(names, p.i.Target.Name)
		}
	}
	if names != nil {
		plan.Plan.Sentence += fmt.Sprintf("; then, for the same cause (%s), in the same way: %s", j.scope, strings.Join(names, ", "))
		plan.Digest = plan.Plan.Digest()
	}
}
