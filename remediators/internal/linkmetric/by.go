package linkmetric

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

// place is a metric of one of the link's ends.
type place struct {
	device string
	leaf   events.LeafRef
}

// climb is a link on its way up.
type climb struct {
	link string
	at   map[place]uint64
	same map[string]bool // routers that have one metric for all levels
}

// By splits a step that raises the metrics of link, which Raise has built from facts, into one for each push of way that
// raises any, and what is left at the end. Each sets both ends. A metric that a push leaves alone, because it stands higher
// already or gets all that whole gives it, goes up by one with the others: it may stop anywhere on its own way. Where there is
// no room for that the push is left out. passed are the metrics on the way, for the record.
func By(whole events.Step, link string, way []events.Push, facts events.Facts) (steps []events.Step, passed []string) {
	c := climb{link: link, at: map[place]uint64{}, same: map[string]bool{}}
	for _, end := range facts.Ends {
		c.same[end.Device] = end.Profile.SameLevels
		for _, leaf := range end.Leaves {
			if now, err := metric(end, leaf); err == nil {
				c.at[place{end.Device, leaf.LeafRef}] = now
			}
		}
	}
	for _, push := range way {
		if low, ok := c.toward(whole, push); ok {
			steps, whole, passed = append(steps, low), c.from(low, whole), append(passed, metricsOf(low))
		}
	}
	return append(steps, whole), passed
}

// toward is the part of whole that a push asks for; ok is false when it raises nothing, or leaves nothing to be raised later.
func (c climb) toward(whole events.Step, push events.Push) (low events.Step, ok bool) {
	rises := false
	for _, change := range whole.Changes {
		part := events.Change{Device: change.Device}
		for _, s := range change.Settings {
			now, top := c.at[place{change.Device, s.LeafRef}], num(s.After)
			to := now + 1
			if m, set := push.Metric(c.link, change.Device, s.Family); set && uint64(m) > now && uint64(m) < top {
				to, rises = uint64(m), true
			}
			if to >= top {
				return low, false
			}
			part.Settings = append(part.Settings, events.Setting{LeafRef: s.LeafRef, Before: s.Before, After: events.UintValue(to)})
		}
		if c.same[change.Device] {
			level(part.Settings)
		}
		low.Changes = append(low.Changes, part)
	}
	return low, rises
}

// from goes to where low leads, and returns what is left of whole then.
func (c climb) from(low, whole events.Step) (rest events.Step) {
	for i, change := range low.Changes {
		left := events.Change{Device: change.Device}
		for j, s := range change.Settings {
			c.at[place{change.Device, s.LeafRef}] = num(s.After)
			left.Settings = append(left.Settings, events.Setting{LeafRef: s.LeafRef, Before: s.After, After: whole.Changes[i].Settings[j].After})
		}
		rest.Changes = append(rest.Changes, left)
	}
	return rest
}

// metricsOf are the metrics that a step sets, for people: "30", or "30 and 40" where they differ.
func metricsOf(step events.Step) string {
	var metrics []string
	for _, change := range step.Changes {
		for _, s := range change.Settings {
			if m := fmt.Sprint(num(s.After)); !slices.Contains(metrics, m) {
				metrics = append(metrics, m)
			}
		}
	}
	return strings.Join(metrics, " and ")
}
