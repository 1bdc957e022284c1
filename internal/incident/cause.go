package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// Links that share a conduit or a router fail together. When nearly all of such a group alarm at once that is one fault and
// not as many as there are links: draining one after the other cures nothing and takes away what is left. So none of them is
// acted on by itself; each says what they have in common, and which incident came first.
//
// It is decided on what the Board knows then. Whoever comes first is one link among several that are well, and may be acted
// on before the others have told.

// Groups is what an Inventory may know besides: the names of all links that lie in a scope. One that does not know takes
// every fault for one of its own.
type Groups interface {
	Links(scope events.Scope) []string
}

// CheckCause is the check of whether a fault is one of its own.
const CheckCause = "one-cause"

// What makes one fault of several.
const (
	causeWithin = 2 * time.Minute // between the first alarms of two of them
	causePermil = 800             // of a group's links alarm, at least
)

// causeLinks is how many links of a group must alarm by the group's kind. Two sick links of one router are as likely two
// faults; of one conduit they are not.
func causeLinks(kind string) int {
	switch kind {
	case "srlg":
		return 2
	case "device":
		return 3
	}
	return 0
}

// cause is a group of links that most likely have one fault.
type cause struct {
	scope   events.Scope
	alarmed []*Incident // one a link, the first to come first
	of      int         // links in the group
}

// cause finds the group that explains most alarms together with the incident's own.
func (d *draft) cause(i *Incident) (best cause, ok bool) {
	groups, known := d.world.Inventory.(Groups)
	if !known || i.Target.Kind != events.TargetLink {
		return cause{}, false
	}
	near := d.near(i)
	for _, scope := range i.Target.Scopes {
		least := causeLinks(scope.Kind())
		if least == 0 {
			continue
		}
		c := cause{scope: scope, of: len(groups.Links(scope))}
		for _, j := range near {
			if slices.Contains(j.Target.Scopes, scope) {
				c.alarmed = append(c.alarmed, j)
			}
		}
		n := len(c.alarmed)
		if n >= least && n <= c.of && n*1000 >= causePermil*c.of && (n > len(best.alarmed) || n == len(best.alarmed) && c.of < best.of) {
			best, ok = c, true
		}
	}
	return best, ok
}

// near returns the incidents of links that alarmed at about the time of i, itself included: the open ones that still fire,
// and those that ended with their fault still there. There is one a link, the first to come first.
func (d *draft) near(i *Incident) []*Incident {
	var list []*Incident
	add := func(j *Incident) {
		firing, _ := j.Firing()
		apart := j.Opened.Sub(i.Opened).Abs()
		if firing && apart <= causeWithin && j.Target.Kind == events.TargetLink && j.Symptom != events.Congestion {
			list = append(list, j)
		}
	}
	for id := range d.board.open {
		if j, ok := d.board.Incident(id); ok {
			add(j)
		}
	}
	for _, id := range slices.Backward(d.board.closed) {
		j, ok := d.board.Incident(id)
		if ok && j.Changed.Before(i.Opened.Add(-causeWithin)) {
			break
		}
		if ok {
			add(j)
		}
	}
	slices.SortFunc(list, func(a, b *Incident) int { return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID)) })
	known := map[string]bool{}
	return slices.DeleteFunc(list, func(j *Incident) bool {
		again := known[j.Target.Name]
		known[j.Target.Name] = true
		return again
	})
}

// oneOfMany puts the check on a ruling: what would be allowed waits while it is one of several with one cause.
func (d *draft) oneOfMany(i *Incident, ruled *events.Ruled) {
	c, shared := d.cause(i)
	if !shared {
		return
	}
	const shown = 8
	var names []string
	for _, j := range c.alarmed {
		names = append(names, j.ID)
	}
	if len(names) > shown {
		names = append(names[:shown], fmt.Sprintf("%d more", len(names)-shown))
	}
	check := events.Check{
		Name: CheckCause, Value: fmt.Sprintf("%d of %d links in %s", len(c.alarmed), c.of, c.scope),
		Limit:  fmt.Sprintf("fewer than %d %% of them, or than %d", causePermil/10, causeLinks(c.scope.Kind())),
		Detail: fmt.Sprintf("one cause: %s, %d of %d links alarm, the first was %s (%s)", c.scope, len(c.alarmed), c.of, c.alarmed[0].ID, strings.Join(names, ", ")),
		Remedy: fmt.Sprintf("a person looks after %s; what is left of it is decided by itself when fewer of its links alarm", c.scope),
	}
	ruled.Checks = slices.Insert(ruled.Checks, 0, check)
	if ruled.Verdict == events.Allow || ruled.Verdict == events.Ask {
		ruled.Verdict = events.Defer
	}
}
