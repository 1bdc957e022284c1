package forecast_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

// TestFamiliesWay walks each family along its own way, and looks for loops in its own topology.
func TestFamiliesWay(t *testing.T) {
	looping, differ := 0, 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 43))
		top, m := apart(t, r)
		alone := only{top.Links[len(top.Links)-1].Name: network.IPv4}
		base := topologies(t, top, m, alone)
		f := forecast.New(top)
		f.Use(m)
		link := top.Links[r.IntN(len(top.Links))]
		p := f.Link(link.Name, shown(top, base, alone))
		if p.Missing != "" || p.Loops || len(p.Way) == 0 {
			t.Fatalf("seed %d: %+v", seed, p)
		}
		ends := map[network.Family][2]uint32{}
		for n, family := range network.Families() {
			if alone[link.Name] != "" && alone[link.Name] != family {
				if events.Sets(p.Way, link.Name, "", string(family)) {
					t.Errorf("seed %d: %s is not in the topology of %s, and on its way", seed, link.Name, family)
				}
				continue
			}
			had := map[string][2]uint32{}
			for _, l := range top.Links {
				if alone[l.Name] == "" || alone[l.Name] == family {
					had[l.Name] = [2]uint32{l.A.MetricAt(2, family), l.B.MetricAt(2, family)}
				}
			}
			st, at := base[n], had
			to := func(metrics [2]uint32) (*whatif.State, map[string][2]uint32) {
				now := map[string][2]uint32{}
				for name, m := range at {
					now[name] = m
				}
				now[link.Name] = metrics
				next, err := st.Apply(whatif.Change{Metrics: []whatif.Metrics{{Link: link.Name, AB: metrics[0], BA: metrics[1]}}})
				if err != nil {
					t.Fatal(err)
				}
				return next, now
			}
			if end, now := to([2]uint32{whatif.LastResort, whatif.LastResort}); loops(top, st, end, at, now) {
				looping++
			}
			for _, push := range p.Way {
				ab, okA := push.Metric(link.Name, link.A.Device, string(family))
				ba, okB := push.Metric(link.Name, link.B.Device, string(family))
				if okA != okB {
					t.Fatalf("seed %d: %v names one end of %s", seed, push, family)
				}
				if !okA {
					continue // this family is through
				}
				next, now := to([2]uint32{ab, ba})
				if loops(top, st, next, at, now) {
					t.Errorf("seed %d: %s: %s packets may loop on the way to %d and %d of %v", seed, link.Name, family, ab, ba, p.Way)
				}
				st, at = next, now
			}
			if ends[family] = at[link.Name]; ends[family] != [2]uint32{whatif.LastResort, whatif.LastResort} {
				t.Errorf("seed %d: %s ends at %v", seed, link.Name, ends[family])
			}
		}
		if first := p.Way[0]; len(first) > 2 || len(first) == 2 && first[0].Metric != first[1].Metric {
			differ++
		}
	}
	t.Logf("%d ways would loop in one step; on %d the first step differs by end or family", looping, differ)
	if looping < 20 || differ < 20 {
		t.Error("the test shows less than it should")
	}
}

// TestFamiliesBound: without a matrix nothing has to be known of the families' shares, and the bound is never too small.
func TestFamiliesBound(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 47))
		top, m := apart(t, r)
		base := topologies(t, top, m, nil)
		state := shown(top, base, nil)
		exact := forecast.New(top)
		exact.Use(m)
		link := top.Links[r.IntN(len(top.Links))].Name
		without := *top
		without.IPv6Permil = nil
		e, b := exact.Link(link, state), forecast.New(&without).Link(link, state)
		if e.Missing != "" || b.Missing != "" || b.Method != events.MethodBound {
			t.Fatalf("seed %d: %q, %q by %s", seed, e.Missing, b.Missing, b.Method)
		}
		const rounding = 1
		if b.Drained.WorstPermil < e.Drained.WorstPermil-rounding || b.Drained.SurvivePermil < e.Drained.SurvivePermil-rounding || (b.Drained.CutOff > 0) != (e.Drained.CutOff > 0) {
			t.Errorf("seed %d: %s: bound %+v, exactly %+v", seed, link, b.Drained, e.Drained)
		}
		if diff := cmp.Diff(e.Way, b.Way); diff != "" {
			t.Errorf("seed %d: the way depends on traffic:\n%s", seed, diff)
		}
	}
}

// TestDrainedInOneFamily: somebody has drained a link for IPv4 alone. For IPv6 it is in service, and may be lived off.
func TestDrainedInOneFamily(t *testing.T) {
	top := ring()
	share := 500
	top.IPv6Permil = &share
	m := matrix(t, top, 1_000_000_000)
	f := forecast.New(top)
	f.Use(m)
	state := edit(seen(top, model(t, top, m)), "c-d", func(l *network.LinkState) {
		l.A.Metrics[0].Value, l.B.Metrics[0].Value = network.MetricLastResort, network.MetricLastResort
	})
	p := f.Link("a-b", state)
	if want := m.Total() / 2; p.Missing != "" || p.Drained.CutOff == 0 || p.Drained.CutOff >= want {
		t.Errorf("%s: cut off %d, want some of the half that is IPv4, %d", p.Missing, p.Drained.CutOff, want)
	}
}

// TestLevels: a network that is on level 1 everywhere goes by level 1, whatever level 2 says.
func TestLevels(t *testing.T) {
	plain := backbone.Abilene()
	m := matrix(t, plain, offered)
	both := backbone.Abilene()
	for i := range both.Links {
		for n, e := range []*network.End{&both.Links[i].A, &both.Links[i].B} {
			for _, family := range network.Families() {
				e.Metrics = append(e.Metrics, network.Metric{Level: 1, Family: family, Value: e.Metric}, network.Metric{Level: 2, Family: family, Value: uint32(1 + i*n)})
			}
		}
	}
	if err := both.Validate(); err != nil {
		t.Fatal(err)
	}
	state := seen(plain, model(t, plain, m))
	want := forecast.New(plain)
	want.Use(m)
	got := forecast.New(both)
	got.Use(m)
	on := func() network.State {
		s := seen(plain, model(t, plain, m))
		for _, l := range both.Links {
			edit(s, l.Name, func(is *network.LinkState) {
				is.A.Metrics, is.B.Metrics = slices.Clone(l.A.Metrics), slices.Clone(l.B.Metrics)
			})
		}
		return s
	}
	for _, l := range plain.Links {
		w, g := want.Link(l.Name, state), got.Link(l.Name, on())
		w.Inputs, g.Inputs = "", ""
		if diff := cmp.Diff(w, g); diff != "" || g.Missing != "" {
			t.Errorf("%s (-one level +two):\n%s", l.Name, diff)
		}
	}
	alone := edit(on(), "chi-nyc", func(l *network.LinkState) {
		l.A.Metrics = slices.DeleteFunc(l.A.Metrics, func(m network.Metric) bool { return m.Level == 1 })
	})
	if p := got.Link("den-kcy", alone); !strings.Contains(p.Missing, "link chi-nyc is on level 2 alone for ipv4, and others on level 1") {
		t.Errorf("missing %q", p.Missing)
	}
	both.Links[3].A.Metrics = slices.DeleteFunc(both.Links[3].A.Metrics, func(m network.Metric) bool { return m.Level == 1 })
	both.Links[3].B.Metrics = slices.DeleteFunc(both.Links[3].B.Metrics, func(m network.Metric) bool { return m.Level == 1 })
	if p := forecast.New(both).Link("den-kcy", state); !strings.Contains(p.Missing, "two levels, and not every link is on level 1") {
		t.Errorf("missing %q", p.Missing)
	}
}
