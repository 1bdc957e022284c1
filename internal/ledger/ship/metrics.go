package ship

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what was shipped. A nil Metrics counts nothing.
type Metrics struct {
	tries  *prometheus.CounterVec
	size   *prometheus.GaugeVec
	behind *prometheus.GaugeVec
	alarm  prometheus.Gauge
}

// NewMetrics registers the metrics of all targets.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "detour_checkpoints_total", Help: "Tries to ship a checkpoint, by target and by what came of them: shipped, or failed and to be tried again.",
		}, []string{"target", "outcome"}),
		size: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "detour_checkpoint_position", Help: "Position of the newest record that a checkpoint shipped by this replica covers, by target.",
		}, []string{"target"}),
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "detour_checkpoint_behind_seconds", Help: "For how long a target has taken no checkpoint though one was due, 0 when it took the last.",
		}, []string{"target"}),
		alarm: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "detour_ledger_contradicted", Help: "1 once the ledger has been found not to be the one of which a checkpoint was shipped.",
		}),
	}
	r.MustRegister(m.tries, m.size, m.behind, m.alarm)
	return m
}

func (m *Metrics) shipped(target string, size uint64) {
	if m != nil {
		m.tries.WithLabelValues(target, "shipped").Inc()
		m.size.WithLabelValues(target).Set(float64(size))
		m.behind.WithLabelValues(target).Set(0)
	}
}

func (m *Metrics) failed(target string) {
	if m != nil {
		m.tries.WithLabelValues(target, "failed").Inc()
	}
}

func (m *Metrics) late(target string, behind time.Duration) {
	if m != nil {
		m.behind.WithLabelValues(target).Set(behind.Seconds())
	}
}

func (m *Metrics) contradicted() {
	if m != nil {
		m.alarm.Set(1)
	}
}
