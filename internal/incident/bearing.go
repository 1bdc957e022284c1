package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// A drain that was safe when it was made need not stay so: traffic grows, and other links fail. So while it stands every look
// asks whether the network still bears it, also while it waits for a person. What is found is recorded when it changes; two
// looks in a row that find too much end the hold as the policy says. Of a drain that waits for a person already, that person
// is told once; taken back by itself it is only where that has not been tried before.

// tooMuch asks whether the network still bears a drain that stands. It reports whether it recorded anything.
func (d *draft) tooMuch(i *Incident, facts events.Facts) bool {
	if !d.isLook(i, facts) {
		return false
	}
	c := d.world.Policy.Bearable(facts.Prospect, d.world.Now, d.asked(i).approvedFor(policy.CheckSurvives))
	switch {
	case c.OK && i.Unbearable.IsZero():
		return false
	case c.OK || i.Unbearable.IsZero():
		verdict := events.Defer
		if c.OK {
			verdict = events.Allow
		}
		d.append(i.ID, events.Ruled{Verdict: verdict, Rule: i.Plan.Rule, Plan: i.Plan.Digest, Policy: d.world.Policy.Digest(), Checks: []events.Check{c}})
		return true
	}
	if facts.At.Before(i.Unbearable.Add(d.lookAtStanding())) {
		return false // the next look comes by itself
	}
	revert := d.world.Policy.Prospects().WhenUnbearable == policy.UnbearableRevert
	switch {
	case revert && !i.Intent.Undo:
		d.append(i.ID, events.Released{Why: c.Detail, Checks: []events.Check{c}})
		return true
	case i.Called:
		return false
	}
	why := fmt.Sprintf("%s, since %s", c.Detail, i.Unbearable.Format(time.RFC3339))
	if i.Phase == Stuck && ofBearing(i.Trouble.Checks) < 0 {
		why += "; it needed a person before: " + i.Trouble.Why
	}
	d.append(i.ID, events.Stuck{
		Why: why, Checks: []events.Check{c},
		Remedy: fmt.Sprintf("decide whether the sick link is put back: detour undrain %s; or take load off the network", i.ID),
	})
	return true
}

// isLook reports whether something was computed of the drain, of what is seen now and beside the drains that there are.
func (d *draft) isLook(i *Incident, facts events.Facts) bool {
	f := facts.Prospect
	return f != nil && f.Missing == "" && d.world.Now.Sub(f.At) <= d.clocks().Fresh.Std() && d.counts(i, facts)
}

// stillBorne asks before a further step what was asked before the first, of what is seen now. What it finds too much is taken
// back; where too little is seen, it is waited for.
func (d *draft) stillBorne(i *Incident, facts events.Facts) bool {
	if decided := i.Plan.Facts.Prospect; decided != nil && decided.Missing == "" && !d.isLook(i, facts) {
		d.observe(i) // less is known than when the first step was decided on
		return false
	}
	if c := d.world.Policy.Bearable(facts.Prospect, d.world.Now, d.asked(i).approvedFor(policy.CheckSurvives)); !c.OK {
		d.undo(i, c.Detail)
		return false
	}
	return true
}

// ofBearing is where among checks it stands whether the network bears a drain, -1 for nowhere.
func ofBearing(checks []events.Check) int {
	return slices.IndexFunc(checks, func(c events.Check) bool { return c.Name == policy.CheckBearable })
}

// bears notes since when a drain that stands is more than the network bears, as a ruling says.
func (i *Incident) bears(r events.Ruled, at time.Time) {
	n := ofBearing(r.Checks)
	switch {
	case n < 0:
	case r.Checks[n].OK:
		i.Unbearable, i.Called = time.Time{}, false
	case i.Unbearable.IsZero():
		i.Unbearable = at
	}
}
