package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/detour-net/detour/events"
)

// errUnsurveyed says that the router could not be asked where its leaves are.
var errUnsurveyed = errors.New("the IS-IS interfaces could not be read")

// request is the one SetRequest of a change: leaf updates and leaf deletes only, so nothing that is not named is
// touched. All of it is one transaction (gNMI specification, section 3.4.1).
func (a *actuation) request(ctx context.Context, settings []events.Setting) (*gnmi.SetRequest, error) {
	lay, err := a.surveyed(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsurveyed, explain(a.router, err))
	}
	request := &gnmi.SetRequest{Extension: a.extensions()}
	for _, set := range settings {
		iface := lay[set.Interface]
		if !slices.Contains(iface.leaves, set.LeafRef) {
			return nil, fmt.Errorf("%s: %w", set.LeafRef, errNotConfigured)
		}
		path, err := a.profile.configPath(iface.place, set.LeafRef)
		if err != nil {
			return nil, err
		}
		if set.After.Absent() {
			if err := a.validate(path, nil); err != nil {
				return nil, fmt.Errorf("%s: %w", set.LeafRef, err)
			}
			request.Delete = append(request.Delete, path)
			continue
		}
		value, err := a.profile.encode(set.LeafRef, set.After)
		if err != nil {
			return nil, err
		}
		if err := a.validate(path, value); err != nil {
			return nil, fmt.Errorf("%s: %w", set.LeafRef, err)
		}
		request.Update = append(request.Update, &gnmi.Update{Path: path, Val: value})
	}
	return request, nil
}

// validate checks a leaf against the OpenConfig schema, where the platform speaks OpenConfig.
func (s *session) validate(path *gnmi.Path, value *gnmi.TypedValue) error {
	if !s.profile.validated {
		return nil
	}
	return s.schema.validate(path, value)
}

// extensions are the fences that travel with a change.
func (a *actuation) extensions() []*gnmi_ext.Extension {
	list := a.fenceOf(a.order.Fence)
	if !a.order.Undo && a.order.Arm > 0 && a.honours(events.BarCommitConfirmed) {
		a.armed = true
		list = append(list, armCommit(a.order.CommitID(), a.order.Arm.Std()))
	}
	return list
}

// fenceOf is the service's master arbitration with the given ledger position, where it may be sent.
func (s *session) fenceOf(position uint64) []*gnmi_ext.Extension {
	if !s.profile.arbitration {
		return nil
	}
	return []*gnmi_ext.Extension{arbitration(events.Identity, position)}
}

func arbitration(role string, id uint64) *gnmi_ext.Extension {
	return &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_MasterArbitration{MasterArbitration: &gnmi_ext.MasterArbitration{
		Role:       &gnmi_ext.Role{Id: role},
		ElectionId: &gnmi_ext.Uint128{Low: id},
	}}}
}

func armCommit(id string, rollback time.Duration) *gnmi_ext.Extension {
	return commit(&gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Commit{
		Commit: &gnmi_ext.CommitRequest{RollbackDuration: durationpb.New(rollback)},
	}})
}

func confirmCommit(id string) *gnmi_ext.Extension {
	return commit(&gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Confirm{Confirm: &gnmi_ext.CommitConfirm{}}})
}

func cancelCommit(id string) *gnmi_ext.Extension {
	return commit(&gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Cancel{Cancel: &gnmi_ext.CommitCancel{}}})
}

func commit(c *gnmi_ext.Commit) *gnmi_ext.Extension {
	return &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_Commit{Commit: c}}
}

// cancelCommit makes the router roll back a commit that may still wait for its confirmation. It returns what is left to be
// sent; a router on which nothing waits, or which knows no such commit, leaves all of it.
func (a *actuation) cancelCommit(ctx context.Context) ([]events.Setting, events.Body) {
	cancel := &gnmi.SetRequest{Extension: append(a.fenceOf(a.order.Fence), cancelCommit(a.order.CommitID()))}
	v, err := a.send(ctx, cancel)
	nothing := v.code == codes.FailedPrecondition.String() || v.class == events.RefusedInvalid
	switch {
	case v.ending == refused && !nothing, v.ending == unknown:
		return nil, a.conclude(ctx, v, err)
	}
	settings, body := a.choose(ctx)
	if done, ok := body.(events.Applied); ok {
		done.Detail = "the pending commit was cancelled and the router rolled back"
		return nil, done
	}
	return settings, body
}
