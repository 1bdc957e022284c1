package forecast_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

// hops are the next hops of every router towards to, as distances give them.
func hops(top *network.Topology, st *whatif.State, metrics map[string][2]uint32, to string) map[string][]string {
	next := map[string][]string{}
	distance := func(from string) uint32 {
		if from == to {
			return 0
		}
		cost, ok := st.Distance(from, to)
		if !ok {
			return whatif.Unreachable
		}
		return cost
	}
	for _, l := range top.Links {
		m := metrics[l.Name]
		for i, end := range [][2]string{{l.A.Device, l.B.Device}, {l.B.Device, l.A.Device}} {
			if end[0] != to && distance(end[0]) == m[i]+distance(end[1]) {
				next[end[0]] = append(next[end[0]], end[1])
			}
		}
	}
	return next
}

// loops reports whether packets to any router can go round while routers move from one state to another in some order.
func loops(top *network.Topology, before, after *whatif.State, old, now map[string][2]uint32) bool {
	for _, r := range top.Routers {
		next := hops(top, before, old, r.Name)
		for from, to := range hops(top, after, now, r.Name) {
			next[from] = append(next[from], to...)
		}
		state := map[string]int{}
		var visit func(string) bool
		visit = func(node string) bool {
			state[node] = 1
			for _, to := range next[node] {
				if state[to] == 1 || state[to] == 0 && visit(to) {
					return true
				}
			}
			state[node] = 2
			return false
		}
		for node := range next {
			if state[node] == 0 && visit(node) {
				return true
			}
		}
	}
	return false
}

// TestSteps walks a link's metric through the steps, both ends at once, and looks for loops at every one; the ends' metrics
// differ. In one step a good share of drains would loop.
func TestSteps(t *testing.T) {
	looping, several := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		top := random(r)
		m := matrix(t, top, 1_000_000_000)
		base := model(t, top, m)
		f := forecast.New(top)
		f.Use(m)
		link := top.Links[r.IntN(len(top.Links))]
		p := f.Link(link.Name, seen(top, base))
		if p.Missing != "" || len(p.Steps) == 0 || p.Steps[len(p.Steps)-1] != network.MetricLastResort || !slices.IsSorted(p.Steps) || p.Loops {
			t.Fatalf("seed %d: steps %v, loops %v, missing %q", seed, p.Steps, p.Loops, p.Missing)
		}
		if len(p.Steps) > 1 {
			several++
		}
		metrics := map[string][2]uint32{}
		for _, l := range top.Links {
			metrics[l.Name] = [2]uint32{l.A.Metric, l.B.Metric}
		}
		step := func(st *whatif.State, had map[string][2]uint32, to uint32) (*whatif.State, map[string][2]uint32) {
			now := map[string][2]uint32{}
			for name, m := range had {
				now[name] = m
			}
			now[link.Name] = [2]uint32{max(had[link.Name][0], to), max(had[link.Name][1], to)}
			next, err := st.Apply(whatif.Change{Metrics: []whatif.Metrics{{Link: link.Name, AB: now[link.Name][0], BA: now[link.Name][1]}}})
			if err != nil {
				t.Fatal(err)
			}
			return next, now
		}
		st, at := base, metrics
		for _, metric := range p.Steps {
			next, now := step(st, at, metric)
			if loops(top, st, next, at, now) {
				t.Errorf("seed %d: %s: packets may loop on the way to %d of %v", seed, link.Name, metric, p.Steps)
			}
			st, at = next, now
		}
		if end, now := step(base, metrics, network.MetricLastResort); loops(top, base, end, metrics, now) {
			looping++
		}
	}
	t.Logf("of 200 drains %d would loop in one step; %d are made in several", looping, several)
	if looping == 0 || several < looping {
		t.Errorf("of 200 drains %d would loop in one step and %d are made in several", looping, several)
	}
}

// A joint drain has a way for all of its links, and no list of steps, which would not say whose they are.
func TestJointWay(t *testing.T) {
	top := random(rand.New(rand.NewPCG(1, 7)))
	m := matrix(t, top, 1_000_000_000)
	f := forecast.New(top)
	f.Use(m)
	names := []string{top.Links[0].Name, top.Links[1].Name, top.Links[2].Name}
	p := f.Links(names, seen(top, model(t, top, m)))
	if p.Steps != nil || p.Loops != p.Way.Loops {
		t.Errorf("steps %v, loops %v", p.Steps, p.Loops)
	}
	for _, name := range names {
		last := whatif.Metrics{}
		for _, push := range p.Way.Pushes {
			for _, m := range push {
				if m.Link == name {
					last = m
				}
			}
		}
		if want := (whatif.Metrics{Link: name, AB: network.MetricLastResort, BA: network.MetricLastResort}); last != want {
			t.Errorf("%s ends at %+v", name, last)
		}
	}
}
