package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
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
	if !undo {
		in.Verify = in.Deadline.Add(clocks.VerifyWithin.Std())
		if step < len(i.Steps)-1 {
			in.Verify = in.Verify.Add(i.Plan.Plan.Steps[step].Settle.Std())
		}
		if len(i.Steps) == 1 && i.Live() && i.canArm() {
			in.Arm = maxAttempts*(clocks.SetDeadline+clocks.Margin) + clocks.VerifyWithin
		}
	}
	d.append(id, in)
	if d.fault == "" {
		i, _ = d.board.Incident(id)
		for _, n := range changes {
			d.ahead = append(d.ahead, Actuate{i.order(step, n, undo, d.position)})
		}
	}
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
	for _, r := range d.world.Results[i.ID] {
		// What was taken back while the ledger could not be written is the outcome of the undo that could not be written then.
		if f, ok := r.(events.Found); ok && act.Undo && takenBack(f) && f.Step == step && f.Change == change {
			d.append(i.ID, events.Applied{Act: act, Detail: f.Detail})
			return true
		}
	}
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
	looked := false
	silent := i.Intent.Deadline.Add(i.Intent.Margin.Std())
	for _, r := range d.world.Results[i.ID] {
		if f, ok := r.(events.Found); ok && f.Step == step && f.Change == change && f.Doubt == state.Doubt {
			if i.settles(f, silent) {
				d.append(i.ID, f)
				return true
			}
			looked = true
		}
	}
	if looked && d.world.Now.Before(silent) {
		d.wakeAt(silent)
		return false
	}
	giveUp := state.Since.Add(d.clocks().LookFor.Std())
	if state.Wait.After(state.Since) {
		giveUp = state.Wait.Add(d.clocks().LookFor.Std())
	}
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

// settles reports whether a read-back is final. What was asked for stands: nothing else can follow. Otherwise the Set may
// still come, unless the router refuses it by now or its deadline and margin had passed when it was read.
func (i *Incident) settles(f events.Found, silent time.Time) bool {
	asked := events.SeenAfter
	if i.Intent.Undo {
		asked = events.SeenBefore
	}
	return f.Seen == asked || f.Fence > 0 || !f.At.Before(silent)
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

// maxAttempts bounds how often one step is intended when nobody refused it and it was read back as not applied: its owner
// died, or it got lost on the way. It is also how often a plan is decided anew for that reason, or because nothing was sent and
// nobody had said no.
const maxAttempts = 2

// acting goes from step to step, as the policy lets it. A step that got lost at one end is finished once more, under a new fence; one that was
// refused is taken back at the other: a link is never left with one end drained.
func (d *draft) acting(i *Incident) {
	if !d.settle(i) {
		return
	}
	step := i.Intent.Step
	stands := !slices.ContainsFunc(i.Steps[step], func(c ChangeState) bool { return c.Seen != events.SeenAfter })
	_, after, other := i.count()
	_, frozen := d.board.FrozenBy(i.Target.Scopes)
	lost := i.Refusal == nil && i.Abort == nil && other == 0 && !stands && !(frozen && i.Live())
	switch {
	case lost && after > 0 && i.Intent.Attempt < maxAttempts:
		d.intend(i.ID, step, false, "it got lost on the way to a router, which stands as before it")
	case lost && after == 0 && i.Lost < maxAttempts:
		d.append(i.ID, events.Relapsed{Why: "nothing of it reached a router: decided anew"})
	case i.anew(i.Refusal) != "" && i.Abort == nil && after+other == 0 && i.Lost < maxAttempts:
		d.append(i.ID, events.Relapsed{Why: i.anew(i.Refusal) + ": decided anew"})
	case stands && i.Abort == nil && !i.Intent.Verify.IsZero() && !d.world.Now.Before(i.Intent.Verify):
		d.undo(i, i.tooLate())
	case stands && i.Abort == nil:
		d.goOn(i, step+1)
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

// anew says why an intent that was refused like this may be decided anew, "" when it may not: nothing was sent, and nobody said
// no. A ledger that was silent answers again, or that would not be on record; what it has had to say since, a freeze even, is
// for the policy to judge. Routers that are not as they had told are read before they are asked again.
func (i *Incident) anew(r *events.Refused) string {
	switch {
	case r == nil:
	case r.Class == events.RefusedInSilence:
		return "nothing was sent while the ledger was silent"
	case r.Class == events.RefusedByChanged && i.Plan.Facts.Told:
		return "nothing was sent to routers that are not as they had told"
	}
	return ""
}

// whyBack says why what was set is taken back, or why nothing was set.
func (i *Incident) whyBack() string {
	switch {
	case i.Abort != nil:
		return fmt.Sprintf("aborted by %s: %s", i.Abort.By.Name, i.Abort.Reason)
	case i.Verified != nil && !i.Verified.Pass:
		return "verification failed: " + decisive(i.Verified.Checks, i.Verified.Decided)
	case i.Refusal != nil:
		return i.refused()
	}
	if _, _, other := i.count(); i.Phase == Acting && other == 0 {
		return "it got lost on the way to a router, which stands as before it"
	}
	return "a router no longer holds it"
}

// refused says which router did not take what was sent last, and why.
func (i *Incident) refused() string {
	if i.Refusal == nil {
		return "it got lost on the way"
	}
	device := i.Plan.Plan.Steps[i.Refusal.Step].Changes[i.Refusal.Change].Device
	if i.Refusal.Class == events.RefusedInSilence {
		return fmt.Sprintf("nothing was sent to %s: %s", device, i.Refusal.Detail)
	}
	return fmt.Sprintf("%s did not take it (%s): %s", device, i.Refusal.Class, i.Refusal.Detail)
}

// standing is the last step of which anything stands, -1 when there is none.
func (i *Incident) standing() int {
	for step := len(i.Steps) - 1; step >= 0; step-- {
		if slices.ContainsFunc(i.Steps[step], func(c ChangeState) bool { return c.Seen == events.SeenAfter }) {
			return step
		}
	}
	return -1
}

// undo takes back the last step of which anything stands.
func (d *draft) undo(i *Incident, why string) {
	if step := i.standing(); step >= 0 {
		d.intend(i.ID, step, true, why)
	}
}
