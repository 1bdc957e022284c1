package incident

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

// The first alarm of a shared fault looks like a fault of one link. So a link that is declared to share a risk with others
// waits a moment for them (policy: cause.wait). Nobody waits where waiting could change nothing: for a link in no such
// group, for a link that is down already, which is not drained, for load, and from when every link of its groups has
// alarmed. Routers and sites are no groups to wait for: every link of a backbone has two of each.
//
// Until when it waits is recorded when the alarm is, so it is the same on every replica and whatever policy they load.

// gathering is what an alarm of a target waits for before it is decided, nil for nothing.
func (d *draft) gathering(target events.Target, kind events.AnomalyKind) *events.Gathering {
	groups, known := d.world.Inventory.(Groups)
	wait := d.world.Policy.Cause().Wait.Std()
	if !known || wait == 0 || target.Kind != events.TargetLink || kind == events.LinkDown || kind == events.Congestion {
		return nil
	}
	g := events.Gathering{Until: d.world.Now.Add(wait)}
	for _, scope := range target.Scopes {
		if r, ok := riskOf(scope.Kind()); ok && r.declared && len(groups.Links(scope)) > 1 {
			g.Scopes = append(g.Scopes, scope)
		}
	}
	if g.Scopes == nil {
		return nil
	}
	return &g
}

// gathers reports whether an incident waits for others to alarm. Those that have one cause in common with it wait no longer
// than the first of them.
func (d *draft) gathers(i *Incident) bool {
	first := i
	if c, shared := d.cause(i); shared {
		first = c.first()
	}
	if first.Gathering == nil || !d.world.Now.Before(first.Gathering.Until) || d.complete(first.Gathering.Scopes) {
		return false
	}
	d.wakeAt(first.Gathering.Until)
	return true
}

// first is the one of the cause's members that has waited for longest to be decided.
func (c *cause) first() *Incident {
	return c.members[slices.IndexFunc(c.members, (*Incident).undecided)]
}

// complete reports whether every link of some risk groups alarms: nothing more can become known.
func (d *draft) complete(scopes []events.Scope) bool {
	groups, known := d.world.Inventory.(Groups)
	return known && !slices.ContainsFunc(scopes, func(s events.Scope) bool {
		return slices.ContainsFunc(groups.Links(s), func(link string) bool { return !d.alarmed[link] })
	})
}

// awaits says what an incident waits for, for people.
func (i *Incident) awaits() string {
	names := make([]string, len(i.Gathering.Scopes))
	for n, s := range i.Gathering.Scopes {
		names[n] = string(s)
	}
	return fmt.Sprintf("it waits until %s to see whether %s has failed as a whole", i.Gathering.Until.Format("2006-01-02T15:04:05.999Z07:00"), strings.Join(names, " or "))
}
