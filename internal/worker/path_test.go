package worker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/worker"
)

var wayToSet = []events.Kind{events.KindOpened, events.KindObserved, events.KindPlanned, events.KindRuled, events.KindAdmitted, events.KindIntended}

// TestPathToSetIsOneCommit has exactly one commit hold everything from the anomaly to the intent, then the rest of a life.
func TestPathToSetIsOneCommit(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Holding, 10*time.Second)
		if diff := cmp.Diff(wayToSet, s.kinds()[0]); diff != "" {
			t.Errorf("the first commit (-want +got):\n%s", diff)
		}
		for n, kinds := range s.kinds()[1:] {
			if k := slices.IndexFunc(kinds, func(k events.Kind) bool { return slices.Contains(wayToSet, k) }); k >= 0 {
				t.Errorf("commit %d holds %s too", n+2, kinds[k])
			}
		}
		s.bus.publish(anomaly("2", events.Resolved))
		s.reaches(r, incident.Closed, 2*time.Hour)
		if end := recorded[events.Closed](s); len(end) != 1 || end[0].Outcome != events.Restored {
			t.Errorf("it ended as %+v", end)
		}
		history := s.routers.history()
		slices.Sort(history[:2])
		slices.Sort(history[2:])
		if diff := cmp.Diff([]string{"a 16777214", "b 16777214", "a 700", "b 700"}, history); diff != "" {
			t.Errorf("changes of the routers (-want +got):\n%s", diff)
		}
	})
}

// TestSlowReadingDoesNotDelayRecord has a target that is seen only after longer than a first record may wait: its routers
// answer late, or what a drain would do takes long to compute.
func TestSlowReadingDoesNotDelayRecord(t *testing.T) {
	for name, slow := range map[string]func(*network){
		"a reading":  func(n *network) { n.reading = time.Second },
		"a forecast": func(n *network) { n.figures = time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				s.routers.alter(func() { slow(s.routers) })
				began := time.Now()
				var took time.Duration
				s.bus.onAck = func(string) { took = time.Since(began) }
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Holding, 20*time.Second)
				if took != worker.Prefetch {
					t.Errorf("the anomaly was acknowledged after %s, want %s", took, worker.Prefetch)
				}
				want := [][]events.Kind{wayToSet[:2], wayToSet[2:]}
				if diff := cmp.Diff(want, s.kinds()[:2]); diff != "" {
					t.Errorf("the first commits (-want +got):\n%s", diff)
				}
			})
		})
	}
}
