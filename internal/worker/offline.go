package worker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// offline does what needs no new record while the ledger cannot be written: it looks, and takes back what this replica has
// set and has failed, step after step, as the intents on the ledger authorise. It goes by what it knows, and that may be
// more than the ledger: a Set may have been answered, and its outcome not been written.
func (w *Worker) offline(ctx context.Context) {
	board := w.known()
	decision := w.decide(board, nil)
	for _, c := range decision.Commands {
		if o, ok := c.(incident.Observe); ok {
			w.begin(o)
		}
	}
	undo := incident.Authorised(w.board, board, decision.Records, w.me)
	if len(undo) == 0 && len(incident.Undoing(w.board, w.alone, w.me)) == 0 {
		return // and nobody is asked, so that it is soon tried again to write
	}
	if w.ledgerAnswers(ctx) && !w.takesNothing() {
		return
	}
	if len(undo) > 0 {
		w.alone = incident.Suppose(board, undo, w.Now(), w.me)
	}
	for _, o := range incident.Undoing(w.board, w.alone, w.me) {
		w.takeBack(o)
	}
}

// known is the Board together with the outcomes of this worker's acts that are not on the ledger, and with what it takes back.
// They count from when it was found that they cannot be written.
func (w *Worker) known() *incident.Board {
	if w.alone == nil {
		w.alone = w.board
	}
	if outcomes := incident.Outcomes(w.alone, w.world.results); len(outcomes) > 0 {
		w.alone = incident.Suppose(w.alone, outcomes, w.Now(), w.me)
	}
	return w.alone
}

// takeBack undoes one change without a record of its own, beside the loop.
func (w *Worker) takeBack(o events.Order) {
	key := fmt.Sprint(takingBack(o), o.Fence)
	if w.running[key] || w.Now().Before(w.world.held[key]) {
		return
	}
	w.running[key] = true
	o.Deadline = w.Now().Add(lookWithin)
	w.log.Warn("the ledger cannot be written; taking back a step as its intent authorises", w.fields(o)...)
	w.effects.Go(func() {
		bounded, cancel := context.WithDeadline(context.Background(), o.Deadline)
		defer cancel()
		body := w.Routers.Set(bounded, o, func() error { return nil })
		out := outcome{key: key, incident: o.Incident, retry: w.Now().Add(lookAgain)}
		if _, ok := body.(events.Applied); ok {
			out.retry = w.Now().Add(time.Hour)
			out.body = events.Found{
				Step: o.Step, Change: o.Act.Change, Seen: events.SeenBefore, Fence: o.Fence,
				Detail: fmt.Sprintf("taken back at %s while the ledger could not be written, as the intent at position %d authorises", w.Now().UTC().Format(time.RFC3339), o.Fence),
			}
		}
		w.outcomes <- out
	})
}

// takingBack names the taking back of a change, whichever intent authorises it.
func takingBack(o events.Order) string {
	return fmt.Sprintf("offline %s %d.%d ", o.Incident, o.Step, o.Act.Change)
}

// isTakingBack reports whether what an order undoes is being taken back already, from before the order was recorded: what
// comes of that is the outcome of the order.
func (w *Worker) isTakingBack(o events.Order) bool {
	if !o.Undo {
		return false
	}
	for key := range w.running {
		if strings.HasPrefix(key, takingBack(o)) {
			return true
		}
	}
	return false
}

func (w *Worker) ledgerAnswers(ctx context.Context) bool {
	bounded, cancel := context.WithTimeout(ctx, contactWithin/2)
	defer cancel()
	_, err := w.Ledger.LastPosition(bounded)
	return err == nil
}

// takesNothing reports whether the ledger has taken no append for longer than a moment.
func (w *Worker) takesNothing() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return !w.since.IsZero() && w.Now().Sub(w.since) >= writeWithin
}
