package detector

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
)

// Port is one end of a link.
type Port struct{ Device, Interface string }

// Thresholds say what is an anomaly.
type Thresholds struct {
	Window time.Duration // in which ratios are taken
	Sick   float64       // ratio of frames in error from which on a link is sick
	Dark   float64       // ratio of probes lost, of which no counter tells, from which on a link is a black hole
	Well   float64       // neither ends before a ratio above this is unlikely
	Flaps  int           // changes of oper status within Flapping from which on a link flaps
	Calm   time.Duration // without a change, after which it flaps no more

	Flapping time.Duration
	Repeat   time.Duration // between two reports of an anomaly that fires still
}

// Quick are thresholds for a lab, where nobody waits for minutes.
func Quick() Thresholds {
	return Thresholds{
		Window: time.Second, Sick: 0.005, Dark: 0.5, Well: 0.005, Flaps: 4, Flapping: 30 * time.Second, Calm: 10 * time.Second, Repeat: time.Second,
	}
}

// Judge decides from readings what is an anomaly. Its methods are safe for concurrent use.
type Judge struct {
	limits Thresholds

	mu      sync.Mutex
	ports   map[Port]*port
	routers map[string]*alarm // overload, by name
}

// port is what is known of one end of a link.
type port struct {
	frames, probes     ratio
	errors, dark, flap alarm

	up      bool
	known   bool        // up is
	since   time.Time   // it is
	changes []time.Time // of oper status, the last few
}

// unsettled is for how long after a change of oper status probes say nothing of a link: they are judged late, and its other
// end may change later.
const unsettled = 2 * overdue

// NewJudge makes a judge of these links' ends and routers; readings of others are passed over.
func NewJudge(limits Thresholds, ends []Port) *Judge {
	j := &Judge{limits: limits, ports: map[Port]*port{}, routers: map[string]*alarm{}}
	for _, end := range ends {
		on := func(kind events.AnomalyKind, severity events.Severity, unit string, threshold float64) alarm {
			return alarm{
				kind: kind, severity: severity, unit: unit, threshold: threshold,
				resource: events.Resource{Device: end.Device, Interface: end.Interface},
			}
		}
		j.ports[end] = &port{
			errors: on(events.LinkErrors, events.Major, "ratio", limits.Sick),
			dark:   on(events.SilentLoss, events.Critical, "ratio", limits.Dark),
			flap:   on(events.LinkFlap, events.Major, "changes", float64(limits.Flaps)),
		}
		j.routers[end.Device] = &alarm{
			kind: events.DeviceUnhealthy, severity: events.Major, resource: events.Resource{Device: end.Device}, unit: "overload-bit", threshold: 1,
		}
	}
	return j
}

// Frames takes a port's counters: all frames that came in, and those of them in error.
func (j *Judge) Frames(p Port, at time.Time, all, bad uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	end, ok := j.ports[p]
	if !ok {
		return
	}
	end.frames.add(reading{at, max(all, bad), bad}, j.limits.Window)
	end.errors.weigh(&end.frames, at, j.limits.Sick, j.limits.Well, "frames", "errors")
}

// Probes takes how many probes should have come in at a port so far, and how many of them have not.
func (j *Judge) Probes(p Port, at time.Time, all, lost uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	end, ok := j.ports[p]
	if !ok || end.known && (!end.up || at.Before(end.since.Add(unsettled))) {
		return // who is down, or has just been, is no black hole
	}
	end.probes.add(reading{at, all, lost}, j.limits.Window)
	if !end.probes.full(j.limits.Window) {
		return // a single hiccup is none either
	}
	if _, counted := end.frames.recent(); counted > 0 && !end.dark.firing {
		return // not silent
	}
	end.dark.weigh(&end.probes, at, j.limits.Dark, j.limits.Well, "probes", "lost")
}

// weigh lets an alarm begin or end by a ratio.
func (a *alarm) weigh(r *ratio, at time.Time, sick, well float64, all, bad string) {
	a.seen = at
	if a.firing && r.well(well) {
		a.firing, a.value, a.evidence = false, 0, nil
		r.forget() // the window may be longer than it took to be well
		return
	}
	if value, is := r.sick(sick); is {
		of, wrong := r.recent()
		a.firing, a.value, a.evidence = true, value, map[string]float64{all: float64(of), bad: float64(wrong)}
	}
}

// Oper takes a port's oper status. What was probed while it changed says nothing of the link.
func (j *Judge) Oper(p Port, at time.Time, up bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	end, ok := j.ports[p]
	if !ok || end.known && end.up == up {
		return
	}
	if end.known {
		end.changes = append(end.changes, at)
		end.probes.forget()
	}
	end.known, end.up, end.since = true, up, at
	begins := at.Add(-j.limits.Flapping)
	end.changes = slices.DeleteFunc(end.changes, func(t time.Time) bool { return !t.After(begins) })
	if n := len(end.changes); n >= j.limits.Flaps {
		end.flap.firing, end.flap.value, end.flap.evidence = true, float64(n), map[string]float64{"changes": float64(n)}
	}
	end.flap.seen = at
}

// Overload takes a router's overload bit.
func (j *Judge) Overload(device string, at time.Time, set bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if a, ok := j.routers[device]; ok {
		a.firing, a.seen, a.value = set, at, 0
		if set {
			a.value = 1
		}
	}
}

// Suspects says whether something fires at a port.
func (j *Judge) Suspects(p Port) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	end, ok := j.ports[p]
	return ok && (end.errors.firing || end.dark.firing || end.flap.firing)
}

// Due are the anomalies to be published now. They stay due until Told.
func (j *Judge) Due(now time.Time) []events.Anomaly {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []events.Anomaly
	for _, end := range j.ports {
		end.rest(now, j.limits.Calm)
	}
	j.each(func(a *alarm) {
		if a.due(now, j.limits) {
			list = append(list, a.report(j.limits))
		}
	})
	slices.SortFunc(list, func(a, b events.Anomaly) int {
		return cmp.Or(cmp.Compare(a.Resource.String(), b.Resource.String()), cmp.Compare(a.Kind, b.Kind))
	})
	return list
}

// rest lets a port that has been up for long enough flap no more. That nothing changes is evidence as well.
func (p *port) rest(now time.Time, calm time.Duration) {
	if !p.flap.firing {
		return
	}
	p.flap.seen = now
	if p.up && !now.Before(p.changes[len(p.changes)-1].Add(calm)) {
		p.flap.firing, p.flap.value, p.flap.evidence, p.changes = false, 0, nil, nil
	}
}

// Told notes that an anomaly of Due was published.
func (j *Judge) Told(now time.Time, said events.Anomaly) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.each(func(a *alarm) {
		if a.kind == said.Kind && a.resource == said.Resource {
			a.told, a.toldAt = said.State, now
		}
	})
}

// each calls f with every alarm. The mutex is held.
func (j *Judge) each(f func(*alarm)) {
	for _, p := range j.ports {
		f(&p.errors)
		f(&p.dark)
		f(&p.flap)
	}
	for _, a := range j.routers {
		f(a)
	}
}
