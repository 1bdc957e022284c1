package incident

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// That a router took an undo is no proof that it acts on it: its state may go on showing the drain. So what was taken back
// counts as undone once it is seen to be, and a link that was put back as restored once it is seen in service. Until then
// the incident keeps its claims; after a while a person is called.

// seenUndone waits until what has stood is seen to be undone. Nothing has to be seen of a plan that never reached a router.
func (d *draft) seenUndone(i *Incident) bool {
	if !i.Live() || len(i.stood()) == 0 || i.revertedAlready() {
		return true
	}
	return d.seenBy(i, i.Touched.Add(d.clocks().VerifyWithin.Std()))
}

// seenBy reports whether what was taken back is seen to be; from until on a person is called when it is not.
func (d *draft) seenBy(i *Incident, until time.Time) bool {
	v, seen := d.undone(i)
	if seen && v.Outcome == policy.Pass {
		return true
	}
	if !seen || v.Untold {
		until = until.Add(d.clocks().LookFor.Std()) // it was not even read, or not in whole: perhaps nobody was there to
	}
	if d.world.Now.Before(until) {
		d.wakeAt(until)
		return false
	}
	why := "it was taken back, and its routers do not show it"
	if !i.Watch.IsZero() {
		why = "it was put back, and is not seen in service"
	}
	d.append(i.ID, events.Stuck{
		Why:    fmt.Sprintf("%s (%s)", why, decisive(v.Checks, v.Decided)),
		Remedy: fmt.Sprintf("see why its routers show something else; Detour goes on looking and ends the incident once they agree, or: detour abort %s --as-is", i.ID),
	})
	return false
}

// undone holds what is seen now against what was before: of a link that is back in service the whole, otherwise what has
// stood. seen is false until there are facts from after the undo.
func (d *draft) undone(i *Incident) (v policy.Verification, seen bool) {
	every := d.clocks().LookEvery
	if i.Phase == Reverting {
		every = d.clocks().ObserveEvery
	}
	facts, ok := d.factsSince(i, i.Touched, every.Std())
	switch {
	case !ok || d.world.Now.Sub(facts.At) > d.clocks().Fresh.Std():
		return policy.Verification{Outcome: policy.Wait, Decided: "telemetry", Checks: []events.Check{{
			Name: "telemetry", Value: "none", Limit: "seen after the undo", Detail: "nothing was seen of the link since",
		}}}, false
	case i.Watch.IsZero():
		return policy.VerifyUndo(i.stood(), i.Plan.Facts, facts), true
	}
	return policy.VerifyReturn(i.Plan.Plan, i.Plan.Facts, facts), true
}

// stuckUndone ends a stuck incident of which nothing is configured any more, once that is seen. A person cannot order more
// than that.
func (d *draft) stuckUndone(i *Incident) {
	if len(i.stood()) > 0 {
		v, seen := d.undone(i)
		switch {
		case !seen:
			return
		case v.Outcome != policy.Pass && (i.Abort != nil || i.Release != nil):
			d.append(i.ID, *i.Trouble)
			return
		case v.Outcome != policy.Pass:
			return
		}
	}
	why := "nothing of it stands on the routers any more; it was stuck: " + i.Trouble.Why
	_, clear := i.ClearSince()
	switch {
	case i.Abort != nil:
		d.close(i, events.WasAborted, i.whyAborted()+"; it was stuck: "+i.Trouble.Why)
	case clear && i.Verified != nil && i.Verified.Pass:
		d.close(i, events.Restored, "its fault has cleared, and "+why)
	default:
		d.close(i, events.RolledBack, why)
	}
}
