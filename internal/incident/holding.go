package incident

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// lookAtStanding is the time between two looks at a drain that stands, each of which asks whether the network bears it: never
// more than a minute.
func (d *draft) lookAtStanding() time.Duration { return min(d.clocks().LookEvery.Std(), time.Minute) }

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
	facts, fresh := d.factsSince(i, i.Changed, d.lookAtStanding())
	since, clear := i.ClearSince()
	ready := since.Add(d.clocks().ClearFor.Std())
	now := d.world.Now
	over := clear && !now.Before(ready) && !now.Before(i.Hold.Until)
	recent := fresh && now.Sub(facts.At) <= d.clocks().Fresh.Std() && d.counts(i, facts)
	switch {
	case fresh && !over && d.tooMuch(i, facts):
	case over && recent:
		d.release(i, facts)
	case over:
		d.observe(i)
	case !now.Before(i.Hold.Expires):
		d.expire(i, "the fault has not cleared")
	case now.Before(i.Hold.Until):
		d.wakeAt(i.Hold.Until)
	case !recent && now.Before(i.Hold.Until.Add(d.clocks().Fresh.Std())):
		d.observe(i) // so that the record has what a drain does now; it is not waited for longer
		d.wakeAt(i.Hold.Until.Add(d.clocks().Fresh.Std()))
	default:
		d.renew(i, facts, recent)
	}
}

// renew prolongs the hold until it is looked at again whether it may end.
func (d *draft) renew(i *Incident, facts events.Facts, recent bool) {
	r := events.Renewed{Until: d.world.Now.Add(d.clocks().RenewEvery.Std()), Why: "the fault still fires"}
	if since, clear := i.ClearSince(); clear {
		r.Until = since.Add(d.clocks().ClearFor.Std())
		r.Why = fmt.Sprintf("clear since %s, released after %s", since.Format(time.RFC3339), d.clocks().ClearFor)
	}
	if r.Until.After(i.Hold.Expires) {
		r.Until = i.Hold.Expires
	}
	if recent {
		r.Prospect = facts.Prospect
	}
	d.append(i.ID, r)
}

// release takes the mitigation back if putting the link into service is as safe as taking it out was.
func (d *draft) release(i *Incident, facts events.Facts) {
	ruled := d.world.Policy.EvaluateRelease(d.releaseQuestion(i, facts))
	if ruled.Verdict != events.Allow {
		if !d.world.Now.Before(i.Hold.Expires) {
			d.expire(i, "it cannot be put back: "+firstFailed(ruled.Checks))
			return
		}
		d.wakeAt(d.world.Now.Add(d.clocks().LookEvery.Std()))
		if !sameHold(i.Ruling, ruled) {
			d.append(i.ID, ruled)
		}
		return
	}
	d.append(i.ID, events.Released{Why: fmt.Sprintf("the fault has been clear for %s", d.clocks().ClearFor), Checks: ruled.Checks})
}

// expire ends a hold that has lasted as long as any may.
func (d *draft) expire(i *Incident, why string) {
	if d.clocks().OnExpiry == policy.ExpiryRelease {
		d.append(i.ID, events.Released{Why: "the hold has expired, and the policy releases it then"})
		return
	}
	d.append(i.ID, events.Stuck{
		Why:    fmt.Sprintf("held for %s, the longest that the policy allows, and %s", d.clocks().HoldMax, why),
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
