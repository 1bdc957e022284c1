package worker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/worker"
)

// TestPulse asks a loop whether it turns: an idle one does, and decides nothing because of it; one that has ended needs no
// start; one that stands still says nothing.
func TestPulse(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.pass(time.Second)
		entries := len(s.store.Entries())
		for range 1000 {
			ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
			if err := r.Pulse(ctx); err != nil {
				s.Fatal(err)
			}
			cancel()
		}
		if len(s.store.Entries()) != entries {
			s.Errorf("%d entries came of it", len(s.store.Entries())-entries)
		}
		r.stop()
		if err := r.Pulse(s.Context()); err != nil {
			s.Errorf("of one that has ended: %v", err)
		}
		ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
		defer cancel()
		if err := worker.New(worker.Config{Logger: r.Logger, Policy: r.Policy}).Pulse(ctx); !errors.Is(err, context.DeadlineExceeded) {
			s.Errorf("of one that stands still: %v", err)
		}
	})
}
