package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// intend puts one step, or its undo, on the ledger: every change of it that does not stand as wanted.
func (d *draft) intend(id string, step int, undo bool, why string) {
	i, _ := d.board.Incident(id)
	want := events.SeenAfter
	attempt := 1
	if undo {
		want = events.SeenBefore
	}
	if i.Intent != nil && i.Intent.Step == step && i.Intent.Undo == undo {
		attempt = i.Intent.Attempt + 1
	}
	var changes []int
	for n, c := range i.Steps[step] {
		if c.Seen != want {
			changes = append(changes, n)
		}
	}
	clocks := d.clocks()
	in := events.Intended{
		Step: step, Undo: undo, Changes: changes, Owner: d.world.Me, Attempt: attempt, Why: why,
		Deadline: d.world.Now.Add(clocks.SetDeadline.Std()), Margin: clocks.Margin,
	}
	if !undo && step == len(i.Steps)-1 {
		in.Verify = in.Deadline.Add(clocks.VerifyWithin.Std())
		if len(i.Steps) == 1 && i.Live() && i.canArm() {
			in.Arm = clocks.SetDeadline + clocks.VerifyWithin + clocks.Margin
		}
	}
	d.append(id, in)
}

// canArm reports whether every router of the plan was proven to undo what is not confirmed. A step before another is
// never armed: the router would refuse the next one.
func (i *Incident) canArm() bool {
	for _, end := range i.Plan.Facts.Ends {
		if !slices.Contains(end.Profile.Bars, events.BarCommitConfirmed) {
			return false
		}
	}
	return true
}

// settle drives outstanding outcomes and doubts of an intent to an end. It reports whether none is left.
func (d *draft) settle(i *Incident) bool {
	settled := true
	for s, step := range i.Steps {
		for c, state := range step {
			switch {
			case state.Pending:
				settled = false
				if d.outcome(i, s, c) {
					return false
				}
			case state.Doubt > 0:
				settled = false
				if d.resolve(i, s, c, state) {
					return false
				}
			}
		}
	}
	return settled
}

// outcome records what came of one change of the newest intent, sends it, or gives up on its owner. It reports whether it
// recorded anything.
func (d *draft) outcome(i *Incident, step, change int) bool {
	for _, r := range d.world.Results[i.ID] {
		if a, ok := actOf(r); ok && a.Fence == i.Intent.Position && a.Step == step && a.Change == change {
			d.append(i.ID, r)
			return true
		}
	}
	silent := i.Intent.Deadline.Add(i.Intent.Margin.Std())
	act := events.Act{Step: step, Change: change, Undo: i.Intent.Undo, Fence: i.Intent.Position}
	switch {
	case !d.world.Now.Before(silent) && !i.Live():
		d.append(i.ID, events.Applied{Act: act, Detail: "dry-run: its owner has gone, and nothing would have been set"})
		return true
	case !d.world.Now.Before(silent):
		d.append(i.ID, events.Unknown{Act: act, Detail: fmt.Sprintf("%s said nothing until %s after its deadline", i.Intent.Owner, i.Intent.Margin)})
		return true
	case i.Intent.Owner == d.world.Me:
		d.command(Actuate{i.order(step, change, i.Intent.Undo, i.Intent.Position)})
	}
	d.wakeAt(silent)
	return false
}

// resolve looks at a change in doubt until it is known how it stands.
func (d *draft) resolve(i *Incident, step, change int, state ChangeState) bool {
	if d.world.Now.Before(state.Wait) {
		d.wakeAt(state.Wait)
		return false
	}
	for _, r := range d.world.Results[i.ID] {
		if f, ok := r.(events.Found); ok && f.Step == step && f.Change == change && f.Doubt == state.Doubt {
			d.append(i.ID, f)
			return true
		}
	}
	giveUp := state.Since.Add(d.clocks().LookFor.Std())
	if i.Phase != Stuck && !d.world.Now.Before(giveUp) {
		device := i.Plan.Plan.Steps[step].Changes[change].Device
		d.append(i.ID, events.Stuck{
			Why:    fmt.Sprintf("%s could not be read back for %s: nobody can tell whether the change stands on it", device, d.clocks().LookFor),
			Remedy: fmt.Sprintf("reach %s; Detour goes on looking, and takes the change back when told: detour undrain %s", device, i.ID),
		})
		return true
	}
	d.command(Look{Order: i.order(step, change, false, i.Intent.Position), Fence: state.Doubt})
	if i.Phase != Stuck {
		d.wakeAt(giveUp)
	}
	return false
}

func actOf(r events.Body) (events.Act, bool) {
	switch r := r.(type) {
	case events.Applied:
		return r.Act, true
	case events.Refused:
		return r.Act, true
	case events.Unknown:
		return r.Act, true
	}
	return events.Act{}, false
}

// count returns how many changes are known to stand each way.
func (i *Incident) count() (before, after, other int) {
	for _, step := range i.Steps {
		for _, c := range step {
			switch c.Seen {
			case events.SeenBefore:
				before++
			case events.SeenAfter:
				after++
			default:
				other++
			}
		}
	}
	return before, after, other
}

// acting goes from step to step. When one end of a step did not take it, everything is taken back: a link is never left
// with one end drained.
func (d *draft) acting(i *Incident) {
	if !d.settle(i) {
		return
	}
	step := i.Intent.Step
	stands := !slices.ContainsFunc(i.Steps[step], func(c ChangeState) bool { return c.Seen != events.SeenAfter })
	_, after, other := i.count()
	switch {
	case stands && i.Abort == nil:
		if at := i.Intent.At.Add(i.Plan.Plan.Steps[step].Settle.Std()); d.world.Now.Before(at) {
			d.wakeAt(at)
			return
		}
		if f, frozen := d.board.FrozenBy(i.Target.Scopes); frozen && i.Live() {
			d.undo(i, fmt.Sprintf("%s was frozen between two steps by %s: %s", f.Scope, f.By.Name, f.Reason))
			return
		}
		d.intend(i.ID, step+1, false, "")
	case after > 0:
		d.undo(i, i.whyBack())
	case other > 0:
		d.callPerson(i)
	case i.Abort != nil:
		d.close(i, events.WasAborted, "aborted by "+i.Abort.By.Name+": "+i.Abort.Reason)
	default:
		d.close(i, events.WasRefused, i.whyBack())
	}
}

// whyBack says why what was set is taken back, or why nothing was set.
func (i *Incident) whyBack() string {
	switch {
	case i.Abort != nil:
		return fmt.Sprintf("aborted by %s: %s", i.Abort.By.Name, i.Abort.Reason)
	case i.Verified != nil && !i.Verified.Pass:
		return "verification failed: " + firstFailed(i.Verified.Checks)
	case i.Refusal != nil:
		device := i.Plan.Plan.Steps[i.Refusal.Step].Changes[i.Refusal.Change].Device
		return fmt.Sprintf("%s did not take it (%s): %s", device, i.Refusal.Class, i.Refusal.Detail)
	}
	return "a router no longer holds it"
}

// undo takes back the last step of which anything stands.
func (d *draft) undo(i *Incident, why string) {
	for step := len(i.Steps) - 1; step >= 0; step-- {
		if slices.ContainsFunc(i.Steps[step], func(c ChangeState) bool { return c.Seen == events.SeenAfter }) {
			d.intend(i.ID, step, true, why)
			return
		}
	}
}

// verifying waits for what the plan promised to be seen, within its time, and undoes it at once when harm is seen.
func (d *draft) verifying(i *Incident) {
	if d.lost(i) {
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
	late := !d.world.Now.Before(i.Intent.Verify)
	d.wakeAt(i.Intent.Verify)
	if !ok && !late {
		return
	}
	result := d.world.Policy.Verify(i.Plan.Plan, i.Plan.Facts, facts)
	if !ok {
		result = policy.Verification{Outcome: policy.Wait, Checks: []events.Check{{
			Name: "telemetry", Value: "none", Limit: "seen after the last step",
			Detail: "nothing was seen of the link since the last step, so nobody can tell that it helped", Remedy: "restore telemetry from its routers",
		}}}
	}
	switch {
	case result.Outcome == policy.Pass:
		d.append(i.ID, events.Verified{Pass: true, Checks: result.Checks, Facts: facts})
	case result.Outcome == policy.Fail || late:
		d.append(i.ID, events.Verified{Pass: false, Checks: result.Checks, Facts: facts})
	}
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
		d.command(Confirm{i.order(step, change, false, i.Intent.Position)})
		d.wakeAt(lost)
	default:
		d.wakeAt(takeOver)
	}
	return false
}

// holding keeps the mitigation until the fault has been clear for long enough, a person says so, or it expires.
func (d *draft) holding(i *Incident) {
	if d.lost(i) {
		return
	}
	switch {
	case i.Abort != nil && i.Live():
		d.undo(i, i.whyBack())
		return
	case i.Release != nil && i.Live():
		d.undo(i, "released: "+i.Release.Why)
		return
	case !i.Live():
		d.holdingDry(i)
		return
	}
	facts, fresh := d.factsSince(i, i.Changed, d.clocks().LookEvery.Std())
	since, clear := i.ClearSince()
	ready := since.Add(d.clocks().ClearFor.Std())
	switch now := d.world.Now; {
	case clear && !now.Before(ready) && !now.Before(i.Hold.Until):
		if fresh && now.Sub(facts.At) <= d.clocks().Fresh.Std() {
			d.release(i, facts)
		} else {
			d.command(Observe{Incident: i.ID, Target: i.Target})
		}
	case !now.Before(i.Hold.Expires):
		d.expire(i)
	case !now.Before(i.Hold.Until):
		until := now.Add(d.clocks().RenewEvery.Std())
		why := "the fault still fires"
		if clear {
			until, why = ready, fmt.Sprintf("clear since %s, released after %s", since.Format(time.RFC3339), d.clocks().ClearFor)
		}
		if until.After(i.Hold.Expires) {
			until = i.Hold.Expires
		}
		d.append(i.ID, events.Renewed{Until: until, Why: why})
	default:
		d.wakeAt(i.Hold.Until)
	}
}

// release takes the mitigation back if putting the link into service is as safe as taking it out was.
func (d *draft) release(i *Incident, facts events.Facts) {
	ruled := d.world.Policy.EvaluateRelease(d.releaseQuestion(i, facts))
	if ruled.Verdict != events.Allow {
		d.wakeAt(d.world.Now.Add(d.clocks().LookEvery.Std()))
		if !sameHold(i.Ruling, ruled) {
			d.append(i.ID, events.Renewed{Until: d.world.Now.Add(d.clocks().RenewEvery.Std()), Why: "not released: " + firstFailed(ruled.Checks)})
		}
		return
	}
	d.append(i.ID, events.Released{Why: fmt.Sprintf("the fault has been clear for %s", d.clocks().ClearFor), Checks: ruled.Checks})
}

// expire ends a hold that has lasted as long as any may.
func (d *draft) expire(i *Incident) {
	if d.clocks().OnExpiry == policy.ExpiryRelease {
		d.append(i.ID, events.Released{Why: "the hold has expired, and the policy releases it then"})
		return
	}
	d.append(i.ID, events.Stuck{
		Why:    fmt.Sprintf("held for %s, the longest that the policy allows, and the fault has not cleared", d.clocks().HoldMax),
		Remedy: fmt.Sprintf("repair the link, then: detour undrain %s", i.ID),
	})
}

// holdingDry keeps a dry run open while its fault lasts, so that alarms join it; when the reason for the dry run ends and
// the fault is still fresh, it is decided anew from what is seen then.
func (d *draft) holdingDry(i *Incident) {
	firing, last := i.Firing()
	rule, ok := d.world.Policy.Match(d.subject(i))
	if i.Abort != nil || i.Release != nil || !firing || !ok {
		d.close(i, events.WasDryRun, i.Plan.ModeWhy)
		return
	}
	if !d.world.Now.Before(i.Hold.Expires) {
		d.close(i, events.WasDryRun, i.Plan.ModeWhy+"; it has lasted "+d.clocks().HoldMax.String())
		return
	}
	mode, why := d.world.Policy.Mode(d.world.Mode, rule, d.world.Now, i.Target.Scopes, d.board.Windows(d.world.Now))
	maxAge := d.world.Policy.MaxAge(i.Symptom)
	switch {
	case mode == events.Live && d.world.Now.Sub(last) <= maxAge:
		d.append(i.ID, events.Relapsed{Why: "no longer a dry run: " + why})
	case mode == events.Live:
		d.close(i, events.LetGo, fmt.Sprintf("the dry run has ended, and the fault was last seen firing %s ago", d.world.Now.Sub(last).Round(time.Second)))
	default:
		d.wakeAt(d.world.Now.Add(d.clocks().LookEvery.Std()))
		d.wakeAt(i.Hold.Expires)
	}
}

// reverting takes back step after step, the last first, a bounded number of times each.
func (d *draft) reverting(i *Incident) {
	if !d.settle(i) {
		return
	}
	_, after, other := i.count()
	switch {
	case after == 0 && other > 0:
		d.callPerson(i)
	case after == 0:
		d.reverted(i)
	case i.Intent.Attempt < d.clocks().UndoAttempts || !slices.ContainsFunc(i.Steps[i.Intent.Step], func(c ChangeState) bool { return c.Seen == events.SeenAfter }):
		if at := i.Intent.At.Add(time.Duration(i.Intent.Attempt) * d.clocks().LookEvery.Std()); i.Refusal != nil && d.world.Now.Before(at) {
			d.wakeAt(at)
			return
		}
		d.undo(i, i.Intent.Why)
	default:
		d.append(i.ID, events.Stuck{
			Why:    fmt.Sprintf("%d attempts to take it back were refused; the last: %s", i.Intent.Attempt, i.whyBack()),
			Remedy: fmt.Sprintf("see why the router refuses, then: detour undrain %s", i.ID),
		})
	}
}

// reverted is where taking back ends: on probation after a release, otherwise closed.
func (d *draft) reverted(i *Incident) {
	r := events.Reverted{Why: i.Intent.Why}
	if i.Release != nil && i.Release.By == nil {
		r.Probation = d.world.Now.Add(d.clocks().Probation.Std())
	}
	if i.Phase == Reverting && !i.revertedAlready() {
		d.append(i.ID, r)
		if !r.Probation.IsZero() {
			return
		}
	}
	switch {
	case i.Release != nil:
		c := events.Closed{Outcome: events.Restored, Reason: "undrained by " + i.Release.By.Name + ": " + i.Release.Why, CoolDown: d.world.Now.Add(d.clocks().Override.Std())}
		d.append(i.ID, c)
	case i.Abort != nil:
		d.close(i, events.WasAborted, i.whyBack())
	case i.Verified != nil && i.Verified.Pass:
		d.close(i, events.WasLost, i.Intent.Why)
	default:
		d.close(i, events.RolledBack, i.Intent.Why)
	}
}

func (i *Incident) revertedAlready() bool { return i.Claims == nil }

// probation watches a link that is back in service.
func (d *draft) probation(i *Incident) {
	firing, last := i.Firing()
	switch {
	case i.Abort != nil:
		d.close(i, events.WasAborted, i.whyBack())
	case firing && last.After(i.Changed):
		d.append(i.ID, events.Relapsed{Why: "the fault fires again while the link is on probation"})
	case !d.world.Now.Before(i.Watch):
		d.close(i, events.Restored, "nothing was seen of the fault until the end of probation")
	default:
		d.wakeAt(i.Watch)
	}
}

// stuck goes on looking. A person's order takes it back; when nothing stands any more it ends.
func (d *draft) stuck(i *Incident) {
	if i.Abort != nil && i.Abort.AsIs {
		d.close(i, events.LeftAlone, "left as it is by "+i.Abort.By.Name+": "+i.Abort.Reason)
		return
	}
	if !d.settle(i) || d.drift(i) {
		return
	}
	_, after, other := i.count()
	switch {
	case after+other == 0:
		d.close(i, events.RolledBack, "nothing of it stands on the routers any more; it was stuck: "+i.Trouble.Why)
	case i.Abort == nil && i.Release == nil:
	case after > 0:
		d.undo(i, "ordered by a person: "+i.orderedBy())
	default:
		d.callPerson(i)
	}
}

func (i *Incident) orderedBy() string {
	if i.Abort != nil {
		return i.Abort.By.Name + ": " + i.Abort.Reason
	}
	return i.Release.By.Name + ": " + i.Release.Why
}

// callPerson hands an incident over because somebody else has changed what Detour set.
func (d *draft) callPerson(i *Incident) {
	for s, step := range i.Steps {
		for c, state := range step {
			if state.Seen == events.SeenOther {
				change := i.Plan.Plan.Steps[s].Changes[c]
				d.append(i.ID, events.Stuck{
					Why:    fmt.Sprintf("somebody else has changed %s on %s: Detour neither overwrites it nor undoes it", change.Settings[0].LeafRef, change.Device),
					Remedy: fmt.Sprintf("put it back to %s and Detour ends the incident, or: detour abort %s --as-is", change.Settings[0].Before, i.ID),
				})
				return
			}
		}
	}
}

// lost notices that routers no longer hold what was verified, and takes back the rest: a link with one end drained is
// worse than none.
func (d *draft) lost(i *Incident) bool {
	if !i.Live() {
		return false
	}
	if d.drift(i) {
		return true
	}
	_, after, other := i.count()
	if after == len(slices.Concat(i.Steps...)) {
		return false
	}
	d.takeBack(i, after, other)
	return true
}

func (d *draft) takeBack(i *Incident, after, other int) {
	switch {
	case after > 0:
		d.undo(i, "a router no longer holds it")
	case other > 0:
		d.callPerson(i)
	default:
		d.close(i, events.WasLost, "no router holds it any more: restarted, or changed by somebody else")
	}
}

// drift records what fresh facts, or this replica's own look, show of changes that the ledger has otherwise.
func (d *draft) drift(i *Incident) bool {
	for _, r := range d.world.Results[i.ID] {
		if f, ok := r.(events.Found); ok && f.Step < len(i.Steps) && f.Change < len(i.Steps[f.Step]) && f.Doubt == 0 && i.Steps[f.Step][f.Change].Seen != f.Seen && f.Fence >= i.Intent.Position {
			d.append(i.ID, f)
			return true
		}
	}
	facts, ok := d.world.Facts[i.ID]
	if i.Phase == Stuck {
		facts, ok = d.factsSince(i, i.Changed, d.clocks().LookEvery.Std())
	}
	if !ok || !facts.At.After(i.Touched) || len(i.Steps) == 0 {
		return false
	}
	last := len(i.Steps) - 1
	for c, state := range i.Steps[last] {
		change := i.Plan.Plan.Steps[last].Changes[c]
		if seen, ok := SeenIn(facts, change); ok && seen != state.Seen {
			d.append(i.ID, events.Found{Step: last, Change: c, Seen: seen, Detail: "seen in the router's configuration"})
			return true
		}
	}
	return false
}

// SeenIn says how facts show a change; ok is false when its router could not be read.
func SeenIn(facts events.Facts, change events.Change) (events.Seen, bool) {
	leaves := map[events.LeafRef]events.Value{}
	for _, end := range facts.Ends {
		if end.Device == change.Device && end.Unreadable == "" {
			for _, l := range end.Leaves {
				leaves[l.LeafRef] = l.Config
			}
		}
	}
	before, after := 0, 0
	for _, s := range change.Settings {
		v, ok := leaves[s.LeafRef]
		switch {
		case !ok && len(leaves) == 0:
			return "", false
		case v == s.Before:
			before++
		case v == s.After:
			after++
		}
	}
	switch len(change.Settings) {
	case before:
		return events.SeenBefore, true
	case after:
		return events.SeenAfter, true
	}
	return events.SeenOther, true
}
