package backbone

import (
	"context"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/model"
)

// Get implements gNMI's RPC. A path with wildcards gives one update for each node that it matches; a container comes as
// JSON, or leaf by leaf when the encoding is PROTO.
func (s *service) Get(_ context.Context, req *gpb.GetRequest) (*gpb.GetResponse, error) {
	r := s.Router
	if err := checkEncoding(req.GetEncoding()); err != nil {
		return nil, err
	}
	if len(req.GetPath()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "no path")
	}
	targets := make([]target, len(req.GetPath()))
	for i, path := range req.GetPath() {
		var err error
		if targets[i], err = r.target(req.GetPrefix(), path); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
	}
	n := r.network
	now := n.lock()
	defer n.unlock()
	if code := r.manners.getCode; code != codes.OK {
		return nil, status.Error(code, r.manners.getReason)
	}
	resp := &gpb.GetResponse{}
	for _, t := range targets {
		updates, err := r.answer(t, req.GetType(), req.GetEncoding(), now)
		if err != nil {
			return nil, err
		}
		resp.Notification = append(resp.Notification, &gpb.Notification{
			Timestamp: now.UnixNano(), Prefix: replyPrefix(req.GetPrefix()), Update: updates,
		})
	}
	return resp, nil
}

func checkEncoding(encoding gpb.Encoding) error {
	switch encoding {
	case gpb.Encoding_JSON, gpb.Encoding_JSON_IETF, gpb.Encoding_PROTO:
		return nil
	}
	return status.Errorf(codes.Unimplemented, "encoding %v is not supported; use JSON_IETF, JSON or PROTO", encoding)
}

// answer is what stands at one path. The mutex is held.
func (r *Router) answer(t target, kind gpb.GetRequest_DataType, encoding gpb.Encoding, now time.Time) ([]*gpb.Update, error) {
	var leaves []model.Leaf
	for _, found := range r.catalog().find(t.node, t.path) {
		if !wanted(found, kind) {
			continue
		}
		leaf := found.Leaf
		leaf.Value = found.read(now)
		leaves = append(leaves, leaf)
	}
	if len(leaves) == 0 {
		return r.answerAbsent(t, kind, encoding)
	}
	if t.node.Leaf || encoding == gpb.Encoding_PROTO {
		updates := make([]*gpb.Update, len(leaves))
		for i := range leaves {
			updates[i] = &gpb.Update{Path: &gpb.Path{Elem: leaves[i].Path}, Val: leaves[i].Value.Encode(encoding)}
		}
		return updates, nil
	}
	return r.answerJSON(t, leaves, encoding), nil
}

// answerJSON renders the nodes that the path matches, each as a whole.
func (r *Router) answerJSON(t target, leaves []model.Leaf, encoding gpb.Encoding) []*gpb.Update {
	var updates []*gpb.Update
	for len(leaves) > 0 {
		// Leaves are in order of their keys, but "a" and "a1" may interleave with what is below them; so gather by prefix.
		path := leaves[0].Path[:len(t.path)]
		var here, rest []model.Leaf
		for _, leaf := range leaves {
			if model.Matches(path, leaf.Path) {
				here = append(here, leaf)
			} else {
				rest = append(rest, leaf)
			}
		}
		value := model.Value{JSON: r.network.schema.Render(t.node, path, here)}
		updates = append(updates, &gpb.Update{Path: &gpb.Path{Elem: path}, Val: value.Encode(encoding)})
		leaves = rest
	}
	return updates
}

func wanted(leaf *reading, kind gpb.GetRequest_DataType) bool {
	switch kind {
	case gpb.GetRequest_CONFIG:
		return leaf.Node.Writable
	case gpb.GetRequest_STATE:
		return !leaf.Node.Writable
	case gpb.GetRequest_OPERATIONAL:
		return leaf.derived
	}
	return true
}

// answerAbsent is the reply to a Get of what is not there, in the manner of the router.
func (r *Router) answerAbsent(t target, kind gpb.GetRequest_DataType, encoding gpb.Encoding) ([]*gpb.Update, error) {
	unset := t.node.Leaf && t.node.Writable && kind != gpb.GetRequest_STATE && kind != gpb.GetRequest_OPERATIONAL
	switch {
	case unset && r.options.Absent == AbsentEmpty:
		return nil, nil
	case unset && r.options.Absent == AbsentDefault && t.node.Default() != "" && r.enclosed(t):
		value, err := r.network.schema.DefaultOf(t.node, t.path)
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		return []*gpb.Update{{Path: &gpb.Path{Elem: t.path}, Val: value.Encode(encoding)}}, nil
	}
	return nil, status.Errorf(codes.NotFound, "%s: nothing is there", model.Key(t.path))
}

// enclosed says whether the container that the leaf would stand in has anything in it.
func (r *Router) enclosed(t target) bool {
	parent := t.path[:len(t.path)-1]
	for _, leaf := range r.running {
		if model.Matches(parent, leaf.Path) {
			return true
		}
	}
	return false
}
