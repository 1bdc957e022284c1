//go:build linux

package live

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
	"github.com/detour-net/detour/test/lab/plan"
	"github.com/detour-net/detour/test/lab/reroute"
	"github.com/detour-net/detour/test/lab/testbed"
	"github.com/detour-net/detour/test/lab/traffic"
)

// How long packets are looked at after each act, until every router has gone by it. Tuned timers compute nothing for five
// seconds after several changes within two (RFC 8405's LONG_WAIT), and so does a link that goes down and up; FRR's own never
// wait for more than one.
const (
	observedTuned   = 7 * time.Second
	observedDefault = 4 * time.Second
)

// stepsApart is how long after a step every router has gone by it: longer than FRR takes between two computations.
const stepsApart = 2500 * time.Millisecond

// apart is how long after one end of a link the other is set, where they are not set at once: as long as it takes a router
// that computes shortest paths at the first change to have done so, and to wait with the second.
const apart = 300 * time.Millisecond

// act is something that is done to a link.
type act struct {
	name string
	do   func()
}

// measure does acts one after the other, again and again, and says what flows have lost after each.
func (f *flows) measure(observed time.Duration, acts []act) {
	f.s.t.Helper()
	lost := make([]spread[uint64], len(acts))
	packets := uint64(observed / pace)
	f.run(packets)
	for range *flagFigures {
		for i, a := range acts {
			from := f.mark()
			a.do()
			f.run(packets)
			to := f.mark()
			if n := f.between(from, to).overrun(); n > 0 {
				f.s.t.Logf("%s: left out, since the sink had no room for %d packets", a.name, n)
				continue
			}
			for n, flow := range f.all {
				lost[i] = append(lost[i], flow.Lost(f.s.within(), from.at[n], to.at[n]).Lost)
			}
		}
	}
	for i, a := range acts {
		f.s.t.Logf("%-46s packets lost by a flow, 2 ms each: %s", a.name, lost[i])
	}
}

// measureActs takes a link out of use, around which nothing can loop, in several ways.
func measureActs(t *testing.T) {
	s := &stage{t: t, dir: t.TempDir(), bed: ground.take(t), moved: make(chan struct{})}
	link := choose(t, s.bed.Topology).Name
	s.flow(link).measure(observedTuned, []act{
		{"nothing", func() {}},
		{"soft drain, both ends at once", func() { s.commit(link, softDrain) }},
		{"taken back", func() { s.commit(link, s.metric(link)) }},
		{"interfaces down", func() { s.inflict(link, testbed.Fault{Cut: true}) }},
		{"up again", func() { s.inflict(link, testbed.Fault{}) }},
		{"dark, hellos alive", func() { s.inflict(link, testbed.Fault{Dark: true}) }},
		{"light again", func() { s.inflict(link, testbed.Fault{}) }},
	})
}

func raiseAbilene(t *testing.T, timers plan.Timers) *testbed.Bed {
	t.Helper()
	bed, err := testbed.Up(t.Context(), testbed.Config{Name: odd(), Topology: backbone.Abilene(), Timers: timers, Binary: binary(t, "lab")})
	if err != nil {
		t.Fatal(err)
	}
	return bed
}

// measureLoops drains the link of Abilene with the most ways to loop, with the timers that FRR comes with: in one step, and
// by the steps that Detour computes. Flows are those that the loops are about.
func measureLoops(t *testing.T) {
	alone(t)
	s := &stage{t: t, dir: t.TempDir(), bed: raiseAbilene(t, plan.Default), moved: make(chan struct{})}
	s.must(traffic.Meet(s.bed.Lab))
	link, ways := worst(reroute.Of(s.bed.Topology).Loops())
	steps, err := whatIf(t, s.bed.Topology).Steps([]string{link}, softDrain, whatif.DefaultSteps)
	s.must(err)
	t.Logf("link %s, %d steps, flows %v", link, len(steps.Pushes), ways)
	f := s.flowing(link, ways)
	push := func(set func(metric uint32), list [][]whatif.Metrics) {
		for i, metrics := range list {
			if i > 0 {
				f.run(uint64(stepsApart / pace))
			}
			set(metrics[0].AB)
		}
	}
	var acts []act
	for _, way := range []struct {
		name string
		set  func(metric uint32)
	}{
		{"both ends at once", func(metric uint32) { s.commit(link, metric) }},
		{"one end after the other", func(metric uint32) {
			l := s.link(link)
			s.must(s.commitEnd(l.B, metric))
			f.run(uint64(apart / pace))
			s.must(s.commitEnd(l.A, metric))
		}},
	} {
		acts = append(acts,
			act{"in one step, " + way.name, func() { way.set(softDrain) }},
			act{"back in one step, " + way.name, func() { way.set(s.metric(link)) }},
			act{fmt.Sprintf("in %d steps, %s", len(steps.Pushes), way.name), func() { push(way.set, steps.Pushes) }},
			act{fmt.Sprintf("back in %d steps, %s", len(steps.Pushes), way.name), func() { push(way.set, steps.Reverse()) }})
	}
	f.measure(observedDefault, acts)
}

// whatIf is Detour's own view of a topology, without traffic.
func whatIf(t *testing.T, topology *network.Topology) *whatif.State {
	t.Helper()
	var spec whatif.Spec
	at := map[string]int{}
	for i, r := range topology.Routers {
		at[r.Name] = i
		spec.Nodes = append(spec.Nodes, whatif.Node{Name: r.Name})
	}
	for _, l := range topology.Links {
		spec.Links = append(spec.Links, whatif.Link{
			Name: l.Name, A: at[l.A.Device], B: at[l.B.Device], CapacityAB: 1, CapacityBA: 1,
			MetricAB: l.A.MetricAt(2, network.IPv4), MetricBA: l.B.MetricAt(2, network.IPv4),
		})
	}
	net, err := whatif.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return net.Solve()
}

// worst is the link with the most loops, and one of those from each of its ends.
func worst(loops []reroute.Loop) (link string, ways [][2]string) {
	count := map[string]int{}
	for _, l := range loops {
		count[l.Link]++
		if count[l.Link] > count[link] {
			link = l.Link
		}
	}
	for _, l := range loops {
		if l.Link == link && !slices.ContainsFunc(ways, func(w [2]string) bool { return w[0] == l.From }) {
			ways = append(ways, [2]string{l.From, l.To})
		}
	}
	return link, ways
}

// measureDetour lets a link go dark, and measures how long it takes to be noticed, and then for traffic to be elsewhere.
func measureDetour(t *testing.T) {
	var noticed, moved, total spread[time.Duration]
	for n := range *flagFigures {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			opened, away := drainDark(t)
			noticed = append(noticed, opened.Round(time.Millisecond))
			moved = append(moved, (away - opened).Round(time.Millisecond))
			total = append(total, away.Round(time.Millisecond))
		})
	}
	t.Logf("dark, until the anomaly is on the ledger: %s", noticed)
	t.Logf("from there until traffic is elsewhere:    %s", moved)
	t.Logf("together, without packets:                %s", total)
}

// drainDark is one such run: when its incident was opened, and for how long packets did not arrive, both since it was dark.
func drainDark(t *testing.T) (opened, away time.Duration) {
	s := raise(t)
	f := s.flow(s.sick)
	f.run(1000)
	from := f.mark()
	began := time.Now()
	s.inflict(s.sick, testbed.Fault{Dark: true})
	s.reaches(s.sick, incident.Holding)
	f.run(500)
	to := f.mark()
	_, i := s.phase(s.sick)
	if i.Symptom != events.SilentLoss {
		t.Fatalf("noticed as %s", i.Symptom)
	}
	var lost uint64 // by the flow that lost the most
	for n, flow := range f.all {
		lost = max(lost, flow.Lost(s.within(), from.at[n], to.at[n]).Lost)
	}
	s.mend()
	s.account()
	return i.Opened.Sub(began), time.Duration(lost) * pace
}
