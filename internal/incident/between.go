package incident

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// A drain by steps lasts, and what allowed it may be gone before its last step: a freeze, a budget that others have used
// up, a window, a router that cannot be read. So the policy is asked again between two steps, on what is seen then. What it
// holds up waits where it is, or goes back, as prospect.when_held says; what it denies, or would leave to a person, or what
// the network no longer bears, goes back. Going back is never held up.

// goOn begins the next step once the one before it has settled and the policy lets it.
func (d *draft) goOn(i *Incident, next int) {
	if _, ok := d.undoneAlone(i); ok {
		d.undo(i, "it was taken back while the ledger could not be written")
		return
	}
	if !d.settled(i, next-1) {
		return
	}
	if !i.Live() {
		d.intend(i.ID, next, false, "")
		return
	}
	d.wakeAt(i.Intent.Verify)
	facts, ok := d.facts(i)
	if !ok || d.drift(i) || !d.stillBorne(i, facts) {
		return
	}
	ruled := d.mayGoOn(i, next, facts)
	held := ruled.Verdict == events.Defer && d.world.Policy.Prospects().WhenHeld == policy.HeldWait
	if !held || !sameHold(i.Ruling, ruled) {
		d.append(i.ID, ruled)
	}
	switch {
	case held:
		d.factsSince(i, i.Touched, d.clocks().LookEvery.Std())
	case ruled.Verdict == events.Allow:
		d.intend(i.ID, next, false, "")
	default:
		d.undo(i, fmt.Sprintf("step %d of %d may not be taken: %s", next+1, len(i.Steps), firstFailed(ruled.Checks)))
	}
}

// mayGoOn asks the policy about the steps that are left.
func (d *draft) mayGoOn(i *Incident, next int, facts events.Facts) events.Ruled {
	refused := func(check events.Check) events.Ruled {
		return events.Ruled{Verdict: events.Deny, Rule: i.Plan.Rule, Plan: i.Plan.Digest, Policy: d.world.Policy.Digest(), Checks: []events.Check{check}}
	}
	rule, ok := d.world.Policy.Match(d.subject(i))
	if !ok {
		return refused(events.Check{Name: "rule", Value: "none", Limit: "a rule that matches", Detail: "the policy no longer has a rule that answers it"})
	}
	mode, why := d.world.Policy.Mode(d.world.Mode, rule, d.world.Now, i.Target.Scopes, d.board.Windows(d.world.Now))
	if mode != events.Live {
		return refused(events.Check{Name: "mode", Value: string(mode), Limit: string(events.Live), Detail: why})
	}
	left := *i.Plan
	left.Facts, left.Plan.Steps = facts, i.Plan.Plan.Steps[next:]
	asked := d.asked(i)
	q := d.question(i, rule, left, asked.Quorum())
	if asked.Ask != nil {
		q.ApprovedFor = asked.Ask.Checks
	}
	ruled := d.world.Policy.EvaluateStep(q)
	ruled.Plan = i.Plan.Digest
	d.ofOnePolicy(&ruled)
	return ruled
}

// tooLate says why a drain is taken back that could not go on in time.
func (i *Incident) tooLate() string {
	why := fmt.Sprintf("the step after it could not be begun by %s", i.Intent.Verify.Format(time.RFC3339))
	if i.Ruling != nil && i.Ruling.Verdict == events.Defer {
		why += ", held up by " + firstFailed(i.Ruling.Checks)
	}
	return why
}

// settled reports whether a step has stood, or its undo, for as long as the network takes to agree on it. There and back
// it is the same two metrics between which it must.
func (d *draft) settled(i *Incident, step int) bool {
	at := i.Touched.Add(i.Plan.Plan.Steps[step].Settle.Std())
	if d.world.Now.Before(at) {
		d.wakeAt(at)
		return false
	}
	return true
}
