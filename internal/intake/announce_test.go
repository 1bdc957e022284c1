package intake_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/intake"
)

// TestAnnounced has events announced that nobody fetches, and nothing but events.
func TestAnnounced(t *testing.T) {
	s := newSite(t)
	in, err := intake.Open(within(t), s.conn.JetStream(), intake.Config{Domain: "core"})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan events.Event, 100)
	ctx, stop := context.WithCancel(within(t))
	ended := make(chan error, 1)
	go func() { ended <- in.Announced(ctx, func(e events.Event) { heard <- e }) }()

	// It takes a moment until the bus knows who listens.
	first := event(0)
	for n := 1; ; n++ {
		publish(t, s, "core", event(n))
		select {
		case first = <-heard:
		case <-time.After(10 * time.Millisecond):
			continue
		}
		break
	}
	if diff := cmp.Diff(event(1).Data.Resource, first.Data.Resource); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := s.conn.JetStream().Publish(within(t), events.PrefixAnomalies+"core.link-errors.den", []byte("no event")); err != nil {
		t.Fatal(err)
	}
	publish(t, s, "edge", event(1000))
	last := event(2000)
	for done := false; !done; {
		publish(t, s, "core", last)
		select {
		case e := <-heard:
			if e.ID == event(1000).ID {
				t.Error("an event of another domain was announced")
			}
			done = e.ID == last.ID
		case <-time.After(10 * time.Millisecond):
			last.ID += "+"
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func publish(t *testing.T, s *site, domain string, e events.Event) {
	t.Helper()
	if err := intake.Publish(within(t), s.conn.JetStream(), domain, []events.Event{e}); err != nil {
		t.Fatal(err)
	}
}
