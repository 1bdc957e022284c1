package chatops

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/internal/histogram"
)

// Metrics counts what is shown and what is pressed. A nil Metrics counts nothing.
type Metrics struct {
	messages *prometheus.CounterVec
	presses  *prometheus.CounterVec
}

// NewMetrics registers the metrics of one desk.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_chat_messages_total", Help: "Messages to the chat, by what came of them: posted, found, updated or failed."}, []string{"outcome"}),
		presses:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_chat_presses_total", Help: "Buttons pressed in the chat, by what came of them: taken, answered, opened (a form), refused, barred, invited, late, repeated or failed."}, []string{"outcome"}),
	}
	r.MustRegister(m.messages, m.presses)
	return m
}

// Connected is the gauge of whether a chat can be spoken with, as its state says.
func Connected(state func() (connected bool, detail string)) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "detour_chat_connected", Help: "Whether the chat's socket is connected, or, without one, whether the chat answers, 1 or 0: otherwise no button works.",
	}, func() float64 {
		if ok, _ := state(); ok {
			return 1
		}
		return 0
	})
}

// Callbacks counts the HTTP requests in a chat's name, and what cannot be read of what comes over its socket.
func Callbacks() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "detour_chat_callbacks_total", Help: "HTTP requests in the chat's name, and what no one can read of what comes over a socket, by what came of them: taken, turned-away (too many at once), refused (not proved to be the chat's, too old, or unreadable) or failed (the chat did not say how to prove it).",
	}, []string{"outcome"})
}

// Acknowledged times what was pressed until the chat was told that it came.
func Acknowledged() prometheus.Histogram {
	return prometheus.NewHistogram(histogram.Moments("detour_chat_ack_seconds", "Time from when a press came in until the chat was told so; a chat gives up after some three seconds."))
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
