package ledger

import (
	"bytes"
	"context"
	"errors"
)

// Lines calls fn with the export's line, without a newline, of every message from position from on up to position to,
// unchecked; a to of 0 goes on live until ctx ends. fn keeps nothing of line; its error ends the reading.
func (l *Ledger) Lines(ctx context.Context, from, to uint64, fn func(position uint64, line []byte) error) error {
	if from == 0 {
		return ErrPosition
	}
	if to > 0 {
		last, err := l.LastPosition(ctx)
		if err != nil {
			return err
		}
		if to = min(to, last); from > to {
			return nil
		}
	}
	var line []byte
	err := l.entries(ctx, from, func(batch []Entry) error {
		for _, e := range batch {
			if to > 0 && e.Position > to {
				return errEnough
			}
			var err error
			if line, err = AppendLine(line[:0], e); err != nil {
				return err
			}
			if err := fn(e.Position, bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				return err
			}
		}
		if to > 0 && batch[len(batch)-1].Position >= to {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
