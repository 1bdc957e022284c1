package device

import (
	"context"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// odd is a gNMI server that behaves as the simulated backbone cannot: whatever a test wants, at each RPC.
type odd struct {
	gnmi.UnimplementedGNMIServer
	encodings []gnmi.Encoding
	config    string // JSON below the root, for every Get and Subscribe of a path that ends in interfaces or global
	leaf      func(*gnmi.GetRequest) (*gnmi.GetResponse, error)
	subscribe func(*gnmi.SubscriptionList, gnmi.GNMI_SubscribeServer) error
	set       func(*gnmi.SetRequest) error
}

func (o *odd) Capabilities(context.Context, *gnmi.CapabilityRequest) (*gnmi.CapabilityResponse, error) {
	if o.encodings == nil {
		return nil, status.Error(codes.Unimplemented, "no Capabilities")
	}
	return &gnmi.CapabilityResponse{SupportedEncodings: o.encodings}, nil
}

func (o *odd) Get(_ context.Context, req *gnmi.GetRequest) (*gnmi.GetResponse, error) {
	last := req.GetPath()[0].GetElem()
	if name := last[len(last)-1].GetName(); name == "interfaces" && o.config != "" {
		return &gnmi.GetResponse{Notification: []*gnmi.Notification{o.whole()}}, nil
	}
	if o.leaf == nil {
		return nil, status.Error(codes.Unimplemented, "no Get")
	}
	return o.leaf(req)
}

func (o *odd) whole() *gnmi.Notification {
	return &gnmi.Notification{Timestamp: time.Now().UnixNano(), Update: []*gnmi.Update{{Path: &gnmi.Path{}, Val: ietf(o.config)}}}
}

func (o *odd) Subscribe(stream gnmi.GNMI_SubscribeServer) error {
	req, err := stream.Recv()
	if err != nil {
		return err
	}
	if o.subscribe == nil {
		return status.Error(codes.Unimplemented, "no Subscribe")
	}
	return o.subscribe(req.GetSubscribe(), stream)
}

func (o *odd) Set(_ context.Context, req *gnmi.SetRequest) (*gnmi.SetResponse, error) {
	if o.set == nil {
		return nil, status.Error(codes.Unimplemented, "no Set")
	}
	return &gnmi.SetResponse{}, o.set(req)
}

// serveOdd starts the server and a fleet of one router, named odd, whose link ends at interface "lag1.0".
func serveOdd(t *testing.T, o *odd, run bool) *lab {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
	gnmi.RegisterGNMIServer(server, o)
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	fleet, err := NewFleet(&network.Topology{
		Routers: []network.Router{{Name: "odd", Address: socket.Addr().String(), TLS: network.RouterTLS{CA: ca}}},
		Links:   []network.Link{{Name: "odd-even", A: network.End{Device: "odd", Interface: "lag1.0"}, Capacity: 1_000_000}},
	}, Options{
		TelemetryInterval: 10 * time.Millisecond, StaleAfter: 5 * time.Second,
		ReadBackFor: 50 * time.Millisecond, ReconnectWithin: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{Fleet: fleet, t: t}
	l.run(!run)
	return l
}

func (l *lab) odd() events.EndFacts {
	l.t.Helper()
	target := events.Target{Kind: events.TargetLink, Name: "odd-even", Ends: []events.End{{Device: "odd", Interface: "lag1.0"}}}
	return l.Observe(l.t.Context(), target).Ends[0]
}

// isisTree is a router's configuration with one interface, lag1.0, whose level 2 IPv4 metric is as given.
func isisTree(process, metric string) string {
	return `{"openconfig-network-instance:network-instances":{"network-instance":[` + isisInstance(process, metric) + `]}}`
}

func isisInstance(process, metric string) string {
	return `{"name":"default","protocols":{"protocol":[{"identifier":"openconfig-policy-types:ISIS","name":"` + process + `","isis":{
		"global":{"afi-safi":{"af":[{"afi-name":"IPV4","safi-name":"UNICAST","config":{"afi-name":"IPV4"}}]}},
		"interfaces":{"interface":[{"interface-id":"lag1.0","config":{"interface-id":"lag1.0"},
			"interface-ref":{"config":{"interface":"lag1"}},
			"levels":{"level":[{"level-number":2,"config":{"level-number":2},"afi-safi":{"af":[
				{"afi-name":"openconfig-isis-types:IPV4","safi-name":"openconfig-isis-types:UNICAST","config":{"afi-name":"IPV4"` + metric + `}}]}}]}}]}}}]}}`
}

// A value may be a word on some platforms: it is a pre-image like any other.
func TestMetricThatIsAName(t *testing.T) {
	o := &odd{config: isisTree("1", `,"metric":"GLOBAL_METRIC"`)}
	end := serveOdd(t, o, false).odd()
	if end.Unreadable != "" || len(end.Leaves) != 1 || end.Leaves[0].Config != events.JSONValue(`"GLOBAL_METRIC"`) {
		t.Errorf("%+v", end)
	}
}

func TestOddPreImages(t *testing.T) {
	refuse := func(code codes.Code) func(*gnmi.SubscriptionList, gnmi.GNMI_SubscribeServer) error {
		return func(*gnmi.SubscriptionList, gnmi.GNMI_SubscribeServer) error { return status.Error(code, "no") }
	}
	for name, c := range map[string]struct {
		odd  *odd
		says string
	}{
		"a float":              {&odd{config: isisTree("1", `,"metric":1.5`)}, "want a whole number"},
		"null":                 {&odd{config: isisTree("1", `,"metric":null`)}, "null"},
		"neither way":          {&odd{subscribe: refuse(codes.Unimplemented)}, "subscribe once"},
		"Get empty, ONCE ends": {&odd{leaf: emptyGet, subscribe: refuse(codes.OK)}, "before it was complete"},
		"two processes": {&odd{config: `{"network-instances":{"network-instance":[` + isisInstance("1", "") + "," + isisInstance("2", "") + `]}}`},
			"more than one IS-IS process"},
		"nothing but sync": {&odd{leaf: emptyGet, subscribe: syncOnly}, `no IS-IS interface "lag1.0"`},
	} {
		t.Run(name, func(t *testing.T) {
			end := serveOdd(t, c.odd, false).odd()
			if !strings.Contains(end.Unreadable, c.says) || len(end.Leaves) > 0 {
				t.Errorf("%+v, want unreadable with %q", end, c.says)
			}
		})
	}
}

func emptyGet(*gnmi.GetRequest) (*gnmi.GetResponse, error) { return &gnmi.GetResponse{}, nil }

func syncOnly(_ *gnmi.SubscriptionList, stream gnmi.GNMI_SubscribeServer) error {
	return stream.Send(&gnmi.SubscribeResponse{Response: &gnmi.SubscribeResponse_SyncResponse{SyncResponse: true}})
}

// A Set that leaves a router whose read-back fails is unknown: an acknowledgement alone proves nothing.
func TestAcknowledgedButUnreadable(t *testing.T) {
	o := &odd{config: isisTree("1", `,"metric":10`)}
	broken := &atomic.Bool{}
	o.leaf = func(*gnmi.GetRequest) (*gnmi.GetResponse, error) {
		return nil, status.Error(codes.Internal, "no leaves")
	}
	l := serveOdd(t, o, false)
	end := l.odd()
	o.set = func(*gnmi.SetRequest) error {
		o.config = "" // from here on nothing can be read; Set and Get do not overlap
		broken.Store(true)
		return nil
	}
	order := events.Order{
		Incident: "odd-1", Mode: events.Live, Deadline: time.Now().Add(patience), ReadAt: time.Now(),
		Change: events.Change{Device: "odd", Settings: []events.Setting{
			{LeafRef: end.Leaves[0].LeafRef, Before: end.Leaves[0].Config, After: events.UintValue(softMetric)},
		}},
	}
	if got := l.essence(l.Set(t.Context(), order, granted)); got != (outcome{Kind: events.KindUnknown, Sets: 1}) || !broken.Load() {
		t.Errorf("%+v", got)
	}
}

// A commit may take a moment to show after it was acknowledged.
func TestReadBackWaitsForASlowCommit(t *testing.T) {
	var reads atomic.Int32
	reads.Store(-1000)
	o := &odd{config: isisTree("1", `,"metric":10`)}
	o.leaf = func(req *gnmi.GetRequest) (*gnmi.GetResponse, error) {
		value := "10"
		if reads.Add(1) >= 3 {
			value = "16777214"
		}
		return &gnmi.GetResponse{Notification: []*gnmi.Notification{{
			Update: []*gnmi.Update{{Path: req.GetPath()[0], Val: ietf(value)}},
		}}}, nil
	}
	o.set = func(*gnmi.SetRequest) error { reads.Store(0); return nil }
	l := serveOdd(t, o, false)
	l.sessions["odd"].opts.ReadBackFor = patience
	end := l.odd()
	order := events.Order{
		Incident: "odd-1", Mode: events.Live, Deadline: time.Now().Add(patience), ReadAt: time.Now(),
		Change: events.Change{Device: "odd", Settings: []events.Setting{
			{LeafRef: end.Leaves[0].LeafRef, Before: end.Leaves[0].Config, After: events.UintValue(softMetric)},
		}},
	}
	l.expectSet(t.Context(), order, applied(1))
	if n := reads.Load(); n != 3 {
		t.Errorf("read back %d times, want 3", n)
	}
}

// telemetryOf serves states and counters in the given form, and refuses the modes that it is told to.
type telemetryOf struct {
	refuse []string // "ON_CHANGE", "SAMPLE"
	silent bool     // send the first values and then nothing
	asked  chan string
	beats  atomic.Uint64
}

func (f *telemetryOf) serve(list *gnmi.SubscriptionList, stream gnmi.GNMI_SubscribeServer) error {
	mode := list.GetSubscription()[0].GetMode().String()
	if list.GetMode() == gnmi.SubscriptionList_ONCE {
		mode = "ONCE"
	}
	last := list.GetSubscription()[0].GetPath().GetElem()
	what := last[len(last)-1].GetName()
	if what == "set-bit" {
		return status.Error(codes.InvalidArgument, "it tells of no overload bit")
	}
	select {
	case f.asked <- what + " " + mode:
	default:
	}
	if slices.Contains(f.refuse, mode) {
		return status.Error(codes.InvalidArgument, mode+" is not supported")
	}
	send := func() error {
		n := f.beats.Add(1)
		tree := map[bool]string{
			true:  `{"in-octets":"` + digits(n*1000) + `","out-octets":` + digits(n*2000) + `,"in-errors":"0","in-pkts":"` + digits(n) + `"}`,
			false: `"openconfig-interfaces:UP"`,
		}[what == "counters"]
		return stream.Send(&gnmi.SubscribeResponse{Response: &gnmi.SubscribeResponse_Update{Update: &gnmi.Notification{
			Timestamp: time.Now().UnixNano(),
			Prefix:    &gnmi.Path{Elem: last[:2]},
			Update:    []*gnmi.Update{{Path: &gnmi.Path{Elem: last[2:]}, Val: ietf(tree)}},
		}}})
	}
	if err := send(); err != nil {
		return err
	}
	if err := syncOnly(list, stream); err != nil || mode == "ONCE" {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-tick.C:
			if f.silent {
				continue
			}
			if err := send(); err != nil {
				return err
			}
		}
	}
}

func digits(n uint64) string { return events.UintValue(n).JSON() }

// A router that cannot tell on change is asked for samples, and one that cannot stream is polled; the port's name comes
// from the router.
func TestTelemetryModes(t *testing.T) {
	for name, c := range map[string]struct {
		refuse []string
		want   []string
	}{
		"all":         {nil, []string{"counters SAMPLE", "metric ON_CHANGE", "oper-status ON_CHANGE"}},
		"no change":   {[]string{"ON_CHANGE"}, []string{"counters SAMPLE", "metric ON_CHANGE", "oper-status ON_CHANGE", "oper-status SAMPLE"}},
		"only polled": {[]string{"ON_CHANGE", "SAMPLE"}, []string{"counters ONCE", "counters SAMPLE", "metric ON_CHANGE", "oper-status ONCE", "oper-status ON_CHANGE", "oper-status SAMPLE"}},
	} {
		t.Run(name, func(t *testing.T) {
			feed := &telemetryOf{refuse: c.refuse, asked: make(chan string, 1000)}
			l := serveOdd(t, &odd{
				encodings: []gnmi.Encoding{gnmi.Encoding_JSON_IETF}, config: isisTree("1", `,"metric":10`), subscribe: feed.serve,
			}, true)
			eventually(t, "oper-status and traffic are known", func() bool {
				end := l.odd()
				return end.Oper == "UP" && end.Traffic != nil && end.Traffic.InBPS > 0 && l.See().Facts("").Seen == 1
			})
			var asked []string
			for len(feed.asked) > 0 {
				if mode := <-feed.asked; !slices.Contains(asked, mode) {
					asked = append(asked, mode)
				}
			}
			slices.Sort(asked)
			if diff := cmp.Diff(c.want, asked); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
		})
	}
}

// A stream of samples that falls silent is given up and asked for anew, although its connection is alive.
func TestSilentSamplesAreAskedForAgain(t *testing.T) {
	feed := &telemetryOf{silent: true, asked: make(chan string, 1000)}
	l := serveOdd(t, &odd{config: isisTree("1", ""), subscribe: feed.serve}, false)
	l.sessions["odd"].opts.StaleAfter = 50 * time.Millisecond
	l.run(false)
	again := 0
	eventually(t, "counters are asked for three times", func() bool {
		for len(feed.asked) > 0 {
			if <-feed.asked == "counters SAMPLE" {
				again++
			}
		}
		return again >= 3 && strings.Contains(l.Routers()[0].LastError, "nothing heard")
	})
}

func TestRouterThatCannotBeSpokenTo(t *testing.T) {
	o := &odd{encodings: []gnmi.Encoding{gnmi.Encoding_ASCII}}
	l := serveOdd(t, o, true)
	eventually(t, "the encoding is complained of", func() bool {
		return strings.Contains(l.Routers()[0].LastError, "does not speak JSON_IETF")
	})
}

// A router that ends no link is watched by its channel alone.
func TestRouterWithoutLinks(t *testing.T) {
	o := &odd{config: isisTree("1", ""), subscribe: syncOnly}
	l := serveOdd(t, o, false)
	s := l.sessions["odd"]
	s.interfaces = nil
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.run(ctx); close(done) }()
	eventually(t, "it is seen", func() bool { return l.See().Facts("").Seen == 1 })
	cancel()
	<-done
}
