package detector

import (
	"time"

	"github.com/detour-net/detour/events"
)

// alarm is one anomaly of one resource, firing or not, and what has been said of it.
type alarm struct {
	kind      events.AnomalyKind
	severity  events.Severity
	resource  events.Resource
	unit      string
	threshold float64

	firing   bool
	value    float64
	evidence map[string]float64
	seen     time.Time // when there last was evidence, of either

	told   events.AnomalyState // last; "" if nothing
	toldAt time.Time
}

// due says whether something is to be said now: a change, or that it fires still. What rests on no recent evidence is not
// said again.
func (a *alarm) due(now time.Time, t Thresholds) bool {
	switch {
	case a.firing && a.told == events.Firing:
		return !now.Before(a.toldAt.Add(t.Repeat)) && a.seen.After(a.toldAt)
	case a.firing:
		return true
	}
	return a.told == events.Firing
}

// report is what is to be said.
func (a *alarm) report(t Thresholds) events.Anomaly {
	state := events.Resolved
	if a.firing {
		state = events.Firing
	}
	return events.Anomaly{
		Kind: a.kind, State: state, Severity: a.severity, Resource: a.resource, ObservedAt: a.seen.UTC(),
		Value: a.value, Unit: a.unit, Threshold: a.threshold, Window: t.Window.String(), Evidence: a.evidence,
	}
}
