package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
	"github.com/detour-net/detour/policy"
)

// written is a network in files, as operators write them.
type written struct{ dir string }

func (w written) file(name string) string { return filepath.Join(w.dir, name) }

func (w written) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(w.file(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// draw writes a connected network with parallel links, bridges, risk groups and metrics that differ by direction, and some
// traffic.
func draw(t *testing.T, r *rand.Rand) written {
	t.Helper()
	w := written{t.TempDir()}
	n := 3 + r.IntN(5)
	var routers, links, traffic strings.Builder
	fmt.Fprintln(&routers, "routers:")
	fmt.Fprintln(&links, "links:")
	fmt.Fprintln(&traffic, "from,to,gbps")
	for i := range n {
		fmt.Fprintf(&routers, "  - {name: r%d, address: '127.0.0.1:%d'}\n", i, i+1)
		for j := range n {
			if i != j && (i+j == 1 || r.IntN(3) > 0) {
				fmt.Fprintf(&traffic, "r%d,r%d,%d.%d\n", i, j, r.IntN(4), 1+r.IntN(9))
			}
		}
	}
	for i := range n - 1 + r.IntN(2*n) {
		a, b := i+1, r.IntN(min(i+1, n))
		if i >= n-1 {
			a = r.IntN(n)
			b = (a + 1 + r.IntN(n-1)) % n
		}
		srlgs := ""
		if r.IntN(4) == 0 {
			srlgs = fmt.Sprintf(", srlgs: [g%d]", r.IntN(2))
		}
		fmt.Fprintf(&links, "  - {name: l%d, a: {device: r%d, interface: e%d, metric: %d}, b: {device: r%d, interface: e%d, metric: %d}, capacity_bps: %d%s}\n",
			i, a, i, 1+r.IntN(12), b, i, 1+r.IntN(12), []int64{5e9, 1e10, 4e10}[r.IntN(3)], srlgs)
	}
	w.write(t, "inventory.yaml", routers.String())
	w.write(t, "topology.yaml", links.String())
	w.write(t, "traffic.csv", traffic.String())
	w.write(t, "detour.yaml", "inventory: inventory.yaml\ntopology: topology.yaml\ntraffic: traffic.csv\npolicy: policy.yaml\nnats: {embedded: {dir: data, port: 4222}}\n")
	return w
}

// offline is what the verb says.
func (w written) offline(t *testing.T, link string) prediction {
	t.Helper()
	ask := whatifAsk{config: w.file("detour.yaml"), links: []string{link}}
	bench, err := ask.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return bench.predict(ask.links)
}

// serving is what the service decides of the same drain: on what telemetry shows, of a plan, by all of the policy.
func (w written) serving(t *testing.T, link string) events.Ruled {
	t.Helper()
	c, err := config.Load(w.file("detour.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	seen := network.State{At: now, Links: map[string]network.LinkState{}}
	facts := events.Facts{At: now, Network: events.NetworkFacts{Routers: len(c.Network.Routers), Seen: len(c.Network.Routers), Links: len(c.Network.Links)}}
	var target events.Target
	for _, l := range c.Network.Links {
		end := func(e network.End) network.EndState {
			of := network.EndState{At: now}
			for _, family := range network.Families() {
				of.Metrics = append(of.Metrics, network.Metric{Level: 2, Family: family, Value: e.Metric})
			}
			return of
		}
		seen.Links[l.Name] = network.LinkState{A: end(l.A), B: end(l.B)}
		if l.Name != link {
			continue
		}
		target = events.Target{Kind: events.TargetLink, Name: link}
		for _, e := range []network.End{l.A, l.B} {
			at := events.End{Device: e.Device, Interface: e.Interface}
			target.Ends = append(target.Ends, at)
			leaf := events.LeafRef{Leaf: events.ISISMetric, Interface: e.Interface, Level: 2, Family: events.IPv4}
			facts.Ends = append(facts.Ends, events.EndFacts{
				End: at, Leaves: []events.LeafFacts{{LeafRef: leaf, Config: events.UintValue(uint64(e.Metric)), State: events.UintValue(uint64(e.Metric))}},
				Profile: events.Profile{Name: "openconfig", SoftMetric: policy.LastMetric, HardMetric: policy.MaxMetric, Qualified: true},
			})
		}
	}
	f := forecast.New(c.Network)
	limits, of := whatif.DefaultLimits(), c.Policy.Prospects()
	limits.Permil, limits.Worse = int64(of.SurvivePermil), int64(of.WorseByPermil)
	f.Limit(limits)
	f.Use(c.Traffic)
	ahead := f.Link(link, seen)
	facts.Prospect = &ahead
	return c.Policy.Evaluate(policy.Question{
		Now: now, Rule: policy.Rule{Name: "r", Autonomy: policy.Auto}, Symptom: events.LinkErrors, Mode: events.Live, Facts: facts,
		Plan: stepwise(target, facts),
	})
}

// stepwise is the plan that goes by every push of the what-if.
func stepwise(target events.Target, facts events.Facts) events.Plan {
	plan := events.Plan{Remediator: "drain", Target: target, Checks: []string{events.CheckTrafficLeft}}
	at := map[string]events.Value{}
	for _, push := range facts.Prospect.Way {
		var step events.Step
		for _, end := range facts.Ends {
			leaf := end.Leaves[0]
			if _, seen := at[end.Device]; !seen {
				at[end.Device] = leaf.Config
			}
			metric, _ := push.Metric(target.Name, end.Device, leaf.Family)
			after := events.UintValue(uint64(metric))
			step.Changes = append(step.Changes, events.Change{Device: end.Device, Settings: []events.Setting{{LeafRef: leaf.LeafRef, Before: at[end.Device], After: after}}})
			at[end.Device] = after
		}
		plan.Steps = append(plan.Steps, step)
	}
	return plan
}

// about are policies whose limits lie where the drain just keeps them, and just not.
func about(p prediction) (policies []string) {
	key := func(name string, value, low, high int) {
		for _, v := range []int{value, value - 1} {
			policies = append(policies, fmt.Sprintf("%s: %d", name, min(max(v, low), high)))
		}
	}
	key("worst_permil", p.Drained.WorstPermil, 1, 1000)
	key("worse_by_permil: 0, survive_permil", p.Drained.SurvivePermil, 1, 2000)
	key("survive_permil: 1, worse_by_permil", p.Drained.SurvivePermil-p.InService.SurvivePermil, 0, 200)
	for _, edge := range []string{"refuse", "ask", "allow"} {
		key("edge: "+edge+", new_violations", p.Newly, 0, 1000)
	}
	return append(policies, "loops: refuse", "loops: allow", "missing: refuse")
}

// TestServedAlike: the verb and the service say the same of one drain, in the same words, on random networks and with limits
// just inside and just outside of what the drain does.
func TestServedAlike(t *testing.T) {
	count := map[assessment]int{}
	decided := map[string]int{}
	for seed := range uint64(16) {
		r := rand.New(rand.NewPCG(seed, 17))
		w := draw(t, r)
		link := fmt.Sprintf("l%d", r.IntN(2))
		w.write(t, "policy.yaml", "{}\n")
		for _, limits := range append(about(w.offline(t, link)), "") {
			w.write(t, "policy.yaml", "prospect: {"+limits+"}\n")
			said, ruled := w.offline(t, link), w.serving(t, link)
			count[said.Verdict]++
			safe := true
			for _, c := range said.Checks {
				i := slices.IndexFunc(ruled.Checks, func(o events.Check) bool { return o.Name == c.Name })
				if i < 0 {
					t.Fatalf("seed %d: the service knows no check %s", seed, c.Name)
				}
				was := ruled.Checks[i]
				if c.Name == policy.CheckLoopFree {
					_, was.Value, _ = strings.Cut(was.Value, ", ") // the plan's steps come first
				}
				if diff := cmp.Diff(was, c); diff != "" {
					t.Fatalf("seed %d, {%s}: %s of %s (-service +verb):\n%s", seed, limits, c.Name, link, diff)
				}
				if safe = safe && was.OK; !was.OK {
					decided[c.Name]++
				}
			}
			if safe != (said.Verdict == isSafe) {
				t.Fatalf("seed %d, {%s}: %s is %s, and to the service: %+v", seed, limits, link, said.Verdict, ruled.Checks)
			}
		}
	}
	t.Logf("%v, held by %v", count, decided)
	for _, name := range []string{policy.CheckConnected, policy.CheckCapacity, policy.CheckSurvives} {
		if decided[name] < 10 || count[isSafe] < 40 {
			t.Errorf("%v, held by %v: the test shows less than it should", count, decided)
		}
	}
}

// Without traffic, what is cut off is counted in pairs of routers, and nothing is called safe.
func TestPathsAlone(t *testing.T) {
	ask := whatifAsk{gml: abilene, links: []string{"seattle--sunnyvale", "seattle--denver"}}
	bench, err := ask.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	both, one := bench.predict(ask.links), bench.predict(ask.links[:1])
	if c := both.Checks[0]; both.Verdict != isUnsafe || c.Value != "20 pairs of routers newly cut off" || !strings.HasPrefix(c.Detail, "there is no path but what is drained for 20 pairs of routers: ") {
		t.Errorf("both: %s, %+v", both.Verdict, c)
	}
	if one.Verdict != unknown || !slices.Equal(one.Why, []string{noTraffic}) || len(one.Checks) != 2 || one.Drained != nil {
		t.Errorf("one: %+v", one)
	}
}
