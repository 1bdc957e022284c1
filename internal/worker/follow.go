package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
)

// follow folds every commit up to where the ledger ended when the worker began, and hands those behind it to the loop, which
// begins then. A broken ledger halts the worker.
func (w *Worker) follow(ctx context.Context) error {
	asked, last, err := w.ledgerEnd(ctx)
	if err != nil {
		return nil // ctx has ended
	}
	caught := func() {
		w.mu.Lock()
		w.caught, w.contact = true, asked
		w.mu.Unlock()
		close(w.replayed)
	}
	from := w.board.Position + 1
	if from > last {
		caught()
	}
	err = w.Ledger.Follow(ctx, from, func(c events.Commit) error {
		w.back.reach(c.Position)
		if c.Position <= last {
			if w.fold(c); c.Position == last {
				caught()
			}
			return nil
		}
		select {
		case w.followed <- c:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		err = errors.New("the ledger ended")
	}
	w.halt(fmt.Sprintf("following the ledger: %v", err))
	close(w.broken)
	<-ctx.Done()
	return nil
}

// ledgerEnd asks, for as long as it takes, where the ledger ends.
func (w *Worker) ledgerEnd(ctx context.Context) (asked time.Time, last uint64, err error) {
	for {
		asked = w.Now()
		if last, err = w.Ledger.LastPosition(ctx); err == nil {
			return asked, last, nil
		}
		w.log.Warn("ask where the ledger ends", zap.Error(err))
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
			return asked, 0, ctx.Err()
		}
	}
}

// catchUp waits until the ledger is folded up to where it ended when the worker began, then has recorded under which policy
// it decides.
func (w *Worker) catchUp(ctx context.Context) error {
	select {
	case <-w.replayed:
	case <-w.broken:
		return nil // the loop goes on, halted, and says why
	case <-ctx.Done():
		return ctx.Err()
	}
	w.log.Info("caught up with the ledger", zap.Uint64("position", w.board.Position), zap.String("replica", w.me))
	w.world.orders = append(w.world.orders, w.declare())
	return nil
}
