package ledger

import (
	"context"
	"errors"

	"github.com/detour-net/detour/events"
)

// Verify audits the whole ledger up to the position where it ends now, and calls fn, if not nil, with every commit that
// is intact.
func (l *Ledger) Verify(ctx context.Context, fn func(events.Commit) error) (Report, error) {
	var audit Audit
	err := l.Entries(ctx, func(e Entry) error {
		commit, whole := audit.Take(e, 0)
		if whole && fn != nil {
			return fn(commit)
		}
		return nil
	})
	var b *BrokenError
	if errors.As(err, &b) { // the server itself cannot read on
		audit.find(b.Position, 0, b.Problem, Certain, b.Detail)
		err = nil
	}
	return audit.Report(), err
}

// Entries calls fn with every message of the ledger, unchecked, up to the position where it ends now.
func (l *Ledger) Entries(ctx context.Context, fn func(Entry) error) error {
	last, err := l.LastPosition(ctx)
	if err != nil || last == 0 {
		return err
	}
	err = l.entries(ctx, 1, func(batch []Entry) error {
		for _, e := range batch {
			if e.Position > last {
				return errEnough
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		if batch[len(batch)-1].Position == last {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
