package agent

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// FuzzRequests sends an agent whatever a client can. It has an answer with a code that fits, and a Set that it refuses leaves
// the router as it is.
func FuzzRequests(f *testing.F) {
	add := func(rpc byte, m proto.Message) {
		raw, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(rpc, raw)
	}
	for _, path := range []string{metricPath("eth1", "IPV4"), overload, "/interfaces/interface[name=eth1]/config/description", "/interfaces/interface[name=*]", "/", isis} {
		for _, value := range []*gpb.TypedValue{
			{Value: &gpb.TypedValue_UintVal{UintVal: 5}}, {Value: &gpb.TypedValue_BoolVal{BoolVal: true}}, {Value: &gpb.TypedValue_StringVal{StringVal: "x"}},
			{Value: &gpb.TypedValue_IntVal{IntVal: -5}}, {Value: &gpb.TypedValue_DoubleVal{DoubleVal: 5}}, {Value: &gpb.TypedValue_BytesVal{BytesVal: []byte{5}}},
			{Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: &gpb.ScalarArray{Element: []*gpb.TypedValue{nil, {}}}}}, {Value: &gpb.TypedValue_AnyVal{}},
			{Value: &gpb.TypedValue_JsonVal{JsonVal: []byte(`{"interface":[{"name":"eth1","config":{"name":"eth1","enabled":false}}]}`)}},
			{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(`[null]`)}}, {Value: &gpb.TypedValue_AsciiVal{AsciiVal: "5"}}, {}, nil,
		} {
			update := []*gpb.Update{{Path: parse(f, path), Val: value}}
			add(0, elected(with(&gpb.SetRequest{Update: update}, try("c", time.Hour)), 3))
			add(0, &gpb.SetRequest{Replace: update, Delete: []*gpb.Path{parse(f, path)}})
			add(0, &gpb.SetRequest{UnionReplace: update})
		}
		add(1, &gpb.GetRequest{Path: []*gpb.Path{parse(f, path)}, Encoding: gpb.Encoding_PROTO, Type: gpb.GetRequest_STATE})
		for mode := range gpb.SubscriptionList_Mode_name {
			add(2, &gpb.SubscriptionList{Mode: gpb.SubscriptionList_Mode(mode), Subscription: []*gpb.Subscription{{Path: parse(f, path), Mode: gpb.SubscriptionMode_SAMPLE}}})
		}
	}
	r := newRouter()
	a, err := New(Config{Name: "a", Dir: f.TempDir(), Daemon: r, Kernel: r, Logger: zap.NewNop()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, rpc byte, raw []byte) {
		set, get, list := &gpb.SetRequest{}, &gpb.GetRequest{}, &gpb.SubscriptionList{}
		m := []proto.Message{set, get, list}[rpc%3]
		if proto.Unmarshal(raw, m) != nil {
			return // and no server would see it
		}
		a.journal.Window = nil // of a Set before
		before := r.all()
		var err error
		switch m {
		case set:
			_, err = a.Set(t.Context(), set)
		case get:
			_, err = a.Get(t.Context(), get)
		case list:
			client := newPassing(t.Context(), list)
			err = a.Subscribe(client)
			client.goes()
			if status.Code(err) == codes.Canceled { // it went
				err = nil
			}
		}
		fits := []codes.Code{codes.OK, codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition, codes.Unimplemented, codes.PermissionDenied}
		if !slices.Contains(fits, status.Code(err)) {
			t.Errorf("%v", err)
		}
		if err != nil && r.all() != before {
			t.Errorf("refused with %v, and the router was %+v and is %+v", err, before, r.all())
		}
	})
}

// all is everything of a router that a Set can change.
type all struct {
	metric1, metric2 uint32
	overload, up1    bool
	text1            string
	up2, up3, upLo   bool
}

func (r *router) all() (s all) {
	s.metric1, s.metric2, s.overload, s.up1, s.text1 = r.state()
	r.mu.Lock()
	defer r.mu.Unlock()
	s.up2, s.up3, s.upLo = r.ports["eth2"].Up, r.ports["eth3"].Up, r.ports["lo"].Up
	return s
}

// passing is a client that subscribes, takes what it is sent, and goes as soon as it is in sync.
type passing struct {
	gpb.GNMI_SubscribeServer
	list  *gpb.SubscriptionList
	stays context.Context
	goes  context.CancelFunc
}

func newPassing(ctx context.Context, list *gpb.SubscriptionList) *passing {
	p := &passing{list: list}
	p.stays, p.goes = context.WithCancel(ctx)
	return p
}

func (p *passing) Context() context.Context { return p.stays }

func (p *passing) Recv() (*gpb.SubscribeRequest, error) {
	if list := p.list; list != nil {
		p.list = nil
		return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}, nil
	}
	<-p.stays.Done()
	return nil, io.EOF
}

func (p *passing) Send(m *gpb.SubscribeResponse) error {
	if m.GetSyncResponse() {
		p.goes()
	}
	return nil
}
