package target

import (
	"time"

	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// defaultRollback is how long a commit waits for its confirmation if its sender does not say (gNMI commit confirmed
// extension, section 3.1).
const defaultRollback = 10 * time.Minute

// Deed is what a Set asks of a device.
type Deed int

const (
	Commit  Deed = iota // do the operations, for good
	Try                 // do them, and take them back unless they are confirmed
	Confirm             // keep what waits to be confirmed
	Cancel              // take back what waits to be confirmed
	Prolong             // let it wait for another time from now on
)

// Ask is what a Set wants by its commit extension.
type Ask struct {
	Deed     Deed
	ID       string        // of the commit to try
	Rollback time.Duration // how long Try and Prolong let it wait
}

// Ask checks a Set against the commit that waits to be confirmed, "" for none. All errors are statuses.
func (p *Plan) Ask(waiting string) (Ask, error) {
	if p.commit == nil {
		if waiting != "" && len(p.Operations) > 0 {
			return Ask{}, status.Errorf(codes.FailedPrecondition, "commit %q waits to be confirmed", waiting)
		}
		return Ask{}, nil
	}
	id := p.commit.GetId()
	if id == "" {
		return Ask{}, status.Error(codes.InvalidArgument, "commit: no id")
	}
	if x, ok := p.commit.GetAction().(*gnmi_ext.Commit_Commit); ok {
		if waiting != "" {
			return Ask{}, status.Errorf(codes.FailedPrecondition, "commit %q waits to be confirmed", waiting)
		}
		d, err := rollbackAfter(x.Commit.GetRollbackDuration())
		return Ask{Deed: Try, ID: id, Rollback: d}, err
	}
	switch {
	case len(p.Operations) > 0:
		return Ask{}, status.Error(codes.InvalidArgument, "commit: only a commit request may carry operations")
	case waiting == "":
		return Ask{}, status.Error(codes.FailedPrecondition, "commit: none waits to be confirmed")
	case waiting != id:
		return Ask{}, status.Errorf(codes.InvalidArgument, "commit: %q waits to be confirmed, not %q", waiting, id)
	}
	switch x := p.commit.GetAction().(type) {
	case *gnmi_ext.Commit_Confirm:
		return Ask{Deed: Confirm}, nil
	case *gnmi_ext.Commit_Cancel:
		return Ask{Deed: Cancel}, nil
	case *gnmi_ext.Commit_SetRollbackDuration:
		d, err := rollbackAfter(x.SetRollbackDuration.GetRollbackDuration())
		return Ask{Deed: Prolong, Rollback: d}, err
	}
	return Ask{}, status.Error(codes.InvalidArgument, "commit: no action")
}

func rollbackAfter(sent *durationpb.Duration) (time.Duration, error) {
	if sent == nil {
		return defaultRollback, nil
	}
	d := sent.AsDuration()
	switch {
	case d < 0:
		return 0, status.Errorf(codes.InvalidArgument, "commit: rollback duration %v is negative", d)
	case d == 0:
		return defaultRollback, nil
	}
	return d, nil
}
