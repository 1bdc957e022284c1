package worker_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/worker"
)

// TestTwoDrainsSafeAlone has two workers hear, at the same moment, of two faults whose drains are each safe and not both
// together, while no Set reaches a router for a second. One link is drained, and the other waits. Were the second drain not
// computed beside the first, both would stand.
func TestTwoDrainsSafeAlone(t *testing.T) {
	for _, c := range []struct {
		name    string
		shallow bool
		drained int
	}{
		{"computed together", false, 1},
		{"computed each by itself", true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				s.routers.apart, s.routers.shallow = []string{"a-b", "c-d"}, c.shallow
				for _, router := range []string{"a", "b", "c", "d"} {
					s.routers.way[router] = time.Second
				}
				rules := autonomous + "budgets: {in_flight: {network: 2}}\n"
				var list []*replica
				faults := []events.Event{anomaly("1", events.Firing), anomaly("2", events.Firing)}
				faults[1].Data.Resource = events.Resource{Device: "c", Interface: "to-d"}
				var buses []*bus
				for n := range faults {
					own := newBus()
					buses = append(buses, own)
					list = append(list, s.start([]string{"r0", "r1"}[n], rules, func(c *worker.Config) { c.Intake = own }))
				}
				for n, e := range faults {
					buses[n].publish(e)
				}
				s.until(20*time.Second, "one link is drained and the other was decided on", func() bool {
					phases := []incident.Phase{list[0].phase("a-b-1"), list[0].phase("c-d-1")}
					standing := 0
					for _, phase := range phases {
						switch phase {
						case incident.Holding:
							standing++
						case incident.Waiting:
						default:
							return false
						}
					}
					return standing == c.drained
				})
				s.pass(10 * time.Second)
				if diff := cmp.Diff(2*c.drained, len(s.routers.history())); diff != "" {
					t.Errorf("routers that were changed (-want +got):\n%s%v", diff, s.routers.history())
				}
				for _, p := range recorded[events.Ruled](s) {
					for _, check := range p.Checks {
						if !check.OK && check.Name != "capacity" && !(c.shallow && check.Name == "bearable") {
							t.Errorf("%s: %s", check.Name, check.Detail)
						}
					}
				}
			})
		})
	}
}
