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

// fold applies one commit, passes on what the shell must know of it, and counts it.
func (w *Worker) fold(c events.Commit) {
	if w.apply(c) {
		w.counts(c)
	}
}

// apply is fold without counting: it reports whether there is anything to count.
func (w *Worker) apply(c events.Commit) (applied bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Position <= w.board.Position {
		return false // our own, folded when its append was acknowledged
	}
	w.alone = nil
	if err := w.board.Apply(c); err != nil {
		w.noteHalted(err.Error())
		return false
	}
	if why := w.board.Halted(); why != "" {
		w.noteHalted(why)
	}
	if w.doubted != nil && w.doubted.commit.ID == c.ID {
		w.Metrics.appended(w.Now().Sub(w.doubted.began)) // nothing else will tell that it was stored
	}
	if len(w.world.orders) > 0 && w.world.orders[0].commit == c.ID {
		w.answer(orderReply{commit: c}) // here and not behind its append: that may have left a doubt, which following settles
	}
	for _, r := range c.Records {
		if p, ok := r.Body.(events.Proved); ok {
			w.Routers.Proven(p)
		}
		if r.Incident == "" {
			continue
		}
		if r.Body.Kind() != events.KindObserved {
			delete(w.world.facts, r.Incident) // seen before what the record says
			w.world.moved[r.Incident] = c.Position
		}
		if i, ok := w.board.Incident(r.Incident); !ok || !i.IsOpen() {
			delete(w.world.facts, r.Incident)
			delete(w.world.results, r.Incident)
			delete(w.world.moved, r.Incident)
			w.spans.forget(r.Incident)
		}
	}
	return true
}

// count counts what a turn has stored and timed, once nothing waits for it any more.
func (w *Worker) count() {
	for _, c := range w.world.stored {
		w.counts(c)
		w.tookOver()
	}
	w.world.stored = nil
	w.Metrics.turned()
}

// counts counts one commit.
func (w *Worker) counts(c events.Commit) {
	mine := c.By == w.me
	var now time.Time
	if mine {
		now = w.Now()
	}
	w.Metrics.folded(c, mine, now)
}
