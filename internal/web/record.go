package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
)

func (s *Server) ledger(r *http.Request, _ events.Person) (any, error) {
	q, err := ask(r, "from", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.OrderWithin)
	defer cancel()
	last, err := s.cfg.Ledger.LastPosition(ctx)
	if err != nil {
		return nil, err
	}
	from, err := positionOf(q, "from", max(1, last-min(last, uint64(limit)-1)))
	if err != nil {
		return nil, err
	}
	part := api.Ledger{Last: last, Lines: []json.RawMessage{}}
	to := min(last, from+uint64(limit)-1)
	if to < from {
		return part, nil
	}
	if to < last {
		part.Next = to + 1
	}
	err = s.cfg.Ledger.Lines(ctx, from, to, func(_ uint64, line []byte) error {
		part.Lines = append(part.Lines, bytes.Clone(line))
		return nil
	})
	return part, err
}

// exportChunk is how much of an export is collected before it is sent, in bytes.
const exportChunk = 64 << 10

// export sends the ledger as it lies there. What goes wrong after the first line can only be told by cutting the answer
// off, which a client sees.
func (s *Server) export(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	q, err := ask(r, "from", "to")
	if err != nil {
		return err
	}
	ctx, cancel := s.streaming(r)
	defer cancel()
	last, err := s.cfg.Ledger.LastPosition(ctx)
	if err != nil {
		return err
	}
	from, err := positionOf(q, "from", 1)
	if err != nil {
		return err
	}
	to, err := positionOf(q, "to", max(last, 1))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Disposition", `attachment; filename="detour-ledger.ndjson"`)
	out := newSender(w)
	if to = min(to, last); from > to {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	var buf []byte
	err = s.cfg.Ledger.Lines(ctx, from, to, func(_ uint64, line []byte) error {
		buf = append(append(buf, line...), '\n')
		if len(buf) < exportChunk {
			return nil
		}
		err := out.send(buf)
		buf = buf[:0]
		return err
	})
	if err == nil {
		err = out.send(buf)
	}
	if err == nil {
		return nil
	}
	if !out.begun {
		w.Header().Del("Content-Disposition")
		return fmt.Errorf("export positions %d to %d: %w", from, to, err)
	}
	s.log.Warn("an export was cut off", zap.String("request", requestID(r.Context())), zap.Error(err))
	panic(http.ErrAbortHandler)
}

// tail sends every commit as it is written, one event each, with its position as the id.
func (s *Server) tail(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	q, err := ask(r, "from")
	if err != nil {
		return err
	}
	ctx, cancel := s.streaming(r)
	defer cancel()
	from, err := positionOf(q, "from", 0)
	if err != nil {
		return err
	}
	if known, ok := lastEventID(r); ok {
		from = known + 1
	}
	if from == 0 {
		last, err := s.cfg.Ledger.LastPosition(ctx)
		if err != nil {
			return err
		}
		from = last + 1
	}
	out, err := s.openStream(w)
	if err != nil {
		return err
	}
	defer s.metrics.streams.Dec()
	var beats sync.WaitGroup
	beats.Go(func() { s.beat(ctx, cancel, out) })
	defer beats.Wait() // nothing may be written once the handler has returned
	defer cancel()
	err = s.cfg.Ledger.Lines(ctx, from, 0, func(position uint64, line []byte) error {
		return out.event(position, "commit", line)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// beat sends a comment whenever the stream would otherwise be silent, until ctx ends. A reader that no longer takes
// anything ends the stream.
func (s *Server) beat(ctx context.Context, cancel context.CancelFunc, out *sender) {
	tick := time.NewTicker(s.cfg.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if out.comment() != nil {
				cancel()
				return
			}
		}
	}
}
