package device

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

func TestMain(m *testing.M) {
	// ygot logs with glog, which flushes for ever once it is linked.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// lab is a triangle of simulated routers, a, b and c, with a fleet connected to them over TLS.
type lab struct {
	*Fleet
	t     *testing.T
	net   *backbone.Network
	stop  context.CancelFunc // ends Run
	fence uint64
}

// labSetup is what a test wants different.
type labSetup struct {
	config    func(*backbone.Config)
	router    func(*backbone.Options) // of every router
	inventory func([]network.Router)
	options   func(*Options)
	idle      bool // do not follow telemetry
}

func triangle() *network.Topology {
	end := func(device, iface string, metric uint32) network.End {
		return network.End{Device: device, Interface: iface, Metric: metric}
	}
	router := func(name string) network.Router {
		return network.Router{Name: name, Profile: "openconfig", Site: name, Canary: backbone.Loopback, CanaryMetric: backbone.Loopback}
	}
	return &network.Topology{
		Routers: []network.Router{router("a"), router("b"), router("c")},
		Links: []network.Link{
			{Name: "a-b", A: end("a", "ethernet-1/1", 10), B: end("b", "ethernet-1/1", 10), Capacity: 10_000_000_000},
			{Name: "b-c", A: end("b", "ethernet-1/2", 20), B: end("c", "ethernet-1/1", 20), Capacity: 10_000_000_000},
			{Name: "a-c", A: end("a", "ethernet-1/2", 30), B: end("c", "ethernet-1/2", 30), Capacity: 10_000_000_000},
		},
	}
}

func startLab(t *testing.T, setup labSetup) *lab {
	t.Helper()
	config := backbone.Config{Topology: triangle()}
	if setup.config != nil {
		setup.config(&config)
	}
	if setup.router != nil {
		config.Options = func(string) backbone.Options {
			o := backbone.DefaultOptions()
			setup.router(&o)
			return o
		}
	}
	net, err := backbone.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(net.Close)
	routers, err := net.Inventory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if setup.inventory != nil {
		setup.inventory(routers)
	}
	opts := Options{
		Logger: zaptest.NewLogger(t), TelemetryInterval: 20 * time.Millisecond, StaleAfter: 5 * time.Second,
		ReadBackFor: 100 * time.Millisecond, ReconnectWithin: 50 * time.Millisecond, CanaryRollback: 2 * time.Second,
	}
	if setup.options != nil {
		setup.options(&opts)
	}
	fleet, err := NewFleet(&network.Topology{Routers: routers, Links: config.Topology.Links}, opts)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{Fleet: fleet, t: t, net: net, fence: 100}
	l.run(setup.idle)
	return l
}

// run follows telemetry until the test ends or stop is called.
func (l *lab) run(idle bool) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	if idle {
		done <- nil
	} else {
		go func() { done <- l.Run(ctx) }()
	}
	l.stop = cancel
	l.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Errorf("Run: %v", err)
		}
		l.Close()
	})
}

// target is a link as an incident is about it.
func (l *lab) target(link string) events.Target {
	l.t.Helper()
	i := slices.IndexFunc(l.topology.Links, func(k network.Link) bool { return k.Name == link })
	if i < 0 {
		l.t.Fatalf("no link %s", link)
	}
	k := l.topology.Links[i]
	return events.Target{
		Kind: events.TargetLink, Name: k.Name, Capacity: k.Capacity,
		Ends: []events.End{{Device: k.A.Device, Interface: k.A.Interface}, {Device: k.B.Device, Interface: k.B.Interface}},
	}
}

// drain is the order to drain router a's end of link a-b, from facts that were just observed.
func (l *lab) drain(ctx context.Context) events.Order {
	l.t.Helper()
	facts := l.Observe(ctx, l.target("a-b"))
	end := facts.Ends[0]
	if end.Unreadable != "" || len(end.Leaves) == 0 {
		l.t.Fatalf("pre-image: %+v", end)
	}
	change := events.Change{Device: end.Device}
	for _, leaf := range end.Leaves {
		change.Settings = append(change.Settings, events.Setting{
			LeafRef: leaf.LeafRef, Before: leaf.Config, After: events.UintValue(uint64(end.Profile.SoftMetric)),
		})
	}
	l.fence++
	return events.Order{
		Incident: "a-b-1", Mode: events.Live, Act: events.Act{Fence: l.fence}, Change: change,
		Deadline: time.Now().Add(patience), ReadAt: time.Now(),
	}
}

// undoing is the order to take another back.
func (l *lab) undoing(order events.Order) events.Order {
	l.fence++
	order.Change = order.Change.Undo()
	order.Act.Undo, order.Act.Fence = true, l.fence
	order.Deadline, order.ReadAt = time.Now().Add(patience), time.Time{}
	return order
}

// expect is the outcome of a Set, without what differs from run to run.
func (l *lab) expectSet(ctx context.Context, order events.Order, want events.Body) {
	l.t.Helper()
	got := l.Set(ctx, order, granted)
	if g, w := l.essence(got), l.essence(want); g != w {
		l.t.Errorf("Set: got %+v\nwant %+v\nall: %+v", g, w, got)
	}
}

// unanswered sends an order to a router that does not answer, with a deadline that lets it get there.
func (l *lab) unanswered(ctx context.Context, order *events.Order, never *backbone.Injection) {
	l.t.Helper()
	var got events.Body
	for wait := 100 * time.Millisecond; never.Hits() == 0 && wait < patience; wait *= 2 {
		order.Deadline = time.Now().Add(wait)
		got = l.Set(ctx, *order, granted)
	}
	if o := l.essence(got); o != (outcome{Kind: events.KindUnknown, Code: "DeadlineExceeded", Sets: 1}) {
		l.t.Fatalf("Set: %+v", got)
	}
}

// outcome is what a test compares of a Set's record.
type outcome struct {
	Kind  events.Kind
	Class events.RefusalClass
	Code  string
	Sets  int
	Armed bool
}

func (l *lab) essence(body events.Body) outcome {
	l.t.Helper()
	o := outcome{Kind: body.Kind()}
	switch b := body.(type) {
	case events.Applied:
		o.Sets, o.Armed = b.Sets, b.Armed
	case events.Refused:
		o.Class, o.Code, o.Sets = b.Class, b.Code, b.Sets
		if b.Detail == "" {
			l.t.Errorf("refusal without a word: %+v", b)
		}
	case events.Unknown:
		o.Code, o.Sets = b.Code, b.Sets
	default:
		l.t.Fatalf("Set returned a %T", body)
	}
	return o
}

// metrics are the configured metrics of router a's end of link a-b.
func (l *lab) metrics() (v4, v6 uint32) {
	l.t.Helper()
	a, _, err := l.net.Metrics("a-b")
	if err != nil {
		l.t.Fatal(err)
	}
	return a.IPv4.Value, a.IPv6.Value
}

func (l *lab) expectMetrics(v4, v6 uint32) {
	l.t.Helper()
	if got4, got6 := l.metrics(); got4 != v4 || got6 != v6 {
		l.t.Errorf("metrics of a: ipv4 %d, ipv6 %d; want %d and %d", got4, got6, v4, v6)
	}
}

func (l *lab) a() *backbone.Router { return l.net.Router("a") }

// metricPath is where router a configures the metric of link a-b for a family.
func (l *lab) metricPath(family string) string {
	return l.a().Path("interfaces", "interface[interface-id=ethernet-1/1]", "levels", "level[level-number=2]",
		"afi-safi", "af[afi-name="+family+"][safi-name=UNICAST]", "config", "metric")
}

func granted() error { return nil }

var errForbidden = errors.New("frozen")

func forbidden() error { return errForbidden }

// patience bounds every wait for something that must come; none is expected to come near.
const patience = 30 * time.Second

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("still not: %s", what)
		case <-tick.C:
		}
	}
}
