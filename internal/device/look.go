package device

import (
	"context"
	"errors"
	"fmt"

	"github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/events"
)

// Look reads back what became of an order, and closes its commit if the router took that and does not hold the change:
// while it is open nothing else can be sent there. First it raises the router's mastership to fence, so that a request of an older
// intent that is still under way is refused when it arrives; only then is what is read final. A router that is not
// proven to arbitrate is asked all the same, and Found.Fence is 0. An error means that it could not be looked at.
func (f *Fleet) Look(ctx context.Context, order events.Order, fence uint64) (events.Found, error) {
	s, err := f.session(order.Change.Device)
	if err != nil {
		return events.Found{}, err
	}
	if err := s.take(ctx); err != nil {
		return events.Found{}, err
	}
	defer s.release()
	found := events.Found{Step: order.Step, Change: order.Act.Change}
	if order.Mode == events.Live {
		if found.Fence, err = s.raise(ctx, fence); err != nil {
			return events.Found{}, err
		}
	}
	values, err := s.leaves(ctx, refsOf(order.Change))
	if err != nil {
		return events.Found{}, fmt.Errorf("read back: %w", explain(s.router, err))
	}
	found.Seen = s.platform().compare(order.Change, values)
	if found.Seen != events.SeenAfter && order.Arm > 0 && order.Mode == events.Live && s.honours(events.BarCommitConfirmed) {
		if _, err := s.closeCommit(ctx, order, fence); err != nil {
			return events.Found{}, err
		}
		if values, err = s.leaves(ctx, refsOf(order.Change)); err != nil {
			return events.Found{}, fmt.Errorf("read back: %w", explain(s.router, err))
		}
		found.Seen = s.platform().compare(order.Change, values)
	}
	if found.Seen == events.SeenOther {
		found.Detail = s.differencesOf(order.Change, values)
	}
	return found, nil
}

// ErrNewer says that a router has seen a newer election id of the service's role than the one it was raised to.
var ErrNewer = errors.New("the router's master is newer")

// Raise takes the service's mastership on a router up to a position of the ledger, if the router is proven to arbitrate, and
// changes nothing else. A Set under an older intent is refused from then on. The error is ErrNewer when the router holds a
// newer one, and any other when it was not reached.
func (f *Fleet) Raise(ctx context.Context, device string, position uint64) error {
	s, err := f.session(device)
	if err != nil {
		return err
	}
	if !s.honours(events.BarArbitration) {
		return nil
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.release()
	_, err = s.raise(ctx, position)
	return err
}

// raise takes the service's mastership on the router with an empty Set (gNMI master arbitration). It returns the election
// id that the router is proven to hold others to, 0 where it is not proven.
func (s *session) raise(ctx context.Context, fence uint64) (uint64, error) {
	extensions := s.fenceOf(fence)
	if extensions == nil {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.ReadTimeout)
	defer cancel()
	_, err := s.client.Set(ctx, &gnmi.SetRequest{Extension: extensions})
	if !s.honours(events.BarArbitration) {
		return 0, nil // whether it is reachable at all shows in the read that follows
	}
	switch {
	case err == nil:
		return fence, nil
	case status.Code(err) == codes.PermissionDenied:
		return 0, fmt.Errorf("%w: %w; %s", ErrNewer, explain(s.router, err), newer(fence))
	}
	return 0, fmt.Errorf("raise mastership: %w", explain(s.router, err))
}

// newer says what it means that a router refuses an election id.
func newer(fence uint64) string {
	return fmt.Sprintf("the router has seen an election id above %d of role %q: another replica has written since, or the router has met another ledger: "+
		"a newer one, of which this is a backup, or that of another cluster, which acts on the same routers", fence, events.Identity)
}

// closeCommit cancels the commit of an order, if the router still has it open. It returns how many requests left. An error
// means that the commit may be open.
func (s *session) closeCommit(ctx context.Context, order events.Order, fence uint64) (left int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.ReadTimeout)
	defer cancel()
	ctx, sent := watchSent(ctx)
	_, err = s.client.Set(ctx, &gnmi.SetRequest{Extension: append(s.fenceOf(fence), cancelCommit(order.CommitID()))})
	if sent.Load() {
		left = 1
	}
	switch status.Code(err) {
	case codes.OK, codes.FailedPrecondition, codes.InvalidArgument: // the latter two: none is open, or only another's
		return left, nil
	}
	return left, fmt.Errorf("its commit may still be open: %w", explain(s.router, err))
}

// Confirm makes a commit-confirmed change permanent. When it returns OK false the router may roll back by itself and has to
// be looked at.
func (f *Fleet) Confirm(ctx context.Context, order events.Order) events.Confirmed {
	confirmed := events.Confirmed{Step: order.Step, Change: order.Act.Change}
	s, err := f.session(order.Change.Device)
	if err != nil {
		confirmed.Detail = err.Error()
		return confirmed
	}
	if order.Mode != events.Live {
		confirmed.OK, confirmed.Detail = true, "dry-run: nothing waits for it"
		return confirmed
	}
	if err := s.take(ctx); err != nil {
		confirmed.Detail = err.Error()
		return confirmed
	}
	defer s.release()
	ctx, cancel := context.WithTimeout(ctx, s.opts.ReadTimeout)
	defer cancel()
	_, err = s.client.Set(ctx, &gnmi.SetRequest{Extension: append(s.fenceOf(order.Fence), confirmCommit(order.CommitID()))})
	if err != nil && s.nothingWaits(ctx, order, err) {
		confirmed.OK, confirmed.Detail = true, "nothing waits to be confirmed any more, and it stands"
		return confirmed
	}
	if err != nil {
		confirmed.Detail = fmt.Sprintf("confirm: %v", explain(s.router, err))
		return confirmed
	}
	confirmed.OK = true
	return confirmed
}

// nothingWaits reports whether a router has no commit that could still roll back (FAILED_PRECONDITION, gNMI commit confirmed
// extension) and holds what was set: then somebody has confirmed it, and the answer was lost.
func (s *session) nothingWaits(ctx context.Context, order events.Order, answer error) bool {
	if status.Code(answer) != codes.FailedPrecondition {
		return false
	}
	values, err := s.leaves(ctx, refsOf(order.Change))
	return err == nil && s.platform().compare(order.Change, values) == events.SeenAfter
}
