package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger/mem"
)

// bySteps drains by steps, each of which is given settle to settle.
const (
	bySteps = `rules: [{name: drain, match: {kinds: [link-errors]}, remediation: link-drain, with: {settle: 5s}, autonomy: auto}]
clocks: {verify_within: 1m}
budgets: {in_flight: {network: 2}, rates: [{per: 1h, at_most: 1}]}
`
	reverts = "prospect: {when_held: revert}\n"
	settle  = 5 * time.Second
)

var way = []uint32{1000, 5000, drained}

// byWay lets drains of the site go by steps.
func (s *site) byWay() { s.routers.alter(func() { s.routers.steps = way }) }

// stands waits until both ends of a-b have taken so many steps.
func (s *site) stands(steps int) {
	s.Helper()
	s.until(time.Minute, fmt.Sprintf("%d steps stand", steps), func() bool { return len(s.routers.history()) == 2*steps })
}

// went wants the metrics of both ends to have gone this way, end by end within a step.
func (s *site) went(want ...uint64) {
	s.Helper()
	var got, both []string
	for pair := range slices.Chunk(s.routers.history(), 2) {
		got = append(got, slices.Sorted(slices.Values(pair))...)
	}
	for _, m := range want {
		both = append(both, fmt.Sprintf("a %d", m), fmt.Sprintf("b %d", m))
	}
	if diff := cmp.Diff(both, got); diff != "" {
		s.Errorf("metrics that were set (-want +got):\n%s\nthe ledger holds %v", diff, s.kinds())
	}
}

// TestAskedBetweenSteps takes away what allowed a drain while its first step settles: no other step is taken. What may come
// back is waited for or not, as the policy says, and what waits goes on if it does come back in time.
func TestAskedBetweenSteps(t *testing.T) {
	frozen := func(s *site, r *replica) { s.order(r, incident.Freeze(events.Network, ann, "change night")) }
	others := func(s *site, _ *replica) {
		s.routers.alter(func() { s.routers.strange = []string{"c-d", "e-f"} })
	}
	full := func(s *site, _ *replica) { s.routers.alter(func() { s.routers.full = 900 }) }
	window := func(s *site, r *replica) {
		s.order(r, incident.BeginMaintenance(events.MaintenanceBegun{Window: "w", Scope: events.Network, Until: time.Now().Add(time.Hour), By: ann}))
	}
	for _, c := range []struct {
		name  string
		rules string
		spoil func(*site, *replica)
		mend  func(*site, *replica) // nil: it is never mended
		waits bool
		says  string
		ends  events.Outcome
	}{
		{"nothing happens", "", func(*site, *replica) {}, nil, false, "", ""},
		{"a freeze", "", frozen, nil, true, "freeze: network was frozen by ann", events.RolledBack},
		{"a freeze that does not last", "", frozen, func(s *site, r *replica) { s.order(r, incident.Thaw(events.Network, ann)) }, true, "", ""},
		{"a freeze that is not waited out", reverts, frozen, nil, false, "freeze: network was frozen by ann", events.RolledBack},
		{"a freeze of something else", "", func(s *site, r *replica) { s.order(r, incident.Freeze("device:c", ann, "exercise")) }, nil, false, "", ""},
		{"an abort", "", func(s *site, r *replica) { s.order(r, incident.Abort("a-b-1", ann, "enough", false)) }, nil, false, "aborted by ann: enough", events.WasAborted},
		{"others use up the budget", "", others, nil, true, "the budget of network is used up", events.RolledBack},
		{"and give it back", "", others, func(s *site, _ *replica) { s.routers.alter(func() { s.routers.strange = nil }) }, true, "", ""},
		{"others use it up, not waited out", reverts, others, nil, false, "the budget of network is used up", events.RolledBack},
		{"load grows, which is no use waiting for", "", full, nil, false, "the network no longer bears the drain", events.RolledBack},
		{"a window begins, which is no use waiting for", "", window, nil, false, `mode: maintenance window "w"`, events.RolledBack},
		{"a router cannot be read", "", func(s *site, _ *replica) { s.routers.alter(func() { s.routers.away["b"] = true }) },
			func(s *site, _ *replica) { s.routers.alter(func() { s.routers.away["b"] = false }) }, true, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				s.byWay()
				r := s.start("r1", bySteps+c.rules)
				s.bus.publish(anomaly("1", events.Firing))
				s.stands(1)
				c.spoil(s, r)
				switch s.pass(40 * time.Second); {
				case c.waits:
					s.went(1000)
				case c.ends != "":
					s.went(1000, usual)
				}
				if c.mend != nil {
					c.mend(s, r)
				}
				if c.ends == "" {
					s.reaches(r, incident.Holding, time.Minute)
					s.went(1000, 5000, drained)
					return
				}
				s.reaches(r, incident.Closed, 2*time.Minute)
				s.went(1000, usual)
				if e := recorded[events.Closed](s); e[0].Outcome != c.ends || !strings.Contains(e[0].Reason, c.says) {
					t.Errorf("it ended as %s (%s), want %s because %q", e[0].Outcome, e[0].Reason, c.ends, c.says)
				}
			})
		})
	}
}

// TestStepsAreOnRecord has every step ruled on, by the checks that concern going on.
func TestStepsAreOnRecord(t *testing.T) {
	inBubble(t, func(s *site) {
		s.byWay()
		r := s.start("r1", bySteps)
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Holding, time.Minute)
		rulings := recorded[events.Ruled](s)
		if len(rulings) != len(way) {
			t.Fatalf("%d rulings for %d steps: %v", len(rulings), len(way), s.kinds())
		}
		for n, ruled := range rulings {
			if ruled.Verdict != events.Allow || ruled.Plan != rulings[0].Plan {
				t.Errorf("step %d: %s of plan %s", n, ruled.Verdict, ruled.Plan.Short())
			}
			// The rate of one an hour is used up by the first step, and says nothing of the others.
			if got := slices.ContainsFunc(ruled.Checks, func(c events.Check) bool { return c.Name == "rate" }); got != (n == 0) {
				t.Errorf("step %d was asked about the rate: %t", n, got)
			}
		}
	})
}

// TestStepsBackWhileLedgerIsAway takes all steps of a drain back without any ledger, the last first, each given the time to
// settle, and records so when the ledger is back.
func TestStepsBackWhileLedgerIsAway(t *testing.T) {
	for _, c := range []struct {
		name   string
		rules  string
		taken  int           // steps that stand when the ledger goes away
		after  time.Duration // before it does
		spoil  func(*network)
		within time.Duration
		back   []uint64
		ends   events.Outcome
	}{
		{"harm is seen", "", 3, 0, func(n *network) { n.harm = true }, 30 * time.Second, []uint64{1000, 5000, drained, 5000, 1000, usual}, events.RolledBack},
		{"nothing can be seen of what stands", "", 3, 0, func(n *network) { n.reading = time.Hour }, 5 * time.Minute, []uint64{1000, 5000, drained, 5000, 1000, usual}, events.RolledBack},
		{"it cannot go on in time", "", 2, 0, func(*network) {}, 3 * time.Minute, []uint64{1000, 5000, 1000, usual}, events.RolledBack},
		{"it cannot go on in time after its first step", "", 1, 0, func(*network) {}, 3 * time.Minute, []uint64{1000, usual}, events.RolledBack},
		{"one step is half taken", "", 2, settle - 200*time.Millisecond, func(n *network) { n.away["b"] = true }, 3 * time.Minute, []uint64{1000, 5000, 1000, usual}, events.RolledBack},
		{"load grows, and has fallen when the ledger is back", reverts, 2, 0, func(n *network) { n.full = 900 }, 30 * time.Second, []uint64{1000, 5000, 1000, usual}, events.RolledBack},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				s.byWay()
				r := s.start("r1", bySteps+c.rules)
				s.bus.publish(anomaly("1", events.Firing))
				s.stands(c.taken)
				s.pass(c.after)
				s.routers.alter(func() { c.spoil(s.routers) })
				r.cut()
				known := len(s.commits())
				s.pass(100 * time.Millisecond)
				s.routers.alter(func() { s.routers.away["b"] = false })
				s.until(c.within, "all is taken back", func() bool { return len(s.routers.history()) == 2*len(c.back) })
				s.pass(10 * time.Minute)
				s.went(c.back...)
				if len(s.commits()) != known {
					t.Fatalf("the ledger was written: %v", s.kinds())
				}
				s.routers.alter(func() { s.routers.reading, s.routers.full = 0, 0 })
				r.mend()
				s.reaches(r, incident.Closed, settle-time.Second) // there is nothing left to settle
				s.went(c.back...)
				if e := recorded[events.Closed](s); e[0].Outcome != c.ends {
					t.Errorf("it ended as %s: %s", e[0].Outcome, e[0].Reason)
				}
				undone := 0
				for _, f := range recorded[events.Found](s) {
					if f.Seen == events.SeenBefore && strings.Contains(f.Detail, meanwhile) {
						undone++
					}
				}
				for _, a := range recorded[events.Applied](s) {
					if a.Undo && strings.Contains(a.Detail, meanwhile) {
						undone++
					}
				}
				if undone != 2*c.taken {
					t.Errorf("%d of %d changes are on record as taken back meanwhile: %v", undone, 2*c.taken, s.kinds())
				}
			})
		})
	}
}

// TestLedgerIsBackAmidSteps has the ledger come back, or come back and fail once more, when some of the steps have been taken
// back without it. The rest is taken back all the same, in order, and once.
func TestLedgerIsBackAmidSteps(t *testing.T) {
	for undone := range len(way) {
		for _, faults := range [][]mem.Fault{nil, {mem.Fails}, {mem.FailsStored}, {mem.DoubtNot}} {
			t.Run(fmt.Sprintf("after %d, %v", undone+1, faults), func(t *testing.T) {
				inBubble(t, func(s *site) {
					s.byWay()
					r := s.start("r1", bySteps)
					s.bus.publish(anomaly("1", events.Firing))
					s.stands(len(way))
					s.routers.alter(func() { s.routers.harm = true })
					r.cut()
					s.stands(len(way) + undone + 1)
					r.Inject(faults...)
					r.mend()
					s.reaches(r, incident.Closed, 2*time.Minute)
					s.went(1000, 5000, drained, 5000, 1000, usual)
					if v := recorded[events.Verified](s); len(v) != 1 || v[0].Pass {
						t.Errorf("verified %+v, want one that failed", v)
					}
				})
			})
		}
	}
}

// TestOnesOwnStepsOnly has a replica that is cut off leave alone what the newest intent on the ledger gives to another.
func TestOnesOwnStepsOnly(t *testing.T) {
	inBubble(t, func(s *site) {
		s.byWay()
		r, peer := s.start("r1", bySteps), s.start("r2", bySteps)
		s.bus.publish(anomaly("1", events.Firing))
		s.stands(2)
		owner, other := r, peer
		if intents := recorded[events.Intended](s); intents[len(intents)-1].Owner != r.Me() {
			owner, other = peer, r
		}
		other.cut()
		owner.stop()
		s.pass(10 * time.Minute)
		s.went(1000, 5000)
		other.mend()
		s.reaches(other, incident.Closed, 2*time.Minute)
		s.went(1000, 5000, 1000, usual)
	})
}
