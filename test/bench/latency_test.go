package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/network"
)

// The ceiling compiled into the binary lets a ledger begin 60 mitigations within an hour, so the samples come from several
// services one after the other, each on a fresh ledger.
const (
	latencyRounds  = 4
	latencySamples = 50 // of each round
	latencyWarm    = 5  // before them

	latencyRest = 20 * time.Millisecond // before each, so that none meets the tail of what was before
)

// anomalyToSet measures from the beginning of the call that publishes an anomaly to the instant at which a router has the
// first Set in hand. Every anomaly opens an incident of its own and leads to a drain, which is then taken back. The floor
// takes turns with it: publish, pull, append, Set.
func (t *table) anomalyToSet(b *testing.B) {
	rounds, samples := latencyRounds, latencySamples
	if testing.Short() {
		rounds, samples = 1, 5
	}
	for b.Loop() {
		var ours, floor []time.Duration
		for range rounds {
			if err := latencyRound(b.Context(), scratch(b), samples, &ours, &floor); err != nil {
				b.Fatal(err)
			}
		}
		for _, q := range []struct {
			name  string
			share float64
			goal  float64
		}{{"p50", 0.5, 1.5}, {"p99", 0.99, 3}} {
			a, f := quantile(ours, q.share), quantile(floor, q.share)
			b.ReportMetric(over(a, f), q.name+"-ratio")
			t.put(row{
				what: fmt.Sprintf("anomaly to first Set, %s of %d", q.name, len(ours)), ours: milliseconds(a), floor: milliseconds(f),
				ratio: over(a, f), goal: fmt.Sprintf("at most %g", q.goal),
			})
		}
	}
}

// latencyRound takes samples from one service and its floor, in turn.
func latencyRound(ctx context.Context, dir string, samples int, ours, floor *[]time.Duration) (err error) {
	s, err := raise(ctx, dir)
	if err != nil {
		return err
	}
	defer func() {
		if end := s.close(); err == nil {
			err = end
		}
	}()
	links := s.net.Topology().Links
	chain, err := newChain(ctx, s, links[0])
	if err != nil {
		return err
	}
	for n := range latencyWarm + samples {
		if err := chain.before(ctx); err != nil {
			return err
		}
		took, err := s.drain(ctx, n, links[n%len(links)])
		if err != nil {
			return fmt.Errorf("sample %d: %w", n, err)
		}
		if err := chain.before(ctx); err != nil {
			return err
		}
		least, err := chain.sample(ctx, eventID("floor", n))
		if err != nil {
			return fmt.Errorf("floor's sample %d: %w", n, err)
		}
		if n >= latencyWarm {
			*ours, *floor = append(*ours, took), append(*floor, least)
		}
	}
	return nil
}

// drain publishes an anomaly about a link and returns how long it took until the first Set was there. It leaves the
// network as it found it.
func (s *service) drain(ctx context.Context, n int, link network.Link) (time.Duration, error) {
	before := len(s.net.Sets())
	began := time.Now()
	err := intake.Publish(ctx, s.streams(), domain, []events.Event{anomaly(eventID("drain", n), link.A, began)})
	if err != nil {
		return 0, err
	}
	at, err := s.firstSet(ctx, before)
	if err != nil {
		return 0, fmt.Errorf("%w; %s", err, s.why(link.Name))
	}
	over := anomaly(eventID("over", n), link.A, time.Now()) // or the next fault nearby would be taken for the same one
	over.Data.State = events.Resolved
	if err := intake.Publish(ctx, s.streams(), domain, []events.Event{over}); err != nil {
		return 0, err
	}
	if err := s.takeBack(ctx, link.Name); err != nil {
		return 0, err
	}
	return at.Sub(began), s.calm(ctx)
}

// firstSet waits until routers have had more than so many Sets, and returns when the next one was there.
func (s *service) firstSet(ctx context.Context, before int) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		changed := s.net.Changed()
		if sets := s.net.Sets(); len(sets) > before {
			return sets[before].At, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("wait for a Set: %w", ctx.Err())
		}
	}
}

// why is what the service says of the newest incident of a link.
func (s *service) why(link string) (sentence string) {
	id, _ := s.newest(link)
	s.app.Worker().View(func(b *incident.Board) {
		e, _ := b.Why(id)
		sentence = e.Sentence
	})
	return sentence
}

// takeBack waits until a link's drain stands and aborts it, and returns when its incident has ended.
func (s *service) takeBack(ctx context.Context, link string) error {
	var id string
	err := await(ctx, "the drain to stand", func() bool {
		found, phase := s.newest(link)
		id = found
		return phase == incident.Verifying
	})
	if err != nil {
		return err
	}
	person := events.Person{Name: "bench", Role: []string{"operator"}, Via: "cli"}
	if _, err := s.app.Worker().Submit(ctx, incident.Abort(id, person, "measured", false)); err != nil {
		return err
	}
	return await(ctx, "the incident to end", func() bool {
		_, phase := s.newest(link)
		return phase == incident.Closed
	})
}
