package device

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/events"
)

// update is one path with its value, the notification's prefix included.
type update struct {
	path  []*gnmi.PathElem
	value *gnmi.TypedValue
}

func updatesOf(n *gnmi.Notification) []update {
	list := make([]update, 0, len(n.GetUpdate()))
	for _, u := range n.GetUpdate() {
		list = append(list, update{joined(n.GetPrefix(), u.GetPath()), u.GetVal()})
	}
	return list
}

func joined(prefix, path *gnmi.Path) []*gnmi.PathElem {
	if len(prefix.GetElem()) == 0 {
		return path.GetElem()
	}
	return append(append([]*gnmi.PathElem(nil), prefix.GetElem()...), path.GetElem()...)
}

// get is one Get RPC.
func (s *session) get(ctx context.Context, kind gnmi.GetRequest_DataType, paths ...*gnmi.Path) ([]update, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.ReadTimeout)
	defer cancel()
	resp, err := s.client.Get(ctx, &gnmi.GetRequest{Path: paths, Type: kind, Encoding: gnmi.Encoding_JSON_IETF})
	if err != nil {
		return nil, err
	}
	var list []update
	for _, n := range resp.GetNotification() {
		list = append(list, updatesOf(n)...)
	}
	return list, nil
}

// once is one Subscribe ONCE: what Get cannot do on some platforms, this can.
func (s *session) once(ctx context.Context, paths ...*gnmi.Path) ([]update, error) {
	var list []update
	err := s.subscribeOnce(ctx, paths, func(n *gnmi.Notification) { list = append(list, updatesOf(n)...) })
	return list, err
}

func (s *session) subscribeOnce(ctx context.Context, paths []*gnmi.Path, take func(*gnmi.Notification)) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.ReadTimeout)
	defer cancel()
	stream, err := s.client.Subscribe(ctx)
	if err != nil {
		return err
	}
	request := &gnmi.SubscriptionList{Mode: gnmi.SubscriptionList_ONCE, Encoding: gnmi.Encoding_JSON_IETF}
	for _, p := range paths {
		request.Subscription = append(request.Subscription, &gnmi.Subscription{Path: p})
	}
	err = stream.Send(&gnmi.SubscribeRequest{Request: &gnmi.SubscribeRequest_Subscribe{Subscribe: request}})
	if err != nil && !errors.Is(err, io.EOF) { // EOF: the reason is in the answer
		return err
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return errors.New("the router ended the subscription before it was complete")
			}
			return err
		}
		if resp.GetSyncResponse() {
			return nil
		}
		take(resp.GetUpdate())
	}
}

// read asks for whole subtrees with Get, and with Subscribe ONCE where Get fails or says nothing.
func (s *session) read(ctx context.Context, kind gnmi.GetRequest_DataType, paths ...*gnmi.Path) ([]update, error) {
	list, err := s.get(ctx, kind, paths...)
	if err == nil && len(list) > 0 {
		return list, nil
	}
	if hopeless(err) {
		return nil, err
	}
	list, onceErr := s.once(ctx, paths...)
	if onceErr == nil {
		return list, nil
	}
	if err == nil {
		return nil, onceErr
	}
	return nil, fmt.Errorf("get: %w; subscribe once: %w", err, onceErr)
}

// hopeless reports whether asking in another way cannot help: the router does not answer, or does not let us in.
func hopeless(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Unauthenticated, codes.DeadlineExceeded, codes.Canceled:
		return true
	}
	return false
}

// errNotConfigured says that the router has no such leaf to set: the interface, level or family is not configured.
var errNotConfigured = errors.New("not configured for IS-IS on the router")

// leaves reads the configured value of each leaf now. A leaf is absent only when the router was seen to have the
// interface, level and family and no value there; everything else that is not a value is an error.
func (s *session) leaves(ctx context.Context, refs []events.LeafRef) (map[events.LeafRef]events.Value, error) {
	lay, err := s.surveyed(ctx)
	if err != nil {
		return nil, err
	}
	values, err := s.quickLeaves(ctx, lay, refs)
	if err == nil || hopeless(err) {
		return values, err
	}
	if lay, err = s.survey(ctx); err != nil {
		return nil, err
	}
	values = make(map[events.LeafRef]events.Value, len(refs))
	for _, ref := range refs {
		value, ok := lay[ref.Interface].values[ref]
		if !ok {
			return nil, fmt.Errorf("%s: %w", ref, errNotConfigured)
		}
		if value.err != nil {
			return nil, fmt.Errorf("%s: %w", ref, value.err)
		}
		values[ref] = value.value
	}
	return values, nil
}

// errNotPlain says that leaves cannot be read in the common way.
var errNotPlain = errors.New("not every leaf is there")

// quickLeaves is the common case in one small Get: every leaf is there and holds a value. Anything else is an error.
func (s *session) quickLeaves(ctx context.Context, lay layout, refs []events.LeafRef) (map[events.LeafRef]events.Value, error) {
	paths := make([]*gnmi.Path, 0, len(refs))
	for _, ref := range refs {
		iface, ok := lay[ref.Interface]
		if !ok {
			return nil, errNotPlain
		}
		path, err := s.profile.configPath(iface.place, ref)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	list, err := s.get(ctx, gnmi.GetRequest_CONFIG, paths...)
	if err != nil {
		return nil, err
	}
	values := make(map[events.LeafRef]events.Value, len(refs))
	for _, u := range list {
		for _, found := range s.profile.paths.metric.find(u.path, u.value) {
			ref, known := refOf(found.names)
			value, err := metric(found.value)
			if !known || err != nil {
				return nil, errNotPlain
			}
			values[ref] = value
		}
	}
	for _, ref := range refs {
		if _, ok := values[ref]; !ok {
			return nil, errNotPlain
		}
	}
	return values, nil
}
