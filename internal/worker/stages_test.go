package worker_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/worker"
)

// measured has a replica's metrics go to a registry.
func measured(r *prometheus.Registry) func(*worker.Config) {
	return func(c *worker.Config) { c.Metrics = worker.NewMetrics(r) }
}

// total is what a histogram's series has observed.
type total struct {
	Count   uint64
	Seconds float64
}

// series are those of one metric, by their labels' values: the totals of histograms, and the values of what is none.
func series(t *testing.T, g prometheus.Gatherer, name string) (totals map[string]total, values map[string]float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	totals, values = map[string]total{}, map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			key := strings.Join(labels, " ")
			if h := m.GetHistogram(); h != nil {
				totals[key] = total{h.GetSampleCount(), h.GetSampleSum()}
				continue
			}
			values[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return totals, values
}

// TestStages has one incident live its whole life: each stage is reached once, however often its records come, and counts from
// the receipt of the first anomaly. The network has the times: nothing here takes any but what waits for a clock.
func TestStages(t *testing.T) {
	inBubble(t, func(s *site) {
		registry := prometheus.NewRegistry()
		r := s.start("r1", autonomous, measured(registry))
		received := time.Now()
		s.bus.put(&message{event: anomaly("1", events.Firing), due: received.Add(2 * time.Second)})
		s.reaches(r, incident.Holding, time.Minute)
		s.bus.publish(anomaly("2", events.Resolved))
		s.reaches(r, incident.Closed, 2*time.Hour)

		want := map[string]total{"decided": {1, 2}, "intended": {1, 2}, "set": {1, 2}}
		for _, c := range s.commits() {
			for _, rec := range c.Records {
				switch b := rec.Body.(type) {
				case events.Verified:
					if _, before := want["verified"]; b.Pass && !before {
						want["verified"] = total{1, c.At.Sub(received).Seconds()}
					}
				case events.Closed:
					want["restored"] = total{1, c.At.Sub(received).Seconds()}
				}
			}
		}
		if len(want) != 5 {
			t.Fatalf("the ledger holds %v", s.kinds())
		}
		got, _ := series(t, registry, "detour_incident_stage_seconds")
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Errorf("stages (-want +got):\n%s", diff)
		}
		taken, _ := series(t, registry, "detour_anomaly_taken_seconds")
		if diff := cmp.Diff(map[string]total{"": {2, 2}}, taken, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
	})
}

// TestChecksAreCounted holds what was counted, and how often each was timed, against what is on the ledger.
func TestChecksAreCounted(t *testing.T) {
	inBubble(t, func(s *site) {
		registry := prometheus.NewRegistry()
		r := s.start("r1", onApproval, measured(registry))
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Asking, time.Minute)
		want, ruled := map[string]float64{}, map[string]float64{}
		for _, body := range recorded[events.Ruled](s) {
			for _, c := range body.Checks {
				ruled[c.Name]++
				want[c.Name+map[bool]string{true: " passed", false: " failed"}[c.OK]]++
			}
		}
		if want["approval failed"] == 0 || len(want) < 30 {
			t.Fatalf("on the ledger are %v", want)
		}
		_, got := series(t, registry, "detour_checks_total")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
		times, _ := series(t, registry, "detour_check_seconds")
		if diff := cmp.Diff(slices.Sorted(maps.Keys(ruled)), slices.Sorted(maps.Keys(times))); diff != "" {
			t.Errorf("timed (-ruled +timed):\n%s", diff)
		}
		for name, n := range ruled {
			if times[name].Count < uint64(n) {
				t.Errorf("%s stands on %v records and was timed %d times", name, n, times[name].Count)
			}
		}
	})
}

// TestTakeOver: the first record on what another has left counts, from when that was last heard; what people order on whatever
// replica does not.
func TestTakeOver(t *testing.T) {
	inBubble(t, func(s *site) {
		registry := prometheus.NewRegistry()
		quiet := newBus()
		heard := make(chan []string, 1)
		peer := s.start("r2", autonomous, measured(registry), func(c *worker.Config) {
			c.Intake = quiet
			c.Peers = func(me string) worker.Peers { return &hearing{me: me, told: heard} }
		})
		r := s.start("r1", autonomous)
		heard <- []string{r.Me(), peer.Me()}
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(peer, incident.Holding, 20*time.Second)
		s.order(peer, incident.Freeze(events.Network, ann, "exercise"))
		none := map[string]total{"": {}}
		if got, _ := series(t, registry, "detour_take_over_seconds"); cmp.Diff(none, got) != "" {
			t.Errorf("while its owner is heard: %v", got)
		}
		r.stop()
		heard <- []string{peer.Me()}
		s.order(peer, incident.Undrain("a-b-1", ann, "repaired"))
		s.reaches(peer, incident.Closed, time.Minute)
		if got, _ := series(t, registry, "detour_take_over_seconds"); cmp.Diff(map[string]total{"": {1, 3600}}, got, cmpopts.EquateApprox(0.01, 0)) != "" {
			t.Errorf("after it is gone: %v", got)
		}
		if got, _ := series(t, registry, "detour_incident_stage_seconds"); got["verified"].Count != 0 || got["intended"].Count != 0 {
			t.Errorf("it counted stages that another recorded: %v", got)
		}
	})
}

// TestStanding looks at a replica in one trouble after the other.
func TestStanding(t *testing.T) {
	inBubble(t, func(s *site) {
		registry := prometheus.NewRegistry()
		r := s.start("r1", onApproval, measured(registry))
		tells := func(when string, want map[string]float64) {
			t.Helper()
			for metric, v := range want {
				name, label, _ := strings.Cut(metric, " ")
				_, got := series(t, registry, name)
				if diff := cmp.Diff(v, got[label], cmpopts.EquateApprox(0, 0.02)); diff != "" {
					t.Errorf("%s: %s (-want +got):\n%s", when, metric, diff)
				}
			}
		}
		tells("at first", map[string]float64{
			"detour_halted": 0, "detour_caught_up": 1, "detour_ledger_writable": 1, "detour_mode live": 1, "detour_mode dry-run": 0, "detour_freezes": 0,
			"detour_freeze_age_seconds": 0, "detour_question_age_seconds": 0, "detour_anomaly_age_seconds": 0, "detour_incidents asking": 0,
			"detour_policy_refused": 0,
		})
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Asking, time.Minute)
		s.pass(10 * time.Second)
		s.order(r, incident.Freeze(events.ScopeOf("link", "a-b"), ann, "exercise"))
		s.pass(20 * time.Second)
		s.order(r, incident.Freeze(events.Network, ann, "exercise"))
		s.pass(5 * time.Second)
		var asked time.Time
		r.View(func(b *incident.Board) {
			i, _ := b.Incident("a-b-1")
			asked = i.Asked
		})
		tells("asked and frozen", map[string]float64{
			"detour_freezes": 2, "detour_freeze_age_seconds": 25, "detour_question_age_seconds": time.Since(asked).Seconds(), "detour_incidents asking": 1,
		})
		r.refuse(true)
		s.bus.publish(anomaly("2", events.Firing))
		s.pass(7 * time.Second)
		tells("unwritable", map[string]float64{"detour_ledger_writable": 0, "detour_anomaly_age_seconds": 7})
		r.refuse(false)
		s.until(time.Minute, "it is recorded", func() bool { return len(s.bus.acked()) == 2 })
		tells("writable", map[string]float64{"detour_ledger_writable": 1, "detour_anomaly_age_seconds": 0, "detour_halted": 0})
		s.other(events.Foreign{Name: "from-the-future", Raw: []byte(`{}`)})
		s.until(time.Minute, "it halts", func() bool { return r.Status().Halted != "" })
		tells("halted", map[string]float64{"detour_halted": 1})
	})
}
