package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/client"
)

// TestClockOff has two of three replicas begin with clocks that are minutes ahead and behind. They say so and write nothing, and the
// third does the work alone; set right, they work again.
func TestClockOff(t *testing.T) {
	t.Parallel()
	binary, err := skewable()
	if err != nil {
		t.Fatal(err)
	}
	s := raised(t, plan{servers: 1, replicas: 3})
	for n, off := range []time.Duration{5 * time.Minute, -5 * time.Minute} {
		if err := s.replicas[n].skew(binary, off); err != nil {
			t.Fatal(err)
		}
		s.replicas[n].asks(t, "to say that its clock is off", func(ctx context.Context, cl *client.Client) bool {
			st, err := cl.Status(ctx)
			return err == nil && st.CaughtUp && strings.Contains(st.Halted, "its clock is ")
		})
	}
	f := s.sickens(t, 1)[0]
	f.reaches(t, incident.Holding)
	f.heals(t)
	for _, c := range s.watch.history() {
		if c.By == s.replicas[0].named() || c.By == s.replicas[1].named() {
			t.Errorf("position %d was written by %s, at %s by its clock", c.Position, c.By, c.At)
		}
	}
	for _, r := range s.replicas[:2] {
		r.becomes(t, s.binary)
	}
	s.accounts(t)
}
