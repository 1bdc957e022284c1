package forecast_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

// hops are the next hops of every router towards to, as distances give them; a metric of 0 is none.
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
			if m[i] > 0 && end[0] != to && distance(end[0]) == m[i]+distance(end[1]) {
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

// TestWay walks a link's metrics along the way, each end at its own pace, and looks for loops at every step: at the pushes
// themselves, both ends together, and with either end two pushes ahead of the other. In one step a good share would loop.
func TestWay(t *testing.T) {
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
		if p.Missing != "" || len(p.Way) == 0 || p.Hard() || p.Loops {
			t.Fatalf("seed %d: way %v, loops %v, missing %q", seed, p.Way, p.Loops, p.Missing)
		}
		if len(p.Way) > 1 {
			several++
		}
		metrics := map[string][2]uint32{}
		for _, l := range top.Links {
			metrics[l.Name] = [2]uint32{l.A.Metric, l.B.Metric}
		}
		step := func(st *whatif.State, had map[string][2]uint32, to [2]uint32) (*whatif.State, map[string][2]uint32) {
			now := maps.Clone(had)
			now[link.Name] = to
			next, err := st.Apply(whatif.Change{Metrics: []whatif.Metrics{{Link: link.Name, AB: to[0], BA: to[1]}}})
			if err != nil {
				t.Fatal(err)
			}
			return next, now
		}
		along := func(n int, device string, had uint32) uint32 { // the n-th metric of an end; 0 is what it had
			if n <= 0 {
				return had
			}
			m, ok := p.Way[min(n, len(p.Way))-1].Metric(link.Name, device, events.IPv6)
			if !ok || m <= had {
				t.Fatalf("seed %d: push %d of %v sets %d on %s, which had %d", seed, n, p.Way, m, device, had)
			}
			return m
		}
		for _, behind := range [][2]int{{0, 0}, {2, 0}, {0, 2}} {
			st, at := base, metrics
			for n := 1; n <= len(p.Way)+2; n++ {
				to := [2]uint32{along(n-behind[0], link.A.Device, link.A.Metric), along(n-behind[1], link.B.Device, link.B.Metric)}
				next, now := step(st, at, to)
				if loops(top, st, next, at, now) {
					t.Errorf("seed %d: %s: packets may loop on the way from %v to %v of %v", seed, link.Name, at[link.Name], to, p.Way)
				}
				st, at = next, now
			}
			if at[link.Name] != [2]uint32{network.MetricLastResort, network.MetricLastResort} {
				t.Errorf("seed %d: %s ends at %v", seed, link.Name, at[link.Name])
			}
		}
		if end, now := step(base, metrics, [2]uint32{network.MetricLastResort, network.MetricLastResort}); loops(top, base, end, metrics, now) {
			looping++
		}
	}
	t.Logf("of 200 drains %d would loop in one step; %d are made in several", looping, several)
	if looping == 0 || several < looping {
		t.Errorf("of 200 drains %d would loop in one step and %d are made in several", looping, several)
	}
}

// A joint drain has a way that names each of its links.
func TestJointWay(t *testing.T) {
	top := random(rand.New(rand.NewPCG(1, 7)))
	m := matrix(t, top, 1_000_000_000)
	f := forecast.New(top)
	f.Use(m)
	names := []string{top.Links[0].Name, top.Links[1].Name, top.Links[2].Name}
	p := f.Links(names, seen(top, model(t, top, m)))
	for _, l := range top.Links[:3] {
		for _, device := range []string{l.A.Device, l.B.Device} {
			last := uint32(0)
			for _, push := range p.Way {
				if m, ok := push.Metric(l.Name, device, events.IPv4); ok {
					last = m
				}
			}
			if last != network.MetricLastResort {
				t.Errorf("%s ends at %d on %s", l.Name, last, device)
			}
		}
	}
}
