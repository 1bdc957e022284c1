package worker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/histogram"
)

// Metrics counts and times what a worker does. A nil *Metrics counts nothing. What is counted for every record, or every turn,
// is counted by the loop alone; labels are of the vocabulary and the policy, never of an incident, a router or a person.
type Metrics struct {
	anomalies    counters
	dead         prometheus.Counter
	records      counters
	sets         *prometheus.CounterVec
	setSeconds   *prometheus.HistogramVec
	toTaken      prometheus.Histogram
	toAck        prometheus.Histogram
	decideTime   prometheus.Histogram
	appendTime   prometheus.Histogram
	conflicts    prometheus.Counter
	doubts       prometheus.Counter
	closedByKind *prometheus.CounterVec
	checks       *prometheus.CounterVec
	checkTime    timed
	stages       stages
	standing     *standing
}

// NewMetrics registers the worker's metrics with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		anomalies:    countersOf(prometheus.CounterOpts{Name: "detour_anomalies_total", Help: "Anomalies recorded, by what was made of them."}, []string{"disposition"}),
		dead:         prometheus.NewCounter(prometheus.CounterOpts{Name: "detour_dead_letters_total", Help: "Messages that could not be read as an anomaly."}),
		records:      countersOf(prometheus.CounterOpts{Name: "detour_ledger_records_total", Help: "Ledger records folded, by kind."}, []string{"kind"}),
		sets:         prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_sets_total", Help: "Set orders carried out by this replica, by outcome."}, []string{"outcome"}),
		setSeconds:   prometheus.NewHistogramVec(histogram.Moments("detour_set_seconds", "Time a Set order took, its read-back included, by outcome."), []string{"outcome"}),
		toTaken:      prometheus.NewHistogram(histogram.Moments("detour_anomaly_taken_seconds", "Time from the receipt of an anomaly by its stream until this replica took it up to decide on it.")),
		toAck:        prometheus.NewHistogram(histogram.Moments("detour_anomaly_recorded_seconds", "Time from the receipt of an anomaly by its stream to its acknowledgement, its record standing.")),
		decideTime:   prometheus.NewHistogram(histogram.Moments("detour_decision_seconds", "Time one decision took to compute, about all that is open.")),
		appendTime:   prometheus.NewHistogram(histogram.Moments("detour_ledger_append_seconds", "Time an append to the ledger took.")),
		conflicts:    prometheus.NewCounter(prometheus.CounterOpts{Name: "detour_ledger_conflicts_total", Help: "Appends that lost their position to another replica."}),
		doubts:       prometheus.NewCounter(prometheus.CounterOpts{Name: "detour_ledger_doubts_total", Help: "Appends of which nobody could tell at first whether they were stored."}),
		closedByKind: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_incidents_closed_total", Help: "Incidents ended, by outcome."}, []string{"outcome"}),
		checks:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_checks_total", Help: "Checks on the record of this replica's rulings, verifications and releases, by check and result: passed or failed."}, []string{"check", "result"}),
		checkTime:    timedOf(prometheus.NewHistogramVec(histogram.Instants("detour_check_seconds", "Time the policy took to ask one check, by check."), []string{"check"})),
		stages:       newStages(),
		standing:     &standing{},
	}
	for _, outcome := range []events.Kind{events.KindApplied, events.KindRefused, events.KindUnknown} {
		m.sets.WithLabelValues(string(outcome)) // 0 until then: the first one is an increase
	}
	r.MustRegister(m.anomalies.vec, m.dead, m.records.vec, m.sets, m.setSeconds, m.toTaken, m.toAck, m.decideTime, m.appendTime, m.conflicts, m.doubts,
		m.closedByKind, m.checks, m.checkTime.vec, m.stages.seconds, m.stages.takeOver, m.standing)
	return m
}

// counters are a vector with one label that is counted for every record: a counter is looked up once, and what comes in a row
// is added up before it is touched. They must not be used by two goroutines at once.
type counters struct {
	vec   *prometheus.CounterVec
	each  map[string]prometheus.Counter
	label string // of the row
	row   int
}

func countersOf(opts prometheus.CounterOpts, label []string) counters {
	return counters{vec: prometheus.NewCounterVec(opts, label), each: map[string]prometheus.Counter{}}
}

func (c *counters) inc(label string) {
	if label != c.label {
		c.add()
		c.label = label
	}
	c.row++
}

// add ends the row.
func (c *counters) add() {
	if c.row == 0 {
		return
	}
	counter, ok := c.each[c.label]
	if !ok {
		counter = c.vec.WithLabelValues(c.label)
		c.each[c.label] = counter
	}
	counter.Add(float64(c.row))
	c.row = 0
}

// timed are the histograms of what is done one after the other, each looked up once. What is timed is kept until observe puts it
// into them: that takes longer than much of what is timed. They must not be used by two goroutines at once.
type timed struct {
	vec  *prometheus.HistogramVec
	each map[string]prometheus.Observer
	last time.Time // when the one before was done
	laps []lap
}

// lap is how long one thing took.
type lap struct {
	label string
	took  time.Duration
}

// maxLaps are kept at most.
const maxLaps = 1024

func timedOf(vec *prometheus.HistogramVec) timed {
	return timed{vec: vec, each: map[string]prometheus.Observer{}}
}

// lap says that one is done; what is called "" only begins the next.
func (t *timed) lap(label string) {
	now := time.Now()
	if label != "" {
		t.laps = append(t.laps, lap{label, now.Sub(t.last)})
	}
	if len(t.laps) == maxLaps {
		t.observe()
		now = time.Now()
	}
	t.last = now
}

// observe puts what was timed into the histograms.
func (t *timed) observe() {
	for _, l := range t.laps {
		each, ok := t.each[l.label]
		if !ok {
			each = t.vec.WithLabelValues(l.label)
			t.each[l.label] = each
		}
		each.Observe(l.took.Seconds())
	}
	t.laps = t.laps[:0]
}

// lap is who times the checks of a decision, nil for nobody.
func (m *Metrics) lap() func(check string) {
	if m == nil {
		return nil
	}
	return m.checkTime.lap
}

// turned ends a turn of the loop: what it timed is observed, now that nobody waits for it.
func (m *Metrics) turned() {
	if m != nil {
		m.checkTime.observe()
	}
}

// folded counts one commit, which this replica wrote if mine.
func (m *Metrics) folded(c events.Commit, mine bool, now time.Time) {
	if m == nil {
		return
	}
	for _, r := range c.Records {
		m.records.inc(known(r.Body))
		switch body := r.Body.(type) {
		case *events.Observed:
			m.anomalies.inc(string(body.Disposition))
			continue
		case events.DeadLettered:
			m.dead.Inc()
		case events.Closed:
			m.closedByKind.WithLabelValues(string(body.Outcome)).Inc()
		}
		m.stages.folded(c, r, mine, now)
		if mine {
			m.checked(r.Body)
		}
	}
	m.records.add()
	m.anomalies.add()
}

// checked counts the checks that a record carries.
func (m *Metrics) checked(b events.Body) {
	var list []events.Check
	switch body := b.(type) {
	case events.Ruled:
		list = body.Checks
	case events.Verified:
		list = body.Checks
	case events.Released:
		list = body.Checks
	}
	for _, c := range list {
		result := "failed"
		if c.OK {
			result = "passed"
		}
		m.checks.WithLabelValues(c.Name, result).Inc()
	}
}

// known keeps the label bounded: a foreign record's kind is whatever its writer called it.
func known(b events.Body) string {
	if _, foreign := b.(events.Foreign); foreign {
		return "foreign"
	}
	return string(b.Kind())
}

func (m *Metrics) decided(took time.Duration) {
	if m != nil {
		m.decideTime.Observe(took.Seconds())
	}
}

func (m *Metrics) appended(took time.Duration) {
	if m != nil {
		m.appendTime.Observe(took.Seconds())
	}
}

func (m *Metrics) conflict() {
	if m != nil {
		m.conflicts.Inc()
	}
}

func (m *Metrics) doubt() {
	if m != nil {
		m.doubts.Inc()
	}
}

func (m *Metrics) set(body events.Body, took time.Duration) {
	if m != nil {
		outcome := string(body.Kind())
		m.sets.WithLabelValues(outcome).Inc()
		m.setSeconds.WithLabelValues(outcome).Observe(took.Seconds())
	}
}

// recorded times anomalies from their receipt: when they were taken up, and when they were acknowledged. The stream's clock
// may be another than ours.
func (m *Metrics) recorded(d Delivery, taken, now time.Time) {
	if m != nil {
		m.toTaken.Observe(max(0, taken.Sub(d.Received).Seconds()))
		m.toAck.Observe(max(0, now.Sub(d.Received).Seconds()))
	}
}
