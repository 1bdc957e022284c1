package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Window is a maintenance window: inside it every plan in its scope is a dry run. It is either one-off (Start) or recurs
// (Every, At, Zone). It is stored as a start on the wall clock of a zone and a duration, never as an end.
type Window struct {
	Name     string          `yaml:"name" json:"name"`
	Scope    events.Scope    `yaml:"scope" json:"scope"`           // default network
	Start    time.Time       `yaml:"start" json:"start,omitzero"`  // of a one-off, RFC 3339
	Every    string          `yaml:"every" json:"every,omitempty"` // "day", or a weekday such as "friday"
	At       string          `yaml:"at" json:"at,omitempty"`       // wall clock, "22:00"
	Zone     string          `yaml:"zone" json:"zone,omitempty"`   // IANA name, for example "Europe/Berlin"; default UTC
	Duration events.Duration `yaml:"duration" json:"duration"`

	clock    time.Duration // At, since midnight
	location *time.Location
}

// InForce returns when the occurrence of w that covers now ends; ok is false when none does. A start that the wall
// clock shows twice, or skips, on a day when clocks change is taken from its earliest to its latest reading: in doubt
// the window is wider.
func (w Window) InForce(now time.Time) (until time.Time, ok bool) {
	if w.Every == "" {
		until = w.Start.Add(w.Duration.Std())
		return until, !now.Before(w.Start) && now.Before(until)
	}
	local := now.In(w.location)
	back := int(w.Duration.Std()/(24*time.Hour)) + 2
	for n := -back; n <= 1; n++ {
		day := time.Date(local.Year(), local.Month(), local.Day()+n, 0, 0, 0, 0, time.UTC)
		if w.Every != daily && weekdays[w.Every] != day.Weekday() {
			continue
		}
		first, last := w.readings(day.Add(w.clock))
		if end := last.Add(w.Duration.Std()); !now.Before(first) && now.Before(end) && end.After(until) {
			until, ok = end, true
		}
	}
	return until, ok
}

// readings are the earliest and the latest instant at which the zone's wall clock may show wall, which is given as if
// in UTC. They differ only where the clock changes.
func (w Window) readings(wall time.Time) (first, last time.Time) {
	offset := func(t time.Time) time.Duration {
		_, seconds := t.In(w.location).Zone()
		return time.Duration(seconds) * time.Second
	}
	before := wall.Add(-offset(wall.Add(-26 * time.Hour)))
	after := wall.Add(-offset(wall.Add(26 * time.Hour)))
	shows := func(t time.Time) bool { return t.Add(offset(t)).Equal(wall) }
	switch {
	case shows(before) && !shows(after):
		return before, before
	case shows(after) && !shows(before):
		return after, after
	case after.Before(before):
		return after, before
	}
	return before, after
}

const daily = "day"

var weekdays = map[string]time.Weekday{
	"monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday, "thursday": time.Thursday,
	"friday": time.Friday, "saturday": time.Saturday, "sunday": time.Sunday,
}

// CheckWindows asks whether anything is in the scope of every window, and places what is not in the policy's file: a window with
// a misspelt scope would cover nothing, and what it was to keep still would be live.
func (p *Policy) CheckWindows(holds func(events.Scope) bool) error {
	doc := p.doc.Fresh()
	for i, w := range p.file.Windows {
		if !holds(w.Scope) {
			doc.Bad(fmt.Sprintf("windows[%d].scope", i), "nothing of the network is in %q: the window would cover nothing", string(w.Scope))
		}
	}
	return doc.Err()
}

// Mode decides whether a plan may touch routers, and says why. It may when the service is live, the rule is not in shadow,
// and no maintenance window covers any of the target's scopes: neither one of the policy nor one that a person
// began (by id).
func (p *Policy) Mode(configured events.Mode, rule Rule, now time.Time, scopes []events.Scope, begun map[string]events.MaintenanceBegun) (events.Mode, string) {
	if configured != events.Live {
		return events.DryRun, "the service runs in dry-run"
	}
	if rule.Autonomy != Auto && rule.Autonomy != Approve {
		return events.DryRun, fmt.Sprintf("rule %q is in shadow", rule.Name)
	}
	for _, w := range p.file.Windows {
		if until, ok := w.InForce(now); ok && within(w.Scope, scopes) {
			return events.DryRun, fmt.Sprintf("maintenance window %q in %s until %s", w.Name, w.Scope, until.UTC().Format(time.RFC3339))
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(begun), cmp.Compare[string]) {
		if w := begun[id]; now.Before(w.Until) && within(w.Scope, scopes) {
			return events.DryRun, fmt.Sprintf("maintenance window %q in %s until %s, begun by %s: %s", w.Window, w.Scope, w.Until.UTC().Format(time.RFC3339), w.By.Name, w.Reason)
		}
	}
	return events.Live, fmt.Sprintf("the service is live, rule %q is %s, and no maintenance window covers the target", rule.Name, rule.Autonomy)
}
