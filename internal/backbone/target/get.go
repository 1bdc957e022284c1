package target

import (
	"context"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/model"
)

// Get implements gNMI's RPC. A path with wildcards gives one update for each node that it matches; a container comes as
// JSON, or leaf by leaf when the encoding is PROTO.
func (s *Server) Get(ctx context.Context, req *gpb.GetRequest) (*gpb.GetResponse, error) {
	if err := checkEncoding(req.GetEncoding()); err != nil {
		return nil, err
	}
	if _, known := gpb.GetRequest_DataType_name[int32(req.GetType())]; !known {
		return nil, status.Errorf(codes.InvalidArgument, "there is no data type %d", req.GetType())
	}
	if len(req.GetPath()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "no path")
	}
	places := make([]place, len(req.GetPath()))
	for i, path := range req.GetPath() {
		var err error
		if places[i], err = s.place(req.GetPrefix(), path); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
	}
	resp := &gpb.GetResponse{}
	err := s.Device.View(ctx, func(v View) error {
		for _, p := range places {
			updates, err := s.answer(v, p, req.GetType(), req.GetEncoding())
			if err != nil {
				return err
			}
			resp.Notification = append(resp.Notification, &gpb.Notification{
				Timestamp: v.Now.UnixNano(), Prefix: replyPrefix(req.GetPrefix()), Update: updates,
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
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

// answer is what stands at one path.
func (s *Server) answer(v View, p place, kind gpb.GetRequest_DataType, encoding gpb.Encoding) ([]*gpb.Update, error) {
	var leaves []model.Leaf
	for _, found := range v.Leaves.find(p.node, p.path) {
		if !wanted(found, kind) {
			continue
		}
		leaf := found.Leaf
		leaf.Value = found.Read(v.Now)
		leaves = append(leaves, leaf)
	}
	if len(leaves) == 0 {
		return s.answerAbsent(v, p, kind, encoding)
	}
	if p.node.Leaf || encoding == gpb.Encoding_PROTO {
		updates := make([]*gpb.Update, len(leaves))
		for i := range leaves {
			updates[i] = &gpb.Update{Path: &gpb.Path{Elem: leaves[i].Path}, Val: leaves[i].Value.Encode(encoding)}
		}
		return updates, nil
	}
	return s.answerJSON(p, leaves, encoding), nil
}

// answerJSON renders the nodes that the path matches, each as a whole.
func (s *Server) answerJSON(p place, leaves []model.Leaf, encoding gpb.Encoding) []*gpb.Update {
	var updates []*gpb.Update
	for len(leaves) > 0 {
		// Leaves are in order of their keys, but "a" and "a1" may interleave with what is below them; so gather by prefix.
		path := leaves[0].Path[:len(p.path)]
		var here, rest []model.Leaf
		for _, leaf := range leaves {
			if model.Matches(path, leaf.Path) {
				here = append(here, leaf)
			} else {
				rest = append(rest, leaf)
			}
		}
		value := model.Value{JSON: s.Schema.Render(p.node, path, here)}
		updates = append(updates, &gpb.Update{Path: &gpb.Path{Elem: path}, Val: value.Encode(encoding)})
		leaves = rest
	}
	return updates
}

func wanted(leaf *Reading, kind gpb.GetRequest_DataType) bool {
	switch kind {
	case gpb.GetRequest_CONFIG:
		return leaf.Node.Writable
	case gpb.GetRequest_STATE:
		return !leaf.Node.Writable
	case gpb.GetRequest_OPERATIONAL:
		return leaf.Derived
	}
	return true
}

// answerAbsent is the reply to a Get of what is not there, in the manner of the device.
func (s *Server) answerAbsent(v View, p place, kind gpb.GetRequest_DataType, encoding gpb.Encoding) ([]*gpb.Update, error) {
	unset := p.node.Leaf && p.node.Writable && kind != gpb.GetRequest_STATE && kind != gpb.GetRequest_OPERATIONAL
	switch {
	case unset && s.Absent == AbsentEmpty:
		return nil, nil
	case unset && s.Absent == AbsentDefault && p.node.Default() != "" && v.Leaves.configures(p.path[:len(p.path)-1]):
		value, err := s.Schema.DefaultOf(p.node, p.path)
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		return []*gpb.Update{{Path: &gpb.Path{Elem: p.path}, Val: value.Encode(encoding)}}, nil
	}
	return nil, status.Errorf(codes.NotFound, "%s: nothing is there", model.Key(p.path))
}
