//go:build linux

package live

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/test/lab/frr"
	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/plan"
	"github.com/detour-net/detour/test/lab/testbed"
)

var flagFigures = flag.Int("figures", 0, "runs of TestFigures; 0: it is left out")

// TestFigures measures, with nothing else wrong, what the README says of the lab.
//
//	DETOUR_LAB=1 go test ./test/lab/live -run TestFigures -figures 5 -v -timeout 30m
func TestFigures(t *testing.T) {
	if *flagFigures == 0 {
		t.Skip("figures are not asked for: -figures 5")
	}
	needLab(t)
	t.Run("taken out of use", measureActs)
	t.Run("loops", measureLoops)
	t.Run("noticed and drained", measureDetour)
	t.Run("Set", measureSet)
	t.Run("cost", measureCost)
}

// spread is a figure of several runs.
type spread[T cmp.Ordered] []T

func (s spread[T]) String() string {
	if len(s) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(s))
	return fmt.Sprintf("median %v, from %v to %v, of %d", sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1], len(sorted))
}

// commit sets a metric at both ends of a link at once, without Detour.
func (s *stage) commit(link string, metric uint32) {
	s.t.Helper()
	l := s.link(link)
	var errs [2]error
	var both sync.WaitGroup
	for i, end := range []network.End{l.A, l.B} {
		both.Go(func() { errs[i] = s.commitEnd(end, metric) })
	}
	both.Wait()
	s.must(errs[0])
	s.must(errs[1])
}

func (s *stage) commitEnd(end network.End, metric uint32) error {
	r, err := s.bed.Router(end.Device)
	if err != nil {
		return err
	}
	return frr.ISISD{Dir: r.Dir}.Commit(s.within(), frr.Change{Metrics: map[string]uint32{end.Interface: metric}})
}

// measureSet does Sets of a metric by the agent, there and back.
func measureSet(t *testing.T) {
	s := &stage{t: t, dir: t.TempDir(), bed: ground.take(t), moved: make(chan struct{})}
	l := choose(t, s.bed.Topology)
	r, err := s.bed.Router(l.A.Device)
	s.must(err)
	conn, err := s.bed.Dial(r)
	s.must(err)
	defer conn.Close()
	client := gpb.NewGNMIClient(conn)
	metric := metricPath(l.A.Interface)
	set := func(value uint32) {
		_, err := client.Set(s.within(), &gpb.SetRequest{Update: []*gpb.Update{{
			Path: metric, Val: &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: uint64(value)}},
		}}})
		s.must(err)
	}
	set(s.metric(l.Name))
	var took spread[time.Duration]
	for range *flagFigures * 10 {
		for _, value := range []uint32{s.metric(l.Name) + 1, s.metric(l.Name)} {
			began := time.Now()
			set(value)
			took = append(took, time.Since(began).Round(10*time.Microsecond))
		}
	}
	t.Logf("Set of one metric by the agent, committed by isisd: %s", took)
}

func metricPath(port string) *gpb.Path {
	elem := func(name string, keys ...string) *gpb.PathElem {
		e := &gpb.PathElem{Name: name, Key: map[string]string{}}
		for i := 0; i+1 < len(keys); i += 2 {
			e.Key[keys[i]] = keys[i+1]
		}
		return e
	}
	return &gpb.Path{Elem: []*gpb.PathElem{
		elem("network-instances"), elem("network-instance", "name", "DEFAULT"), elem("protocols"),
		elem("protocol", "identifier", "ISIS", "name", frr.Instance), elem("isis"), elem("interfaces"), elem("interface", "interface-id", port),
		elem("levels"), elem("level", "level-number", "2"), elem("afi-safi"), elem("af", "afi-name", "IPV4", "safi-name", "UNICAST"),
		elem("config"), elem("metric"),
	}}
}

// measureCost brings Abilene up again and again.
func measureCost(t *testing.T) {
	alone(t)
	var took spread[time.Duration]
	daemons, agents := spread[uint64]{}, spread[uint64]{}
	for range *flagFigures {
		began := time.Now()
		bed := raiseAbilene(t, plan.Tuned)
		took = append(took, time.Since(began).Round(10*time.Millisecond))
		for i := range bed.Routers {
			r := &bed.Routers[i]
			pids, err := netns.Processes(r.Namespace)
			if err != nil {
				t.Fatal(err)
			}
			var sum uint64
			for _, pid := range pids {
				sum += memory(t, pid)
			}
			daemons = append(daemons, sum>>10)
		}
		left, err := testbed.Find(odd())
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range left.Agents {
			agents = append(agents, memory(t, pid)>>10)
		}
		if _, err := testbed.Down(odd()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("Abilene from nothing to converged: %s", took)
	t.Logf("MiB of a router's zebra and isisd: %s; of its agent: %s", daemons, agents)
}

// memory is a process's share of what it has in memory, in kibibytes: pages that several have count in parts.
func memory(t *testing.T, pid int) uint64 {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
			n, err := strconv.ParseUint(strings.Fields(text)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("process %d says nothing of its memory", pid)
	return 0
}
