package agent

import (
	"context"
	"errors"
	"maps"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/target"
	"github.com/detour-net/detour/test/lab/frr"
)

// Set implements gNMI's RPC: one transaction, deletes before replaces before updates (gNMI specification, section 3.4).
func (a *Agent) Set(ctx context.Context, req *gpb.SetRequest) (*gpb.SetResponse, error) {
	p, err := target.Understand(a.schema, req, target.Extensions{MasterArbitration: true, CommitConfirmed: true})
	if err != nil {
		return nil, err
	}
	if !a.client.TryLock() {
		return nil, status.Error(codes.Aborted, "another Set is under way")
	}
	defer a.client.Unlock()
	a.setting.Lock() // from what the agent does by itself
	defer a.setting.Unlock()
	if err := a.look(ctx, 0); err != nil {
		return nil, err
	}
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	if err := a.transact(ctx, p); err != nil {
		a.log.Info("set refused", zap.Error(err))
		_ = a.look(context.WithoutCancel(ctx), 0) // whatever was done, the next reader sees it
		return nil, err
	}
	return p.Reply(a.now().at), nil
}

// transact is the transaction itself. All errors are statuses. The caller holds setting.
func (a *Agent) transact(ctx context.Context, p *target.Plan) error {
	masters := maps.Clone(a.journal.Masters)
	if err := masters.Admit(p); err != nil {
		return err
	}
	a.journal.Masters = masters
	waiting := ""
	if a.journal.Window != nil {
		waiting = a.journal.Window.ID
	}
	ask, err := p.Ask(waiting)
	if err != nil {
		return also(err, a.write())
	}
	switch ask.Deed {
	case target.Confirm:
		a.journal.Window = nil
	case target.Prolong:
		a.journal.Window.Until = time.Now().Add(ask.Rollback)
	case target.Cancel:
		return a.rollBack(ctx)
	default:
		return a.commit(ctx, p, ask)
	}
	poke(a.wakened)
	return a.write()
}

// commit does a plan's operations, all or none.
func (a *Agent) commit(ctx context.Context, p *target.Plan, ask target.Ask) error {
	now := a.now()
	after, err := p.Apply(now.settings, -1)
	var deed change
	if err == nil {
		deed, err = now.changeTo(after, p)
	}
	if err != nil {
		return also(err, a.write()) // who is master holds, whatever becomes of the rest
	}
	undo := deed.inverse(now)
	if ask.Deed == target.Try {
		a.journal.Window = &window{ID: ask.ID, Undo: undo, Until: time.Now().Add(ask.Rollback)}
	}
	if err := a.act(ctx, deed, undo); err != nil {
		if ask.Deed == target.Try && certain(err) {
			a.journal.Window = nil
			err = also(err, a.write())
		}
		return err
	}
	a.log.Info("set", zap.Any("change", deed))
	poke(a.wakened)
	return a.look(ctx, 0)
}

// act does a change. What is in the journal is written before anything is done. All errors are statuses.
func (a *Agent) act(ctx context.Context, deed, undo change) error {
	if deed.touchesKernel() {
		a.journal.Undo = &undo
	}
	if err := a.write(); err != nil {
		a.journal.Undo = nil
		return status.Error(codes.Aborted, "nothing was changed: "+status.Convert(err).Message())
	}
	if deed.empty() {
		return nil
	}
	err := a.apply(ctx, deed)
	if err != nil && a.journal.Undo != nil && certain(err) {
		if back := a.takeBack(context.WithoutCancel(ctx), undo); back != nil {
			err = status.Errorf(codes.Unavailable, "%s; what was done of it is not taken back yet: %s", status.Convert(err).Message(), status.Convert(back).Message())
		}
	}
	if a.journal.Undo == nil {
		return err
	}
	if !certain(err) {
		poke(a.wakened) // so that it is taken back as soon as isisd answers
		return err
	}
	a.journal.Undo = nil
	return also(err, a.write())
}

// certain says whether an error leaves no doubt that the router is as it was. UNAVAILABLE does.
func certain(err error) bool { return status.Code(err) != codes.Unavailable }

// also is an error with what went wrong beside it, either of which may be nil. All are statuses; the code is the first one's.
func also(err, beside error) error {
	switch {
	case err == nil:
		return beside
	case beside == nil:
		return err
	}
	return status.Errorf(status.Code(err), "%s; and %s", status.Convert(err).Message(), status.Convert(beside).Message())
}

// apply puts a change into effect, isisd's part first, since that can be refused. All errors are statuses.
func (a *Agent) apply(ctx context.Context, c change) error {
	if !c.ISIS.Empty() {
		if err := a.daemon.Commit(ctx, c.ISIS); err != nil {
			return commitStatus(err)
		}
	}
	for name, up := range c.Enabled {
		if err := a.kernel.SetUp(name, up); err != nil {
			return status.Error(codes.Aborted, "commit failed: "+err.Error())
		}
	}
	for name, text := range c.Descriptions {
		if err := a.kernel.Describe(name, text); err != nil {
			return status.Error(codes.Aborted, "commit failed: "+err.Error())
		}
	}
	return nil
}

// takeBack puts an undo into effect. What is so already is left alone, and an interface that is gone has taken what it had along.
// All errors are statuses.
func (a *Agent) takeBack(ctx context.Context, undo change) error {
	if undo.touchesKernel() {
		ports, err := a.kernel.Ports()
		if err != nil {
			return status.Error(codes.Unavailable, "the kernel does not answer: "+err.Error())
		}
		undo.Enabled, undo.Descriptions = maps.Clone(undo.Enabled), maps.Clone(undo.Descriptions)
		maps.DeleteFunc(undo.Enabled, func(name string, up bool) bool { return !has(ports, name) || ports[name].Up == up })
		maps.DeleteFunc(undo.Descriptions, func(name, text string) bool { return !has(ports, name) || ports[name].Description == text })
	}
	return a.apply(ctx, undo)
}

// commitStatus says what isisd's answer to a commit means to a client.
func commitStatus(err error) error {
	var no *frr.CommandError
	switch {
	case errors.As(err, &no):
		return status.Error(codes.Aborted, "commit failed: "+err.Error())
	case errors.Is(err, frr.ErrUnsent):
		return status.Error(codes.Unavailable, "nothing was changed: "+err.Error())
	}
	return status.Error(codes.Unavailable, "what became of the commit is not known: "+err.Error())
}
