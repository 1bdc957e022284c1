package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// open plans, asks the policy, and goes on as it says.
func (d *draft) open(i *Incident) {
	if d.endEarly(i) {
		return
	}
	rule, ok := d.world.Policy.Match(d.subject(i))
	if !ok {
		d.append(i.ID, events.Ruled{Verdict: events.Deny, Policy: d.world.Policy.Digest(), Checks: []events.Check{{
			Name: "rule", Value: string(i.Symptom) + " " + string(i.Severity), Limit: "a rule that matches",
			Detail: fmt.Sprintf("no rule of the policy answers %s of severity %s on %s", i.Symptom, i.Severity, i.Target.Key()),
			Remedy: "add a rule to the policy, or mitigate by hand",
		}}})
		d.close(i, events.LeftAlone, "no rule answers it")
		return
	}
	if !d.gathers(i) {
		d.plan(i, rule)
	}
}

// plan decides on an incident by itself, or with those that have one cause in common with it.
func (d *draft) plan(i *Incident, rule policy.Rule) {
	if c, shared := d.cause(i); shared {
		if d.joints[c] != nil || !d.waitsTurn(i, rule, c) {
			d.decideTogether(i, rule, c)
		}
		return
	}
	if facts, ok := d.facts(i); ok {
		d.planAndRule(i, rule, facts)
	}
}

// planAndRule proposes a plan on fresh facts, asks the policy about it, and records both if they say anything new.
func (d *draft) planAndRule(i *Incident, rule policy.Rule, facts events.Facts) {
	plan, err := d.propose(rule, i, facts)
	if err != nil {
		d.recordNone(i, d.unplannable(rule, facts, err), err)
		return
	}
	if otherDrain(plan, facts) {
		d.observeBeside(i, d.board.Besides(i.ID), policy.Isolates(plan, facts))
		return
	}
	p := d.planned(i, rule, facts, plan)
	approved := i.hasPlan(p) && d.approved(i)
	ruled := d.world.Policy.Evaluate(d.question(i, rule, p, approved))
	d.record(i, p, ruled, appeal{events.Failing(ruled.Checks), rule.Click}, approved)
}

// planned is a plan as it is recorded, with the mode in which it would be carried out now.
func (d *draft) planned(i *Incident, rule policy.Rule, facts events.Facts, plan events.Plan) events.Planned {
	mode, why := d.world.Policy.Mode(d.world.Mode, rule, d.world.Now, i.Target.Scopes, d.board.Windows(d.world.Now))
	return events.Planned{Plan: plan, Digest: plan.Digest(), Rule: rule.Name, Mode: mode, ModeWhy: why, Facts: facts}
}

// hasPlan reports whether p is the plan that the incident has.
func (i *Incident) hasPlan(p events.Planned) bool {
	return i.Plan != nil && i.Plan.Digest == p.Digest && i.Plan.Mode == p.Mode
}

// record puts a plan and its ruling on the ledger, if they say anything new, and what follows from them. If people are to be
// asked, it is as in about; what they have approved already counts when approved is true.
func (d *draft) record(i *Incident, p events.Planned, ruled events.Ruled, about appeal, approved bool) {
	same := i.hasPlan(p)
	d.ofOnePolicy(&ruled)
	if same && i.Phase == Waiting && ruled.Verdict == events.Defer && sameHold(i.Ruling, ruled) {
		d.rest(i)
		return
	}
	if !same || i.Phase != Asking || !d.sameTerms(i) {
		d.append(i.ID, p) // while asking, that voids what was approved: it is ruled on, and asked about, anew
	}
	d.append(i.ID, ruled)
	switch ruled.Verdict {
	case events.Allow:
		d.append(i.ID, events.Admitted{Plan: p.Digest, Claims: i.Target.Scopes})
		d.intend(i.ID, 0, false, "")
	case events.Ask:
		d.ask(i.ID, p.Digest, about, approved)
	case events.Deny:
		d.close(i, events.WasRefused, firstFailed(ruled.Checks))
	}
}

// unplannable rules that there is no plan: for good, or, when a router could not be read, until it can.
func (d *draft) unplannable(rule policy.Rule, facts events.Facts, err error) events.Ruled {
	check := events.Check{Name: "plan", Value: "none", Limit: rule.Remediation, Detail: err.Error(), Remedy: "see the detail; what cannot be planned is left to a person"}
	verdict := events.Deny
	for _, end := range facts.Ends {
		if end.Unreadable != "" {
			verdict, check.Remedy = events.Defer, "it is read again until it answers or the anomaly is too old"
		}
	}
	return events.Ruled{Verdict: verdict, Rule: rule.Name, Policy: d.world.Policy.Digest(), Checks: []events.Check{check}}
}

// recordNone records that there is no plan.
func (d *draft) recordNone(i *Incident, ruled events.Ruled, err error) {
	if ruled.Verdict == events.Defer && i.Phase == Waiting && sameHold(i.Ruling, ruled) {
		d.rest(i)
		return
	}
	d.append(i.ID, ruled)
	if ruled.Verdict == events.Deny {
		d.close(i, events.WasRefused, err.Error())
	}
}

// waiting goes on once what held it is gone. Facts are read anew only when the Board alone no longer holds it.
func (d *draft) waiting(i *Incident) {
	if d.endEarly(i) || d.answered(i) || d.resting(i) {
		return
	}
	rule, ok := d.world.Policy.Match(d.subject(i))
	if !ok {
		d.close(i, events.LeftAlone, "the policy no longer has a rule that answers it")
		return
	}
	c, shared := d.cause(i)
	switch {
	case shared && d.joints[c] != nil:
		d.decideTogether(i, rule, c)
	case shared && d.waitsTurn(i, rule, c), d.heldOnBoard(i, rule):
	case shared:
		d.decideTogether(i, rule, c)
	default:
		facts, ok := d.factsWithin(i, d.clocks().LookEvery.Std())
		if ok && !facts.At.After(d.board.freed) {
			// They may show as somebody else's the drain of an incident that has since given its place back.
			d.observe(i)
		} else if ok {
			d.planAndRule(i, rule, facts)
		}
	}
}

// heldOnBoard reports whether the Board alone still holds an incident that has a plan, and records that if it says anything
// new.
func (d *draft) heldOnBoard(i *Incident, rule policy.Rule) bool {
	if i.Plan == nil {
		return false
	}
	held := d.world.Policy.Evaluate(d.question(i, rule, *i.Plan, d.approved(i)))
	held.Checks, held.Cause = onBoard(held.Checks), i.Ruling.Cause
	if held.Verdict != events.Defer || !failed(held.Checks) {
		return false
	}
	was := *i.Ruling
	if was.Checks = onBoard(was.Checks); !sameHold(&was, held) {
		d.append(i.ID, held)
	}
	d.rest(i)
	return true
}

// asking waits for people; expiry means no. Under another policy than the one that asked everything is asked anew: what was
// approved is void.
func (d *draft) asking(i *Incident) {
	switch {
	case i.Rejection != nil:
		d.close(i, events.WasRejected, fmt.Sprintf("rejected by %s: %s", i.Rejection.By.Name, i.Rejection.Reason))
	case i.Lapsed:
		d.close(i, events.HasLapsed, fmt.Sprintf("nobody decided until %s, which means no", i.Ask.Expires.Format(time.RFC3339)))
	case i.Abort == nil && !d.world.Now.Before(i.Ask.Expires) && !i.Quorum():
		d.append(i.ID, events.Lapsed{Expired: i.Ask.Expires})
	case d.endEarly(i):
	case i.Quorum() || !d.sameTerms(i):
		rule, ok := d.world.Policy.Match(d.subject(i))
		if !ok {
			d.close(i, events.LeftAlone, "the policy no longer has a rule that answers it")
			return
		}
		d.plan(i, rule)
	default:
		d.wakeAt(i.Ask.Expires)
	}
}

// endEarly ends an incident of which nothing stands when it was aborted, has cleared, or is too old to act on.
func (d *draft) endEarly(i *Incident) bool {
	firing, last := i.Firing()
	maxAge := d.world.Policy.MaxAge(i.Symptom)
	switch {
	case i.Abort != nil:
		d.close(i, events.WasAborted, fmt.Sprintf("aborted by %s: %s", i.Abort.By.Name, i.Abort.Reason))
	case !firing:
		d.close(i, events.WasCleared, "the fault went away before anything was done")
	case i.Phase != Asking && d.world.Now.Sub(last) > maxAge:
		d.close(i, events.LetGo, fmt.Sprintf("last seen firing %s ago, at most %s is acted on; held by: %s",
			d.world.Now.Sub(last).Round(time.Second), maxAge, i.heldBy()))
	default:
		if i.Phase != Asking {
			d.wakeAt(last.Add(maxAge + time.Millisecond))
		}
		return false
	}
	return true
}

func (i *Incident) heldBy() string {
	if i.Ruling == nil {
		return "not ruled on"
	}
	return firstFailed(i.Ruling.Checks)
}

// close ends an incident. What a person or a router refused cools down, so that the next alarm does not open it again.
func (d *draft) close(i *Incident, as events.Outcome, reason string) {
	c := events.Closed{Outcome: as, Reason: reason}
	switch as {
	case events.Restored, events.WasCleared, events.LetGo, events.WasDryRun:
	case events.WasRejected, events.WasAborted:
		c.CoolDown = d.world.Now.Add(d.clocks().Override.Std())
	default:
		c.CoolDown = d.world.Now.Add(d.clocks().CoolDown.Std())
	}
	d.append(i.ID, c)
}

func (d *draft) clocks() policy.Clocks { return d.world.Policy.Clocks() }

// facts returns facts that are fresh enough to decide on, or asks for them.
func (d *draft) facts(i *Incident) (events.Facts, bool) {
	return d.factsWithin(i, d.clocks().Fresh.Std())
}

func (d *draft) factsWithin(i *Incident, age time.Duration) (events.Facts, bool) {
	f, ok := d.known(i)
	if ok && f.At.After(i.Touched) && d.world.Now.Sub(f.At) <= min(age, d.clocks().Fresh.Std()) && d.counts(i, f) {
		return f, true
	}
	d.observe(i)
	return events.Facts{}, false
}

// known returns what was seen of an incident's target, or else of one that this decision opens what its routers have told.
func (d *draft) known(i *Incident) (events.Facts, bool) {
	if f, ok := d.world.Facts[i.ID]; ok || d.world.Told == nil {
		return f, ok
	}
	told, asked := d.told[i.ID]
	if _, onLedger := d.board.base.Incident(i.ID); !asked && !onLedger {
		if f, ok := d.world.Told(Observe{Incident: i.ID, Target: i.Target, Besides: d.board.Besides(i.ID), Hard: i.isolates()}); ok {
			told = &f
			if f.At.After(d.world.Now) { // asking took a moment
				d.world.Now, d.board.Now = f.At, f.At
			}
		}
		if d.told == nil {
			d.told = map[string]*events.Facts{}
		}
		d.told[i.ID] = told
	}
	if told == nil {
		return events.Facts{}, false
	}
	return *told, true
}

// factsSince returns facts seen after t, asking for newer ones every ObserveEvery.
func (d *draft) factsSince(i *Incident, t time.Time, every time.Duration) (events.Facts, bool) {
	f, ok := d.world.Facts[i.ID]
	if !ok || d.world.Now.Sub(f.At) >= every {
		d.observe(i)
	} else {
		d.wakeAt(f.At.Add(every))
	}
	return f, ok && f.At.After(t)
}

func (d *draft) subject(i *Incident) policy.Subject {
	s := policy.Subject{Kind: i.Symptom, Severity: i.Severity, Value: i.Value, Scopes: i.Target.Scopes, Now: d.world.Now, Target: i.Target}
	if i.Alarm.State != "" {
		s.Anomaly = &i.Alarm
	}
	for _, end := range i.Target.Ends {
		if device, ok := d.world.Inventory.Device(end.Device); ok {
			s.Devices = append(s.Devices, device)
		}
	}
	return s
}

func firstFailed(checks []events.Check) string {
	for _, c := range checks {
		if !c.OK {
			return c.Name + ": " + c.Detail
		}
	}
	return "nothing"
}

// sameHold reports whether two rulings are held by the same checks; where it is by other incidents, by the same ones.
func sameHold(was *events.Ruled, is events.Ruled) bool {
	if was == nil || was.Verdict != is.Verdict || was.Policy != is.Policy || (was.Cause == nil) != (is.Cause == nil) {
		return false
	}
	if is.Cause != nil && (was.Cause.Scope != is.Cause.Scope || was.Cause.Lead != is.Cause.Lead) {
		return false
	}
	held := func(r *events.Ruled) []string {
		names := events.Failing(r.Checks)
		for _, c := range r.Checks {
			if c.Name == policy.CheckCause {
				names = append(names, c.Remedy)
			}
		}
		return names
	}
	return slices.Equal(held(was), held(&is))
}
