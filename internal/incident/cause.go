package incident

import (
	"cmp"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Links that share a conduit, a line card or a router fail together. When nearly all of such a group alarm at once that is
// one fault and not as many as there are links. Which groups that are is found by a greedy cover: the group that explains
// most alarms is taken first, then the one that explains most of the rest, until no group explains any. What is left
// are faults of one link each. The answer depends on the alarms and not on the order in which they came.

// Groups is what an Inventory may know besides: the names of all links that lie in a scope. One that does not know takes
// every fault for one of its own.
type Groups interface {
	Links(scope events.Scope) []string
}

// risk is how one kind of scope groups links.
type risk struct {
	least    int  // links that must alarm
	declared bool // somebody has said that its links fail together, so one alarm waits for the others
	rank     int  // of two groups that explain as much, the lower is the likelier
}

// riskOf says how a kind of scope groups links; ok is false when it does not. Two sick links of one router or site are as
// likely two faults; of one conduit or card they are not.
func riskOf(kind string) (r risk, ok bool) {
	switch kind {
	case "linecard":
		return risk{least: 2, declared: true, rank: 0}, true
	case "bundle":
		return risk{least: 2, declared: true, rank: 1}, true
	case "srlg":
		return risk{least: 2, declared: true, rank: 2}, true
	case "device":
		return risk{least: 3, rank: 3}, true
	case "site":
		return risk{least: 3, rank: 4}, true
	}
	return risk{}, false
}

// cause is a group of links that most likely have one fault.
type cause struct {
	scope   events.Scope
	links   int         // in the group
	alarmed []*Incident // of the group, at about the same time, the first to alarm first
	members []*Incident // of them, those that no likelier cause explains
}

// cause is what an incident's fault has in common with others; ok is false when it is a fault of its own.
func (d *draft) cause(i *Incident) (c *cause, ok bool) {
	if d.causes == nil {
		alarms := d.alarms()
		d.causes, d.alarmed = d.cover(alarms), map[string]bool{}
		for _, j := range alarms {
			d.alarmed[j.Target.Name] = true
		}
	}
	c, ok = d.causes[i.ID]
	return c, ok
}

// cover explains alarms by as few causes as it can; it returns the cause of each incident that has one in common with others.
func (d *draft) cover(alarms []*Incident) map[string]*cause {
	of := map[string]*cause{}
	candidates := d.candidates(alarms)
	for {
		var best *cause
		var most int
		for _, c := range candidates {
			c.members = slices.DeleteFunc(slices.Clone(c.alarmed), func(i *Incident) bool { return of[i.ID] != nil })
			if n := len(c.members); n > most || n > 0 && n == most && c.likelier(best) {
				best, most = c, n
			}
		}
		if best == nil {
			return of
		}
		found := *best
		for _, i := range found.members {
			of[i.ID] = &found
		}
	}
}

// likelier orders two groups that explain as many alarms.
func (c *cause) likelier(than *cause) bool {
	x, _ := riskOf(c.scope.Kind())
	y, _ := riskOf(than.scope.Kind())
	return cmp.Or(cmp.Compare(c.links, than.links), cmp.Compare(x.rank, y.rank), cmp.Compare(c.scope, than.scope), c.alarmed[0].Alarmed.Compare(than.alarmed[0].Alarmed)) < 0
}

// candidates are the groups of which enough links alarm at about the same time.
func (d *draft) candidates(alarms []*Incident) []*cause {
	groups, known := d.world.Inventory.(Groups)
	if !known {
		return nil
	}
	limits := d.world.Policy.Cause()
	bursts := map[events.Scope][]*cause{}
	for _, i := range alarms {
		for _, scope := range i.Target.Scopes {
			if _, ok := riskOf(scope.Kind()); !ok {
				continue
			}
			list := bursts[scope]
			if n := len(list); n == 0 || i.Alarmed.Sub(list[n-1].newest()) > limits.Within.Std() {
				list = append(list, &cause{scope: scope, links: len(groups.Links(scope))})
			}
			last := list[len(list)-1]
			last.alarmed = append(last.alarmed, i)
			bursts[scope] = list
		}
	}
	var found []*cause
	for scope, list := range bursts {
		r, _ := riskOf(scope.Kind())
		for _, c := range list {
			if n := len(c.alarmed); n >= r.least && n <= c.links && n*1000 >= limits.HitPermil*c.links {
				found = append(found, c)
			}
		}
	}
	return found
}

func (c *cause) newest() time.Time { return c.alarmed[len(c.alarmed)-1].Alarmed }

// alarms are the incidents of links that alarm, the first to alarm first: the open ones, and those that have ended with their
// fault still there shortly before the oldest one that is to be decided. Of a link its newest incident says so.
func (d *draft) alarms() []*Incident {
	var list []*Incident
	known := map[string]bool{}
	add := func(i *Incident) {
		if i.Target.Kind != events.TargetLink || i.Symptom == events.Congestion || known[i.Target.Name] {
			return
		}
		known[i.Target.Name] = true
		if i.alarms() {
			list = append(list, i)
		}
	}
	var oldest time.Time
	for id := range d.board.open {
		i, _ := d.board.Incident(id)
		add(i)
		if i.undecided() && (oldest.IsZero() || i.Alarmed.Before(oldest)) {
			oldest = i.Alarmed
		}
	}
	horizon := oldest.Add(-d.world.Policy.Cause().Within.Std())
	for _, id := range slices.Backward(d.board.closed) {
		i, ok := d.board.Incident(id)
		if ok && i.Changed.Before(horizon) {
			break
		}
		if ok {
			add(i)
		}
	}
	slices.SortFunc(list, byAlarm)
	return list
}

// alarms reports whether an incident's fault is there as far as anybody can tell: that nothing is seen of it on a link which
// has been drained proves nothing.
func (i *Incident) alarms() bool {
	switch i.Phase {
	case Acting, Verifying, Confirming, Holding, Stuck:
		if i.Live() {
			return true
		}
	}
	firing, _ := i.Firing()
	return firing
}

// byAlarm orders incidents by when they alarmed, those of the same moment by name.
func byAlarm(a, b *Incident) int {
	return cmp.Or(a.Alarmed.Compare(b.Alarmed), cmp.Compare(a.ID, b.ID))
}

// undecided reports whether an incident may still be acted on as part of a whole.
func (i *Incident) undecided() bool {
	switch i.Phase {
	case Open, Waiting, Asking:
		return i.Abort == nil && i.Rejection == nil && !i.Lapsed
	}
	return false
}
