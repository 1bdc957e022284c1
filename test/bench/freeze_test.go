package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/network"
)

// As many tries from each of several services, one after the other: a ledger may begin 60 mitigations within an hour.
const (
	freezeRounds = 4
	freezeTries  = 25 // of each round
	replicas     = 3

	freezeWatch = 1200 * time.Millisecond // for Sets after a freeze: more than what is promised
	freezeSteps = 400 * time.Microsecond  // between the moments at which tries freeze
	loadEvery   = 10 * time.Millisecond
	loadBurst   = 10 // anomalies each time
)

// freeze measures how long after the beginning of a call that freezes the network a router still takes a Set that adds risk.
// Three replicas have just been told of two sick links, and are told of a thousand anomalies a second besides, each of which
// is recorded. The tries freeze at moments that lie all over the way from an anomaly to its Sets, through each replica in turn.
func (t *table) freeze(b *testing.B) {
	rounds, tries := freezeRounds, freezeTries
	if testing.Short() {
		rounds, tries = 1, 2
	}
	for b.Loop() {
		var late []time.Duration
		crossed := 0
		for n := range rounds {
			if err := freezeRound(b.Context(), scratch(b), n*tries, tries, func(after time.Duration, sets int) {
				late = append(late, after)
				if sets > 0 {
					crossed++
				}
			}); err != nil {
				b.Fatal(err)
			}
		}
		t.put(row{
			what: fmt.Sprintf("freeze to the last Set of %d replicas under load, maximum of %d, and Sets were sent in %d", replicas, len(late), crossed),
			ours: milliseconds(slices.Max(late)), goal: "at most 1 s",
		})
		b.ReportMetric(float64(slices.Max(late).Milliseconds()), "max-ms")
	}
}

// freezeRound makes tries, counted from first, and tells of each how long after it a Set came, 0 for none, and how many came
// in all.
func freezeRound(ctx context.Context, dir string, first, tries int, tell func(after time.Duration, sets int)) (err error) {
	s, err := raise(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	all := []replica{s.replica}
	for rank := 1; rank < replicas; rank++ {
		r, err := s.join(ctx, rank)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	loading, stop := context.WithCancel(ctx)
	var load sync.WaitGroup
	var failed error
	load.Go(func() { failed = s.load(loading) })
	defer func() { stop(); load.Wait(); err = errors.Join(err, failed) }()
	for n := first; n < first+tries; n++ {
		after, sets, err := s.tryFreeze(ctx, n, all[n%len(all)])
		if err != nil {
			return fmt.Errorf("try %d: %w", n, err)
		}
		tell(after, sets)
	}
	return nil
}

// load publishes anomalies about a router that nobody knows until ctx ends.
func (s *service) load(ctx context.Context) error {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for n := 0; ; n += loadBurst {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var list []events.Event
		for k := range loadBurst {
			list = append(list, anomaly(eventID("load", n+k), network.End{Device: "nowhere", Interface: "ethernet-1/1"}, time.Now()))
		}
		if err := intake.Publish(ctx, s.streams(), domain, list); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// tryFreeze makes two links sick and freezes the network a moment later.
func (s *service) tryFreeze(ctx context.Context, n int, r replica) (after time.Duration, sets int, err error) {
	links := s.net.Topology().Links
	sick := []network.Link{links[n%len(links)], links[(n+len(links)/2)%len(links)]}
	before := len(s.net.Sets())
	if err := s.report(ctx, n, events.Firing, sick); err != nil {
		return 0, 0, err
	}
	pause(ctx, time.Duration(n)*freezeSteps)
	began := time.Now()
	if _, err := r.api.Freeze(ctx, string(events.Network), "measured"); err != nil {
		return 0, 0, err
	}
	pause(ctx, time.Until(began.Add(freezeWatch)))
	for _, set := range s.net.Sets()[before:] {
		if raises(&set) {
			sets++
			after = max(after, set.At.Sub(began))
		}
	}
	if err := s.report(ctx, n, events.Resolved, sick); err != nil {
		return 0, 0, err
	}
	if err := s.abortAll(ctx); err != nil {
		return 0, 0, err
	}
	if _, err := r.api.Thaw(ctx, string(events.Network)); err != nil {
		return 0, 0, err
	}
	return after, sets, s.calm(ctx)
}

// report publishes what telemetry says of links.
func (s *service) report(ctx context.Context, n int, state events.AnomalyState, links []network.Link) error {
	var list []events.Event
	for k, link := range links {
		e := anomaly(eventID(string(state), 2*n+k), link.A, time.Now())
		e.Data.State = state
		list = append(list, e)
	}
	return intake.Publish(ctx, s.streams(), domain, list)
}

// raises reports whether a Set put a metric up to what a drain has.
func raises(set *backbone.SetRecord) bool {
	return slices.ContainsFunc(set.Changes, func(c backbone.Change) bool {
		metric, err := strconv.Atoi(c.After)
		return strings.HasSuffix(c.Path, "/metric") && err == nil && metric >= int(network.MetricLastResort)
	})
}

// abortAll ends every incident.
func (s *service) abortAll(ctx context.Context) error {
	person := events.Person{Name: "bench", Role: []string{"operator"}, Via: "cli"}
	return await(ctx, "the incidents to end", func() bool {
		var open []string
		s.app.Worker().View(func(b *incident.Board) {
			for _, i := range b.Open() {
				open = append(open, i.ID)
			}
		})
		for _, id := range open {
			_, _ = s.app.Worker().Submit(ctx, incident.Abort(id, person, "measured", false)) // it may be over, or on its way
		}
		return len(open) == 0
	})
}
