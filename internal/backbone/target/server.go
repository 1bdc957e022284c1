package target

import (
	"context"
	"fmt"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/protobuf/proto"

	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/device/oc"
)

// Device is what a Server shows. It is called by several RPCs at once.
type Device interface {
	// View calls look with what the device shows now, and keeps it still meanwhile; look does not wait for anything. An
	// error is a gRPC status: look's own, or one that says why nothing can be shown.
	View(ctx context.Context, look func(View) error) error
}

// View is a device at one moment.
type View struct {
	Now     time.Time       // the device's
	Leaves  *Leaves         // sorted
	Changed <-chan struct{} // closed when something changes that is sent for being changed
}

// Server implements gNMI's reading RPCs for one device. Set is left to the device.
type Server struct {
	gpb.UnimplementedGNMIServer
	Schema *model.Schema
	Device Device
	Absent Absent
	Done   <-chan struct{} // closed when streams must end
}

// Absent is how a device answers a Get of a configuration leaf that is not set. Real ones disagree.
type Absent int

const (
	AbsentNotFound Absent = iota // NOT_FOUND (gNMI specification, section 3.3.4)
	AbsentDefault                // the schema's default value, if the leaf has one
	AbsentEmpty                  // OK, and nothing in it
)

// Capabilities implements gNMI's RPC. Extensions are not announced, as no real server does it either.
func (s *Server) Capabilities(context.Context, *gpb.CapabilityRequest) (*gpb.CapabilityResponse, error) {
	return &gpb.CapabilityResponse{
		SupportedModels:    oc.ΓModelData,
		SupportedEncodings: []gpb.Encoding{gpb.Encoding_JSON, gpb.Encoding_JSON_IETF, gpb.Encoding_PROTO},
		GNMIVersion:        gnmiVersion(),
	}, nil
}

// gnmiVersion is the version of the gNMI specification that the protocol definitions in use carry.
func gnmiVersion() string {
	options := gpb.File_github_com_openconfig_gnmi_proto_gnmi_gnmi_proto.Options()
	if version, ok := proto.GetExtension(options, gpb.E_GnmiService).(string); ok {
		return version
	}
	return ""
}

// absolute joins a prefix and a path, and checks what is said about origin and target.
func absolute(prefix, path *gpb.Path) (model.Elems, error) {
	for _, p := range []*gpb.Path{prefix, path} {
		//lint:ignore SA1019 clients of old send it beside elem; who sends it alone would be taken to mean the root
		if len(p.GetElement()) > 0 && len(p.GetElem()) == 0 {
			return nil, fmt.Errorf("a path has the field element alone, which is not supported; use elem")
		}
	}
	if prefix.GetOrigin() != "" && path.GetOrigin() != "" {
		return nil, fmt.Errorf("origin is given in both prefix and path")
	}
	if path.GetTarget() != "" {
		return nil, fmt.Errorf("target belongs into the prefix")
	}
	for _, origin := range []string{prefix.GetOrigin(), path.GetOrigin()} {
		if origin != "" && origin != "openconfig" {
			return nil, fmt.Errorf("origin %q is not supported; use \"openconfig\"", origin)
		}
	}
	if len(prefix.GetElem()) == 0 {
		return path.GetElem(), nil
	}
	return append(append(model.Elems(nil), prefix.GetElem()...), path.GetElem()...), nil
}

// replyPrefix is the prefix of what is sent in reply to a request with the given prefix.
func replyPrefix(prefix *gpb.Path) *gpb.Path {
	return &gpb.Path{Origin: "openconfig", Target: prefix.GetTarget()}
}

// place is a path that a client reads, looked up.
type place struct {
	node *model.Node
	path model.Elems
}

// place looks up what a client wants to read. The key of a list entry stands for the leaf below config or state that it
// mirrors.
func (s *Server) place(prefix, path *gpb.Path) (place, error) {
	elems, err := absolute(prefix, path)
	if err != nil {
		return place{}, err
	}
	node, clean, err := s.Schema.Resolve(elems)
	if err != nil {
		return place{}, err
	}
	if !node.ListKey() {
		return place{node, clean}, nil
	}
	for _, side := range []string{"config", "state"} {
		moved := model.Join(clean[:len(clean)-1], model.E(side), clean[len(clean)-1])
		if node, moved, err := s.Schema.Resolve(moved); err == nil {
			return place{node, moved}, nil
		}
	}
	return place{node, clean}, nil
}
