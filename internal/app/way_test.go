package app

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators/linkdrain"
)

// drawn is a connected network with parallel links whose metrics differ by direction, some of them a lot.
func drawn(r *rand.Rand) *network.Topology {
	top := &network.Topology{}
	n := 3 + r.IntN(5)
	for i := range n {
		top.Routers = append(top.Routers, network.Router{Name: fmt.Sprint("r", i)})
	}
	for i := range n - 1 + r.IntN(2*n) {
		a, b := i+1, r.IntN(min(i+1, n))
		if i >= n-1 {
			a = r.IntN(n)
			b = (a + 1 + r.IntN(n-1)) % n
		}
		end := func(router int) network.End {
			return network.End{Device: fmt.Sprint("r", router), Interface: fmt.Sprint("e", i), Metric: []uint32{1 + r.Uint32N(12), 1 + r.Uint32N(12), 1 + r.Uint32N(100_000)}[r.IntN(3)]}
		}
		top.Links = append(top.Links, network.Link{Name: fmt.Sprint("l", i), A: end(a), B: end(b), Capacity: 1e10})
	}
	return top
}

// telemetry is what a network and one of its links show.
func telemetry(top *network.Topology, link network.Link, now time.Time) (network.State, events.Target, events.Facts) {
	s := network.State{At: now, Links: map[string]network.LinkState{}}
	for _, l := range top.Links {
		end := func(e network.End) network.EndState {
			return network.EndState{At: now, Metrics: []network.Metric{{Level: 2, Family: network.IPv4, Value: e.Metric}}}
		}
		s.Links[l.Name] = network.LinkState{A: end(l.A), B: end(l.B)}
	}
	target, facts := events.Target{Kind: events.TargetLink, Name: link.Name, Capacity: link.Capacity}, events.Facts{At: now}
	for _, e := range []network.End{link.A, link.B} {
		end := events.End{Device: e.Device, Interface: e.Interface}
		metric := events.UintValue(uint64(e.Metric))
		target.Ends = append(target.Ends, end)
		facts.Ends = append(facts.Ends, events.EndFacts{
			End: end, Oper: "UP", Profile: events.Profile{Name: "openconfig", SoftMetric: policy.LastMetric, HardMetric: policy.MaxMetric, Qualified: true},
			Leaves: []events.LeafFacts{{LeafRef: events.LeafRef{Leaf: events.ISISMetric, Interface: e.Interface, Level: 2, Family: events.IPv4}, Config: metric, State: metric}},
		})
	}
	return s, target, facts
}

// metrics are those of a network by link, of each direction.
type metrics map[string][2]uint32

// nextHops are those of every router towards to, by Bellman and Ford.
func nextHops(top *network.Topology, c metrics, to string) map[string][]string {
	const far = 1 << 40
	distance := map[string]int{}
	for _, r := range top.Routers {
		distance[r.Name] = far
	}
	distance[to] = 0
	each := func(visit func(from, to string, cost int)) {
		for _, l := range top.Links {
			visit(l.A.Device, l.B.Device, int(c[l.Name][0]))
			visit(l.B.Device, l.A.Device, int(c[l.Name][1]))
		}
	}
	for range top.Routers {
		each(func(from, to string, cost int) { distance[from] = min(distance[from], cost+distance[to]) })
	}
	next := map[string][]string{}
	each(func(from, head string, cost int) {
		if from != to && distance[from] < far && distance[from] == cost+distance[head] {
			next[from] = append(next[from], head)
		}
	})
	return next
}

// mayLoop reports whether packets to any router can go round while routers move from one to the other in some order.
func mayLoop(top *network.Topology, before, after metrics) bool {
	for _, r := range top.Routers {
		next := nextHops(top, before, r.Name)
		for from, to := range nextHops(top, after, r.Name) {
			next[from] = append(next[from], to...)
		}
		for len(next) > 0 { // take away whoever has no next hop that is left
			left := len(next)
			for from, to := range next {
				if !slices.ContainsFunc(to, func(n string) bool { return next[n] != nil }) {
					delete(next, from)
				}
			}
			if len(next) == left {
				return true
			}
		}
	}
	return false
}

// TestPlansKeepToTheWay: on random networks whose links have other metrics at either end, what the what-if says of loops is what
// the policy says of the plan that is made of it, and what brute force finds along the plan, step by step.
func TestPlansKeepToTheWay(t *testing.T) {
	p, err := policy.Parse("policy.yaml", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	several, atOnce, uneven := 0, 0, 0
	for seed := range uint64(300) {
		top := drawn(rand.New(rand.NewPCG(seed, 5)))
		link := top.Links[seed%uint64(len(top.Links))]
		seen, target, facts := telemetry(top, link, now)
		f := foresight{forecaster: forecast.New(top)}
		m, err := network.Gravity(top, 1e9)
		if err != nil {
			t.Fatal(err)
		}
		f.forecaster.Use(m)
		ahead := f.ahead(drainOf(link.Name), seen)
		if ahead.Missing != "" || ahead.Loops {
			t.Fatalf("seed %d: %s: %+v", seed, link.Name, ahead)
		}
		facts.Prospect = &ahead
		plan, err := linkdrain.New().Propose(target, facts, "", nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		ruled := p.Evaluate(policy.Question{Now: now, Plan: plan, Facts: facts, Mode: events.Live, Symptom: events.LinkErrors, Rule: policy.Rule{Name: "r", Autonomy: policy.Auto}})
		for _, name := range []string{policy.CheckLoopFree, policy.CheckPlan} {
			if c := ruled.Checks[slices.IndexFunc(ruled.Checks, func(c events.Check) bool { return c.Name == name })]; !c.OK {
				t.Errorf("seed %d: %s: %+v of %v", seed, link.Name, c, plan.Steps)
			}
		}
		if err := walk(top, link, plan); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if len(plan.Steps) > 1 {
			several++
			if _, way, _ := strings.Cut(plan.Sentence, "by way of"); strings.Contains(way, " and ") {
				uneven++
			}
		}
		plan.Steps = []events.Step{{Changes: plan.Steps[len(plan.Steps)-1].Changes}}
		if walk(top, link, plan) != nil {
			atOnce++
		}
	}
	t.Logf("of 300 plans %d go by steps, %d of them with other metrics at either end; %d would loop if they did not", several, uneven, atOnce)
	if several < atOnce || atOnce < 30 || uneven < 30 {
		t.Error("the test shows less than it should")
	}
}

// walk goes by a plan's steps and looks for loops; the undo goes the same way back, and can loop where the plan can.
func walk(top *network.Topology, link network.Link, plan events.Plan) error {
	at := metrics{}
	for _, l := range top.Links {
		at[l.Name] = [2]uint32{l.A.Metric, l.B.Metric}
	}
	for n, step := range plan.Steps {
		after := metrics{}
		for name, c := range at {
			after[name] = c
		}
		metric := func(change int) uint32 {
			m, _ := step.Changes[change].Settings[0].After.Uint()
			return uint32(m)
		}
		after[link.Name] = [2]uint32{metric(0), metric(1)}
		if mayLoop(top, at, after) {
			return fmt.Errorf("%s: packets may loop in step %d of %d, from %v to %v", link.Name, n+1, len(plan.Steps), at[link.Name], after[link.Name])
		}
		at = after
	}
	if end := at[link.Name]; end != [2]uint32{policy.LastMetric, policy.LastMetric} {
		return fmt.Errorf("%s ends at %v", link.Name, end)
	}
	return nil
}
