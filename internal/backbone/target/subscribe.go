package target

import (
	"context"
	"errors"
	"io"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/model"
)

// Subscribe implements gNMI's RPC in its modes ONCE, POLL and STREAM (gNMI specification, section 3.5).
func (s *Server) Subscribe(stream gpb.GNMI_SubscribeServer) error {
	first, err := stream.Recv()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	list := first.GetSubscribe()
	if list == nil {
		return status.Error(codes.InvalidArgument, "the first message must carry a subscription list")
	}
	sub, err := s.subscription(list)
	if err != nil {
		return err
	}
	sub.send = stream.Send
	switch list.GetMode() {
	case gpb.SubscriptionList_ONCE:
		return sub.snapshot(stream.Context())
	case gpb.SubscriptionList_POLL:
		return sub.poll(stream)
	case gpb.SubscriptionList_STREAM:
		return sub.stream(stream)
	}
	return status.Errorf(codes.InvalidArgument, "there is no mode %d of a subscription list", list.GetMode())
}

// subscription is one Subscribe RPC.
type subscription struct {
	server   *Server
	list     *gpb.SubscriptionList
	watches  []*watch
	send     func(*gpb.SubscribeResponse) error
	encoding gpb.Encoding
}

// subscription validates what a client subscribes to. All errors are statuses that name the path.
func (s *Server) subscription(list *gpb.SubscriptionList) (*subscription, error) {
	if err := checkEncoding(list.GetEncoding()); err != nil {
		return nil, err
	}
	if len(list.GetSubscription()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "the subscription list is empty")
	}
	sub := &subscription{server: s, list: list, encoding: list.GetEncoding()}
	for _, want := range list.GetSubscription() {
		p, err := s.place(list.GetPrefix(), want.GetPath())
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		w := &watch{place: p, asked: want}
		if list.GetMode() == gpb.SubscriptionList_STREAM {
			if err := w.prepare(); err != nil {
				return nil, err
			}
		}
		sub.watches = append(sub.watches, w)
	}
	return sub, nil
}

// snapshot sends everything subscribed to, and then that this was all. It is sent even when there was nothing.
func (s *subscription) snapshot(ctx context.Context) error {
	var updates []*gpb.Update
	var at int64
	err := s.server.Device.View(ctx, func(v View) error {
		at = v.Now.UnixNano()
		for _, w := range s.watches {
			for _, leaf := range v.Leaves.find(w.node, w.path) {
				updates = append(updates, s.update(leaf, leaf.Read(v.Now)))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.list.GetUpdatesOnly() {
		updates = nil
	}
	if err := s.notify(at, updates, nil); err != nil {
		return err
	}
	return s.synced()
}

// poll sends a snapshot at once and whenever the client asks for one.
func (s *subscription) poll(stream gpb.GNMI_SubscribeServer) error {
	for {
		if err := s.snapshot(stream.Context()); err != nil {
			return err
		}
		req, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case req.GetPoll() == nil:
			return status.Error(codes.InvalidArgument, "only a poll may follow")
		}
	}
}

// stream sends what is due until the client goes.
func (s *subscription) stream(stream gpb.GNMI_SubscribeServer) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	go func() {
		// The client has nothing more to say; what comes is its end or an error of its.
		_, err := stream.Recv()
		if err == nil {
			err = status.Error(codes.InvalidArgument, "a stream takes one subscription list only")
		}
		cancel(err)
	}()
	err := s.follow(ctx)
	if cause := context.Cause(ctx); cause != nil && status.Code(cause) == codes.InvalidArgument {
		return cause
	}
	return err
}

func (s *subscription) update(leaf *Reading, value model.Value) *gpb.Update {
	return &gpb.Update{Path: &gpb.Path{Elem: leaf.Path}, Val: value.Encode(s.encoding)}
}

func (s *subscription) notify(timestamp int64, updates []*gpb.Update, deletes []*gpb.Path) error {
	if len(updates)+len(deletes) == 0 {
		return nil
	}
	return s.send(&gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_Update{Update: &gpb.Notification{
		Timestamp: timestamp, Prefix: replyPrefix(s.list.GetPrefix()), Update: updates, Delete: deletes,
	}}})
}

func (s *subscription) synced() error {
	return s.send(&gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_SyncResponse{SyncResponse: true}})
}
