package app

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
)

// aheadOf is a forecast for Abilene, and what telemetry would show of it with so much on every link.
func aheadOf(t *testing.T, m network.Matrix, bps int64) (foresight, network.State) {
	t.Helper()
	top := backbone.Abilene()
	f := foresight{forecaster: forecast.New(top)}
	f.forecaster.Use(m)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := network.State{At: now, Links: map[string]network.LinkState{}, Routers: map[string]network.RouterState{}}
	for _, l := range top.Links {
		end := func(e network.End) network.EndState {
			state := network.EndState{At: now, Load: network.Reading{BPS: bps, At: now}}
			for _, family := range network.Families() {
				state.Metrics = append(state.Metrics, network.Metric{Level: 2, Family: family, Value: e.Metric})
			}
			return state
		}
		s.Links[l.Name] = network.LinkState{A: end(l.A), B: end(l.B)}
	}
	return f, s
}

// drainOf asks for a drain of a link beside others.
func drainOf(link string, besides ...string) incident.Observe {
	return incident.Observe{Target: events.Target{Kind: events.TargetLink, Name: link}, Besides: besides}
}

// TestAheadOfAHardDrain: a link that is taken out leaves no last resort, which a failure more shows; both kinds of answer say
// which they are.
func TestAheadOfAHardDrain(t *testing.T) {
	m, err := network.Gravity(backbone.Abilene(), 1_000_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, traffic := range []network.Matrix{m, {}} {
		f, seen := aheadOf(t, traffic, 100_000_000)
		for _, besides := range [][]string{nil, {"hou-atl"}} {
			o := drainOf("den-kcy", besides...)
			soft := f.ahead(o, seen)
			o.Hard = true
			hard := f.ahead(o, seen)
			if soft.Missing != "" || hard.Missing != "" || soft.Method != hard.Method || !slices.Equal(hard.Besides, besides) {
				t.Fatalf("soft %+v, hard %+v", soft, hard)
			}
			if soft.Hard() || !hard.Hard() {
				t.Errorf("beside %v: soft by %v, hard by %v", besides, soft.Way, hard.Way)
			}
			if besides == nil && hard.NewViolations <= soft.NewViolations {
				t.Errorf("by %s: %d new violations, soft %d", hard.Method, hard.NewViolations, soft.NewViolations)
			}
		}
	}
}

// TestAheadCountsDrainsThatAreNotSeen wants the forecast beside a drain to be the same before the drain is seen and after.
func TestAheadCountsDrainsThatAreNotSeen(t *testing.T) {
	m, err := network.Gravity(backbone.Abilene(), 40_000_000_000)
	if err != nil {
		t.Fatal(err)
	}
	f, seen := aheadOf(t, m, 1_000_000_000)
	before := f.ahead(drainOf("den-kcy", "hou-atl"), seen)
	stands, changed := drained(seen, []string{"hou-atl"})
	if !changed {
		t.Fatal("no metric was changed")
	}
	after := f.ahead(drainOf("den-kcy", "hou-atl"), stands)
	if before.Missing != "" || before.Method != events.MethodExact {
		t.Fatalf("nothing was computed: %+v", before)
	}
	if diff := cmp.Diff(after.Drained, before.Drained); diff != "" {
		t.Errorf("drained (-seen +not seen):\n%s", diff)
	}
	alone := f.ahead(drainOf("den-kcy"), seen)
	if cmp.Equal(alone.Drained, before.Drained) {
		t.Error("the other drain makes no difference: the test says nothing")
	}
	if diff := cmp.Diff(alone.Fit, before.Fit); diff != "" {
		t.Errorf("how well the network as it is fits (-alone +beside):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"hou-atl"}, before.Besides); diff != "" || alone.Besides != nil {
		t.Errorf("what it counts (-want +got):\n%s; alone %v", diff, alone.Besides)
	}
	if got := seen.Links["hou-atl"].A.Metrics[0].Value; got >= network.MetricLastResort {
		t.Error("what was seen was changed")
	}
}

// TestBoundAheadAddsUp bounds two drains by what both links carry, since without a matrix nobody knows where it goes.
func TestBoundAheadAddsUp(t *testing.T) {
	f, seen := aheadOf(t, network.Matrix{}, 1_000_000_000)
	alone, both := f.ahead(drainOf("den-kcy"), seen), f.ahead(drainOf("den-kcy", "hou-atl"), seen)
	if alone.Method != events.MethodBound || both.Method != events.MethodBound {
		t.Fatalf("nothing was bounded: %+v, %+v", alone, both)
	}
	if alone.Moved != 2_000_000_000 || both.Moved != 4_000_000_000 {
		t.Errorf("a drain moves %d alone and %d with the other", alone.Moved, both.Moved)
	}
	if alone.Drained.WorstPermil != 300 || both.Drained.WorstPermil != 500 {
		t.Errorf("the fullest link is at %d alone and at %d with the other", alone.Drained.WorstPermil, both.Drained.WorstPermil)
	}
}

func TestDrainedLeavesWhatIsNotSeen(t *testing.T) {
	_, seen := aheadOf(t, network.Matrix{}, 0)
	once, _ := drained(seen, []string{"den-kcy"})
	if _, changed := drained(once, []string{"den-kcy", "no-such"}); changed {
		t.Error("a drain that is seen was made once more")
	}
}
