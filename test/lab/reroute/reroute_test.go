package reroute

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// links makes a topology of links such as "a b 10".
func links(texts ...string) *network.Topology {
	t := &network.Topology{}
	known := map[string]bool{}
	for _, text := range texts {
		var l network.Link
		if _, err := fmt.Sscan(text, &l.A.Device, &l.B.Device, &l.A.Metric); err != nil {
			panic(err)
		}
		l.Name, l.B.Metric = l.A.Device+"-"+l.B.Device, l.A.Metric
		for _, name := range []string{l.A.Device, l.B.Device} {
			if !known[name] {
				known[name] = true
				t.Routers = append(t.Routers, network.Router{Name: name})
			}
		}
		t.Links = append(t.Links, l)
	}
	return t
}

func TestDirect(t *testing.T) {
	for name, tt := range map[string]struct {
		of   *network.Topology
		want []string
	}{
		"a triangle":              {links("a b 10", "b c 10", "c a 10"), []string{"a-b", "b-c", "c-a"}},
		"a bridge":                {links("a b 10", "b c 10", "c a 10", "c d 10"), []string{"a-b", "b-c", "c-a"}},
		"a way that is as short":  {links("a b 20", "b c 10", "c a 10"), []string{"b-c", "c-a"}},
		"a way that is shorter":   {links("a b 30", "b c 10", "c a 10"), []string{"b-c", "c-a"}},
		"no other way":            {links("a b 10"), nil},
		"metrics that are not it": {links("a b 19", "b c 10", "c a 10"), []string{"a-b", "b-c", "c-a"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Of(tt.of).Direct()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLoops holds what loops against the plan of Detour's own what-if: a link loops here if and only if its drain takes more
// than one push there.
func TestLoops(t *testing.T) {
	for name, of := range map[string]*network.Topology{
		"a square": links("a b 10", "b c 10", "c d 10", "d a 10"), // b, told first, sends what is for a to c, who sends it back
		"a circle": links("a b 10", "b c 10", "c d 10", "d e 10", "e f 10", "f a 10"),
		"chords":   links("a b 10", "b c 10", "c d 10", "d e 10", "e f 10", "f a 10", "a d 7", "b e 13"),
		"Abilene":  backbone.Abilene(),
	} {
		t.Run(name, func(t *testing.T) {
			loops := map[string]bool{}
			for _, l := range Of(of).Loops() {
				loops[l.Link] = true
			}
			state := solve(t, of)
			for _, l := range of.Links {
				plan, err := state.Steps([]string{l.Name}, whatif.LastResort, whatif.DefaultSteps)
				if err != nil {
					t.Fatal(err)
				}
				// A loop may have neither end of the link in it; then it is not found here.
				if loops[l.Name] && len(plan.Pushes) < 2 {
					t.Errorf("%s loops, and what-if takes %d pushes", l.Name, len(plan.Pushes))
				}
				if !loops[l.Name] && len(plan.Pushes) > 1 {
					t.Errorf("%s does not loop, and what-if takes %d pushes", l.Name, len(plan.Pushes))
				}
			}
		})
	}
}

func solve(t *testing.T, of *network.Topology) *whatif.State {
	t.Helper()
	var spec whatif.Spec
	at := map[string]int{}
	for i, r := range of.Routers {
		at[r.Name] = i
		spec.Nodes = append(spec.Nodes, whatif.Node{Name: r.Name})
	}
	for _, l := range of.Links {
		spec.Links = append(spec.Links, whatif.Link{
			Name: l.Name, A: at[l.A.Device], B: at[l.B.Device], MetricAB: l.A.Metric, MetricBA: l.B.Metric, CapacityAB: 1, CapacityBA: 1,
		})
	}
	net, err := whatif.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return net.Solve()
}

func TestLoopsOfASquare(t *testing.T) {
	got := Of(links("a b 10", "b c 10", "c d 10", "d a 10")).Loops()[:2]
	want := []Loop{{"a-b", "b", "a"}, {"a-b", "a", "b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAvoidsAndAround(t *testing.T) {
	g := Of(links("a b 10", "b c 10", "c a 10", "c d 10"))
	if !g.Avoids("a", "b", "c") || g.Avoids("a", "b", "c", "a-b") || g.Avoids("a", "d", "c") {
		t.Error("Avoids is wrong")
	}
	if !g.Around("a") || !g.Around("b") || g.Around("c") || g.Around("a", "b-c") || !g.Around("d") {
		t.Error("Around is wrong")
	}
	if !g.Whole() || !g.Whole("a-b") || g.Whole("c-d") || g.Whole("a-b", "b-c") {
		t.Error("Whole is wrong")
	}
}
