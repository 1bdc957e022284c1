package backbone

import (
	"context"
	"fmt"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/detour-net/detour/internal/backbone/target"
)

// Set implements gNMI's RPC: one transaction, deletes before replaces before updates (gNMI specification, section 3.4).
func (s *service) Set(ctx context.Context, req *gpb.SetRequest) (*gpb.SetResponse, error) {
	r := s.router
	p, err := r.understand(req)
	if err != nil {
		r.refuse(req, "", err)
		return nil, err
	}
	how, injection := r.injected(p)
	if err := r.wait(ctx, how.before); err != nil {
		return nil, err
	}
	switch {
	case how.refuse != nil:
		err := how.refuse.Err()
		r.refuse(req, how.name, err)
		return nil, err
	case how.late:
		return r.commitLate(ctx, p, how, injection)
	}
	reply, err := r.commit(p, how)
	if err != nil {
		return nil, err
	}
	if how.cut {
		r.listener.hangUp()
	}
	if how.loseReply {
		return nil, status.Error(codes.Unavailable, "transport closing")
	}
	return reply, nil
}

// commitLate leaves the client without an answer until the injection lets go, and commits then, whether or not anyone
// still waits.
func (r *Router) commitLate(ctx context.Context, p *target.Plan, how Behaviour, injection *Injection) (*gpb.SetResponse, error) {
	type outcome struct {
		reply *gpb.SetResponse
		err   error
	}
	done := make(chan outcome, 1)
	r.network.running.Go(func() {
		var due <-chan time.Time
		if how.after > 0 {
			timer := time.NewTimer(how.after)
			defer timer.Stop()
			due = timer.C
		}
		select {
		case <-due:
		case <-injection.released:
		case <-r.network.done:
			return
		}
		reply, err := r.commit(p, how)
		done <- outcome{reply, err}
	})
	select {
	case o := <-done:
		return o.reply, o.err
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	case <-r.network.done:
		return nil, status.Error(codes.Unavailable, "router is shutting down")
	}
}

// commit does what a Set asks for, or refuses it; either way it stands in the account. All errors are statuses.
func (r *Router) commit(p *target.Plan, how Behaviour) (*gpb.SetResponse, error) {
	n := r.network
	now := n.lock()
	defer n.unlock()
	record := r.record(p.Request, how.name, now)
	before := r.running
	err := r.transact(p, how, now)
	record.Code, record.Message = status.Code(err), status.Convert(err).Message()
	record.Changes = p.Changes(before, r.running)
	n.note(record)
	if err != nil {
		n.log.Debug("set refused", zap.String("device", r.name), zap.Error(err))
		return nil, err
	}
	n.log.Debug("set", zap.String("device", r.name), zap.Int("changes", len(record.Changes)))
	return p.Reply(now), nil
}

// transact is the transaction itself. The mutex is held.
func (r *Router) transact(p *target.Plan, how Behaviour, now time.Time) error {
	if err := r.masters.Admit(p); err != nil {
		return err
	}
	ask, proceed, err := r.admit(p, now)
	if err != nil || !proceed {
		return err
	}
	before := r.running
	after, err := r.apply(p, before, how.limit())
	if err != nil {
		return err
	}
	if ask.Deed == target.Try {
		r.openWindow(ask, before, now)
	}
	if !how.ignore {
		r.adopt(after, !how.unprogrammed, now)
	}
	return nil
}

// understand validates a request. All errors are statuses.
func (r *Router) understand(req *gpb.SetRequest) (*target.Plan, error) {
	return target.Understand(r.network.schema, req, r.options.extensions())
}

// apply is what the configuration becomes with no more than limit of a plan's operations done; a negative limit means
// all. All errors are statuses.
func (r *Router) apply(p *target.Plan, before settings, limit int) (settings, error) {
	after, err := p.Apply(before, limit)
	if err != nil {
		return nil, err
	}
	if err := r.check(after, p); err != nil {
		return nil, status.Error(codes.Aborted, "commit failed: "+err.Error())
	}
	return after, nil
}

// refuse puts a Set that never came to a commit into the account.
func (r *Router) refuse(req *gpb.SetRequest, injected string, err error) {
	now := r.network.lock()
	defer r.network.unlock()
	record := r.record(req, injected, now)
	record.Code, record.Message = status.Code(err), status.Convert(err).Message()
	r.network.note(record)
}

// record begins an entry of the account.
func (r *Router) record(req *gpb.SetRequest, injected string, now time.Time) SetRecord {
	return SetRecord{Router: r.name, At: now, Request: proto.CloneOf(req), Injected: injected}
}

// Configure changes the router's configuration as somebody else would, at its command line: past arbitration and any
// commit that waits. The value is JSON; an empty one deletes what is at the path. It stands in the account.
func (r *Router) Configure(path, value string) error {
	req, err := commandLine(path, value)
	if err != nil {
		return fmt.Errorf("backbone: router %s: %w", r.name, err)
	}
	p, err := r.understand(req)
	if err != nil {
		return fmt.Errorf("backbone: router %s: %w", r.name, err)
	}
	n := r.network
	now := n.lock()
	defer n.unlock()
	before := r.running
	after, err := r.apply(p, before, -1)
	if err != nil {
		return fmt.Errorf("backbone: router %s: %w", r.name, err)
	}
	r.adopt(after, true, now)
	record := r.record(req, "", now)
	record.Local, record.Changes = true, p.Changes(before, after)
	n.note(record)
	return nil
}
