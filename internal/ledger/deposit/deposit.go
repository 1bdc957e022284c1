// Package deposit copies the ledger to where it is kept besides the bus: into a file, or a database (deposit/postgres).
//
// A deposit knows where it ends, and goes on from there: what is copied is asked for behind its last commit, and taken only if
// it continues the chain of digests. So a copy may be cut off at any time, by a kill, a restarted database or replica, and run
// again: no commit is there twice, and none is missing. What disturbs it and may pass is waited out; a ledger that does not
// continue what is kept is an error, and nothing of it is taken.
package deposit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
)

// Kept is one commit, with the export's line of it, its newline included.
type Kept struct {
	ledger.Entry
	Commit events.Commit
	Line   []byte
}

// Deposit keeps commits.
type Deposit interface {
	// End is the position and digest of the last commit that is kept, 0 and "" when there is none.
	End(ctx context.Context) (uint64, events.Digest, error)
	// Add keeps a batch behind End, all of it or nothing. After an error nobody knows which; End tells.
	Add(ctx context.Context, batch []Kept) error
}

// Source opens the lines of a ledger's export from a position on.
type Source func(ctx context.Context, from uint64) (io.ReadCloser, error)

// Passing is an error that may pass: the copy goes on where it stopped.
type Passing struct{ Err error }

// Error is that of what happened.
func (p *Passing) Error() string { return p.Err.Error() }

// Unwrap is what happened.
func (p *Passing) Unwrap() error { return p.Err }

// Bounds of a batch, and of how often in a row nothing may be achieved.
const (
	batchLines = 512
	batchBytes = 4 << 20
	maxTries   = 17
)

// Copy copies everything that the source has behind the deposit's end, and returns how many commits that were. It tries again
// what may pass until ctx ends, or a minute or so has brought nothing.
func Copy(ctx context.Context, from Source, to Deposit) (copied int, err error) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 10*time.Second
	for tries := 0; ; tries++ {
		n, err := once(ctx, from, to)
		copied += n
		var passing *Passing
		if n > 0 {
			tries = 0
			pause.Reset()
		}
		if err == nil || !errors.As(err, &passing) || tries == maxTries {
			return copied, err
		}
		select {
		case <-time.After(pause.NextBackOff()):
		case <-ctx.Done():
			return copied, errors.Join(ctx.Err(), err)
		}
	}
}

// once copies until the source ends or something fails.
func once(ctx context.Context, from Source, to Deposit) (copied int, err error) {
	last, digest, err := to.End(ctx)
	if err != nil {
		return 0, err
	}
	lines, err := from(ctx, last+1)
	if err != nil {
		return 0, err
	}
	defer lines.Close()
	chain, in := ledger.ChainAfter(last, digest), bufio.NewReaderSize(lines, 64<<10)
	for end := false; !end; {
		var batch []Kept
		var broken error
		for size := 0; len(batch) < batchLines && size < batchBytes && !end && broken == nil; {
			line, err := in.ReadBytes('\n')
			switch {
			case err == io.EOF && len(line) == 0:
				end = true
			case err != nil:
				broken = &Passing{fmt.Errorf("the export was cut off: %w", err)}
			default:
				var k Kept
				if k, broken = next(chain, line); broken == nil {
					batch, size = append(batch, k), size+len(line)
				}
			}
		}
		if len(batch) > 0 {
			if err := to.Add(ctx, batch); err != nil {
				return copied, err
			}
			copied += len(batch)
		}
		if broken != nil {
			return copied, broken
		}
	}
	return copied, nil
}

// next checks that a line continues what is kept.
func next(chain *ledger.Chain, line []byte) (Kept, error) {
	e, err := ledger.ParseLine(line)
	if err != nil {
		return Kept{}, fmt.Errorf("behind position %d: %w", chain.Position(), err)
	}
	commit, err := chain.Next(e)
	if err != nil {
		return Kept{}, fmt.Errorf("what is kept ends at position %d, and the ledger does not go on from there: %w", chain.Position(), err)
	}
	return Kept{Entry: e, Commit: commit, Line: line}, nil
}
