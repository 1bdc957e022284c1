package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// What a joint decision leaves each of its incidents to do, and how it is told.

// ruling is what is recorded of one part: its own checks, and before them whether it may be begun now.
func (j *joint) ruling(p *part) events.Ruled {
	ruled, h, lead := p.ruled, j.no, cmp.Or(j.lead, j.parts[0].i.ID)
	if p.spoken != nil {
		lead = p.spoken.ID
	}
	first := slices.IndexFunc(j.parts, func(p *part) bool { return !p.none })
	switch {
	case p.none:
		h = hold{}
	case h.why != "":
		ruled.Verdict = events.Defer
	case j.asks != nil && p.i.ID == j.lead:
		if ruled.Verdict == events.Allow {
			h = hold{"people are asked for the others, whose checks want them: " + few(j.asks), "who may approve decides on all of them"}
		}
		ruled.Verdict = events.Ask
	case j.asks != nil && p.spoken == nil:
		ruled.Verdict, h = events.Defer, hold{fmt.Sprintf("people are asked about it together with %s", j.lead), "who may approve decides on " + j.lead}
	case j.parts[first] != p:
		ruled.Verdict, h = events.Defer, after(j.parts[first].i)
	}
	check := j.check(h)
	if j.no.why == "" {
		check.Detail += j.account()
	}
	ruled.Checks, ruled.Cause = slices.Insert(slices.Clone(ruled.Checks), 0, check), j.note(lead)
	return ruled
}

// account says what is done about a cause and what is not.
func (j *joint) account() string {
	var drains, none []string
	for _, i := range j.alarmed {
		n := slices.IndexFunc(j.parts, func(p *part) bool { return p.i.ID == i.ID })
		switch {
		case n >= 0 && !j.parts[n].none, n < 0 && i.IsOpen() && !i.undecided():
			drains = append(drains, i.ID)
		case n >= 0, !i.IsOpen():
			none = append(none, i.ID)
		}
	}
	text := "; to be drained for it: " + cmp.Or(few(drains), "none")
	if none != nil {
		text += "; not to be: " + few(none)
	}
	return text
}

// few names a few of many.
func few(names []string) string {
	const shown = 8
	if len(names) > shown {
		names = append(names[:shown:shown], fmt.Sprintf("%d more", len(names)-shown))
	}
	return strings.Join(names, ", ")
}

// after is the wait for another one's turn.
func after(i *Incident) hold {
	return hold{fmt.Sprintf("one is drained after the other, and its turn comes after %s", i.ID), fmt.Sprintf("it goes on by itself when %s is held", i.ID)}
}

// note is what the record says of a cause.
func (c *cause) note(lead string) *events.Cause {
	return &events.Cause{Scope: c.scope, Links: c.links, Alarmed: len(c.alarmed), Lead: lead}
}

// check asks whether what is allowed may be begun now; h is why not.
func (c *cause) check(h hold) events.Check {
	var names []string
	for _, i := range c.alarmed {
		names = append(names, i.ID)
	}
	check := events.Check{
		Name: policy.CheckCause, OK: h.why == "", Value: fmt.Sprintf("%d of %d links in %s", len(c.alarmed), c.links, c.scope),
		Limit: "all that are needed are drained, one after the other, or none", Remedy: h.remedy,
		Detail: fmt.Sprintf("one cause: %s, %d of %d links alarm, the first was %s (%s)", c.scope, len(c.alarmed), c.links, c.alarmed[0].ID, few(names)),
	}
	if h.why != "" {
		check.Detail += "; " + h.why
	}
	return check
}

// waitsTurn holds an incident for as long as the others of its cause leave it nothing to decide. It reports whether it does.
func (d *draft) waitsTurn(i *Incident, rule policy.Rule, c *cause) bool {
	h := d.others(c)
	if h.why == "" {
		return false
	}
	d.waitTurn(i, rule, c, h)
	return true
}

// waitTurn records why an incident waits, if that is new. It takes no look at routers.
func (d *draft) waitTurn(i *Incident, rule policy.Rule, c *cause, h hold) {
	lead := c.first().ID
	if i.Cause != nil && i.Cause.Scope == c.scope {
		lead = i.Cause.Lead
	}
	ruled := events.Ruled{Verdict: events.Defer, Rule: rule.Name, Policy: d.world.Policy.Digest(), Checks: []events.Check{c.check(h)}, Cause: c.note(lead)}
	if i.Plan != nil {
		ruled.Plan = i.Plan.Digest
	}
	if i.Phase == Waiting && sameHold(i.Ruling, ruled) {
		d.rest(i)
		return
	}
	d.append(i.ID, ruled)
}

// others says why nothing more is to be begun of a cause now, as far as the Board tells.
func (d *draft) others(c *cause) (h hold) {
	undecided := 0
	for _, known := range c.alarmed {
		i, ok := d.board.Incident(known.ID) // as it is by now
		switch {
		case !ok:
		case i.undecided():
			undecided++
		case i.failed():
			return hold{fmt.Sprintf("what was decided for it before did not hold: %s: %s", i.ID, i.sentence()), fmt.Sprintf("a person looks after %s", c.scope)}
		case i.Live() && (i.Phase == Acting || i.Phase == Verifying || i.Phase == Confirming):
			h = after(i)
		}
	}
	if undecided > maxTogether {
		return hold{fmt.Sprintf("%d drains are more than can be judged together", undecided), fmt.Sprintf("a person looks after %s", c.scope)}
	}
	return h
}

// failed reports whether a drain was tried, or refused by a person, and does not stand although its fault is still there.
func (i *Incident) failed() bool {
	switch i.Phase {
	case Reverting, Stuck:
		return i.Live()
	case Closed:
		return i.Live() && (i.Sets > 0 || i.End.Outcome == events.WasAborted || i.End.Outcome == events.WasRejected || i.End.Outcome == events.HasLapsed)
	}
	return false
}

// speaker is the incident that spoke for i and is no longer to be decided on itself, nil when there is none.
func (d *draft) speaker(i *Incident) *Incident {
	if i.Cause == nil {
		return nil
	}
	l, ok := d.board.Incident(i.Cause.Lead)
	if !ok || l.undecided() || !l.speaksFor(i) {
		return nil
	}
	return l
}

// speaksFor reports whether the incident's plan names another.
func (i *Incident) speaksFor(other *Incident) bool {
	return i.Plan != nil && slices.ContainsFunc(i.Plan.Plan.Together, func(c events.Companion) bool { return c.Incident == other.ID })
}

// agreed reports whether the incident's plan names exactly this plan of another.
func (i *Incident) agreed(other *Incident, plan events.Digest) bool {
	return slices.Contains(i.Plan.Plan.Together, events.Companion{Incident: other.ID, Plan: plan})
}

// asked is the incident by way of which people were asked about a plan: that which spoke for it, or itself.
func (d *draft) asked(i *Incident) *Incident {
	if l := d.speaker(i); i.Ask == nil && l != nil && l.agreed(i, i.Plan.Digest) {
		return l
	}
	return i
}

// answered ends an incident when people have said no to the one that spoke for it. It reports whether it does.
func (d *draft) answered(i *Incident) bool {
	l := d.speaker(i)
	if l == nil || l.End == nil || l.End.Outcome != events.WasRejected && l.End.Outcome != events.HasLapsed {
		return false
	}
	d.close(i, l.End.Outcome, fmt.Sprintf("together with %s: %s", l.ID, l.End.Reason))
	return true
}
