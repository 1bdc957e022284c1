package worker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/histogram"
)

// stage is what an incident reaches for the first time.
type stage int

const (
	decided  stage = iota // a ruling stands
	intended              // an intent stands
	set                   // a router has taken a change
	verified              // a verification was passed
	restored              // it ended with everything back and its fault gone
	numStages
)

func (s stage) String() string {
	return [numStages]string{"decided", "intended", "set", "verified", "restored"}[s]
}

// stages times incidents from the receipt of their first anomaly. A stage counts for the replica that recorded it, so that the
// sum over replicas is what is on the ledger. It knows the open incidents.
type stages struct {
	seconds  *prometheus.HistogramVec
	takeOver prometheus.Histogram
	each     [numStages]prometheus.Observer
	open     map[string]*progress
	received map[string]time.Time // by incidents that the commit under way opens
	lastSet  map[string]time.Time // by incident: when a router first took a change that is not on the ledger yet
	from     []string             // owners from which the newest commit took over
}

// progress is how far an incident has come.
type progress struct {
	began   time.Time // its first anomaly was received, or, if another replica took that, its opening was decided
	reached [numStages]bool
	owner   string // of its newest intent
}

func newStages() stages {
	s := stages{
		seconds: prometheus.NewHistogramVec(histogram.Spans("detour_incident_stage_seconds",
			"Time from the receipt of an incident's first anomaly until the incident was first decided on, its first intent stood, a router first took a change, that was first verified, and the incident was restored."), []string{"stage"}),
		takeOver: prometheus.NewHistogram(histogram.Spans("detour_take_over_seconds",
			"Time from when the replica that owned an incident was last heard to the first record of this replica on it.")),
		open: map[string]*progress{}, received: map[string]time.Time{}, lastSet: map[string]time.Time{},
	}
	for n := range numStages {
		s.each[n] = s.seconds.WithLabelValues(n.String())
	}
	return s
}

// deciding notes when the anomalies were received that open incidents in a decision which is about to be written.
func (m *Metrics) deciding(taken []Delivery, records []events.Record) {
	if m == nil || len(taken) == 0 {
		return
	}
	clear(m.stages.received)
	for _, r := range records {
		o, ok := r.Body.(*events.Observed)
		if !ok || o.Disposition != events.DidOpen {
			continue
		}
		for n := range taken {
			if e := taken[n].Event; taken[n].Dead == nil && e.ID == o.Event && e.Source == o.Source {
				m.stages.received[r.Incident] = taken[n].Received
				break
			}
		}
	}
}

// answered notes when a router has taken a change.
func (m *Metrics) answered(incident string, b events.Body, now time.Time) {
	if m == nil {
		return
	}
	if _, early := m.stages.lastSet[incident]; isSet(b) && !early {
		m.stages.lastSet[incident] = now
	}
}

func isSet(b events.Body) bool {
	a, ok := b.(events.Applied)
	return ok && !a.Undo && a.Sets > 0
}

// folded follows one record that is no anomaly.
func (s *stages) folded(c events.Commit, r events.Record, mine bool, now time.Time) {
	if r.Incident == "" {
		return
	}
	if _, opened := r.Body.(events.Opened); opened {
		began, ok := s.received[r.Incident]
		if !ok || !mine {
			began = c.At
		}
		s.open[r.Incident] = &progress{began: began}
		return
	}
	p, ok := s.open[r.Incident]
	if !ok {
		return
	}
	if mine && p.owner != "" && p.owner != c.By && drives(r.Body) {
		s.from = append(s.from, p.owner)
		p.owner = c.By
	}
	reach := func(to stage, at time.Time) {
		if mine && !p.reached[to] {
			s.each[to].Observe(max(0, at.Sub(p.began).Seconds()))
		}
		p.reached[to] = true
	}
	switch b := r.Body.(type) {
	case events.Ruled:
		reach(decided, c.At)
	case events.Intended:
		p.owner = b.Owner
		reach(intended, now)
	case events.Applied:
		if isSet(b) {
			if at, early := s.lastSet[r.Incident]; early {
				now = at
			}
			reach(set, now)
		}
		delete(s.lastSet, r.Incident)
	case events.Verified:
		if b.Pass {
			reach(verified, now)
		}
	case events.Closed:
		if b.Outcome == events.Restored {
			reach(restored, now)
		}
		delete(s.open, r.Incident)
		delete(s.lastSet, r.Incident)
	}
}

// drives reports whether a record is written by whoever drives an incident, and not for a person who asked some replica to.
func drives(b events.Body) bool {
	switch b.(type) {
	case events.Intended, events.Found, events.Verified, events.Confirmed, events.Held, events.Reverted, events.Relapsed, events.Stuck:
		return true
	}
	return false
}

// takenFrom are the owners of what this replica has taken over since it was last asked.
func (m *Metrics) takenFrom() (owners []string) {
	if m == nil {
		return nil
	}
	owners, m.stages.from = m.stages.from, nil
	return owners
}

func (m *Metrics) tookOver(after time.Duration) {
	m.stages.takeOver.Observe(after.Seconds())
}
