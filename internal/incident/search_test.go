package incident

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// The exhaustive search: two replicas, one incident on a link of two routers, a drain of one step or two, and every order of
// deciding, appending, sending, arriving, refusing, losing, crashing, ordering and waiting, within the bounds of a space. It
// visits each reachable state once and proves of all of them:
//
//   - where nothing is under way any more, the routers stand as the ledger says, and none will undo by itself what is held;
//   - nothing is ever decided on that is not lawful;
//   - one drain changes a router at most once there and once back with each step;
//   - from wherever it leads, the incident goes on to a hold or an end once nothing goes wrong any more.
//
// A check that cannot fail proves nothing. So the same search is made with the fence taken out, and must then find routers
// that disagree with the ledger.
//
// What keeps it small, and why nothing is missed:
//
//   - Histories that lead to the same Board at the same position share one ledger position (see canonical).
//   - A replica that lags behind can append nothing. All that it can do is send late what stood on the ledger in its name,
//     and every request may arrive late anyway. So replicas follow at once, and the owner of an intent sends at once.
//   - The replicas differ in nothing but their names, so the first to append may be called the first.
//   - A crash of a replica that nothing waits for changes nothing.
//
// TestSearchReduced makes the search without the first two and the last, and compares.

// space bounds one search.
type space struct {
	name     string
	small    bool      // also searched under the race detector
	fence    bool      // routers refuse a Set with a lower election id than they have seen
	late     bool      // requests may arrive after their deadline and margin
	arms     bool      // routers roll back by themselves what is not confirmed
	helps    bool      // the drain helps, so verification passes
	clears   bool      // the fault clears, so that the drain is released and undone
	relapses bool      // and comes back while the link is on probation
	shares   bool      // the link shares a risk with another, for whose alarm it waits before anything is decided
	left     allowance // what may go wrong
	ticks    uint8     // how far time goes
	steps    uint8     // of the plan, 1 if 0
	full     bool      // without what keeps it small
	compared bool      // the Boards that it reaches are kept
	wrong    bool      // disagreement must be found
	want     []Phase   // phases in which something must have settled
	ends     []events.Outcome
}

// allowance is how much may still go wrong.
type allowance struct {
	crashes  uint8
	lost     uint8 // requests whose sender gives up on them; they may arrive nevertheless
	dropped  uint8 // requests that never arrive
	refusals uint8 // Sets that a router refuses
	silences uint8 // Sets that are not sent, since the ledger is silent right before
	aborts   uint8 // by a person, at any moment
	reboots  uint8 // of a router that comes back without what was set
}

var spaces = []space{
	{
		name: "refused", fence: true, late: true, helps: true, left: allowance{refusals: 2, lost: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasRefused, events.RolledBack},
	},
	{
		name: "not sent", fence: true, late: true, helps: true, left: allowance{silences: 2, refusals: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasRefused, events.RolledBack},
	},
	{
		name: "not sent and lost", fence: true, late: true, helps: true, left: allowance{silences: 1, lost: 1, crashes: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.RolledBack},
	},
	{
		name: "never sent", small: true, fence: true, late: true, helps: true, left: allowance{silences: 6}, ticks: 1,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasRefused, events.RolledBack},
	},
	{
		name: "two steps, not sent", steps: 2, fence: true, late: true, helps: true, left: allowance{silences: 2}, ticks: 3,
		want: []Phase{Holding}, ends: []events.Outcome{events.RolledBack},
	},
	{
		name: "crashed", fence: true, late: true, helps: true, left: allowance{crashes: 1, dropped: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.RolledBack},
	},
	{
		name: "crashed twice", small: true, fence: true, late: true, helps: true, left: allowance{crashes: 2}, ticks: 2,
		want: []Phase{Holding}, ends: nil,
	},
	{
		name: "no help", fence: true, late: true, left: allowance{crashes: 1}, ticks: 3,
		ends: []events.Outcome{events.RolledBack},
	},
	{
		name: "restored", fence: true, late: true, helps: true, clears: true, left: allowance{lost: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.Restored},
	},
	{
		name: "relapsed", fence: true, late: true, helps: true, clears: true, relapses: true, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.Restored},
	},
	{
		name: "aborted", fence: true, late: true, helps: true, left: allowance{aborts: 1, lost: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasAborted},
	},
	{
		name: "waiting for others", small: true, fence: true, late: true, helps: true, shares: true, left: allowance{crashes: 1, aborts: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasAborted},
	},
	{
		name: "rebooted", fence: true, late: true, helps: true, left: allowance{reboots: 1, lost: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasLost},
	},
	{
		name: "armed", fence: true, late: true, arms: true, helps: true, left: allowance{lost: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasLost},
	},
	{
		name: "not confirmed", fence: true, late: true, arms: true, helps: true, left: allowance{dropped: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasLost},
	},
	{
		name: "two steps, crashed", steps: 2, fence: true, late: true, helps: true, left: allowance{crashes: 1}, ticks: 3,
		want: []Phase{Holding}, ends: []events.Outcome{events.RolledBack},
	},
	{
		name: "two steps, refused", steps: 2, fence: true, late: true, helps: true, left: allowance{refusals: 1}, ticks: 3,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasRefused, events.RolledBack},
	},
	{
		name: "two steps, lost", steps: 2, fence: true, late: true, helps: true, left: allowance{lost: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.RolledBack},
	},
	{
		name: "two steps, aborted", steps: 2, fence: true, late: true, helps: true, left: allowance{aborts: 1}, ticks: 2,
		want: []Phase{Holding}, ends: []events.Outcome{events.WasAborted},
	},
	{
		name: "two steps, no help", small: true, steps: 2, fence: true, late: true, ticks: 3,
		ends: []events.Outcome{events.RolledBack},
	},
	{
		name: "two steps, restored", steps: 2, fence: true, late: true, helps: true, clears: true, ticks: 3,
		want: []Phase{Holding}, ends: []events.Outcome{events.Restored},
	},
	{
		name: "two steps, no bar at all", steps: 2, fence: false, late: true, helps: true, ticks: 2, wrong: true,
	},
	{
		name: "deadline and margin alone", fence: false, late: false, helps: true, left: allowance{crashes: 1, lost: 1}, ticks: 3,
		want: []Phase{Holding}, ends: []events.Outcome{events.RolledBack},
	},
	{
		name: "no bar at all", small: true, fence: false, late: true, helps: true, left: allowance{refusals: 1}, ticks: 2, wrong: true,
	},
}

func TestSearch(t *testing.T) {
	for _, sp := range spaces {
		if raceEnabled && !sp.small {
			continue
		}
		t.Run(sp.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			s := newSearch(t, sp)
			s.run()
			took := time.Since(start)
			t.Logf("%d states (%.0f/s), %d ledger positions, settled %v, ends %v, continued %d, disagreeing %d, %s",
				len(s.visited), float64(len(s.visited))/took.Seconds(), len(s.nodes), s.settled, s.ends, s.continued, s.disagreeing, took.Round(time.Millisecond))
			if sp.wrong {
				if s.disagreeing == 0 {
					t.Error("without a fence no router was found to disagree with the ledger: the search looks in the wrong place")
				}
				return
			}
			for _, w := range s.wrong {
				t.Error(w)
			}
			for _, phase := range sp.want {
				if s.settled[phase] == 0 {
					t.Errorf("nothing settled in phase %s: the space does not reach what it is for", phase)
				}
			}
			if sp.relapses && s.again == 0 {
				t.Error("nothing was drained a second time")
			}
			for _, outcome := range sp.ends {
				if s.ends[outcome] == 0 {
					t.Errorf("nothing ended as %s: the space does not reach what it is for", outcome)
				}
			}
		})
	}
}

// TestSearchReduced compares the search as it is with one in which replicas lag, send when they like and crash for nothing, and
// in which no two histories share a position.
func TestSearchReduced(t *testing.T) {
	for _, sp := range []space{
		{name: "with a fence", fence: true, late: true, helps: true, left: allowance{crashes: 1}, ticks: 1},
		{name: "without", fence: false, late: true, left: allowance{refusals: 1}, ticks: 1},
	} {
		t.Run(sp.name, func(t *testing.T) {
			t.Parallel()
			if raceEnabled {
				sp.left, sp.ticks = allowance{lost: 1}, 1
			}
			sp.compared = true
			reduced := newSearch(t, sp)
			reduced.run()
			sp.full = true
			full := newSearch(t, sp)
			full.run()
			t.Logf("%d states of %d, %d ledger positions of %d, disagreeing %d of %d",
				len(reduced.visited), len(full.visited), len(reduced.nodes), len(full.nodes), reduced.disagreeing, full.disagreeing)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(full.reached)), slices.Sorted(maps.Keys(reduced.reached))); diff != "" {
				t.Errorf("ledgers that are reached (-full +reduced):\n%s", diff)
			}
			if got := reduced.disagreeing > 0; got != (full.disagreeing > 0) || got == sp.fence {
				t.Errorf("disagreeing %d, reduced %d", full.disagreeing, reduced.disagreeing)
			}
		})
	}
}

// BenchmarkSearch reports how many states one core visits in a second.
func BenchmarkSearch(b *testing.B) {
	states := 0
	for b.Loop() {
		s := newSearch(b, spaces[0])
		s.run()
		states += len(s.visited)
	}
	b.ReportMetric(float64(states)/b.Elapsed().Seconds(), "states/s")
	b.ReportMetric(float64(states)/float64(b.N), "states")
}
