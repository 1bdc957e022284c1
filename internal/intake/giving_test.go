package intake_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/intake"
)

// TestGivenBack ends a replica's intake in the middle of a storm, with anomalies in its hands, in its client's and on their way: another
// has all of them at once, but for those that the worker of the first has taken.
func TestGivenBack(t *testing.T) {
	for _, c := range []struct {
		name         string
		batch, holds int // the first holds so many at least when it ends, besides those that its worker has taken
	}{
		{"its hands are full", 10, 2*10 + 1}, // the queue, and who waits for room in it
		{"the storm goes on", 1000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			ctx, end := context.WithCancel(context.Background())
			first, err := intake.Open(within(t), s.conn.JetStream(), intake.Config{Domain: "core", Ack: time.Hour, Batch: c.batch})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error)
			go func() { done <- first.Run(ctx) }()
			want := several(1200)
			stored := make(chan error)
			go func() { stored <- intake.Publish(within(t), s.conn.JetStream(), "core", want) }()
			kept := take(t, first, 100)
			consumer, err := s.conn.JetStream().Consumer(within(t), events.StreamAnomalies, "detour-intake-core")
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool {
				info, err := consumer.Info(within(t))
				return err == nil && info.NumAckPending >= len(kept)+c.holds
			})
			end()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("Run ended with %v", err)
			}
			seen := map[string]int{}
			for _, d := range kept {
				seen[d.Event.ID]++
			}
			second := s.open(t, intake.Config{Ack: time.Hour, Batch: c.batch})
			for len(seen) < len(want) {
				for _, d := range take(t, second, 1) {
					seen[d.Event.ID]++
					ack(t, d)
				}
			}
			if err := <-stored; err != nil {
				t.Error(err)
			}
			for id, n := range seen {
				if n != 1 {
					t.Errorf("%s came %d times", id, n)
				}
			}
		})
	}
}

// TestAble has an intake notice that nothing comes through it: its consumer cannot be had, or its server is gone.
func TestAble(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(t *testing.T, s *site){
		"its stream is deleted": func(t *testing.T, s *site) {
			if err := s.conn.JetStream().DeleteStream(within(t), events.StreamAnomalies); err != nil {
				t.Fatal(err)
			}
		},
		"its consumer is not what it should be": func(t *testing.T, s *site) {
			consumer, err := s.conn.JetStream().Consumer(within(t), events.StreamAnomalies, "detour-intake-core")
			if err != nil {
				t.Fatal(err)
			}
			c := consumer.CachedInfo().Config
			if err := s.conn.JetStream().DeleteConsumer(within(t), events.StreamAnomalies, c.Durable); err != nil {
				t.Fatal(err)
			}
			c.AckPolicy, c.AckWait, c.MaxAckPending = jetstream.AckNonePolicy, 0, 0
			if _, err := s.conn.JetStream().CreateOrUpdateConsumer(within(t), events.StreamAnomalies, c); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			in := s.open(t, intake.Config{})
			if err := intake.Publish(within(t), s.conn.JetStream(), "core", several(1)); err != nil {
				t.Fatal(err)
			}
			ack(t, take(t, in, 1)...)
			if !in.Able() || !in.Fetching() {
				t.Errorf("while anomalies come it is able: %t, and fetches: %t", in.Able(), in.Fetching())
			}
			harm(t, s)
			waitFor(t, func() bool { return !in.Able() && !in.Fetching() })
		})
	}
}
