package backbone

import (
	"cmp"

	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// electionID is the 128-bit election identifier of gNMI's master arbitration extension.
type electionID struct{ high, low uint64 }

func (a electionID) compare(b electionID) int {
	return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low))
}

// arbitrate lets a Set pass if no later master than its sender has shown itself in the sender's role, and notes the sender
// as master (gNMI master arbitration, section 4). A Set without the extension passes always. The mutex is held.
func (r *Router) arbitrate(p *plan) error {
	if p.arbitration == nil {
		return nil
	}
	sent := p.arbitration.GetElectionId()
	if sent == nil {
		return status.Error(codes.InvalidArgument, "master arbitration: no election_id")
	}
	id, role := electionID{sent.GetHigh(), sent.GetLow()}, p.arbitration.GetRole().GetId()
	if master, ok := r.masters[role]; ok && id.compare(master) < 0 {
		return status.Errorf(codes.PermissionDenied,
			"master arbitration: election id %d,%d of role %q is behind the master's %d,%d", id.high, id.low, role, master.high, master.low)
	}
	r.masters[role] = id
	return nil
}

// Master is the highest election id that the router has accepted in a role, and false if there is none since it started.
func (r *Router) Master(role string) (high, low uint64, ok bool) {
	r.network.lock()
	defer r.network.unlock()
	id, ok := r.masters[role]
	return id.high, id.low, ok
}

// understandExtensions picks out the extensions that the router supports. What it does not support it ignores, or
// refuses, as its options say.
func (r *Router) understandExtensions(p *plan, extensions []*gnmi_ext.Extension) error {
	for _, e := range extensions {
		switch x := e.GetExt().(type) {
		case *gnmi_ext.Extension_MasterArbitration:
			if r.options.MasterArbitration {
				p.arbitration = x.MasterArbitration
				continue
			}
		case *gnmi_ext.Extension_Commit:
			if r.options.CommitConfirmed {
				p.commit = x.Commit
				continue
			}
		}
		if r.options.StrictExtensions {
			return status.Error(codes.Unimplemented, "an extension in the request is not supported")
		}
	}
	return nil
}
