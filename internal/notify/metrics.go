package notify

import "github.com/prometheus/client_golang/prometheus"

// outcome is what came of a notice, or of one try to send it.
type outcome string

const (
	sent      outcome = "sent"
	refused   outcome = "refused"   // and never tried again
	failed    outcome = "failed"    // and tried again
	overtaken outcome = "overtaken" // never sent, since another takes its place
)

// Metrics counts notices of every channel. A nil Metrics counts nothing.
type Metrics struct {
	notices *prometheus.CounterVec
	behind  *prometheus.GaugeVec
}

// NewMetrics registers the metrics of all channels.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "detour_notifications_total", Help: "Notices by channel and by what came of them: sent, refused for good, failed and to be tried again, or overtaken before they were sent.",
		}, []string{"channel", "outcome"}),
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "detour_notifications_waiting", Help: "Notices that this replica knows to be neither sent nor refused yet, by channel.",
		}, []string{"channel"}),
	}
	r.MustRegister(m.notices, m.behind)
	return m
}

func (m *Metrics) count(channel string, o outcome) {
	if m != nil {
		m.notices.WithLabelValues(channel, string(o)).Inc()
	}
}

func (m *Metrics) waiting(channel string, n int) {
	if m != nil {
		m.behind.WithLabelValues(channel).Set(float64(n))
	}
}
