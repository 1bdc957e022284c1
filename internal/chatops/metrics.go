package chatops

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what is shown and what is pressed. A nil Metrics counts nothing.
type Metrics struct {
	messages *prometheus.CounterVec
	presses  *prometheus.CounterVec
}

// NewMetrics registers the metrics of one desk.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_chat_messages_total", Help: "Messages to the chat, by what came of them: posted, found, updated or failed."}, []string{"outcome"}),
		presses:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_chat_presses_total", Help: "Buttons pressed in the chat, by what came of them: taken, answered, opened (a form), refused, barred, late, repeated or failed."}, []string{"outcome"}),
	}
	r.MustRegister(m.messages, m.presses)
	return m
}

func (m *Metrics) message(outcome string) {
	if m != nil {
		m.messages.WithLabelValues(outcome).Inc()
	}
}

func (m *Metrics) press(o outcome) {
	if m != nil {
		m.presses.WithLabelValues(string(o)).Inc()
	}
}
