package target

import (
	"cmp"

	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ElectionID is the 128-bit election identifier of gNMI's master arbitration extension.
type ElectionID struct{ High, Low uint64 }

func (a ElectionID) compare(b ElectionID) int {
	return cmp.Or(cmp.Compare(a.High, b.High), cmp.Compare(a.Low, b.Low))
}

// Masters are the highest election ids that a device has accepted, by role.
type Masters map[string]ElectionID

// Admit lets a Set pass if no later master than its sender has shown itself in the sender's role, and notes the sender
// as master (gNMI master arbitration, section 4). A Set without the extension passes always. The error is a status.
func (m Masters) Admit(p *Plan) error {
	if p.arbitration == nil {
		return nil
	}
	sent := p.arbitration.GetElectionId()
	if sent == nil {
		return status.Error(codes.InvalidArgument, "master arbitration: no election_id")
	}
	id, role := ElectionID{sent.GetHigh(), sent.GetLow()}, p.arbitration.GetRole().GetId()
	if master, ok := m[role]; ok && id.compare(master) < 0 {
		return status.Errorf(codes.PermissionDenied,
			"master arbitration: election id %d,%d of role %q is behind the master's %d,%d", id.High, id.Low, role, master.High, master.Low)
	}
	m[role] = id
	return nil
}

// takeExtensions picks out the extensions that the device supports.
func (p *Plan) takeExtensions(extensions []*gnmi_ext.Extension, supported Extensions) error {
	for _, e := range extensions {
		switch x := e.GetExt().(type) {
		case *gnmi_ext.Extension_MasterArbitration:
			if supported.MasterArbitration {
				if p.arbitration != nil {
					return status.Error(codes.InvalidArgument, "master arbitration is given twice")
				}
				p.arbitration = x.MasterArbitration
				continue
			}
		case *gnmi_ext.Extension_Commit:
			if supported.CommitConfirmed {
				if p.commit != nil {
					return status.Error(codes.InvalidArgument, "a commit is given twice")
				}
				p.commit = x.Commit
				continue
			}
		}
		if supported.Strict {
			return status.Error(codes.Unimplemented, "an extension in the request is not supported")
		}
	}
	return nil
}
