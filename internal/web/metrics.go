package web

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/internal/histogram"
)

// metrics counts what was asked and how long the answers took.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	streams  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "detour_http_requests_total", Help: "Requests answered, by route and status."}, []string{"route", "status"}),
		seconds:  prometheus.NewHistogramVec(histogram.Moments("detour_http_request_seconds", "Time an answer took, streams left out, by route."), []string{"route"}),
		streams:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "detour_http_streams", Help: "Streams that are being read now."}),
	}
	r.MustRegister(m.requests, m.seconds, m.streams)
	return m
}

func (m *metrics) answered(rt route, status int, took time.Duration) {
	m.requests.WithLabelValues(rt.name(), strconv.Itoa(status)).Inc()
	if !rt.streams {
		m.seconds.WithLabelValues(rt.name()).Observe(took.Seconds())
	}
}
