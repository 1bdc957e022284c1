package forecast_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

// ipv6Permil is the share of IPv6 in what the matrix does not tell.
const ipv6Permil = 300

// apart is a random network on which the families have metrics of their own, and some links carry one family alone; with
// traffic of either family, and of both.
func apart(t *testing.T, r *rand.Rand) (*network.Topology, network.Matrix) {
	t.Helper()
	top, share := random(r), ipv6Permil
	top.IPv6Permil = &share
	m := matrix(t, top, 1+r.Int64N(20_000_000_000))
	for i := range m.Demands {
		m.Demands[i].Family = []network.Family{"", network.IPv4, network.IPv6}[r.IntN(3)]
	}
	for i := range top.Links {
		for _, e := range []*network.End{&top.Links[i].A, &top.Links[i].B} {
			for _, family := range network.Families() {
				metric := network.Metric{Level: 2, Family: family, Value: 1 + r.Uint32N(12)}
				if r.IntN(16) == 0 {
					metric.Value = network.MetricLastResort
				}
				e.Metrics = append(e.Metrics, metric)
			}
		}
	}
	top.Links[0].A.Metrics[0].Value, top.Links[0].A.Metrics[1].Value = 3, 4 // in one place at least they differ
	return top, m
}

// only are the links that carry one family alone.
type only map[string]network.Family

// topologies are the two that apart's network is made of, as an independent caller of whatif would build them.
func topologies(t *testing.T, top *network.Topology, m network.Matrix, alone only) (two []*whatif.State) {
	t.Helper()
	for _, family := range network.Families() {
		spec, at := whatif.Spec{}, map[string]int{}
		for i, r := range top.Routers {
			at[r.Name] = i
			spec.Nodes = append(spec.Nodes, whatif.Node{Name: r.Name})
		}
		for _, l := range top.Links {
			link := whatif.Link{Name: l.Name, A: at[l.A.Device], B: at[l.B.Device], CapacityAB: l.Capacity, CapacityBA: l.Capacity, SRLGs: l.SRLGs}
			if alone[l.Name] == "" || alone[l.Name] == family {
				link.MetricAB, link.MetricBA = l.A.MetricAt(2, family), l.B.MetricAt(2, family)
			}
			spec.Links = append(spec.Links, link)
		}
		for _, d := range m.Demands {
			six := d.BPS * ipv6Permil / 1000
			bps := map[network.Family]map[network.Family]int64{
				"":           {network.IPv4: d.BPS - six, network.IPv6: six},
				network.IPv4: {network.IPv4: d.BPS},
				network.IPv6: {network.IPv6: d.BPS},
			}[d.Family][family]
			spec.Demands = append(spec.Demands, whatif.Demand{From: at[d.From], To: at[d.To], BPS: bps})
		}
		net, err := whatif.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		two = append(two, net.Solve())
	}
	return two
}

// shown is what perfect telemetry would show of two topologies.
func shown(top *network.Topology, two []*whatif.State, alone only) network.State {
	s := seen(top, two[0])
	for _, l := range top.Links {
		edit(s, l.Name, func(is *network.LinkState) {
			ab, ba, _ := two[1].Load(l.Name)
			for _, end := range []struct {
				is    *network.EndState
				of    network.End
				sends int64
			}{{&is.A, l.A, ab.BPS}, {&is.B, l.B, ba.BPS}} {
				end.is.Load.BPS += end.sends
				end.is.Metrics = slices.DeleteFunc(slices.Clone(end.of.Metrics), func(m network.Metric) bool { return alone[l.Name] != "" && alone[l.Name] != m.Family })
			}
			is.A.Arrived.BPS, is.B.Arrived.BPS = is.B.Load.BPS, is.A.Load.BPS
		})
	}
	return s
}

// each applies a change to both topologies, but for links that are not in one.
func each(t *testing.T, two []*whatif.State, names []string, alone only, change func(...string) whatif.Change) (after []*whatif.State) {
	t.Helper()
	for i, st := range two {
		in := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return alone[name] != "" && alone[name] != network.Families()[i] })
		next, err := st.Apply(change(in...))
		if err != nil {
			t.Fatal(err)
		}
		after = append(after, next)
	}
	return after
}

// added are the loads of both topologies together.
func added(two []*whatif.State) []whatif.Load {
	sum := two[0].Loads()
	for i, l := range two[1].Loads() {
		sum[i].BPS += l.BPS
		sum[i].Permil = (sum[i].BPS*1000 + l.Capacity - 1) / l.Capacity
	}
	return sum
}

func highest(loads []whatif.Load) (most int) {
	for _, l := range loads {
		most = max(most, int(l.Permil))
	}
	return most
}

// missed are the demands without a path that do not begin or end at what has failed, told apart by topology.
func missed(two []*whatif.State, failed whatif.Scenario) map[[3]string]int64 {
	list := map[[3]string]int64{}
	for i, st := range two {
		for _, l := range st.Undelivered(1 << 20).Named {
			if !slices.Contains(failed.Nodes, l.From) && !slices.Contains(failed.Nodes, l.To) {
				list[[3]string{string(network.Families()[i]), l.From, l.To}] = l.BPS
			}
		}
	}
	return list
}

// survived tries every failure of both topologies, before and after.
func survived(t *testing.T, before, after []*whatif.State, limits whatif.Limits) (present, worst, violations int, failure string) {
	t.Helper()
	net, drained := before[0].Net(), missed(after, whatif.Scenario{})
	for _, s := range slices.Concat(net.Links(), net.Groups(), net.Nodes()) {
		fails := func(two []*whatif.State) []*whatif.State {
			return each(t, two, nil, nil, func(...string) whatif.Change { return whatif.Change{Down: s.Links, Dead: s.Nodes} })
		}
		was, is := fails(before), fails(after)
		full, cut := false, false
		had := added(was)
		for i, l := range added(is) {
			full = full || l.Permil > limits.Permil && l.BPS-had[i].BPS > l.Capacity*limits.Worse/1000
		}
		missing := missed(was, s)
		for d := range missed(is, s) {
			_, known := missing[d]
			_, already := drained[d] // by the drain itself, which is told of in another place
			cut = cut || !known && !already
		}
		if now := highest(added(is)); failure == "" || now > worst {
			worst, failure = now, s.Name
		}
		present = max(present, highest(had))
		if full {
			violations++
		}
		if cut {
			violations++
		}
	}
	return present, worst, violations, failure
}

// loop reports whether the way of either family may loop.
func loop(t *testing.T, two []*whatif.State, names []string, alone only, hard bool) bool {
	t.Helper()
	may, target := false, uint32(whatif.LastResort)
	if hard {
		target = whatif.Unused
	}
	for i, st := range two {
		way, err := st.Steps(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return alone[name] != "" && alone[name] != network.Families()[i] }), target, whatif.DefaultSteps)
		if err != nil {
			t.Fatal(err)
		}
		may = may || way.Loops
	}
	return may
}

// TestFamiliesApart holds the forecast of networks whose families have metrics of their own against both topologies solved
// apart, their loads added up and every failure tried.
func TestFamiliesApart(t *testing.T) {
	const networks = 250
	uneven, violating, settled, cutting, looping := 0, 0, 0, 0, 0
	for seed := range uint64(networks) {
		r := rand.New(rand.NewPCG(seed, 41))
		top, m := apart(t, r)
		alone := only{}
		for _, l := range top.Links[1:] {
			if r.IntN(6) == 0 {
				alone[l.Name] = network.Families()[r.IntN(2)]
			}
		}
		if err := top.Validate(); err != nil {
			t.Fatal(err)
		}
		base := topologies(t, top, m, alone)
		f := forecast.New(top)
		f.Use(m)
		limits := whatif.Limits{Permil: 300 + r.Int64N(1000), Worse: r.Int64N(60), Listed: 20}
		f.Limit(limits)
		state := shown(top, base, alone)
		names := []string{top.Links[r.IntN(len(top.Links))].Name}
		if r.IntN(3) == 0 {
			names = append(names, top.Links[r.IntN(len(top.Links))].Name)
		}
		for _, kind := range []struct {
			ask    func([]string, network.State) events.Prospect
			change func(...string) whatif.Change
		}{{f.Links, whatif.SoftDrain}, {f.Hard, whatif.HardDrain}} {
			p := kind.ask(names, state)
			if p.Missing != "" {
				t.Fatalf("seed %d: %v: %s", seed, names, p.Missing)
			}
			drained, gone := each(t, base, names, alone, kind.change), each(t, base, names, alone, whatif.HardDrain)
			present, worst, violations, failure := survived(t, base, drained, limits)
			lost := func(two []*whatif.State) int64 { return two[0].Undelivered(0).BPS + two[1].Undelivered(0).BPS }
			moved := int64(0)
			for _, l := range added(base) {
				if slices.Contains(names, l.Link) {
					moved += l.BPS
				}
			}
			got := []int{p.InService.WorstPermil, p.Drained.WorstPermil, p.InService.SurvivePermil, p.Drained.SurvivePermil, p.NewViolations, int(p.InService.CutOff), int(p.Drained.CutOff), int(p.Moved), p.Fit.Links - p.Fit.Close}
			want := []int{highest(added(base)), highest(added(drained)), max(present, highest(added(base))), max(worst, highest(added(drained))), violations, int(lost(base)), int(lost(gone)), int(moved), 0}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("seed %d: %v of %d links (-brute force +forecast):\n%s", seed, names, len(top.Links), diff)
			}
			if p.Drained.Failure != failure || p.Loops != loop(t, base, names, alone, p.Hard()) {
				t.Errorf("seed %d: %v: the worst failure is %s, loops %t; want %s", seed, names, p.Drained.Failure, p.Loops, failure)
			}
			if p.Loops {
				looping++
			}
			if violations > 0 {
				violating++
				if p.Worst == "" {
					t.Errorf("seed %d: %v: violations without a word", seed, names)
				}
			}
			if strings.Contains(p.Worst, "cut off") {
				cutting++
			}
			settled += p.Drained.Settled
		}
		if highest(added(base)) != highest(base[0].Loads()) {
			uneven++
		}
	}
	t.Logf("of %d networks %d are filled by both families; %d drains violate a limit, %d cut off; %d may loop; %d failures are settled by a bound", networks, uneven, violating, cutting, looping, settled)
	if looping == 0 || uneven < networks/2 || violating < 20 || cutting < 20 || settled < 100 {
		t.Error("the test shows less than it should")
	}
}
