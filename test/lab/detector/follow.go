package detector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
)

// sampling is how often counters are wanted.
const sampling = 250 * time.Millisecond

// again is the pause before a router that hung up, or cannot be reached, is asked again.
const again = 500 * time.Millisecond

// Follow subscribes to one router's agent and tells judge what it says, until ctx ends. Why a subscription ended is given
// to lost, and it is begun again.
func Follow(ctx context.Context, device string, conn grpc.ClientConnInterface, judge *Judge, lost func(error)) {
	for ctx.Err() == nil {
		err := follow(ctx, device, gpb.NewGNMIClient(conn), judge)
		if ctx.Err() != nil {
			return
		}
		lost(fmt.Errorf("router %s: %w", device, err))
		timer := time.NewTimer(again)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func follow(ctx context.Context, device string, client gpb.GNMIClient, judge *Judge) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream
	stream, err := client.Subscribe(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: subscriptions()}}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for {
		reply, err := stream.Recv() // also what became of the request
		if err != nil {
			return err
		}
		take(device, reply.GetUpdate(), judge)
	}
}

// subscriptions ask for counters at intervals, and for oper status and the overload bit when they change.
func subscriptions() *gpb.SubscriptionList {
	elem := func(name string, keys map[string]string) *gpb.PathElem { return &gpb.PathElem{Name: name, Key: keys} }
	port := []*gpb.PathElem{elem("interfaces", nil), elem("interface", map[string]string{"name": "*"}), elem("state", nil)}
	below := func(name string) *gpb.Path {
		return &gpb.Path{Elem: append(port[:len(port):len(port)], elem(name, nil))}
	}
	overload := &gpb.Path{Elem: []*gpb.PathElem{
		elem("network-instances", nil), elem("network-instance", map[string]string{"name": "*"}), elem("protocols", nil),
		elem("protocol", map[string]string{"identifier": "ISIS", "name": "*"}), elem("isis", nil), elem("global", nil),
		elem("lsp-bit", nil), elem("overload-bit", nil), elem("state", nil), elem("set-bit", nil),
	}}
	return &gpb.SubscriptionList{Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{
		{Path: below("counters"), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(sampling)},
		{Path: below("oper-status"), Mode: gpb.SubscriptionMode_ON_CHANGE},
		{Path: overload, Mode: gpb.SubscriptionMode_ON_CHANGE},
	}}
}

// take tells judge what a notification says. The counters of an interface come in one (gNMI specification, section 3.5.2.3).
func take(device string, n *gpb.Notification, judge *Judge) {
	at := time.Unix(0, n.GetTimestamp())
	type counters struct{ all, bad *uint64 }
	counted := map[Port]counters{}
	for _, u := range n.GetUpdate() {
		path := append(n.GetPrefix().GetElem()[:len(n.GetPrefix().GetElem()):len(n.GetPrefix().GetElem())], u.GetPath().GetElem()...)
		if len(path) == 0 {
			continue
		}
		p := Port{Device: device}
		if len(path) > 1 {
			p.Interface = path[1].GetKey()["name"]
		}
		value := u.GetVal().GetUintVal()
		switch c := counted[p]; path[len(path)-1].GetName() {
		case "in-pkts":
			counted[p] = counters{&value, c.bad}
		case "in-errors":
			counted[p] = counters{c.all, &value}
		case "oper-status":
			judge.Oper(p, at, u.GetVal().GetStringVal() == "UP")
		case "set-bit":
			judge.Overload(device, at, u.GetVal().GetBoolVal())
		}
	}
	for p, c := range counted {
		if c.all != nil && c.bad != nil {
			judge.Frames(p, at, *c.all, *c.bad)
		}
	}
}
