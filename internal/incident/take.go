package incident

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
)

// Inventory knows which target a resource belongs to, and the links and routers by name.
type Inventory interface {
	Resolve(events.Resource) (events.Target, bool)
	Link(name string) (events.Target, bool)
	Device(name string) (events.Device, bool)
}

// take says what is made of one event, by the rules in this order: seen before, out of time, of an unknown kind, about
// nothing known, overtaken; then it belongs to the open incident of its target, or to the ended one while that cools
// down, or opens another.
func (d *draft) take(e *events.Event) {
	a := &e.Data
	o := d.observed()
	*o = events.Observed{Event: e.ID, Source: e.Source, Anomaly: *a}
	o.Anomaly.Evidence, o.Anomaly.Labels = nil, nil
	if d.board.saw(idOf(e.Source, e.ID)) {
		o.Disposition, o.Detail = events.WasDuplicate, "recorded before"
		d.append("", o)
		return
	}
	drop := func(what events.Disposition, format string, args ...any) {
		o.Disposition, o.Detail = what, fmt.Sprintf(format, args...)
		d.append("", o)
	}
	if maxAge := d.world.Policy.MaxAge(a.Kind); d.world.Now.Sub(a.ObservedAt) > maxAge {
		drop(events.WasStale, "observed %s ago, at most %s is acted on", d.world.Now.Sub(a.ObservedAt).Round(time.Second), maxAge)
		return
	}
	if skew := d.world.Policy.FutureSkew(); a.ObservedAt.Sub(d.world.Now) > skew {
		drop(events.WasFuture, "observed %s in the future, at most %s is taken for clock skew", a.ObservedAt.Sub(d.world.Now).Round(time.Second), skew)
		return
	}
	if !a.Kind.Known() {
		drop(events.WasUnknown, "kind %q is not known to this version: left to a person", a.Kind)
		return
	}
	target, ok := d.world.Inventory.Resolve(a.Resource)
	if !ok {
		drop(events.WasNowhere, "%s is not in the inventory", a.Resource)
		return
	}
	d.assign(e, o, target)
}

// observed is room for the record of one event. What is decided on together is kept together, and lies together.
func (d *draft) observed() *events.Observed {
	if len(d.room) == 0 {
		d.room = make([]events.Observed, len(d.world.Events))
	}
	o := &d.room[0]
	d.room = d.room[1:]
	return o
}

// assign finds the incident that an event of a known target belongs to, or opens one.
func (d *draft) assign(e *events.Event, o *events.Observed, target events.Target) {
	a := &e.Data
	i, known := d.board.Latest(target.Key())
	key := d.board.symptoms.of(o)
	since, ended := d.board.endedSince(key, o)
	join := func(as events.Disposition) {
		o.Disposition = as
		if as == events.DidEscalate || a.Labels[LabelAskedBy] != "" {
			o.Anomaly.Evidence, o.Anomaly.Labels = a.Evidence, a.Labels
		}
		d.append(i.ID, o)
	}
	switch {
	case known && i.overtaken(key, o) && i.missedWorse(key, o):
		o.Detail = "its source has said something milder since, and that it fires still"
		join(events.DidEscalate)
	case known && i.overtaken(key, o):
		o.Disposition, o.Detail = events.WasSuperseded, fmt.Sprintf("its source has said something newer of %s", i.ID)
		d.append("", o)
	case ended:
		o.Disposition, o.Detail = events.WasSuperseded, fmt.Sprintf("its source has said that the fault was over at %s", since.Format(time.RFC3339))
		d.append("", o)
	case known && i.IsOpen() && a.State == events.Firing && a.Severity.Worse(i.Severity):
		join(events.DidEscalate)
	case known && i.IsOpen():
		join(events.DidJoin)
	case a.State == events.Resolved:
		o.Disposition, o.Detail = events.WasResolved, fmt.Sprintf("no incident of %s is open", target.Key())
		d.append("", o)
	case known && d.world.Now.Before(i.End.CoolDown) && !a.Severity.Worse(i.Severity):
		o.Detail = fmt.Sprintf("%s ended as %s; events as bad as its own are only recorded until %s", i.ID, i.End.Outcome, i.End.CoolDown.Format(time.RFC3339))
		join(events.DidHoldDown)
	default:
		epoch := d.board.epoch(target.Key()) + 1
		id := ID(target, epoch)
		d.append(id, events.Opened{Target: target, Epoch: epoch, Symptom: a.Kind, Severity: a.Severity, Gathering: d.gathering(target, a.Kind)})
		o.Disposition, o.Anomaly.Evidence, o.Anomaly.Labels = events.DidOpen, a.Evidence, a.Labels
		d.append(id, o)
	}
}

// overtaken reports whether the event of a symptom is older than what its source last said of it.
func (i *Incident) overtaken(key string, o *events.Observed) bool {
	s, ok := i.Symptoms[key]
	return ok && o.Anomaly.ObservedAt.Before(s.Observed)
}

// missedWorse reports whether an overtaken event says that what still fires has been worse than the incident knows: the
// worst counts, in whatever order it comes.
func (i *Incident) missedWorse(key string, o *events.Observed) bool {
	a := &o.Anomaly
	return i.IsOpen() && i.Symptoms[key].Firing && a.State == events.Firing && a.Severity.Worse(i.Severity)
}
