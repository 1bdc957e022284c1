package ledger

import (
	"context"
	"fmt"

	"github.com/detour-net/detour/events"
)

// Restore puts entries onto a ledger that ends where they begin, each as it was, and checks them like those that are followed.
// What stands there already must be the same: so it may be interrupted and run again. The error names the position.
type Restore struct {
	ledger *Ledger
	last   uint64 // of the ledger when it was begun
	chain  Chain
}

// BeginRestore looks how much there is already.
func (l *Ledger) BeginRestore(ctx context.Context) (*Restore, error) {
	last, err := l.LastPosition(ctx)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	return &Restore{ledger: l, last: last}, nil
}

// Take restores the next entry, and reports whether it was missing.
func (r *Restore) Take(ctx context.Context, e Entry) (added bool, err error) {
	fail := func(err error) (bool, error) { return false, fmt.Errorf("restore position %d: %w", e.Position, err) }
	commit, err := r.chain.Next(e)
	if err != nil {
		return fail(err)
	}
	if want := events.LedgerSubject(r.ledger.cfg.Domain, commit.Incident()); e.Subject != want {
		return fail(fmt.Errorf("its subject is %s, on this ledger it would be %s: the configuration is for another domain", e.Subject, want))
	}
	if e.Position <= r.last {
		there, err := r.ledger.digestAt(ctx, e.Position)
		if err == nil && there != e.Stated {
			err = fmt.Errorf("another commit stands there: restore into an empty stream: %w", ErrConflict)
		}
		if err != nil {
			return fail(err)
		}
		return false, nil
	}
	if err := r.ledger.settle(ctx, e, commit.ID); err != nil {
		return fail(err)
	}
	return true, nil
}

// End is the position up to which the ledger is restored, and how far it reached before.
func (r *Restore) End() (restored, before uint64) { return r.chain.Position(), r.last }
