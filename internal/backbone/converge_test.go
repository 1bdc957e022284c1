package backbone

import (
	"fmt"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

const converge = 100 * time.Millisecond

func slowly(c *Config) { c.Convergence = converge }

// ends are clients of the two routers of a link, and their ports.
type ends struct {
	link network.Link
	a, b gpb.GNMIClient
}

func endsOf(t *testing.T, n *Network, link string) ends {
	t.Helper()
	for _, l := range n.Topology().Links {
		if l.Name == link {
			return ends{l, dial(t, n, l.A.Device), dial(t, n, l.B.Device)}
		}
	}
	t.Fatalf("no link %s", link)
	return ends{}
}

// push sets the metrics of both ends, the second a moment after the first, and waits until all routers have converged.
func (e *ends) push(t *testing.T, clock *handClock, ab, ba uint32) {
	t.Helper()
	set(t, e.a, setMetrics(t, e.link.A.Interface, int(ab)), codes.OK)
	clock.Forward(2 * time.Millisecond)
	set(t, e.b, setMetrics(t, e.link.B.Interface, int(ba)), codes.OK)
	clock.Forward(time.Second)
}

// planned are the pushes that drain a link of Abilene without loops.
func planned(t *testing.T, link string) whatif.Steps {
	t.Helper()
	topology := Abilene()
	var spec whatif.Spec
	at := map[string]int{}
	for i, r := range topology.Routers {
		at[r.Name] = i
		spec.Nodes = append(spec.Nodes, whatif.Node{Name: r.Name})
	}
	for _, l := range topology.Links {
		spec.Links = append(spec.Links, whatif.Link{
			Name: l.Name, A: at[l.A.Device], B: at[l.B.Device], MetricAB: l.A.Metric, MetricBA: l.B.Metric,
			CapacityAB: l.Capacity, CapacityBA: l.Capacity,
		})
	}
	n, err := whatif.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := n.Solve().Steps([]string{link}, whatif.LastResort, 20)
	if err != nil || steps.Loops {
		t.Fatalf("no plan without loops: %+v, %v", steps, err)
	}
	return steps
}

func TestDrainInOneStepAndInMany(t *testing.T) {
	for _, l := range Abilene().Links {
		t.Run(l.Name, func(t *testing.T) {
			steps := planned(t, l.Name)
			one, oneClock := abilene(t, slowly)
			many, manyClock := abilene(t, slowly)
			quick, quickClock := abilene(t)

			e, m, q := endsOf(t, one, l.Name), endsOf(t, many, l.Name), endsOf(t, quick, l.Name)
			e.push(t, oneClock, whatif.LastResort, whatif.LastResort)
			q.push(t, quickClock, whatif.LastResort, whatif.LastResort)
			for _, push := range steps.Pushes {
				m.push(t, manyClock, push[0].AB, push[0].BA)
			}
			if got, want := loads(many), loads(quick); got != want || loads(one) != want {
				t.Errorf("loads after the drain:\nin one step %s\nin many      %s\nat once      %s", loads(one), got, want)
			}
			drained := one.Totals().Looped
			e.push(t, oneClock, l.A.Metric, l.B.Metric)
			for _, push := range steps.Reverse() {
				m.push(t, manyClock, push[0].AB, push[0].BA)
			}
			if totals := many.Totals(); totals.Looped != 0 || totals.Sent != totals.Delivered {
				t.Errorf("in %d steps: %+v", len(steps.Pushes), totals)
			}
			if got := quick.Totals().Looped; got != 0 {
				t.Errorf("%d packets looped though all learn at once", got)
			}
			totals := one.Totals()
			if totals.Looped > 0 && len(steps.Pushes) == 1 {
				t.Errorf("one step is said to be free of loops: %+v", totals)
			}
			if totals.Sent != totals.Delivered+totals.Looped || totals.Saved() != -totals.Looped || one.Looping() != 0 {
				t.Errorf("%+v, saved %d, %d bit/s still loop", totals, totals.Saved(), one.Looping())
			}
			t.Logf("%d steps; in one, %d packets looped by the drain and %d by the undrain", len(steps.Pushes), drained, totals.Looped-drained)
			if l.Name == "den-kcy" && drained < 10_000 {
				t.Errorf("%d packets looped, want tens of thousands", drained)
			}
		})
	}
}

// loads are those of all links.
func loads(n *Network) string {
	var all strings.Builder
	for _, l := range n.Topology().Links {
		a, b := n.Load(l.Name)
		fmt.Fprintf(&all, " %s %d/%d", l.Name, a, b)
	}
	return all.String()
}

// Looked at while it lasts, a loop begins after the commit and ends within the time that convergence takes.
func TestLoopsComeAndGo(t *testing.T) {
	n, clock := abilene(t, slowly)
	e := endsOf(t, n, "den-kcy")
	set(t, e.a, setMetrics(t, e.link.A.Interface, whatif.LastResort), codes.OK)
	if rate := n.Looping(); rate != 0 {
		t.Errorf("%d bit/s loop before any router has gone over", rate)
	}
	looped, most := int64(0), int64(0)
	for range 100 {
		clock.Forward(converge / 100)
		rate, totals := n.Looping(), n.Totals()
		if totals.Looped < looped || rate < 0 {
			t.Fatalf("%d packets looped, %d before; %d bit/s loop", totals.Looped, looped, rate)
		}
		looped, most = totals.Looped, max(most, rate)
	}
	if looped == 0 || most == 0 || n.Looping() != 0 {
		t.Errorf("%d packets looped, at most %d bit/s, %d bit/s still do", looped, most, n.Looping())
	}
}

func TestNegativeConvergence(t *testing.T) {
	n, err := Start(Config{Topology: Abilene(), Convergence: -time.Second})
	if err == nil || !strings.Contains(err.Error(), "-1s") {
		t.Errorf("got %v", err)
	}
	if err == nil {
		n.Close()
	}
}
