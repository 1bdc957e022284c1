package incident

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

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
	cleared := clear && !d.world.Now.Before(ready)
	switch now := d.world.Now; {
	case fresh && !cleared && d.tooMuch(i, facts):
	case cleared && !now.Before(i.Hold.Until):
		if fresh && now.Sub(facts.At) <= d.clocks().Fresh.Std() && d.counts(i, facts) {
			d.release(i, facts)
		} else {
			d.observe(i)
		}
	case !now.Before(i.Hold.Expires):
		d.expire(i, "the fault has not cleared")
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
