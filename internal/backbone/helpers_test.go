package backbone

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/openconfig/ygot/ygot"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) {
	// glog, which ygot uses, starts a goroutine when it is loaded and never ends it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// handClock is a clock that a test puts forward by hand.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *handClock { return &handClock{now: time.Unix(1_800_000_000, 0)} }

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) Forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// abilene starts Abilene with a clock moved by hand.
func abilene(t testing.TB, alter ...func(*Config)) (*Network, *handClock) {
	t.Helper()
	clock := newClock()
	cfg := Config{Topology: Abilene(), Clock: clock.Now}
	for _, f := range alter {
		f(&cfg)
	}
	n, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n, clock
}

// with gives every router options that differ from the default ones.
func with(alter func(*Options)) func(*Config) {
	return func(c *Config) {
		c.Options = func(string) Options {
			o := DefaultOptions()
			alter(&o)
			return o
		}
	}
}

// dial connects a plain gNMI client to a router.
func dial(t testing.TB, n *Network, router string) gpb.GNMIClient {
	t.Helper()
	config, err := n.ClientTLS(router)
	if err != nil {
		t.Fatal(err)
	}
	// Without this a client waits for a second before it looks again for a router that has rebooted.
	again := grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 5 * time.Millisecond, MaxDelay: 50 * time.Millisecond, Multiplier: 1.5},
		MinConnectTimeout: 20 * time.Second,
	})
	conn, err := grpc.NewClient(n.Router(router).Address(), grpc.WithTransportCredentials(credentials.NewTLS(config)), again)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return gpb.NewGNMIClient(conn)
}

func short(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func path(t testing.TB, text string) *gpb.Path {
	t.Helper()
	p, err := ygot.StringToStructuredPath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ietf(text string) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(text)}}
}

// metricPath is the path of a metric of Abilene's routers, on side config or state.
func metricPath(port, afi, side string) string {
	return levelPath(port) + fmt.Sprintf("/afi-safi/af[afi-name=%s][safi-name=UNICAST]/%s/metric", afi, side)
}

func levelPath(port string) string {
	return "/network-instances/network-instance[name=DEFAULT]/protocols/protocol[identifier=ISIS][name=CORE]/isis/interfaces/" +
		"interface[interface-id=" + port + "]/levels/level[level-number=2]"
}

// setMetrics is the Set that a drain consists of: both address families of one port.
func setMetrics(t testing.TB, port string, metric int, extensions ...*gnmi_ext.Extension) *gpb.SetRequest {
	t.Helper()
	value := ietf(fmt.Sprint(metric))
	return &gpb.SetRequest{
		Prefix: &gpb.Path{Origin: "openconfig"},
		Update: []*gpb.Update{
			{Path: path(t, metricPath(port, "IPV4", "config")), Val: value},
			{Path: path(t, metricPath(port, "IPV6", "config")), Val: value},
		},
		Extension: extensions,
	}
}

func update(t testing.TB, where, value string, extensions ...*gnmi_ext.Extension) *gpb.SetRequest {
	t.Helper()
	return &gpb.SetRequest{Update: []*gpb.Update{{Path: path(t, where), Val: ietf(value)}}, Extension: extensions}
}

// get reads one leaf as JSON_IETF; the code tells how that went.
func get(t testing.TB, c gpb.GNMIClient, where string) (string, codes.Code) {
	t.Helper()
	resp, err := c.Get(short(t), &gpb.GetRequest{Path: []*gpb.Path{path(t, where)}, Encoding: gpb.Encoding_JSON_IETF})
	if err != nil {
		return "", status.Code(err)
	}
	if len(resp.GetNotification()) != 1 || len(resp.GetNotification()[0].GetUpdate()) == 0 {
		return "", codes.OK
	}
	return string(resp.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal()), codes.OK
}

// want checks one leaf.
func want(t testing.TB, c gpb.GNMIClient, where, value string) {
	t.Helper()
	if got, code := get(t, c, where); got != value || code != codes.OK {
		t.Errorf("%s: got %s (%v), want %s", where, got, code, value)
	}
}

// set does a Set and checks its code.
func set(t testing.TB, c gpb.GNMIClient, req *gpb.SetRequest, code codes.Code) *gpb.SetResponse {
	t.Helper()
	resp, err := c.Set(short(t), req)
	if status.Code(err) != code {
		t.Fatalf("Set answered %v, want %v", err, code)
	}
	return resp
}

// eventually waits until something holds, looking whenever the network changes.
func eventually(t testing.TB, n *Network, what string, holds func() bool) {
	t.Helper()
	ctx := short(t)
	for {
		changed := n.Changed()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("did not come true: %s", what)
		}
	}
}
