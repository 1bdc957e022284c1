package detector

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// scene is a judge that follows the two routers of a simulated link, over TLS.
type scene struct {
	t     *testing.T
	net   *backbone.Network
	judge *Judge

	mu   sync.Mutex
	lost int // subscriptions that ended
}

func follow2(t *testing.T, limits Thresholds) *scene {
	t.Helper()
	s := &scene{t: t}
	end := func(device string) network.End {
		return network.End{Device: device, Interface: "ethernet-1/1", Metric: 10}
	}
	topology := &network.Topology{
		Routers: []network.Router{{Name: "a", Profile: "openconfig"}, {Name: "b", Profile: "openconfig"}},
		Links:   []network.Link{{Name: "a-b", A: end("a"), B: end("b"), Capacity: 1_000_000_000}},
	}
	var err error
	if s.net, err = backbone.Start(backbone.Config{Topology: topology}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.net.Close)
	s.judge = NewJudge(limits, []Port{{"a", "ethernet-1/1"}, {"b", "ethernet-1/1"}})
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		config, err := s.net.ClientTLS(name)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := grpc.NewClient(s.net.Router(name).Address(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
		if err != nil {
			t.Fatal(err)
		}
		following.Go(func() {
			defer conn.Close()
			Follow(ctx, name, conn, s.judge, func(error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.lost++
			})
		})
	}
	t.Cleanup(func() { stop(); following.Wait() })
	return s
}

// until waits until done says so.
func (s *scene) until(what string, done func() bool) {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// expect waits until the judge says something.
func (s *scene) expect(want string) {
	s.t.Helper()
	s.until(want, func() bool {
		said := false
		for _, a := range s.judge.Due(time.Now()) {
			s.judge.Told(time.Now(), a)
			said = said || a.Resource.String()+" "+string(a.Kind)+" "+string(a.State) == want
		}
		return said
	})
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	s := follow2(t, Quick())
	s.must(s.net.SetLoss("a-b", 0.05))
	s.expect("a/ethernet-1/1 link-errors firing")
	s.must(s.net.Heal("a-b"))
	s.expect("a/ethernet-1/1 link-errors resolved")
}

// TestFollowAgain wants a router followed once more after it has hung up.
func TestFollowAgain(t *testing.T) {
	s := follow2(t, Quick())
	s.must(s.net.SetLoss("a-b", 0.05))
	s.expect("b/ethernet-1/1 link-errors firing")
	s.net.Router("b").CutConnections()
	s.until("its end to be noticed", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.lost > 0
	})
	s.must(s.net.Heal("a-b"))
	s.expect("b/ethernet-1/1 link-errors resolved")
}

// TestFollowChanges wants oper status as it changes.
func TestFollowChanges(t *testing.T) {
	limits := Quick()
	limits.Flaps = 2
	s := follow2(t, limits)
	end := Port{"a", "ethernet-1/1"}
	for _, up := range []bool{true, false, true} {
		s.must(s.net.Break("a-b", backbone.LinkFault{Down: !up}))
		s.until("it to be noticed", func() bool {
			s.judge.mu.Lock()
			defer s.judge.mu.Unlock()
			return s.judge.ports[end].known && s.judge.ports[end].up == up
		})
	}
	s.expect("a/ethernet-1/1 link-flap firing")
}

// TestTake reads notifications as targets may send them: with a prefix, in parts, and of what was not asked for.
func TestTake(t *testing.T) {
	path := func(elems ...*gpb.PathElem) *gpb.Path { return &gpb.Path{Elem: elems} }
	elem := func(name string) *gpb.PathElem { return &gpb.PathElem{Name: name} }
	port := path(elem("interfaces"), &gpb.PathElem{Name: "interface", Key: map[string]string{"name": "eth1"}}, elem("state"))
	count := func(name string, n uint64) *gpb.Update {
		return &gpb.Update{Path: path(elem("counters"), elem(name)), Val: &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: n}}}
	}
	judge := NewJudge(Quick(), []Port{here})
	send := func(ms int, prefix *gpb.Path, updates ...*gpb.Update) {
		take("r1", &gpb.Notification{Timestamp: at(ms).UnixNano(), Prefix: prefix, Update: updates}, judge)
	}
	send(0, port, count("in-pkts", 0), count("in-errors", 0), count("out-pkts", 7))
	send(250, port, count("in-pkts", 100)) // half of it says nothing
	send(500, port, count("in-errors", 50), count("in-pkts", 100))
	send(500, path(elem("network-instances")), &gpb.Update{
		Path: path(elem("overload-bit"), elem("state"), elem("set-bit")), Val: &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: true}},
	})
	send(500, nil, &gpb.Update{})
	take("r1", nil, judge) // a sync response has none
	var got []events.AnomalyKind
	for _, a := range judge.Due(at(600)) {
		got = append(got, a.Kind)
	}
	if diff := cmp.Diff([]events.AnomalyKind{events.DeviceUnhealthy, events.LinkErrors}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if all, bad := judge.ports[here].frames.recent(); all != 100 || bad != 50 {
		t.Errorf("%d of %d frames in error", bad, all)
	}
}
