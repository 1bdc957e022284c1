package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/device"
	"github.com/detour-net/detour/internal/incident"
)

// How long a router may take to answer, and how long it is waited until those are asked again that could not be.
const (
	olderWithin = 5 * time.Second
	olderAgain  = 2 * time.Second
)

// older notices at the start that the ledger is older than the routers, which happens when a backup is restored: what was done
// since then stands on the routers, and no record says so. It is the same when another cluster, with a ledger of its own, acts on the
// same routers and has written more. A router that arbitrates has seen the positions of intents, and
// refuses to be raised to the ledger's end if it has seen a later one, as it will refuse every Set until the ledger has grown past
// that. Then the network is frozen, until a person has compared the routers and thaws it; by each replica that finds it so, unless
// it is frozen anyway. While a replica runs it notices by itself that its ledger has become shorter.
type older struct {
	routers []string
	raise   func(ctx context.Context, router string, position uint64) error // device.ErrNewer: it has seen a newer one
	view    func(func(*incident.Board))
	last    func(context.Context) (uint64, error) // the ledger's end
	others  func() []string                       // drained links that no incident holds
	submit  func(context.Context, incident.Order) error
	me      string
	log     *zap.Logger
	again   time.Duration
}

func newOlder(a *App) *older {
	o := &older{
		raise: a.fleet.Raise, view: a.worker.View, last: a.ledger.LastPosition, others: a.othersDrains, me: a.worker.Me(), log: a.log.Named("older"), again: olderAgain,
		submit: func(ctx context.Context, do incident.Order) error { _, err := a.worker.Submit(ctx, do); return err },
	}
	if a.cfg.Mode == events.Live {
		for _, r := range a.cfg.Network.Routers {
			o.routers = append(o.routers, r.Name)
		}
	}
	return o
}

// run asks every router once, for as long as that takes.
func (o *older) run(ctx context.Context) error {
	left := slices.Clone(o.routers)
	tick := time.NewTicker(o.again)
	defer tick.Stop()
	for len(left) > 0 {
		var newer []string
		left = slices.DeleteFunc(left, func(router string) bool {
			is, err := o.newer(ctx, router)
			if is {
				newer = append(newer, router)
			}
			return err == nil
		})
		if len(newer) > 0 {
			o.freeze(ctx, newer)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// errBusy says that a router cannot be asked now.
var errBusy = errors.New("the ledger is being read, or an act is in flight")

// newer reports whether a router has seen an intent of which the ledger knows nothing. An intent that others write meanwhile
// is one that it knows: the ledger must end after the router's answer where it ended before.
func (o *older) newer(ctx context.Context, router string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, olderWithin)
	defer cancel()
	last, err := o.last(ctx)
	if err != nil {
		return false, err
	}
	if !o.idleAt(last) {
		return false, errBusy
	}
	err = o.raise(ctx, router, last)
	if !errors.Is(err, device.ErrNewer) {
		return false, err
	}
	switch now, err := o.last(ctx); {
	case err != nil:
		return false, err
	case now != last:
		return false, errBusy
	}
	return true, nil
}

// idleAt reports whether this replica has folded the ledger up to its end, and nothing is left to be said to a router under an
// intent that stands there: a router that was raised above it would refuse that.
func (o *older) idleAt(last uint64) (idle bool) {
	o.view(func(b *incident.Board) {
		idle = b.Position >= last && !slices.ContainsFunc(b.Open(), mayBeSet)
	})
	return idle
}

// mayBeSet reports whether a Set may be on its way under an intent of an incident, a commit is to be confirmed, or what is being
// verified may be taken back without the ledger.
func mayBeSet(i *incident.Incident) bool {
	return slices.Contains([]incident.Phase{incident.Acting, incident.Verifying, incident.Confirming, incident.Reverting}, i.Phase) || unsettled(i.Steps)
}

// unsettled reports whether an intent has an outcome outstanding, or a router will roll one back unless it is confirmed.
func unsettled(steps [][]incident.ChangeState) bool {
	return slices.ContainsFunc(steps, func(changes []incident.ChangeState) bool {
		return slices.ContainsFunc(changes, func(c incident.ChangeState) bool { return c.Pending || c.Armed })
	})
}

// freeze says on the ledger what was found, unless the network is frozen anyway.
func (o *older) freeze(ctx context.Context, newer []string) {
	reason := fmt.Sprintf("the ledger is older than the routers: %s saw intents of which it knows nothing, so it was restored from a backup, "+
		"or another cluster, with a ledger of its own, acts on the same routers (end one of the two); drains that no incident holds: %s; compare `detour drains`, undrain by hand what nobody needs, clear the election id of role %q at these routers "+
		"(they refuse every Set until the ledger has passed it), then thaw", strings.Join(newer, ", "), orNone(o.others()), events.Identity)
	o.log.Error("frozen", zap.String("why", reason))
	err := o.submit(ctx, incident.Freeze(events.Network, events.Person{Name: o.me}, reason))
	if err != nil {
		o.log.Warn("freeze the network", zap.Error(err))
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none is seen"
	}
	return strings.Join(list, ", ")
}
