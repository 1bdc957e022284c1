package worker_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger/mem"
	"github.com/detour-net/detour/internal/worker"
)

// sums adds up every series of each metric; a histogram counts its observations.
func sums(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sum[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// TestMetrics counts one drain, one freeze, one dead letter and one lost position.
func TestMetrics(t *testing.T) {
	inBubble(t, func(s *site) {
		registry := prometheus.NewRegistry()
		r := s.start("r1", autonomous, func(c *worker.Config) { c.Metrics = worker.NewMetrics(registry) })
		r.overtake(func() { s.other(events.Thawed{Scope: "device:x", By: ann}) })
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Holding, 10*time.Second)
		s.order(r, incident.Freeze(events.Network, ann, "exercise"))
		s.bus.put(&message{dead: &events.DeadLettered{Subject: "x", Reason: "it is not JSON"}})
		s.until(time.Second, "both are acknowledged", func() bool { return len(s.bus.acked()) == 2 })
		var records float64
		for _, c := range s.commits() {
			records += float64(len(c.Records))
		}
		want := map[string]float64{
			"detour_anomalies_total": 1, "detour_dead_letters_total": 1, "detour_sets_total": 2, "detour_set_seconds": 2,
			"detour_anomaly_recorded_seconds": 2, "detour_anomaly_taken_seconds": 2, "detour_ledger_conflicts_total": 1, "detour_ledger_doubts_total": 0, "detour_incidents": 1, "detour_freezes": 1,
			"detour_ledger_records_total": records, "detour_ledger_position": float64(len(s.commits())),
		}
		got := sums(t, registry)
		for name := range got {
			if _, ok := want[name]; !ok {
				delete(got, name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
	})
}

// TestAppendInDoubtIsTimed has an append be stored whose answer is lost, and the ledger itself tell: it is timed as any other, once, since
// it is the slowest that nobody should miss.
func TestAppendInDoubtIsTimed(t *testing.T) {
	for name, faults := range map[string][]mem.Fault{"followed": {mem.FailsStored}, "stored anew": {mem.DoubtNot}, "it hangs": {mem.Blocks}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				registry := prometheus.NewRegistry()
				r := s.start("r1", autonomous, measured(registry))
				r.Inject(faults...)
				s.order(r, incident.Freeze(events.Network, ann, "exercise"))
				s.pass(10 * time.Second)
				if n := len(s.commits()); n != 2 || sums(t, registry)["detour_ledger_append_seconds"] != float64(n) {
					t.Errorf("%d commits, %g appends were timed", n, sums(t, registry)["detour_ledger_append_seconds"])
				}
			})
		})
	}
}

// TestMetricsOfAStart: a replica that comes to a ledger counts what stands there, and says how things stand before anything
// happens.
func TestMetricsOfAStart(t *testing.T) {
	inBubble(t, func(s *site) {
		first := s.start("r1", autonomous)
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(first, incident.Holding, 10*time.Second)
		s.bus.publish(anomaly("2", events.Firing))
		s.until(time.Second, "both are recorded", func() bool { return len(recorded[*events.Observed](s)) == 2 })
		s.order(first, incident.Freeze(events.Network, ann, "exercise"))
		first.stop()
		var records float64
		for _, c := range s.commits() {
			records += float64(len(c.Records))
		}
		registry := prometheus.NewRegistry()
		s.start("r1", autonomous, func(c *worker.Config) { c.Metrics = worker.NewMetrics(registry) })
		if n := len(recorded[events.PolicyLoaded](s)); n != 1 {
			t.Fatalf("%d policies are recorded, want one: nothing has changed", n)
		}
		want := map[string]float64{
			"detour_anomalies_total": 2, "detour_ledger_records_total": records, "detour_ledger_position": float64(len(s.commits())),
			"detour_incidents": 1, "detour_freezes": 1,
		}
		got := sums(t, registry)
		for name := range got {
			if _, ok := want[name]; !ok {
				delete(got, name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
	})
}
