package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// Follow calls fn with every commit from position from on, which counts from 1, in order, each once, and goes on live.
// It returns when ctx ends, when fn fails, with a *BrokenError, or with an error that names the domain if a commit is of another
// one's ledger; what it can wait out (a restarting server, a change
// of leader, a lost connection) it waits out.
func (l *Ledger) Follow(ctx context.Context, from uint64, fn func(events.Commit) error) error {
	chain, err := l.chainFrom(ctx, from)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	checked, decoded := make(chan []opened, batchesAhead), make(chan []opened, batchesAhead)
	var readErr error
	go func() {
		defer close(checked)
		readErr = l.checkAhead(ctx, from, checked)
	}()
	go func() {
		defer close(decoded)
		l.decodeAhead(checked, decoded)
	}()
	err = l.deliver(chain, decoded, fn)
	stop()
	for range decoded {
		// what was read ahead is not wanted any more
	}
	if err != nil {
		return err
	}
	return readErr
}

// batchesAhead is how many batches each stage of reading is ahead of the next, at most.
const batchesAhead = 4

// opened is an entry that was checked by itself, not yet against the chain.
type opened struct {
	entry  Entry
	commit events.Commit
	err    error
}

// checkAhead compares the digest and the domain of what is read while what came before is still decoded.
func (l *Ledger) checkAhead(ctx context.Context, from uint64, checked chan<- []opened) error {
	return l.entries(ctx, from, func(entries []Entry) error {
		batch := make([]opened, len(entries))
		for i, e := range entries {
			if batch[i] = (opened{entry: e, err: e.check()}); batch[i].err == nil {
				batch[i].err = l.own(e)
			}
		}
		select {
		case checked <- batch:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("follow ledger: %w", ctx.Err())
		}
	})
}

// decodeAhead decodes what was checked while fn still works on what came before.
func (l *Ledger) decodeAhead(checked <-chan []opened, decoded chan<- []opened) {
	var decoder events.Decoder
	for batch := range checked {
		for i := range batch {
			o := &batch[i]
			if o.err != nil {
				continue
			}
			var known bool
			if o.commit, known = l.ours(o.entry); !known {
				o.commit, o.err = o.entry.decode(&decoder)
			}
		}
		decoded <- batch
	}
}

func (l *Ledger) deliver(chain *Chain, batches <-chan []opened, fn func(events.Commit) error) error {
	for batch := range batches {
		for _, o := range batch {
			if err := chain.take(o); err != nil {
				return err
			}
			if err := l.saw(o.commit); err != nil {
				return err
			}
			if err := fn(o.commit); err != nil {
				return err
			}
		}
	}
	return nil
}

// errEnough ends a read that has reached its end.
var errEnough = errors.New("enough")

// Read calls fn with every commit from position from to position to, both included, checked like those of Follow.
func (l *Ledger) Read(ctx context.Context, from, to uint64, fn func(events.Commit) error) error {
	if to < from {
		return nil
	}
	err := l.Follow(ctx, from, func(c events.Commit) error {
		if err := fn(c); err != nil {
			return err
		}
		if c.Position >= to {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// chainFrom is the chain that goes on at from. It waits for the bus.
func (l *Ledger) chainFrom(ctx context.Context, from uint64) (*Chain, error) {
	if from == 0 {
		return nil, ErrPosition
	}
	digest, err := l.digestAt(ctx, from-1)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, broken(from-1, Missing, "the ledger does not hold this position")
	case err != nil:
		return nil, fmt.Errorf("follow ledger: %w", err)
	}
	return ChainAfter(from-1, digest), nil
}
