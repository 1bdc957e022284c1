package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// verifying waits for what the plan promised to be seen, within its time, and undoes it at once when harm is seen.
func (d *draft) verifying(i *Incident) {
	if i.Verified == nil && d.tookBack(i) || d.lost(i) {
		return
	}
	if i.Abort != nil {
		d.undo(i, i.whyBack())
		return
	}
	if !i.Live() {
		d.hold(i)
		return
	}
	if i.Verified != nil {
		if i.Verified.Pass {
			d.hold(i)
		} else {
			d.undo(i, i.whyBack())
		}
		return
	}
	facts, ok := d.factsSince(i, i.Changed, d.clocks().ObserveEvery.Std())
	until := i.Intent.Verify
	if lateKnown := i.Changed.Add(d.clocks().VerifyWithin.Std()); !ok && lateKnown.After(until) {
		until = lateKnown // that it stands was learnt late, and it has not been looked at since
	}
	late := !d.world.Now.Before(until)
	d.wakeAt(until)
	if !ok && !late {
		return
	}
	result := d.world.Policy.Verify(i.Plan.Plan, i.Plan.Facts, facts)
	if !ok {
		result = policy.Verification{Outcome: policy.Wait, Decided: "telemetry", Checks: []events.Check{{
			Name: "telemetry", Value: "none", Limit: "seen after the last step",
			Detail: "nothing was seen of the link since the last step, so nobody can tell that it helped", Remedy: "restore telemetry from its routers",
		}}}
	}
	switch {
	case result.Outcome == policy.Pass:
		d.append(i.ID, events.Verified{Pass: true, Checks: result.Checks, Facts: facts})
	case result.Outcome == policy.Fail || late:
		d.append(i.ID, events.Verified{Pass: false, Decided: result.Decided, Checks: result.Checks, Facts: facts})
	}
}

// tookBack records the failed verification that this replica acted on while the ledger could not be written: only that lets
// it take a step back without a record, and what it then found has no doubt to settle.
func (d *draft) tookBack(i *Incident) bool {
	f, ok := d.undoneAlone(i)
	if ok {
		d.append(i.ID, events.Verified{Decided: "verification", Checks: []events.Check{{
			Name: "verification", Value: "failed", Limit: "passed", Detail: f.Detail, Remedy: "see why the mitigation did not help before it is tried again",
		}}, Facts: d.world.Facts[i.ID]})
	}
	return ok
}

// hold begins the hold; each drain of the same incident holds twice as long as the one before.
func (d *draft) hold(i *Incident) {
	clocks := d.clocks()
	span := clocks.Hold.Std()
	for n := 1; n < i.Cycle && span < clocks.HoldMax.Std(); n++ {
		span *= 2
	}
	span = min(span, clocks.HoldMax.Std())
	d.append(i.ID, events.Held{Until: d.world.Now.Add(span), Expires: d.world.Now.Add(max(clocks.HoldMax.Std(), span)), Cycle: i.Cycle})
}

// confirming tells each armed router to keep the change. A router that may have rolled back is looked at once it must have.
func (d *draft) confirming(i *Incident) {
	for s, step := range i.Steps {
		for c, state := range step {
			if state.Armed && d.confirm(i, s, c) {
				return
			}
			if state.Doubt > 0 && d.resolve(i, s, c, state) {
				return
			}
		}
	}
	if slices.ContainsFunc(slices.Concat(i.Steps...), func(c ChangeState) bool { return c.Armed || c.Doubt > 0 }) {
		return
	}
	if before, after, other := i.count(); before+other > 0 {
		d.takeBack(i, after, other)
		return
	}
	if i.Abort != nil {
		d.undo(i, i.whyBack())
		return
	}
	d.hold(i)
}

func (d *draft) confirm(i *Incident, step, change int) bool {
	for _, r := range d.world.Results[i.ID] {
		if f, ok := r.(events.Confirmed); ok && f.Step == step && f.Change == change {
			d.append(i.ID, f)
			return true
		}
	}
	takeOver := i.Changed.Add(d.clocks().Margin.Std())
	lost := i.waitAfter()
	switch {
	case !d.world.Now.Before(lost):
		d.append(i.ID, events.Confirmed{Step: step, Change: change, Detail: "nobody confirmed it in time"})
		return true
	case i.Intent.Owner == d.world.Me || !d.world.Now.Before(takeOver):
		d.command(Confirm{i.order(step, change, false, i.fence(step, change))})
		d.wakeAt(lost)
	default:
		d.wakeAt(takeOver)
	}
	return false
}

// decisive is the sentence of the check that decided, and the names of the others that are not OK.
func decisive(checks []events.Check, decided string) string {
	first := slices.IndexFunc(checks, func(c events.Check) bool { return c.Name == decided && !c.OK })
	if first < 0 {
		return firstFailed(checks) // on record before what decided was
	}
	var others []string
	for n, c := range checks {
		if n != first && !c.OK {
			others = append(others, c.Name)
		}
	}
	sentence := checks[first].Name + ": " + checks[first].Detail
	if len(others) > 0 {
		sentence += " (not OK either: " + strings.Join(others, ", ") + ")"
	}
	return sentence
}

// waitAfter is when a router that was told to confirm, and may not have, has rolled back if it ever will.
func (i *Incident) waitAfter() time.Time {
	return i.Intent.Deadline.Add(i.Intent.Arm.Std() + i.Intent.Margin.Std())
}
