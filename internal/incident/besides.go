package incident

import (
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// Two drains may each be safe and not both together. So a what-if that a decision rests on must count every drain that has
// been admitted before, at the position of the decision: what was computed beside other drains than the Board has there is
// looked at again. Since one position of the ledger takes one commit, of two replicas that admit two drains at the same
// moment the second one decides anew, and then on a what-if with the first drain in it.

// Besides returns the links that count as drained for a decision about another incident than except: those of every live
// incident that has been admitted and not been taken back whole. They are sorted.
func (b *Board) Besides(except string) []string {
	var names []string
	for id := range b.begun {
		if i, ok := b.Incident(id); ok && id != except && i.Holds() && i.Target.Kind == events.TargetLink {
			names = append(names, i.Target.Name)
		}
	}
	slices.Sort(names)
	return names
}

// counts reports whether the what-if of facts, if there is one, counts the drains that the Board has now.
func (d *draft) counts(i *Incident, f events.Facts) bool {
	return f.Prospect == nil || slices.Equal(f.Prospect.Besides, d.board.Besides(i.ID))
}

// observe asks for facts of an incident's target, as its plan needs them if it has one.
func (d *draft) observe(i *Incident) { d.observeBeside(i, d.board.Besides(i.ID), i.isolates()) }

// observeBeside asks for facts on which a hard drain of an incident's target can be decided, or a soft one, beside others.
func (d *draft) observeBeside(i *Incident, besides []string, hard bool) {
	d.command(Observe{Incident: i.ID, Target: i.Target, Besides: besides, Hard: hard})
}

// isolates reports whether the incident's plan takes its link out of SPF.
func (i *Incident) isolates() bool {
	return i.Plan != nil && policy.Isolates(i.Plan.Plan, i.Plan.Facts)
}

// otherDrain reports whether what was computed is of another kind of drain than the plan.
func otherDrain(plan events.Plan, facts events.Facts) bool {
	f := facts.Prospect
	return f != nil && f.Missing == "" && len(f.Way) > 0 && f.Hard() != policy.Isolates(plan, facts)
}
