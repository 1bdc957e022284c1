package worker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Metrics counts what a worker does. A nil *Metrics counts nothing.
type Metrics struct {
	anomalies    counters
	dead         prometheus.Counter
	records      counters
	sets         *prometheus.CounterVec
	setSeconds   prometheus.Histogram
	toAck        prometheus.Histogram
	appendTime   prometheus.Histogram
	conflicts    prometheus.Counter
	position     prometheus.Gauge
	openByPhase  *prometheus.GaugeVec
	freezes      prometheus.Gauge
	badPolicy    prometheus.Gauge
	closedByKind *prometheus.CounterVec
}

// NewMetrics registers the worker's metrics with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	seconds := prometheus.ExponentialBuckets(0.0001, 2, 20)
	m := &Metrics{
		anomalies:    countersOf(prometheus.CounterOpts{Name: "detour_anomalies_total", Help: "Anomalies recorded, by what was made of them."}, []string{"disposition"}),
		dead:         prometheus.NewCounter(prometheus.CounterOpts{Name: "detour_dead_letters_total", Help: "Messages that could not be read as an anomaly."}),
		records:      countersOf(prometheus.CounterOpts{Name: "detour_ledger_records_total", Help: "Ledger records folded, by kind."}, []string{"kind"}),
		sets:         prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_sets_total", Help: "Set orders carried out by this replica, by outcome."}, []string{"outcome"}),
		setSeconds:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "detour_set_seconds", Help: "Time a Set took, its read-back included.", Buckets: seconds}),
		toAck:        prometheus.NewHistogram(prometheus.HistogramOpts{Name: "detour_anomaly_recorded_seconds", Help: "Time from the receipt of an anomaly to its acknowledgement, its record standing.", Buckets: seconds}),
		appendTime:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "detour_ledger_append_seconds", Help: "Time an append to the ledger took.", Buckets: seconds}),
		conflicts:    prometheus.NewCounter(prometheus.CounterOpts{Name: "detour_ledger_conflicts_total", Help: "Appends that lost their position to another replica."}),
		position:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "detour_ledger_position", Help: "Position of the last commit folded."}),
		openByPhase:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "detour_incidents", Help: "Open incidents, by phase."}, []string{"phase"}),
		freezes:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "detour_freezes", Help: "Freezes in force."}),
		badPolicy:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "detour_policy_refused", Help: "1 while what the policy's file holds cannot be used, and the policy of before stays in force."}),
		closedByKind: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_incidents_closed_total", Help: "Incidents ended, by outcome."}, []string{"outcome"}),
	}
	r.MustRegister(m.anomalies.vec, m.dead, m.records.vec, m.sets, m.setSeconds, m.toAck, m.appendTime, m.conflicts, m.position, m.openByPhase, m.freezes, m.badPolicy, m.closedByKind)
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

// folded counts one commit. What describes the Board as it stands is only kept from when the ledger has been caught up with.
func (m *Metrics) folded(c events.Commit, b *incident.Board, caught bool) {
	if m == nil {
		return
	}
	moved := false
	for _, r := range c.Records {
		m.records.inc(known(r.Body))
		switch body := r.Body.(type) {
		case *events.Observed:
			m.anomalies.inc(string(body.Disposition))
		case events.DeadLettered:
			m.dead.Inc()
		case events.Closed:
			m.closedByKind.WithLabelValues(string(body.Outcome)).Inc()
			moved = true
		default:
			moved = true
		}
	}
	m.records.add()
	m.anomalies.add()
	m.position.Set(float64(c.Position))
	if moved && caught {
		m.stands(b)
	}
}

// stands describes the Board.
func (m *Metrics) stands(b *incident.Board) {
	if m == nil {
		return
	}
	m.freezes.Set(float64(len(b.Freezes())))
	m.openByPhase.Reset()
	for _, i := range b.Open() {
		m.openByPhase.WithLabelValues(string(i.Phase)).Inc()
	}
}

// known keeps the label bounded: a foreign record's kind is whatever its writer called it.
func known(b events.Body) string {
	if _, foreign := b.(events.Foreign); foreign {
		return "foreign"
	}
	return string(b.Kind())
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

func (m *Metrics) set(body events.Body, took time.Duration) {
	if m != nil {
		m.sets.WithLabelValues(string(body.Kind())).Inc()
		m.setSeconds.Observe(took.Seconds())
	}
}

func (m *Metrics) refusedPolicy(refused bool) {
	if m == nil {
		return
	}
	if m.badPolicy.Set(0); refused {
		m.badPolicy.Set(1)
	}
}

func (m *Metrics) taken(d Delivery, now time.Time) {
	if m != nil {
		m.toAck.Observe(now.Sub(d.Received).Seconds())
	}
}
