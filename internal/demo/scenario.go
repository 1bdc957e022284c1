package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/policy"
)

// Scenario is one demonstration: what happens, and how it must end.
type Scenario struct {
	Name    string
	Summary string
	Want    string                                 // the outcome that the incident must have
	link    string                                 // that it is about; theLink when empty
	tune    func(*settings)                        // departs from the usual settings
	play    func(context.Context, *stage) error    // makes it happen, and returns when it is over
	check   func(*stage, *incident.Incident) error // what else must hold at the end
}

// settings are what scenarios vary.
type settings struct {
	Autonomy string
	Expiry   string // of approvals
	Children int    // replicas as processes of their own; 0: one replica in this process
	Prove    bool   // run the canaries on both ends of the link first

	Load     float64                  // of the busiest link, a ratio of its capacity; 0: the backbone's usual
	Topology func() *network.Topology // nil: Abilene
	Budgets  []string                 // of the policy, but for rates; nil: its defaults
	Loss     float64                  // of a sick link's packets; 0: sickness
	Slow     time.Duration            // until the last router goes by a change; 0: all at once
	Cured    string                   // kinds of anomalies that the rule answers, besides the usual ones
}

// theLink is the link that falls sick, and other one far from it.
const (
	theLink = "den-kcy"
	other   = "atl-wdc"
)

// Scenarios returns every scenario, the main one first.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "link-errors", Summary: "a link corrupts packets: drained, verified, held, restored", Want: string(events.Restored), play: linkErrors, check: effective(4)},
		{Name: "flapping", Summary: "it relapses on probation: drained again, held twice as long", Want: outcomeHeld, play: flapping, check: doubled},
		{Name: "verify-fails", Summary: "a router takes the change and does not forward by it: rolled back", Want: string(events.RolledBack), play: verifyFails, check: standsOn(0)},
		{Name: "lost-reply", Summary: "a reply is lost: looked up, not sent twice", Want: string(events.Restored), play: lostReply, check: effective(4)},
		{Name: "late-set", Summary: "a Set arrives long after its deadline: refused by the fence", Want: string(events.Restored), tune: func(s *settings) { s.Prove = true }, play: lateSet, check: lateRefused},
		{Name: "one-end-refuses", Summary: "one end refuses: both are put back", Want: string(events.RolledBack), play: oneEndRefuses, check: standsOn(0)},
		{Name: "needs-approval", Summary: "the rule wants a person: approved over the API, then drained", Want: string(events.Restored), tune: approve("1m"), play: needsApproval, check: effective(4)},
		{Name: "approval-expires", Summary: "nobody answers, which means no", Want: string(events.HasLapsed), tune: approve("2s"), play: approvalExpires, check: noSets},
		{Name: "maintenance", Summary: "inside a window: the same record, and no Set", Want: string(events.WasDryRun), play: maintenance, check: noSets},
		{Name: "frozen", Summary: "the network is frozen: decided, held, and said so", Want: outcomeWaiting, play: frozen, check: noSets},
		{Name: "budget-full", Summary: "a second fault waits, and says what would unblock it", Want: outcomeWaiting, play: budgetFull, check: standsOn(2)},
		{Name: "replica-killed", Summary: "the replica that acts is killed with SIGKILL: another finishes", Want: string(events.Restored), tune: func(s *settings) { s.Children = 2 }, play: replicaKilled, check: standsOn(0)},
		{Name: "commit-confirmed", Summary: "routers proven by a canary roll back by themselves unless told to keep it", Want: string(events.Restored), tune: func(s *settings) { s.Prove = true }, play: linkErrors, check: confirmed},
		{Name: "storm", Summary: "10,000 anomalies about three links: three incidents", Want: string(events.Restored), play: storm, check: threeIncidents},
		{Name: "unsafe-capacity", Summary: "drained, another link would be too full: waits", Want: outcomeWaiting, tune: load(0.75), play: stays(theLink, events.LinkErrors), check: heldBy(theLink, policy.CheckCapacity)},
		{Name: "unsafe-partition", Summary: "nothing else leads there: refused", Want: string(events.WasRefused), link: stub, tune: func(s *settings) { s.Topology = withStub }, play: stays(stub, events.LinkErrors), check: heldBy(stub, policy.CheckConnected)},
		{Name: "unsafe-n1", Summary: "it would not survive one more failure: waits", Want: outcomeWaiting, tune: func(s *settings) { s.Topology = withThin }, play: stays(theLink, events.LinkErrors), check: heldBy(theLink, policy.CheckSurvives)},
		{Name: "joint-unsafe", Summary: "two drains, each safe alone, would cut the west off together: one is done", Want: outcomeHeld, link: south, tune: func(s *settings) { s.Budgets = []string{"in_flight: {network: 2}"} }, play: jointUnsafe, check: oneDrained},
		{Name: "fibre-cut", Summary: "a duct is hit, many alarms and one cause: decided as one, what can be is drained, restored after repair", Want: string(events.Restored), tune: roomForDuct, play: fibreCut, check: oneDecision},
		{Name: "loop-free", Summary: "routers learn one after the other: drained in steps, no packet loops", Want: string(events.Restored), tune: func(s *settings) { s.Slow, s.Loss = 100*time.Millisecond, 5e-4 }, play: loopFree, check: noneLooped},
		{Name: "blind", Summary: "most routers are not seen any more: nothing is done", Want: outcomeWaiting, play: blind, check: heldBy(theLink, policy.CheckCoverage)},
		{Name: "congestion", Summary: "a full link is not cured by a drain: refused as the wrong cure", Want: string(events.WasRefused), tune: func(s *settings) { s.Cured = "congestion" }, play: stays(theLink, events.Congestion), check: heldBy(theLink, policy.CheckCure)},
	}
}

// Outcomes of incidents that have not ended.
const (
	outcomeHeld    = "held"
	outcomeWaiting = "waiting"
)

// Find returns the scenario that is called name.
func Find(name string) (Scenario, error) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, nil
		}
	}
	return Scenario{}, fmt.Errorf("no scenario %q: detour demo --scenario list names them", name)
}

func approve(expiry string) func(*settings) {
	return func(s *settings) { s.Autonomy, s.Expiry = "approve", expiry }
}

// outcomeOf is how an incident stands, in one word.
func outcomeOf(i *incident.Incident) string {
	switch i.Phase {
	case incident.Closed:
		return string(i.End.Outcome)
	case incident.Holding:
		if !i.Live() {
			return string(events.WasDryRun)
		}
		return outcomeHeld
	}
	return string(i.Phase)
}

// effective wants exactly n Sets to have changed anything.
func effective(n int) func(*stage, *incident.Incident) error {
	return func(s *stage, _ *incident.Incident) error {
		if got := s.net.SetCount("").Effective; got != n {
			return fmt.Errorf("%d Sets changed something, want %d", got, n)
		}
		return s.asBefore()
	}
}

// standsOn wants n routers to hold a drained metric, as the ledger says.
func standsOn(n int) func(*stage, *incident.Incident) error {
	return func(s *stage, _ *incident.Incident) error {
		if got := s.drainedEnds(); got != n {
			return fmt.Errorf("%d ends are drained, want %d", got, n)
		}
		return nil
	}
}

func noSets(s *stage, _ *incident.Incident) error {
	if n := s.sets(); n > 0 {
		return fmt.Errorf("%d Sets reached routers, want none", n)
	}
	return nil
}

// confirmed wants both ends to have been told to keep the change, and everything as before in the end.
func confirmed(s *stage, i *incident.Incident) error {
	if i.Intent == nil || s.told[events.KindConfirmed] != 2 {
		return fmt.Errorf("%d confirmations stand on the ledger, want 2", s.told[events.KindConfirmed])
	}
	return s.asBefore()
}

func doubled(s *stage, i *incident.Incident) error {
	if i.Cycle != 2 {
		return fmt.Errorf("drained %d times, want 2", i.Cycle)
	}
	return standsOn(2)(s, i)
}

// Names are the names of all scenarios.
func Names() []string {
	var names []string
	for _, s := range Scenarios() {
		names = append(names, s.Name)
	}
	return names
}
