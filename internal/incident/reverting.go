package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// reverting takes back step after step, the last first, a bounded number of times each.
func (d *draft) reverting(i *Incident) {
	if !d.settle(i) {
		return
	}
	_, after, other := i.count()
	switch {
	case after == 0 && other > 0:
		if len(i.Steps) == 1 || !d.backAtOnce(i) {
			d.callPerson(i)
		}
	case after == 0:
		if d.seenUndone(i) {
			d.reverted(i)
		}
	case i.Intent.Undo && i.standing() < i.Intent.Step && !d.backAlready(i, i.standing()) && !d.settled(i, i.standing()):
	case i.Intent.Attempt < d.clocks().UndoAttempts || d.unreached(i) || !slices.ContainsFunc(i.Steps[i.Intent.Step], func(c ChangeState) bool { return c.Seen == events.SeenAfter }):
		if at := i.Intent.At.Add(time.Duration(i.Intent.Attempt) * d.clocks().LookEvery.Std()); i.Refusal != nil && i.Refusal.Undo && d.world.Now.Before(at) {
			d.wakeAt(at)
			return
		}
		d.undo(i, i.Intent.Why)
	default:
		d.append(i.ID, events.Stuck{
			Why:    fmt.Sprintf("%d attempts to take it back were refused; the last: %s", i.Intent.Attempt, i.refused()),
			Remedy: fmt.Sprintf("see why the router refuses, then: detour undrain %s", i.ID),
		})
	}
}

// backAlready reports whether this replica took a step back while the ledger could not be written: there is nothing to wait for.
func (d *draft) backAlready(i *Incident, step int) bool {
	return slices.ContainsFunc(d.world.Results[i.ID], func(r events.Body) bool {
		f, ok := r.(events.Found)
		return ok && takenBack(f) && f.Step == step
	})
}

// backAtOnce notices a router that came back without any step: it holds what was before the first one, which the undo of a
// later one takes for somebody else's change. It reports whether something is recorded or awaited.
func (d *draft) backAtOnce(i *Incident) bool {
	if _, ok := d.factsSince(i, i.Touched, d.clocks().ObserveEvery.Std()); ok {
		return d.drift(i)
	}
	until := i.Touched.Add(d.clocks().LookFor.Std())
	d.wakeAt(until)
	return d.world.Now.Before(until)
}

// unreached reports whether the undo has only not reached its router yet: that is tried for as long as an unknown outcome
// is looked up.
func (d *draft) unreached(i *Incident) bool {
	return i.Refusal != nil && i.Refusal.Undo && i.Refusal.Class == events.RefusedUnsent && d.world.Now.Before(i.Changed.Add(d.clocks().LookFor.Std()))
}

// reverted is where taking back ends: on probation after a release, otherwise closed. Whoever stopped it has the last word.
func (d *draft) reverted(i *Incident) {
	r := events.Reverted{Why: i.Intent.Why}
	if i.Release != nil && i.Release.By == nil && i.Abort == nil {
		r.Probation = d.world.Now.Add(d.clocks().Probation.Std())
	}
	if i.Phase == Reverting && !i.revertedAlready() {
		d.append(i.ID, r)
		if !r.Probation.IsZero() {
			return
		}
	}
	switch {
	case i.Abort != nil:
		d.close(i, events.WasAborted, i.whyAborted())
	case i.Release != nil:
		c := events.Closed{Outcome: events.Restored, Reason: "undrained by " + i.orderedBy(), CoolDown: d.world.Now.Add(d.clocks().Override.Std())}
		d.append(i.ID, c)
	case i.Verified != nil && i.Verified.Pass:
		d.close(i, events.WasLost, i.Intent.Why)
	default:
		d.close(i, events.RolledBack, i.Intent.Why)
	}
}

func (i *Incident) revertedAlready() bool { return i.Claims == nil }

// whyAborted says who stopped it, what it was about to do, and how the routers stand.
func (i *Incident) whyAborted() string {
	why := fmt.Sprintf("aborted by %s: %s", i.Abort.By.Name, i.Abort.Reason)
	switch {
	case !i.Watch.IsZero():
		why += "; the link was on probation"
	case i.Release != nil && i.Release.By != nil:
		why += fmt.Sprintf("; it was being undrained for %s (%s)", i.Release.By.Name, i.Release.Why)
	case i.Release != nil:
		why += fmt.Sprintf("; it was being undrained (%s)", i.Release.Why)
	}
	return why + "; every router stands as it was found"
}

// probation watches a link that is back in service.
func (d *draft) probation(i *Incident) {
	firing, last := i.Firing()
	switch {
	case i.Abort != nil:
		d.close(i, events.WasAborted, i.whyAborted())
	case firing && last.After(i.Changed):
		d.append(i.ID, events.Relapsed{Why: "the fault fires again while the link is on probation", Gathering: d.gathering(i.Target, i.Symptom)})
	case d.world.Now.Before(i.Watch):
		d.wakeAt(i.Watch)
	case !d.seenBy(i, i.Watch.Add(d.clocks().VerifyWithin.Std())):
	case firing:
		d.close(i, events.RolledBack, fmt.Sprintf("put back (%s); nothing more was seen of the fault, and nobody has said that it is over", i.Release.Why))
	default:
		d.close(i, events.Restored, "nothing was seen of the fault until the end of probation, and the link is in service")
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
	before, after, other := i.count()
	switch {
	case after+other == 0:
		d.stuckUndone(i)
	case i.Abort == nil && i.Release == nil && before+other == 0:
		if facts, fresh := d.factsSince(i, i.Changed, d.lookAtStanding()); fresh {
			d.tooMuch(i, facts)
		}
	case i.Abort == nil && i.Release == nil:
	case i.Abort == nil && i.Release.By == nil:
		d.undo(i, "released: "+i.Release.Why)
	case after > 0:
		d.undo(i, "ordered by a person: "+i.orderedBy())
	default:
		d.callPerson(i)
	}
}

func (i *Incident) orderedBy() string {
	switch {
	case i.Abort != nil:
		return i.Abort.By.Name + ": " + i.Abort.Reason
	case i.Release.By != nil:
		return i.Release.By.Name + ": " + i.Release.Why
	}
	return i.Release.Why
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
