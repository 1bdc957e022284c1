package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/detour-net/detour/events"
)

// readBack is how far this process has read the ledger, and with it what it wrote there itself. The zero value has read nothing.
type readBack struct {
	mu    sync.Mutex
	to    uint64
	grown chan struct{} // closed when to has grown, nil while nobody waits
}

// reach notes that the ledger was read up to a position.
func (b *readBack) reach(position uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to = max(b.to, position)
	if b.grown != nil {
		close(b.grown)
		b.grown = nil
	}
}

// behind is closed when more was read than now, nil if position was.
func (b *readBack) behind(position uint64) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.to >= position {
		return nil
	}
	if b.grown == nil {
		b.grown = make(chan struct{})
	}
	return b.grown
}

// shown returns once the ledger was read back up to a position. It fails when ctx ends first, or nothing more will be read, and says
// which.
func (w *Worker) shown(ctx context.Context, position uint64) error {
	for {
		grown := w.back.behind(position)
		if grown == nil {
			return nil
		}
		select {
		case <-grown:
		case <-w.broken:
			return errors.New("the ledger can no longer be followed")
		case <-w.gone:
			return errors.New("this replica is ending")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// stands makes sure that the intent of an order is on the ledger. That it was acknowledged is no more than a word: it must have
// been read back from there.
func (w *Worker) stands(ctx context.Context, o events.Order) error {
	bounded, cancel := context.WithTimeoutCause(ctx, appendWithin, fmt.Errorf("not within %s", appendWithin))
	defer cancel()
	if err := w.shown(bounded, o.Fence); err != nil {
		return fmt.Errorf("%w: it acknowledged the intent at position %d, and has not shown it: %w", errSilent, o.Fence, err)
	}
	return nil
}
