package forecast_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const offered = 40_000_000_000 // bits per second over Abilene, whose links have 10 Gb/s

func matrix(t *testing.T, top *network.Topology, total int64) network.Matrix {
	t.Helper()
	m, err := network.Gravity(top, total)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// model is the network as an independent caller of whatif would build it.
func model(t *testing.T, top *network.Topology, m network.Matrix) *whatif.State {
	t.Helper()
	spec, at := whatif.Spec{}, map[string]int{}
	for i, r := range top.Routers {
		at[r.Name] = i
		spec.Nodes = append(spec.Nodes, whatif.Node{Name: r.Name})
	}
	for _, l := range top.Links {
		spec.Links = append(spec.Links, whatif.Link{
			Name: l.Name, A: at[l.A.Device], B: at[l.B.Device], MetricAB: l.A.Metric, MetricBA: l.B.Metric, CapacityAB: l.Capacity, CapacityBA: l.Capacity, SRLGs: l.SRLGs,
		})
	}
	for _, d := range m.Demands {
		spec.Demands = append(spec.Demands, whatif.Demand{From: at[d.From], To: at[d.To], BPS: d.BPS})
	}
	net, err := whatif.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return net.Solve()
}

// seen is what perfect telemetry would show of a network in a state: metrics as configured, and the loads.
func seen(top *network.Topology, st *whatif.State) network.State {
	s := network.State{At: now, Links: map[string]network.LinkState{}, Routers: map[string]network.RouterState{}}
	for _, l := range top.Links {
		ab, ba, _ := st.Load(l.Name)
		end := func(e network.End, bps, arrived int64) network.EndState {
			var metrics []network.Metric
			for _, f := range network.Families() {
				metrics = append(metrics, network.Metric{Level: 2, Family: f, Value: e.Metric})
			}
			return network.EndState{At: now, Metrics: metrics, Load: network.Reading{BPS: bps, At: now}, Arrived: network.Reading{BPS: arrived, At: now}}
		}
		s.Links[l.Name] = network.LinkState{A: end(l.A, ab.BPS, ba.BPS), B: end(l.B, ba.BPS, ab.BPS)}
	}
	return s
}

// edit changes one link of a state.
func edit(s network.State, link string, change func(*network.LinkState)) network.State {
	l := s.Links[link]
	l.A.Metrics, l.B.Metrics = slices.Clone(l.A.Metrics), slices.Clone(l.B.Metrics)
	change(&l)
	s.Links[link] = l
	return s
}

func drain(l *network.LinkState) {
	for _, end := range []*network.EndState{&l.A, &l.B} {
		for i := range end.Metrics {
			end.Metrics[i].Value = network.MetricLastResort
		}
	}
}

// TestExact holds every forecast for Abilene against whatif asked directly.
func TestExact(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	base := model(t, top, m)
	f := forecast.New(top)
	f.Use(m)
	state := seen(top, base)
	for _, l := range top.Links {
		p := f.Link(l.Name, state)
		if p.Missing != "" {
			t.Fatalf("%s: %s", l.Name, p.Missing)
		}
		drained, err := base.Apply(whatif.SoftDrain(l.Name))
		if err != nil {
			t.Fatal(err)
		}
		net := base.Net()
		survival, err := whatif.Survive(base, drained, slices.Concat(net.Links(), net.Groups(), net.Nodes()), whatif.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		ab, ba, _ := base.Load(l.Name)
		got := []int64{int64(p.InService.WorstPermil), int64(p.Drained.WorstPermil), p.Moved, int64(p.NewViolations), int64(p.Drained.CutOff)}
		want := []int64{base.Worst().Permil, drained.Worst().Permil, ab.BPS + ba.BPS, int64(survival.Violations + survival.Cut), 0}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-whatif +forecast):\n%s", l.Name, diff)
		}
		if want := int(max(survival.Worst.Load.Permil, drained.Worst().Permil)); p.Drained.SurvivePermil != want || p.Drained.Failure != survival.Worst.Failure {
			t.Errorf("%s: survives at %d per mille if %q fails, want %d and %q", l.Name, p.Drained.SurvivePermil, p.Drained.Failure, want, survival.Worst.Failure)
		}
		if p.NewViolations > 0 && p.Worst == "" {
			t.Errorf("%s: violations without a word", l.Name)
		}
		if want := (events.Fit{Links: 2 * len(top.Links), Close: 2 * len(top.Links)}); p.Fit.Links != want.Links || p.Fit.Close != want.Close || p.Fit.Worst > 1 {
			t.Errorf("%s: fit %+v, want %+v", l.Name, p.Fit, want)
		}
	}
}

// What stands now changes nothing about what would be: a link that is drained already has the same forecast.
func TestDrainedAlready(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	base := model(t, top, m)
	f := forecast.New(top)
	f.Use(m)
	before := f.Link("den-kcy", seen(top, base))
	drained, err := base.Apply(whatif.SoftDrain("den-kcy"))
	if err != nil {
		t.Fatal(err)
	}
	after := f.Link("den-kcy", edit(seen(top, drained), "den-kcy", drain))
	if after.Fit.Close != after.Fit.Links || after.Fit.Links == 0 {
		t.Errorf("measured with the link drained, fit is %+v: it must be compared with the link drained", after.Fit)
	}
	before.Inputs, after.Inputs, before.Fit, after.Fit = "", "", events.Fit{}, events.Fit{}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-in service +drained):\n%s", diff)
	}
	other := f.Link("kcy-ipl", edit(seen(top, drained), "den-kcy", drain))
	if first := f.Link("kcy-ipl", seen(top, base)); other.InService.WorstPermil == first.InService.WorstPermil && other.Moved == first.Moved {
		t.Error("another link's drain makes no difference")
	}
}

// TestBound holds the bound against the exact answer: it is never smaller.
func TestBound(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	state := seen(top, model(t, top, m))
	exact, bound := forecast.New(top), forecast.New(top)
	exact.Use(m)
	for _, l := range top.Links {
		e, b := exact.Link(l.Name, state), bound.Link(l.Name, state)
		if b.Missing != "" || b.Method != events.MethodBound || e.Method != events.MethodExact {
			t.Fatalf("%s: %q by %q, %q by %q", l.Name, b.Missing, b.Method, e.Missing, e.Method)
		}
		if diff := b.Moved - e.Moved; diff < -2 || diff > 2 {
			t.Errorf("%s: moves %d, measured %d", l.Name, e.Moved, b.Moved)
		}
		if b.InService.WorstPermil < e.InService.WorstPermil-1 || b.Drained.WorstPermil < e.Drained.WorstPermil-1 ||
			b.InService.SurvivePermil < e.InService.SurvivePermil-1 || b.Drained.SurvivePermil < e.Drained.SurvivePermil-1 {
			t.Errorf("%s: bound %+v and %+v, exact %+v and %+v", l.Name, b.InService, b.Drained, e.InService, e.Drained)
		}
		if b.Drained.CutOff != 0 {
			t.Errorf("%s: cut off %v", l.Name, b.Drained.CutOffNames)
		}
	}
}

// A link that nothing can replace is told of, with and without a matrix.
func TestCutOff(t *testing.T) {
	top := backbone.Abilene()
	top.Routers = append(top.Routers, network.Router{Name: "slc"})
	top.Links = append(top.Links, network.Link{
		Name: "den-slc", A: network.End{Device: "den", Interface: "ethernet-1/9", Metric: 600}, B: network.End{Device: "slc", Interface: "ethernet-1/1", Metric: 600}, Capacity: 10_000_000_000,
	})
	m := matrix(t, top, offered)
	state := seen(top, model(t, top, m))
	f := forecast.New(top)
	bound := f.Link("den-slc", state)
	f.Use(m)
	exact := f.Link("den-slc", state)
	for name, p := range map[string]events.Prospect{"exact": exact, "bound": bound} {
		if p.Drained.CutOff <= 0 || !slices.ContainsFunc(p.Drained.CutOffNames, func(s string) bool { return strings.Contains(s, "slc") }) || p.InService.CutOff != 0 {
			t.Errorf("%s: cut off %d %v", name, p.Drained.CutOff, p.Drained.CutOffNames)
		}
	}
	if exact.Harm < exact.Drained.CutOff {
		t.Errorf("harm %d is less than what is cut off, %d", exact.Harm, exact.Drained.CutOff)
	}
}

// What cannot be known is said, and nothing else.
func TestMissing(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	state := func() network.State { return seen(top, model(t, top, m)) }
	tests := []struct {
		name    string
		link    string
		state   network.State
		without bool // a matrix
		want    string
	}{
		{"no such link", "den-rio", state(), false, `link "den-rio" is not in the topology`},
		{"an end that is not seen", "den-kcy", edit(state(), "chi-nyc", func(l *network.LinkState) { l.B = network.EndState{} }), false, "link chi-nyc is not seen"},
		{"nothing seen", "den-kcy", network.State{At: now}, false, "is not seen"},
		{"two topologies", "den-kcy", edit(state(), "chi-nyc", func(l *network.LinkState) { l.A.Metrics[1].Value++ }), false, "the metrics of IPv6 differ from those of IPv4, and how much of the traffic is IPv6 is not known"},
		{"a link with one family", "den-kcy", edit(state(), "chi-nyc", func(l *network.LinkState) { l.B.Metrics = l.B.Metrics[:1] }), false, "link chi-nyc carries ipv4 alone"},
		{"a metric of 0", "den-kcy", edit(state(), "chi-nyc", func(l *network.LinkState) { l.A.Metrics[0].Value = 0 }), false, "link chi-nyc has metric 0"},
		{"a load that is not known", "den-kcy", edit(state(), "chi-nyc", func(l *network.LinkState) { l.A.Load = network.Reading{} }), true, "load of link chi-nyc is not known"},
		{"another network", "den-kcy", network.State{At: now, Links: map[string]network.LinkState{"a-b": {}}}, false, `link "a-b" is not in the topology`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := forecast.New(top)
			if !tt.without {
				f.Use(m)
			}
			p := f.Link(tt.link, tt.state)
			if !strings.Contains(p.Missing, tt.want) {
				t.Errorf("missing %q, want %q", p.Missing, tt.want)
			}
			p.Missing, p.At, p.Inputs = "", time.Time{}, ""
			if diff := cmp.Diff(events.Prospect{}, p); diff != "" {
				t.Errorf("something is said all the same:\n%s", diff)
			}
		})
	}
}

// A network that runs one family alone is one topology, also while a link is down and shows nothing.
func TestOneFamily(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	state := seen(top, model(t, top, m))
	for _, l := range top.Links {
		edit(state, l.Name, func(s *network.LinkState) { s.A.Metrics, s.B.Metrics = s.A.Metrics[:1], s.B.Metrics[:1] })
	}
	edit(state, "chi-nyc", func(s *network.LinkState) {
		s.A, s.B = network.EndState{At: now, Down: true}, network.EndState{At: now, Down: true}
	})
	f := forecast.New(top)
	f.Use(m)
	if p := f.Link("den-kcy", state); p.Missing != "" || p.Moved == 0 {
		t.Errorf("%+v", p)
	}
}

// A network that is not as the model has it shows in the fit, and old observations in At.
func TestFitAndAge(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	f := forecast.New(top)
	f.Use(m)
	state := edit(seen(top, model(t, top, m)), "chi-nyc", func(l *network.LinkState) {
		l.A.Load.BPS += 600_000_000 // six hundredths of capacity
		l.B.At = now.Add(-3 * time.Second)
	})
	p := f.Link("den-kcy", state)
	if p.Fit.Close != p.Fit.Links-1 || p.Fit.Worst < 60 || !strings.HasPrefix(p.Fit.OnLink, "chi-nyc") {
		t.Errorf("fit %+v", p.Fit)
	}
	if !p.At.Equal(now.Add(-3 * time.Second)) {
		t.Errorf("rests on observations of %s", p.At)
	}
	again := f.Link("den-kcy", state)
	if diff := cmp.Diff(p, again); diff != "" {
		t.Errorf("asked twice:\n%s", diff)
	}
	if other := f.Link("den-kcy", seen(top, model(t, top, m))); other.Inputs == p.Inputs {
		t.Error("other inputs have the same digest")
	}
}
