package ship

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// puts are the notes that are put to one target, one after the other. They are one goroutine's.
type puts struct {
	target Target
	left   <-chan error // what will come of the one that was left to itself; nil: none is
}

// put puts a note within putWithin, or gives it up. While one that was given up has not ended, it puts nothing.
func (p *puts) put(ctx context.Context, n Note) error {
	if p.left != nil {
		select {
		case <-p.left: // whether it was taken or not: a newer one is due
			p.left = nil
		default:
			return errors.New("what was put there before still hangs: see whether the disk, or whoever serves it, answers")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, putWithin)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- p.target.Put(ctx, n) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	over := time.NewTimer(grace)
	defer over.Stop()
	select {
	case err := <-ended:
		return err
	case <-over.C:
		p.left = ended
		return fmt.Errorf("it hangs, and heeds nobody: given up: %w", ctx.Err())
	}
}

// notes are what a target holds, unless that cannot be learnt within readWithin.
func notes(r Reader) ([]byte, error) {
	type answer struct {
		file []byte
		err  error
	}
	ended := make(chan answer, 1)
	go func() {
		file, err := r.Notes()
		ended <- answer{file, err}
	}()
	over := time.NewTimer(readWithin)
	defer over.Stop()
	select {
	case a := <-ended:
		return a.file, a.err
	case <-over.C:
		return nil, fmt.Errorf("it has not answered within %s", readWithin)
	}
}
