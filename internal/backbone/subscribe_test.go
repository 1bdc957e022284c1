package backbone

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// subscribe opens a stream and sends its subscription list.
func subscribe(t testing.TB, c gpb.GNMIClient, list *gpb.SubscriptionList) gpb.GNMI_SubscribeClient {
	t.Helper()
	ctx, cancel := context.WithCancel(short(t))
	t.Cleanup(cancel)
	stream, err := c.Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}); err != nil {
		t.Fatal(err)
	}
	return stream
}

// message is one message of a stream, boiled down: values by path, deleted paths, or the sync.
type message struct {
	values  map[string]string
	deletes []string
	sync    bool
}

func receive(t testing.TB, stream gpb.GNMI_SubscribeClient) message {
	t.Helper()
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	m := message{values: map[string]string{}, sync: resp.GetSyncResponse()}
	for _, u := range resp.GetUpdate().GetUpdate() {
		text, err := ygot.PathToString(u.GetPath())
		if err != nil {
			t.Fatal(err)
		}
		m.values[text] = string(u.GetVal().GetJsonIetfVal())
	}
	for _, p := range resp.GetUpdate().GetDelete() {
		text, err := ygot.PathToString(p)
		if err != nil {
			t.Fatal(err)
		}
		m.deletes = append(m.deletes, text)
	}
	return m
}

// untilSync gathers what comes before the sync.
func untilSync(t testing.TB, stream gpb.GNMI_SubscribeClient) map[string]string {
	t.Helper()
	all := map[string]string{}
	for {
		m := receive(t, stream)
		if m.sync {
			return all
		}
		for k, v := range m.values {
			all[k] = v
		}
	}
}

func once(t testing.TB, c gpb.GNMIClient, where string) map[string]string {
	t.Helper()
	return untilSync(t, subscribe(t, c, &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_ONCE, Encoding: gpb.Encoding_JSON_IETF, Subscription: []*gpb.Subscription{{Path: path(t, where)}},
	}))
}

func streamList(encoding gpb.Encoding, subs ...*gpb.Subscription) *gpb.SubscriptionList {
	return &gpb.SubscriptionList{Mode: gpb.SubscriptionList_STREAM, Encoding: encoding, Subscription: subs}
}

func onChange(t testing.TB, where string) *gpb.Subscription {
	return &gpb.Subscription{Path: path(t, where), Mode: gpb.SubscriptionMode_ON_CHANGE}
}

func TestSubscribeOnce(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	got := once(t, c, "/interfaces/interface[name=*]/state/oper-status")
	if len(got) != 5 || got["/interfaces/interface[name=ethernet-1/3]/state/oper-status"] != `"UP"` {
		t.Errorf("got %v", got)
	}
	if got := once(t, c, "/interfaces/interface[name=nowhere]/state"); len(got) != 0 {
		t.Errorf("got %v of an interface that does not exist", got)
	}
	if got := once(t, c, "/network-instances/network-instance/protocols/protocol/isis/interfaces"); len(got) < 60 {
		t.Errorf("%d leaves found by discovery", len(got))
	}
}

func TestSubscribeIsRefused(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	const octets = "/interfaces/interface[name=*]/state/counters/in-octets"
	tests := []struct {
		name, names string
		list        *gpb.SubscriptionList
		code        codes.Code
	}{
		{"unknown path", "/interfaces/interface[name=a]/colour", streamList(0, onChange(t, "/interfaces/interface[name=a]/colour")), codes.InvalidArgument},
		{"counters on change", octets, streamList(0, onChange(t, octets)), codes.InvalidArgument},
		{"nothing", "empty", streamList(0), codes.InvalidArgument},
		{"other origin", "cli", streamList(0, &gpb.Subscription{Path: &gpb.Path{Origin: "cli"}}), codes.InvalidArgument},
		{"encoding", "BYTES", streamList(gpb.Encoding_BYTES, onChange(t, "/system")), codes.Unimplemented},
		{"interval too short", "shorter", streamList(0, &gpb.Subscription{Path: path(t, octets), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: 1}), codes.InvalidArgument},
		{"interval too long", "longer", streamList(0, &gpb.Subscription{Path: path(t, octets), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: 1 << 63}), codes.InvalidArgument},
		{"heartbeat too long", "longer", streamList(0, &gpb.Subscription{Path: path(t, "/system"), Mode: gpb.SubscriptionMode_ON_CHANGE, HeartbeatInterval: math.MaxUint64}), codes.InvalidArgument},
		{"a mode that is none", "mode 7", streamList(0, &gpb.Subscription{Path: path(t, "/system"), Mode: 7}), codes.InvalidArgument},
		{"a list of no mode", "mode 5", &gpb.SubscriptionList{Mode: 5, Subscription: []*gpb.Subscription{{Path: path(t, "/system")}}}, codes.InvalidArgument},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := subscribe(t, c, tt.list).Recv()
			if status.Code(err) != tt.code || !strings.Contains(status.Convert(err).Message(), tt.names) {
				t.Errorf("got %v, want %v naming %q", err, tt.code, tt.names)
			}
		})
	}
}

func TestOnChange(t *testing.T) {
	n, _ := abilene(t)
	metric := metricPath("ethernet-1/3", "IPV4", "state")
	adjacency := levelPath("ethernet-1/3") + "/adjacencies/adjacency[system-id=0000.0000.0005]/state/adjacency-state"
	oper := "/interfaces/interface[name=ethernet-1/3]/state/oper-status"
	c := dial(t, n, "den")
	stream := subscribe(t, c, streamList(gpb.Encoding_JSON_IETF,
		onChange(t, metric), onChange(t, levelPath("ethernet-1/3")+"/adjacencies/adjacency/state/adjacency-state"),
		onChange(t, "/interfaces/interface/state/oper-status")))
	if got := untilSync(t, stream); got[metric] != "892" || got[adjacency] != `"UP"` || len(got) != 7 {
		t.Errorf("first values %v", got)
	}
	set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
	if got := receive(t, stream).values; got[metric] != "500" || len(got) != 1 {
		t.Errorf("after the Set: %v", got)
	}
	if err := n.SetLinkDown("den-kcy"); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, stream).values; got[adjacency] != `"DOWN"` || got[oper] != `"DOWN"` || len(got) != 2 {
		t.Errorf("after the cut: %v", got)
	}
	if err := n.Heal("den-kcy"); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, stream).values; got[adjacency] != `"UP"` || got[oper] != `"UP"` {
		t.Errorf("after healing: %v", got)
	}
}

func TestOnChangeTellsDeletes(t *testing.T) {
	n, _ := abilene(t)
	metric := metricPath("ethernet-1/3", "IPV4", "config")
	c := dial(t, n, "den")
	stream := subscribe(t, c, streamList(gpb.Encoding_JSON_IETF, onChange(t, levelPath("ethernet-1/3")+"/afi-safi/af/config")))
	untilSync(t, stream)
	set(t, c, &gpb.SetRequest{Delete: []*gpb.Path{path(t, metric)}}, codes.OK)
	if got := receive(t, stream); len(got.deletes) != 1 || got.deletes[0] != metric || len(got.values) != 0 {
		t.Errorf("got %+v", got)
	}
	set(t, c, update(t, metric, "7"), codes.OK)
	if got := receive(t, stream); got.values[metric] != "7" {
		t.Errorf("got %+v", got)
	}
}

func TestUpdatesOnly(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	metric := metricPath("ethernet-1/3", "IPV4", "state")
	list := streamList(gpb.Encoding_JSON_IETF, onChange(t, metric))
	list.UpdatesOnly = true
	stream := subscribe(t, c, list)
	if m := receive(t, stream); !m.sync {
		t.Errorf("first came %+v", m)
	}
	set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
	if m := receive(t, stream); m.values[metric] != "500" {
		t.Errorf("then came %+v", m)
	}
}

func TestHeartbeat(t *testing.T) {
	n, _ := abilene(t)
	metric := metricPath("ethernet-1/3", "IPV4", "state")
	sub := onChange(t, metric)
	sub.HeartbeatInterval = uint64(20 * time.Millisecond)
	stream := subscribe(t, dial(t, n, "den"), streamList(gpb.Encoding_JSON_IETF, sub))
	untilSync(t, stream)
	for range 3 {
		if m := receive(t, stream); m.values[metric] != "892" {
			t.Errorf("got %+v", m)
		}
	}
}

func TestSample(t *testing.T) {
	n, clock := abilene(t)
	const octets = "/interfaces/interface[name=ethernet-1/3]/state/counters/out-octets"
	stream := subscribe(t, dial(t, n, "den"), streamList(gpb.Encoding_JSON_IETF, &gpb.Subscription{
		Path: path(t, octets), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(20 * time.Millisecond),
	}))
	if got := untilSync(t, stream); got[octets] != `"0"` {
		t.Errorf("first values %v", got)
	}
	receive(t, stream)
	clock.Forward(8 * time.Second)
	for m := receive(t, stream); m.values[octets] != `"4328025450"`; m = receive(t, stream) {
		if m.values[octets] != `"0"` {
			t.Fatalf("got %+v", m)
		}
	}
}

func TestSuppressRedundant(t *testing.T) {
	n, clock := abilene(t)
	const octets, errors = "/interfaces/interface[name=ethernet-1/3]/state/counters/out-octets", "/interfaces/interface[name=ethernet-1/3]/state/counters/in-errors"
	sub := func(where string) *gpb.Subscription {
		return &gpb.Subscription{Path: path(t, where), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(10 * time.Millisecond), SuppressRedundant: true}
	}
	stream := subscribe(t, dial(t, n, "den"), streamList(gpb.Encoding_JSON_IETF, sub(octets), sub(errors)))
	untilSync(t, stream)
	clock.Forward(8 * time.Second)
	if m := receive(t, stream); len(m.values) != 1 || m.values[octets] != `"4328025450"` {
		t.Errorf("got %+v, want what changed alone", m)
	}
}

func TestTargetDefined(t *testing.T) {
	n, _ := abilene(t)
	const state = "/interfaces/interface[name=ethernet-1/3]/state"
	stream := subscribe(t, dial(t, n, "den"), streamList(gpb.Encoding_JSON_IETF, &gpb.Subscription{
		Path: path(t, state), SampleInterval: uint64(20 * time.Millisecond),
	}))
	if got := untilSync(t, stream); len(got) < 15 {
		t.Errorf("first values %v", got)
	}
	if m := receive(t, stream); m.values[state+"/counters/in-octets"] == "" || m.values[state+"/oper-status"] != "" {
		t.Errorf("sample %+v, want counters alone", m)
	}
	if err := n.SetLinkDown("den-kcy"); err != nil {
		t.Fatal(err)
	}
	for {
		if m := receive(t, stream); m.values[state+"/oper-status"] == `"DOWN"` {
			return
		}
	}
}

func TestPoll(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	metric := metricPath("ethernet-1/3", "IPV4", "state")
	stream := subscribe(t, c, &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_POLL, Encoding: gpb.Encoding_JSON_IETF, Subscription: []*gpb.Subscription{{Path: path(t, metric)}},
	})
	for _, value := range []string{"892", "500"} {
		if got := untilSync(t, stream); got[metric] != value {
			t.Errorf("got %v, want %s", got, value)
		}
		set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
		if err := stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Poll{Poll: &gpb.Poll{}}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecondSubscriptionList(t *testing.T) {
	n, _ := abilene(t)
	list := streamList(0, onChange(t, "/system/config/hostname"))
	stream := subscribe(t, dial(t, n, "den"), list)
	untilSync(t, stream)
	if err := stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v", err)
	}
}
