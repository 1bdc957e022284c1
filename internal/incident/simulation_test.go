package incident

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

var (
	onlySeed = flag.Uint64("seed", 0, "play this one simulation")
	seeds    = flag.Uint64("seeds", 250, "how many simulations are played")
)

// simulationPolicy has short clocks: an incident's whole life fits into minutes.
const simulationPolicy = `
prospect: {missing: %s, when_unbearable: %s}
rules:
  - {name: drain, match: {kinds: [link-errors]}, remediation: link-drain, with: {style: soft, settle: 0s}, autonomy: auto}
  - {name: ask, match: {kinds: [optical-degrade], min_severity: major}, remediation: link-drain, with: {style: soft, settle: 0s}, autonomy: approve}
budgets:
  in_flight: {network: %d, device: %d, srlg: %d}
  stop_at: {srlg: 4, device: 3}
  rates: [{per: 2m, at_most: %d}]
approvals: {quorum: 2, expiry: 45s}
max_age: {default: 40s}
clocks:
  set_deadline: 4s
  margin: 4s
  fresh: 3s
  observe_every: 1s
  verify_within: 10s
  look_every: 2s
  look_for: 25s
  undo_attempts: 3
  hold: 20s
  hold_max: 2m
  on_expiry: %s
  renew_every: 15s
  clear_for: 10s
  probation: 15s
  cool_down: 10s
  override: 15s
breaker: {failed_verifications: 3, within: 1m}
`

// tally says what a run, or all of them, came to.
type tally struct {
	steps, commits, conflicts, crashes, offline, sets int
	simulated                                         time.Duration
	kinds                                             map[events.Kind]int
	ends                                              map[events.Outcome]int
}

func (t *tally) add(o tally) {
	t.steps, t.commits, t.conflicts, t.crashes = t.steps+o.steps, t.commits+o.commits, t.conflicts+o.conflicts, t.crashes+o.crashes
	t.offline, t.sets, t.simulated = t.offline+o.offline, t.sets+o.sets, t.simulated+o.simulated
	for k, n := range o.kinds {
		t.kinds[k] += n
	}
	for k, n := range o.ends {
		t.ends[k] += n
	}
}

func newTally() tally { return tally{kinds: map[events.Kind]int{}, ends: map[events.Outcome]int{}} }

// TestSimulation plays many networks with many faults at once, each drawn from a seed: replicas that crash, are cut off and
// have wrong clocks, routers in every mood, and people. What must never be is looked for at every step; in the end
// everything heals, and must come to rest with the routers as they were.
func TestSimulation(t *testing.T) {
	first, last := uint64(1), *seeds
	if raceEnabled || testing.Short() {
		last = min(last, 12)
	}
	if *onlySeed > 0 {
		first, last = *onlySeed, *onlySeed
	}
	began := time.Now()
	const lanes = 4
	totals := make([]tally, lanes)
	t.Run("seeds", func(t *testing.T) {
		for lane := range uint64(lanes) {
			totals[lane] = newTally()
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for seed := first + lane; seed <= last; seed += lanes {
					totals[lane].add(mustHold(t, seed))
				}
			})
		}
	})
	sum := newTally()
	for _, one := range totals {
		sum.add(one)
	}
	t.Logf("seeds %d to %d: %s simulated in %s, %d steps, %d commits, %d lost races, %d crashes, %d Sets that changed a router, %d undone offline",
		first, last, sum.simulated.Round(time.Minute), time.Since(began).Round(time.Millisecond), sum.steps, sum.commits, sum.conflicts, sum.crashes, sum.sets, sum.offline)
	t.Logf("ends: %v", sum.ends)
	t.Logf("records: %v", sum.kinds)
	if last-first < 100 {
		return
	}
	for _, k := range []events.Kind{events.KindRefused, events.KindUnknown, events.KindFound, events.KindRelapsed, events.KindStuck, events.KindReverted, events.KindRenewed, events.KindConfirmed, events.KindLapsed} {
		if sum.kinds[k] == 0 {
			t.Errorf("no run has a record of kind %s", k)
		}
	}
	for _, o := range []events.Outcome{
		events.Restored, events.RolledBack, events.WasDryRun, events.WasRefused, events.WasRejected, events.HasLapsed, events.WasAborted,
		events.WasCleared, events.LetGo, events.WasLost, events.LeftAlone,
	} {
		if sum.ends[o] == 0 {
			t.Errorf("no incident of any run ended as %s", o)
		}
	}
	if sum.conflicts == 0 || sum.crashes == 0 || sum.offline == 0 {
		t.Error("nothing raced, crashed, or was undone offline")
	}
}

// FuzzSimulation looks for seeds that TestSimulation does not play.
func FuzzSimulation(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { mustHold(t, seed) })
}

// TestSimulationFinds takes out what keeps a network safe, one thing at a time: then the same runs must find what must
// never be.
func TestSimulationFinds(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("it plays up to hundreds of runs")
	}
	for _, f := range []flaw{staleFacts, noFence, noPermit, eachAlone} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 200; seed++ {
				s := newSimulation(t, seed)
				if s.flaw = f; f == noFence {
					s.lab.bars = []events.Bar{events.BarDeadline}
				}
				if s.play(); s.wrong != "" {
					t.Logf("seed %d: %s", seed, s.wrong)
					return
				}
			}
			t.Errorf("200 runs with %s found nothing wrong", f)
		})
	}
}

// TestSimulationReplays wants one seed to be one history: what a failure prints must be enough to see it again.
func TestSimulationReplays(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		first, second := newSimulation(t, seed), newSimulation(t, seed)
		first.play()
		second.play()
		if first.ledger.last != second.ledger.last || len(first.commits) < 10 {
			t.Errorf("seed %d: %d commits that end in %s, then %d that end in %s", seed, len(first.commits), first.ledger.last.Short(), len(second.commits), second.ledger.last.Short())
		}
	}
}

// mustHold plays one run, in which nothing may be wrong.
func mustHold(tb testing.TB, seed uint64) tally {
	s := newSimulation(tb, seed)
	s.play()
	if s.wrong != "" {
		tb.Fatalf("seed %d (go test ./internal/incident -run TestSimulation -seed=%d): %s", seed, seed, s.wrong)
	}
	s.tally.commits, s.tally.sets, s.tally.simulated = len(s.commits), s.lab.sets, s.now.Sub(testStart)
	return s.tally
}

// play is some minutes of trouble, then rest.
func (s *simulation) play() {
	const trouble, patience, quiet = 3 * time.Minute, 10 * time.Minute, 30 * time.Second
	s.beginChaos()
	s.until(testStart.Add(trouble), func() bool { return false })
	s.rest()
	var since time.Time // nothing is open, and nothing is on its way
	rested := s.until(s.now.Add(patience), func() bool {
		switch {
		case len(s.auditor.board.open) > 0 || slices.ContainsFunc(s.bus, func(m *message) bool { return !m.acked }):
			since = time.Time{}
		case since.IsZero():
			since = s.now
		}
		return !since.IsZero() && s.now.Sub(since) > quiet
	})
	if s.wrong != "" {
		return
	}
	if !rested {
		for _, i := range s.open() {
			e, _ := s.auditor.board.Why(i.ID)
			s.fail("%s is %s %s after every fault has ended: %s", i.ID, i.Phase, patience, e.Sentence)
		}
		s.fail("the bus is not at rest %s after every fault has ended", patience)
	}
	s.inspectEnd()
}

func newSimulation(tb testing.TB, seed uint64) *simulation {
	s := &simulation{
		tb: tb, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), now: testStart, lab: newLab(testStart), ledger: &testLedger{tb: tb},
		faults: map[string]*fault{}, tally: newTally(),
	}
	limits := limits{network: 1 + s.rng.IntN(2), device: 1 + s.rng.IntN(2), srlg: 1 + s.rng.IntN(3), rate: 4 + s.rng.IntN(20)}
	missing := policy.TreatAllow
	if s.chance(70) {
		s.foresee()
		missing = policy.TreatRefuse
	}
	s.world = testWorld(tb, fmt.Sprintf(simulationPolicy, missing, []string{"page", "revert"}[s.rng.IntN(2)], limits.network, limits.device, limits.srlg, limits.rate, []string{"page", "release"}[s.rng.IntN(2)]))
	if s.chance(60) {
		s.share()
	}
	switch s.rng.IntN(6) {
	case 0:
		s.lab.bars = []events.Bar{events.BarDeadline}
	case 1, 2:
		s.lab.bars = append(s.lab.bars, events.BarCommitConfirmed)
	}
	s.ranked = s.chance(50)
	s.auditor = newAuditor(limits)
	for _, name := range simulatedLinks {
		target, ok := testNetwork{}.Link(name)
		if !ok {
			tb.Fatalf("no link %s", name)
		}
		s.targets = append(s.targets, target)
		s.lab.link(name)
	}
	for n := range 3 {
		r := &replica{member: &member{name: fmt.Sprintf("r%d", n)}}
		s.replicas = append(s.replicas, r)
		s.restart(r)
	}
	return s
}

// inspectEnd looks at what has come to rest.
func (s *simulation) inspectEnd() {
	for _, name := range slices.Sorted(maps.Keys(s.lab.routers)) {
		r := s.lab.routers[name]
		for _, iface := range slices.Sorted(maps.Keys(r.metric)) {
			if r.metric[iface] != usual {
				s.fail("nothing is open, and %s %s stands at %d", name, iface, r.metric[iface])
			}
		}
		if len(r.armed) > 0 {
			s.fail("nothing is open, and %s waits for a confirmation", name)
		}
	}
	for _, m := range s.bus {
		if n := s.auditor.taken[m.event.Identity()]; n != 1 {
			s.fail("event %s was recorded %d times as new", m.event.ID, n)
		}
	}
	folded := NewBoard()
	for position := range uint64(len(s.commits)) {
		if err := folded.Apply(s.ledger.read(position + 1)); err != nil {
			s.fail("fold again: %v", err)
		}
	}
	for _, r := range s.replicas {
		s.follow(r, uint64(len(s.commits)))
		if reflect.DeepEqual(folded, r.board) {
			continue
		}
		if diff := cmp.Diff(folded, r.board, boardOptions()); diff != "" {
			s.fail("%s has another Board than its ledger (-ledger +%s):\n%s", r.me(), r.me(), diff)
		}
	}
}

func boardOptions() cmp.Option {
	return cmp.Options{cmp.AllowUnexported(Board{}, sightings{}, sighting{}, index{}, slot{}), cmp.Comparer(func(a, b events.Value) bool { return a == b }), cmpopts.EquateEmpty()}
}
