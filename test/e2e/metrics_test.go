package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/histogram/promtest"
	"github.com/detour-net/detour/internal/incident"
)

// scrape asks a replica for its metrics.
func (r *replica) scrape() promtest.Samples {
	r.s.t.Helper()
	list, err := promtest.Parse(r.metrics(r.s.t))
	if err != nil {
		r.s.t.Fatal(err)
	}
	return list
}

// only are the series of some metrics, but for those that are 0.
func only(l promtest.Samples, names ...string) promtest.Samples {
	list := maps.Clone(l)
	maps.DeleteFunc(list, func(series string, v float64) bool {
		name, _, _ := strings.Cut(series, "{")
		return v == 0 || !slices.Contains(names, name)
	})
	return list
}

// TestMetricsAgreeWithTheLedger has an incident live its life, and then counts on the ledger what the replica says that it counted.
func TestMetricsAgreeWithTheLedger(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true})
	s.sicken(linkPlain)
	s.reaches(linkPlain, incident.Holding)
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)
	s.publish(s.event(linkPlain, about(events.Resource{Device: "nowhere", Interface: "x"})))
	msg := &nats.Msg{Subject: events.PrefixAnomalies + domain + ".link-errors.x", Data: []byte("{")}
	if _, err := s.conn.JetStream().PublishMsg(s.within(), msg); err != nil {
		t.Fatal(err)
	}
	s.recorded()
	s.wait("the dead letter", func() bool { dead, _ := s.deadAndDropped(); return len(dead) == 1 })
	s.free()
	s.followed()
	want := s.counted()
	names := map[string]bool{}
	for series := range want {
		name, _, _ := strings.Cut(series, "{")
		names[name] = true
	}
	var got promtest.Samples
	defer func() { // also when it was waited in vain
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metrics (-ledger +scraped):\n%s", diff)
		}
	}()
	s.wait("metrics to say what the ledger says", func() bool {
		got = only(s.replicas[0].scrape(), slices.Collect(maps.Keys(names))...)
		return cmp.Equal(want, got)
	})
}

// counted is what a replica that wrote all of the ledger alone should have counted.
func (s *stage) counted() promtest.Samples {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := promtest.Samples{}
	reached := map[string]bool{}
	stage := func(id, name string) {
		if !reached[id+name] {
			reached[id+name] = true
			want[fmt.Sprintf("detour_incident_stage_seconds_count{stage=%q}", name)]++
		}
	}
	check := func(list []events.Check) {
		for _, c := range list {
			want[fmt.Sprintf("detour_checks_total{check=%q,result=%q}", c.Name, map[bool]string{true: "passed", false: "failed"}[c.OK])]++
		}
	}
	for _, c := range s.commits {
		want["detour_ledger_position"] = float64(c.Position)
		for _, r := range c.Records {
			want[fmt.Sprintf("detour_ledger_records_total{kind=%q}", r.Body.Kind())]++
			switch b := r.Body.(type) {
			case *events.Observed:
				want[fmt.Sprintf("detour_anomalies_total{disposition=%q}", b.Disposition)]++
				want["detour_anomaly_taken_seconds_count"]++
				want["detour_anomaly_recorded_seconds_count"]++
			case events.DeadLettered:
				want["detour_dead_letters_total"]++
				want["detour_anomaly_taken_seconds_count"]++
				want["detour_anomaly_recorded_seconds_count"]++
			case events.Ruled:
				stage(r.Incident, "decided")
				check(b.Checks)
			case events.Intended:
				stage(r.Incident, "intended")
			case events.Applied:
				want[`detour_sets_total{outcome="applied"}`]++
				want[`detour_set_seconds_count{outcome="applied"}`]++
				if !b.Undo && b.Sets > 0 {
					stage(r.Incident, "set")
				}
			case events.Verified:
				check(b.Checks)
				if b.Pass {
					stage(r.Incident, "verified")
				}
			case events.Released:
				check(b.Checks)
			case events.Closed:
				want[fmt.Sprintf("detour_incidents_closed_total{outcome=%q}", b.Outcome)]++
				if b.Outcome == events.Restored {
					stage(r.Incident, "restored")
				}
			}
		}
	}
	return want
}
