package incident

import (
	"slices"

	"github.com/detour-net/detour/events"
)

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
	case i.Verified != nil && !i.Verified.Pass:
		d.close(i, events.RolledBack, i.whyBack())
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
	for step := len(i.Steps) - 1; step >= 0; step-- {
		for c, state := range i.Steps[step] {
			if seen, ok := SeenAt(facts, i.Plan.Plan.Steps, step, c); ok && seen != state.Seen {
				d.append(i.ID, events.Found{Step: step, Change: c, Seen: seen, Detail: "seen in the router's configuration"})
				return true
			}
		}
	}
	return false
}

// SeenAt says how facts show one change of a plan's steps: what a later step leads to comes after it, and what an earlier one
// comes from before it. ok is false when its router could not be read.
func SeenAt(facts events.Facts, steps []events.Step, step, change int) (seen events.Seen, ok bool) {
	for s, other := range steps {
		seen, ok = SeenIn(facts, other.Changes[change])
		switch {
		case !ok:
			return "", false
		case seen == events.SeenBefore && s <= step, seen == events.SeenAfter && s >= step:
			return seen, true
		}
	}
	return events.SeenOther, true
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
