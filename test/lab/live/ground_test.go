//go:build linux

package live

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/test/lab/plan"
	"github.com/detour-net/detour/test/lab/reroute"
	"github.com/detour-net/detour/test/lab/testbed"
	"github.com/detour-net/detour/test/lab/traffic"
)

// What the tests are run on, and where and when they break it. One that failed is run again by what it has printed.
var (
	flagGML  = flag.String("gml", "", "network of the tests, as GML of the Internet Topology Zoo")
	flagYAML = flag.String("topology", "", "network of the tests, as a topology file; six routers in a ring with chords if neither is given")
	flagLink = flag.String("link", "", "link that the tests break; one that fits, chosen by the seed, if none")
	flagSeed = flag.Uint64("seed", 2, "of what is chosen at random: the link, and the moments at which something is killed")
	flagLab  = flag.String("lab", "live", "name of the lab; two runs beside each other need two")
)

// chance is what a test chooses by.
func chance() *rand.Rand { return rand.New(rand.NewPCG(*flagSeed, 0)) }

// lot is the lab that tests use one after the other. Each leaves it as it was, or it is made anew.
type lot struct {
	suffix string // of the lab's name
	bfd    bool

	bed  *testbed.Bed
	mine net.Listener // while this process may have a lab
}

var ground lot

func (g *lot) name() string { return *flagLab + g.suffix }

// settles is how long routers may take to be converged again after a test.
const settles = 12 * time.Second

// converges is how long a new lab may take, also where a router has to be helped. On a machine with nothing else to do it takes
// a twentieth of that, and on one with very much else most of it.
const converges = 150 * time.Second

// claim keeps other runs of these tests away until this process ends.
func (g *lot) claim(ctx context.Context) error {
	if g.mine != nil {
		return nil
	}
	for {
		var err error
		if g.mine, err = net.Listen("unix", "@detour-lab-"+g.name()); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another run of these tests has the lab: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// raise makes the lab.
func (g *lot) raise(t *testing.T, ctx context.Context) error {
	t.Helper()
	if err := g.claim(ctx); err != nil {
		return err
	}
	if _, err := testbed.Down(g.name()); err != nil {
		return err
	}
	topology, err := chosen()
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, converges)
	defer cancel()
	bed, err := testbed.Up(within, testbed.Config{Name: g.name(), Topology: topology, Timers: plan.Tuned, BFD: g.bfd, Binary: binary(t, "lab"), Say: func(text string) { t.Log(text) }})
	if err != nil {
		return err
	}
	if err := traffic.Meet(bed.Lab); err != nil {
		return err
	}
	g.bed = bed
	return nil
}

// take returns the lab for one test. Agents know no master, since a ledger of a test begins anew.
func (g *lot) take(t *testing.T) *testbed.Bed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience+converges)
	defer cancel()
	if g.bed != nil {
		if err := g.renew(ctx); err != nil {
			t.Logf("the lab is made anew: %v", err)
			if err := g.clear(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if g.bed == nil {
		if err := g.raise(t, ctx); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			if err := g.clear(); err != nil {
				t.Error(err)
			}
		}
	})
	return g.bed
}

// renew starts agents that have forgotten everything.
func (g *lot) renew(ctx context.Context) error {
	for i := range g.bed.Routers {
		r := &g.bed.Routers[i]
		if err := g.bed.Kill(r.Name, testbed.Agent); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(testbed.AgentDir(r), "journal.json")); err != nil {
			return err
		}
		if err := g.bed.Start(ctx, r.Name, testbed.Agent); err != nil {
			return err
		}
	}
	soon, cancel := context.WithTimeout(ctx, settles)
	defer cancel()
	return g.bed.AwaitConverged(soon)
}

// clear takes the lab away, and makes sure that nothing of it is left.
func (g *lot) clear() error {
	if g.bed == nil {
		return nil
	}
	g.bed = nil
	if _, err := testbed.Down(g.name()); err != nil {
		return err
	}
	left, err := testbed.Find(g.name())
	if err == nil && !left.Empty() {
		err = fmt.Errorf("the lab left %s behind", left)
	}
	return err
}

// chosen is the network of the tests.
func chosen() (*network.Topology, error) {
	switch {
	case *flagGML != "":
		topology, _, err := network.LoadGML(*flagGML)
		return topology, err
	case *flagYAML != "":
		return plan.Load(*flagYAML)
	}
	return ring(), nil
}

// choose is the link that tests break: one that packets between its ends go by, and that the network can do without.
func choose(t *testing.T, topology *network.Topology) network.Link {
	t.Helper()
	name := *flagLink
	if name == "" {
		fit := reroute.Of(topology).Direct()
		if len(fit) == 0 {
			t.Fatal("no link of this network can be taken out of use")
		}
		name = fit[chance().IntN(len(fit))]
	}
	for _, l := range topology.Links {
		if l.Name == name {
			t.Logf("on link %s; again with -link %s -seed %d", name, name, *flagSeed)
			return l
		}
	}
	t.Fatalf("no link %q", name)
	return network.Link{}
}

// ring is six routers in a circle, every second of them joined to the next of those. No reroute around a link of the inner
// triangle can loop: whoever takes over reaches the far end directly.
func ring() *network.Topology {
	t := &network.Topology{}
	ports := map[string]int{}
	end := func(router int) network.End {
		name := fmt.Sprintf("r%d", router)
		ports[name]++
		return network.End{Device: name, Interface: fmt.Sprintf("eth%d", ports[name]), Metric: 10}
	}
	for i := 1; i <= 6; i++ {
		t.Routers = append(t.Routers, network.Router{Name: fmt.Sprintf("r%d", i), Site: fmt.Sprintf("site-%d", i)})
	}
	for _, l := range [][2]int{{1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 1}, {1, 3}, {3, 5}, {5, 1}} {
		t.Links = append(t.Links, network.Link{
			Name: fmt.Sprintf("r%d-r%d", l[0], l[1]), A: end(l[0]), B: end(l[1]), Capacity: 1_000_000_000,
		})
	}
	return t
}
