package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/web/client"
)

// How replicas are kept at writing while the ledger's leader is killed, and how often NATS is asked whether it could be written to.
const (
	loadEvery = 20 * time.Millisecond
	loadAck   = time.Second
	calm      = 2 * time.Second
	behindBy  = 100 // entries of its log, by which a server does not follow
)

// gaps are, of each kill of the server that led the ledger's stream, for how long Detour wrote nothing, and for how long nobody
// could have written. Replicas always have something to write: anomalies come, and people give orders.
type gaps struct {
	Writes    pairs `json:"writes"`    // of anything
	Anomalies pairs `json:"anomalies"` // of an anomaly published after the kill, which other groups of servers must store and deliver
}

// pair is how long two things took from the same kill on: until the leaders that are needed could commit, and until a replica's
// commit was stored.
type pair struct {
	NATS events.Duration `json:"nats"`
	Ours events.Duration `json:"ours"`
}

// pairs are those of several kills, in order.
type pairs []pair

func (p pairs) of(f func(pair) events.Duration) (s spread) {
	for _, one := range p {
		s = append(s, f(one))
	}
	return s
}

func (p pairs) String() string {
	nats, ours := p.of(func(p pair) events.Duration { return p.NATS }), p.of(func(p pair) events.Duration { return p.Ours })
	times := make([]float64, 0, len(p))
	for _, one := range p {
		times = append(times, float64(one.Ours)/float64(one.NATS))
	}
	slices.Sort(times)
	if len(times) == 0 {
		return "never"
	}
	return fmt.Sprintf("%s; NATS alone %s; of the same kill p50 %.2f, max %.2f times as long", ours, nats, times[len(times)/2], times[len(times)-1])
}

// measureGaps kills the leader so many times while replicas write, or until ctx ends: then it is brought back, and measured, as ever.
func (s *site) measureGaps(ctx context.Context, kills int, log func(format string, args ...any)) (g gaps, err error) {
	whole := context.WithoutCancel(ctx)
	loading, stop := context.WithCancel(whole)
	var load sync.WaitGroup
	load.Go(func() { s.tellOfNothing(loading) })
	for n, r := range s.replicas {
		scope := "device:" + s.net.Routers()[n].Name()
		load.Go(func() { again(loading, func() { s.freezeAndThaw(whole, r, scope) }) })
	}
	for range kills {
		var writes, anomalies pair
		if writes, anomalies, err = s.measureGap(ctx); err != nil {
			break
		}
		g.Writes, g.Anomalies = append(g.Writes, writes), append(g.Anomalies, anomalies)
		log("leader killed: nothing written for %s, NATS alone %s", short(writes.Ours.Std()), short(writes.NATS.Std()))
	}
	stop()
	load.Wait()
	if err != nil && !errors.Is(err, context.Canceled) {
		return g, err
	}
	return g, s.thawAll(whole)
}

// again does something at a steady pace until ctx ends.
func again(ctx context.Context, what func()) {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		what()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// tellOfNothing publishes at a steady pace, until ctx ends, that a fault is over of which nobody has heard: a record each, and no more.
func (s *site) tellOfNothing(ctx context.Context) {
	links := s.net.Topology().Links
	again(ctx, func() {
		bounded, cancel := context.WithTimeout(ctx, loadAck)
		defer cancel()
		_ = s.publish(bounded, over(links[len(links)-1])) // what is lost is lost
	})
}

// over is what telemetry says of a link that is not sick any more.
func over(l network.Link) events.Event {
	e := firing(l)
	e.Data.State = events.Resolved
	return e
}

// freezeAndThaw gives a replica two orders, which it holds until it can write them.
func (s *site) freezeAndThaw(ctx context.Context, r *replica, scope string) {
	_ = r.call(ctx, func(ctx context.Context, cl *client.Client) error { // those that are not answered are given again
		if _, err := cl.Freeze(ctx, scope, "exercise"); err != nil {
			return err
		}
		_, err := cl.Thaw(ctx, scope)
		return err
	})
}

// thawAll ends what is frozen still.
func (s *site) thawAll(ctx context.Context) error {
	return s.watch.wait(ctx, "everything to be thawed", func() bool {
		var left map[events.Scope]events.Frozen
		s.watch.look(func(b *incident.Board) bool { left = b.Freezes(); return true })
		for scope := range left {
			_ = s.replicas[0].call(ctx, func(ctx context.Context, cl *client.Client) error { // it is seen above whether it does
				_, err := cl.Thaw(ctx, string(scope))
				return err
			})
		}
		return len(left) == 0
	})
}

// measureGap kills the leader once, and starts it again when everything is written as before. When ctx ends before the kill there is none.
func (s *site) measureGap(ctx context.Context) (writes, anomalies pair, err error) {
	stream, leader, err := s.steady(ctx)
	if err != nil {
		return writes, anomalies, err
	}
	var intake *jetstream.ConsumerInfo
	if err = s.watch.wait(ctx, "the consumer of anomalies", func() bool { intake, err = s.consumer(ctx); return err == nil }); err != nil {
		return writes, anomalies, err
	}
	var from uint64
	s.watch.look(func(b *incident.Board) bool { from = b.Position + 1; return true })
	if ctx.Err() != nil {
		return writes, anomalies, ctx.Err()
	}
	ctx = context.WithoutCancel(ctx)
	s.servers.Kill(leader)
	killed := time.Now() // what its leader stored before carries an earlier time
	since := func(at time.Time) events.Duration { return events.Duration(at.Sub(killed)) }

	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var answers [3]time.Time
	var errs [3]error
	var asks sync.WaitGroup
	for n, q := range []question{
		refused(events.LedgerSubject(domain, "")), refused(events.PrefixAnomalies + domain + ".nothing.nobody"),
		described(events.StreamAnomalies, intake.Name),
	} {
		asks.Go(func() { answers[n], errs[n] = s.ask(asking, q) })
	}
	written, recorded, err := stored(asking, stream, from, killed)
	asks.Wait()
	for _, e := range append(errs[:], err) {
		if e != nil {
			return writes, anomalies, e
		}
	}
	writes = pair{NATS: since(answers[0]), Ours: since(written)}
	anomalies = pair{NATS: since(slices.MaxFunc(answers[:], time.Time.Compare)), Ours: since(recorded)}
	return writes, anomalies, s.servers.Start(leader)
}

// steady waits until one server has led the ledger's stream for a while, and all follow it.
func (s *site) steady(ctx context.Context) (stream jetstream.Stream, leader int, err error) {
	var since time.Time
	js := s.conn.JetStream()
	err = s.watch.wait(ctx, "one server to lead the ledger's stream, and all to follow", func() bool {
		bounded, cancel := context.WithTimeout(ctx, loadAck)
		defer cancel()
		was := leader
		leader, err = s.servers.Leader(bounded, js, events.StreamLedger)
		if err == nil {
			stream, err = js.Stream(bounded, events.StreamLedger)
		}
		if err != nil || leader != was || !s.servers.Alive(leader) || slices.ContainsFunc(stream.CachedInfo().Cluster.Replicas, behind) {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) > calm
	})
	return stream, leader, err
}

func behind(r *jetstream.PeerInfo) bool {
	return r.Offline || r.Active == 0 || r.Active > calm || r.Lag > behindBy
}
