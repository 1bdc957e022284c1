package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

// comparer holds the routers against the ledger: as it stands, not as far as this replica happens to have read it.
type comparer struct {
	board interface {
		View(f func(*incident.Board))
	}
	ledger interface {
		LastPosition(ctx context.Context) (uint64, error)
	}
	routers interface {
		Observe(ctx context.Context, target events.Target) events.Facts
	}
	halted bool // the Board goes on no more: it is compared as it is
}

// Compare reads the routers and compares them with what the ledger says of every live incident that is open. It ends with an
// error when ctx ends before this replica has folded what the ledger held at the start.
func (a *App) Compare(ctx context.Context) (api.Comparison, error) {
	return comparer{board: a.worker, ledger: a.ledger, routers: a.fleet, halted: a.worker.Status().Halted != ""}.compare(ctx)
}

func (c comparer) compare(ctx context.Context) (api.Comparison, error) {
	result := api.Comparison{Differences: []api.Difference{}}
	if err := c.catchUp(ctx); err != nil {
		return result, fmt.Errorf("compare routers: %w", err)
	}
	var ids []string
	c.board.View(func(b *incident.Board) {
		result.Position = b.Position
		for _, i := range b.Open() {
			ids = append(ids, i.ID)
		}
	})
	for _, id := range ids {
		n, differences := c.one(ctx, id)
		result.Compared += n
		result.Differences = append(result.Differences, differences...)
	}
	return result, ctx.Err()
}

// catchUp waits until the Board holds what the ledger does now: an incident that has ended there may still stand open here.
func (c comparer) catchUp(ctx context.Context) error {
	if c.halted {
		return nil
	}
	last, err := c.ledger.LastPosition(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var at uint64
		c.board.View(func(b *incident.Board) { at = b.Position })
		if at >= last {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the ledger is at position %d and this replica has followed it to %d: %w", last, at, ctx.Err())
		}
	}
}

// one compares one incident, again while the ledger goes on with its changes as the routers are read.
func (c comparer) one(ctx context.Context, id string) (compared int, differences []api.Difference) {
	for ctx.Err() == nil {
		said := c.claim(id)
		if said == nil {
			break
		}
		facts := c.routers.Observe(ctx, said.target)
		if now := c.claim(id); now != nil && said.same(*now) {
			return said.differ(facts)
		}
	}
	return 0, nil
}

// claim is what the ledger says of the changes of an incident.
type claim struct {
	id     string
	target events.Target
	steps  []events.Step
	states [][]incident.ChangeState
}

// claim is nil of an incident that is over, dry, or has set nothing.
func (c comparer) claim(id string) (said *claim) {
	c.board.View(func(b *incident.Board) {
		i, ok := b.Incident(id)
		if !ok || !i.IsOpen() || !i.Live() || len(i.Steps) == 0 {
			return
		}
		said = &claim{id: id, target: i.Target, steps: i.Plan.Plan.Steps}
		for _, step := range i.Steps {
			said.states = append(said.states, slices.Clone(step))
		}
	})
	return said
}

func (k claim) same(other claim) bool {
	return slices.EqualFunc(k.states, other.states, slices.Equal[[]incident.ChangeState])
}

// differ compares facts with the newest step.
func (k claim) differ(facts events.Facts) (compared int, list []api.Difference) {
	last := len(k.steps) - 1
	for n, state := range k.states[last] {
		change := k.steps[last].Changes[n]
		d := api.Difference{Incident: k.id, Step: last, Change: n, Device: change.Device, Ledger: state.Seen}
		seen, ok := incident.SeenAt(facts, k.steps, last, n)
		switch {
		case !ok:
			d.Detail = "the router could not be read"
		case state.Pending || state.Doubt > 0:
			continue // the ledger says itself that it does not know
		case seen == state.Seen:
			continue
		default:
			d.Router, d.Detail = seen, fmt.Sprintf("the ledger has it %s the change, the router shows it %s", state.Seen, seen)
		}
		list = append(list, d)
	}
	return len(k.states[last]), list
}
