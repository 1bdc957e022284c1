package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
)

// storage is what became of an append.
type storage int

const (
	stored    storage = iota // it stands, and is folded
	overtaken                // another commit took the position: decide again
	unwritten                // the ledger cannot be written, or nobody can tell
	oversize                 // it does not fit into one message: decide less together
)

// doubt is a commit of which nobody can tell whether it is stored, and when it was first appended.
type doubt struct {
	commit events.Commit
	began  time.Time
}

// nothing is for a commit with which nothing else is begun.
func nothing() {}

// append writes one commit at the Board's position and folds it.
func (w *Worker) append(ctx context.Context, records []events.Record) storage {
	return w.appendWhile(ctx, records, nothing)
}

// appendWhile is append, and calls meanwhile when the commit is about to leave.
func (w *Worker) appendWhile(ctx context.Context, records []events.Record, meanwhile func()) storage {
	return w.storeSince(ctx, w.commit(records), w.Now(), meanwhile)
}

func (w *Worker) commit(records []events.Record) events.Commit {
	return events.Commit{ID: uuid.NewString(), Prev: w.board.Digest, At: w.Now().UTC(), By: w.me, Records: records}
}

func (w *Worker) store(ctx context.Context, c events.Commit) storage {
	return w.storeSince(ctx, c, w.Now(), nothing)
}

// storeSince is store of a commit that was first appended at began: since then it may stand, and others behind it.
func (w *Worker) storeSince(ctx context.Context, c events.Commit, began time.Time, meanwhile func()) storage {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendWithin)
	defer cancel()
	commit, err := w.Ledger.AppendWhile(bounded, c, w.board.Position, meanwhile)
	if errors.Is(err, w.Conflict) {
		return w.lostPosition(ctx)
	}
	w.noteWritable(err)
	switch {
	case err == nil:
		w.doubted = nil
		if w.apply(commit) {
			w.world.stored = append(w.world.stored, commit)
		}
		w.upToDate(began)
		w.world.wrote = w.Now().Sub(began)
		w.Metrics.appended(w.world.wrote)
		return stored
	case errors.Is(err, events.ErrTooLarge):
		w.doubted = nil
		w.log.Info("decide less together", zap.Error(err))
		return oversize
	default:
		if errors.Is(err, w.Doubt) {
			if w.doubted == nil {
				w.Metrics.doubt()
			}
			w.doubted = &doubt{c, began} // it stays so until an append or what is followed tells
		}
		w.log.Warn("append to the ledger", zap.Uint64("position", w.board.Position+1), zap.Error(err))
		return unwritten
	}
}

// lostPosition reads on after another commit took the position. Whoever loses one has found the ledger writable; but who is not shown by
// whom it was lost will lose the next as well.
func (w *Worker) lostPosition(ctx context.Context) storage {
	w.doubted = nil
	w.Metrics.conflict()
	w.noteWritable(w.readOn(ctx))
	return overtaken
}

// tookOver times what this replica has just taken over from one that is not heard any more.
func (w *Worker) tookOver() {
	from := w.Metrics.takenFrom()
	if len(from) == 0 || w.peers == nil {
		return
	}
	alive := w.peers.Alive()
	for _, owner := range from {
		if last := w.peers.LastHeard(owner); !last.IsZero() && !slices.Contains(alive, owner) {
			w.Metrics.tookOver(w.Now().Sub(last))
		}
	}
}

// upToDate notes that everything on the ledger at a moment has been folded. The moment is when the question left, not when
// its answer came: that may have been long on the way, and a freeze may stand behind it.
func (w *Worker) upToDate(asked time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if asked.After(w.contact) {
		w.contact = asked
	}
}

// noteWritable keeps why the ledger takes nothing of this worker, for readiness and for Able.
func (w *Worker) noteWritable(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil || errors.Is(err, events.ErrTooLarge) {
		w.unwritable, w.since = "", time.Time{}
		return
	}
	w.unwritable = err.Error()
	switch {
	case errors.Is(err, errNotShown):
		w.since = time.Time{} // it takes others' commits
	case w.since.IsZero():
		w.since = w.Now()
	}
}

// nothingToWrite ends that the ledger is known to take nothing, since no append is left that could show the contrary: as before
// the first one, it is enough that the ledger answers, and shows what it holds. While it does not, nothingToWrite returns when to ask
// again.
func (w *Worker) nothingToWrite(ctx context.Context) (again time.Time) {
	switch {
	case w.Status().Unwritable == "":
		return time.Time{}
	case !w.ledgerShows(ctx):
		return w.Now().Add(retryAfter)
	}
	w.noteWritable(nil)
	return time.Time{}
}

// ledgerShows reports whether the ledger answers, and all that it holds is read at once.
func (w *Worker) ledgerShows(ctx context.Context) bool {
	bounded, cancel := context.WithTimeout(ctx, contactWithin/2)
	defer cancel()
	last, err := w.Ledger.LastPosition(bounded)
	return err == nil && w.shown(bounded, last) == nil
}

// settleDoubt appends a commit again of which nobody could tell whether it was stored: the position admits it once.
// Whatever it was decided for is decided again on what follows from it.
func (w *Worker) settleDoubt(ctx context.Context) (settled bool) {
	if w.doubted == nil {
		return true
	}
	if w.doubted.commit.Prev != w.board.Digest {
		w.doubted = nil // the ledger has gone on: it was this commit, or never will be
		w.noteWritable(nil)
		return true
	}
	how := w.storeSince(ctx, w.doubted.commit, w.doubted.began, nothing)
	w.count() // before another decision is timed
	return how != unwritten
}

// errNotShown is of a ledger that has moved on, and does not tell how.
var errNotShown = errors.New("another commit took the position, and the ledger does not show it")

// readOn waits for the commit that took the position.
func (w *Worker) readOn(ctx context.Context) error {
	t := time.NewTimer(appendWithin)
	defer t.Stop()
	select {
	case c := <-w.followed:
		w.fold(c)
	case <-t.C:
		return fmt.Errorf("%w: waited %s at position %d", errNotShown, appendWithin, w.board.Position)
	case <-ctx.Done():
	}
	return nil
}
