//go:build linux

package live

import (
	"context"
	"os/exec"
	"sync"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/test/lab/frr"
	"github.com/detour-net/detour/test/lab/testbed"
)

func TestWithoutRoot(t *testing.T) {
	alone(t)
	asNobody(t, "run it as root", "up", "--name", odd())
	asNobody(t, "run it as root", "up", "--name", odd(), "--install")
	nothingLeft(t)
}

// TestWithoutFRR hides FRR from one process.
func TestWithoutFRR(t *testing.T) {
	alone(t)
	refused(t, "/usr/lib/frr/zebra, /usr/lib/frr/isisd. On Debian: apt-get install",
		exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs none /usr/lib/frr && exec "$0" up --name "$1"`, binary(t, "lab"), odd()))
	nothingLeft(t)
}

// target is one router's agent, and the router.
type target struct {
	s      *stage
	client gpb.GNMIClient
	port   string
	was    uint32
}

func (x *target) set(at *gpb.Path, value *gpb.TypedValue) codes.Code {
	_, err := x.client.Set(x.s.within(), &gpb.SetRequest{Update: []*gpb.Update{{Path: at, Val: value}}})
	return status.Code(err)
}

// expect wants a code for a Set.
func (x *target) expect(what string, want codes.Code, at *gpb.Path, value *gpb.TypedValue) {
	x.s.t.Helper()
	if got := x.set(at, value); got != want {
		x.s.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func number(n uint64) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: n}}
}

// TestAgentRefuses asks a real router's agent for what it cannot do: each has its code, and nothing is done by halves.
func TestAgentRefuses(t *testing.T) {
	needLab(t)
	s := &stage{t: t, dir: t.TempDir(), bed: ground.take(t), moved: make(chan struct{})}
	l := choose(t, s.bed.Topology)
	r, err := s.bed.Router(l.A.Device)
	s.must(err)
	conn, err := s.bed.Dial(r)
	s.must(err)
	defer conn.Close()
	x := &target{s: s, client: gpb.NewGNMIClient(conn), port: l.A.Interface, was: s.metric(l.Name)}
	unknown := metricPath(x.port)
	unknown.Elem[len(unknown.Elem)-1] = &gpb.PathElem{Name: "colour"}
	text := &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: "many"}}
	x.expect("an unknown path", codes.InvalidArgument, unknown, number(5))
	x.expect("the wrong type", codes.InvalidArgument, metricPath(x.port), text)
	x.expect("a metric that is too wide", codes.InvalidArgument, metricPath(x.port), number(1<<24))
	x.expect("an interface that is not there", codes.NotFound, metricPath("eth99"), number(5))
	ip(t, "-n", r.Namespace, "link", "add", "name", "bare0", "type", "veth", "peer", "name", "bare1")
	t.Cleanup(func() { ip(t, "-n", r.Namespace, "link", "del", "name", "bare0") })
	x.expect("an interface without IS-IS", codes.FailedPrecondition, metricPath("bare0"), number(5))
	x.atOnce()
	x.blind(r.Name)
	config, err := frr.ISISD{Dir: r.Dir}.Running(s.within())
	s.must(err)
	if got := config.Interfaces[x.port].Metric; got != x.was {
		t.Errorf("the metric is %d, and was %d", got, x.was)
	}
	soon, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.must(s.bed.AwaitConverged(soon))
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Errorf("ip %v: %v\n%s", args, err, out)
	}
}

// atOnce does many Sets at once: each is done whole or refused, and at least one is done.
func (x *target) atOnce() {
	x.s.t.Helper()
	codesSeen := make([]codes.Code, 20)
	var asking sync.WaitGroup
	for i := range codesSeen {
		asking.Go(func() { codesSeen[i] = x.set(metricPath(x.port), number(uint64(1000+i))) })
	}
	asking.Wait()
	count := map[codes.Code]int{}
	for _, code := range codesSeen {
		count[code]++
	}
	if count[codes.OK] == 0 || count[codes.OK]+count[codes.Aborted] != len(codesSeen) {
		x.s.t.Errorf("Sets at once: %v, want OK and Aborted alone", count)
	}
	x.expect("one by itself", codes.OK, metricPath(x.port), number(uint64(x.was)))
}

// blind ends isisd: nothing is shown and nothing set until it is back.
func (x *target) blind(router string) {
	x.s.t.Helper()
	x.s.must(x.s.bed.Kill(router, testbed.ISISD))
	x.expect("isisd down", codes.Unavailable, metricPath(x.port), number(5))
	if _, err := x.client.Get(x.s.within(), &gpb.GetRequest{Path: []*gpb.Path{metricPath(x.port)}}); status.Code(err) != codes.Unavailable {
		x.s.t.Errorf("isisd down, Get: %v, want Unavailable", err)
	}
	x.s.must(x.s.bed.Start(x.s.within(), router, testbed.ISISD))
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for x.set(metricPath(x.port), number(uint64(x.was))) != codes.OK {
		select {
		case <-tick.C:
		case <-deadline:
			x.s.t.Fatal("isisd is back, and the agent refuses")
		}
	}
}
