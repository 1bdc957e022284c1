package worker_test

import (
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/histogram/promtest"
	"github.com/detour-net/detour/internal/incident"
)

// scrape is what a registry shows to a Prometheus.
func scrape(t *testing.T, r *prometheus.Registry) promtest.Samples {
	t.Helper()
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	list, err := promtest.Parse(answer.Body.String())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestAlertSlowDecisions has an incident be decided on a minute after its anomaly was received, as one can only in a time that
// passes by itself: the alert fires, and does not when that took a little less.
func TestAlertSlowDecisions(t *testing.T) {
	var scenes []promtest.Scene
	late := []time.Duration{59 * time.Second, 61 * time.Second}
	for _, d := range late {
		inBubble(t, func(s *site) {
			registry := prometheus.NewRegistry()
			r := s.start("r1", autonomous, measured(registry))
			well := scrape(t, registry)
			s.bus.put(&message{event: anomaly("1", events.Firing), due: time.Now().Add(d)})
			s.reaches(r, incident.Holding, 2*time.Minute)
			scenes = append(scenes, promtest.Scene{Well: well, Now: scrape(t, registry)})
		})
	}
	tool := promtest.Path(t)
	if tool == "" {
		return
	}
	for i, fired := range promtest.Fired(t, tool, "../../deployments/prometheus/alerts.yaml", scenes) {
		if got, want := slices.Contains(fired, "DetourSlowDecisions"), late[i] > time.Minute; got != want {
			t.Errorf("decided after %s: it fires %t, want %t; there fire %v", late[i], got, want, fired)
		}
	}
}
