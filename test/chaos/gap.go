package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// How the two streams are written to while their leader is killed.
const (
	rawStream = "RAW"
	loadEvery = 20 * time.Millisecond
	loadAck   = time.Second // after which an attempt to write counts as lost, as the ledger's does
	calm      = 2 * time.Second
)

// gaps are how long nothing was written when the server was killed that led the ledger's stream: to the ledger, and to a stream of
// the same kind that led there too and that somebody writes to who does nothing else.
type gaps struct {
	Ledger spread `json:"ledger"`
	NATS   spread `json:"nats"`
}

// measureGaps kills the leader so many times while both streams are written to. Times are those at which the servers have stored
// what was written.
func (s *site) measureGaps(ctx context.Context, kills int) (g gaps, err error) {
	if _, err := s.conn.JetStream().CreateStream(ctx, jetstream.StreamConfig{Name: rawStream, Subjects: []string{"raw"}, Replicas: s.servers.Len()}); err != nil {
		return g, err
	}
	loading, stop := context.WithCancel(ctx)
	var load sync.WaitGroup
	load.Go(func() { s.load(loading, s.tellOfNothing) })
	load.Go(func() { s.load(loading, s.writeRaw) })
	defer load.Wait()
	defer stop()
	for range kills {
		led, killed, err := s.killLeaderOfBoth(ctx)
		if err != nil {
			return g, err
		}
		// Each gap is over when both are written to again.
		var ours, raw time.Duration
		err = s.watch.wait(ctx, "both streams to be written to again", func() bool {
			ours, raw = s.gap(ctx, events.StreamLedger, killed), s.gap(ctx, rawStream, killed)
			return ours > 0 && raw > 0
		})
		if err != nil {
			return g, err
		}
		g.Ledger, g.NATS = append(g.Ledger, events.Duration(ours)), append(g.NATS, events.Duration(raw))
		if err := s.servers.Start(led); err != nil {
			return g, err
		}
	}
	return g, nil
}

// load writes at a steady pace until ctx ends; what is lost is lost.
func (s *site) load(ctx context.Context, write func(context.Context) error) {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		bounded, cancel := context.WithTimeout(ctx, loadAck)
		_ = write(bounded)
		cancel()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// tellOfNothing publishes that a fault is over of which nobody has heard: a record, and no more.
func (s *site) tellOfNothing(ctx context.Context) error {
	links := s.net.Topology().Links
	return s.publish(ctx, over(links[len(links)-1]))
}

// over is what telemetry says of a link that is not sick any more.
func over(l network.Link) events.Event {
	e := firing(l)
	e.Data.State = events.Resolved
	return e
}

func (s *site) writeRaw(ctx context.Context) error {
	_, err := s.conn.JetStream().Publish(ctx, "raw", nil, jetstream.WithMsgID(uuid.NewString()), jetstream.WithRetryAttempts(0))
	return err
}

// killLeaderOfBoth has one server lead both streams for a while, and kills it.
func (s *site) killLeaderOfBoth(ctx context.Context) (led int, killed time.Time, err error) {
	var since time.Time
	js := s.conn.JetStream()
	err = s.watch.wait(ctx, "one server to lead both streams", func() bool {
		ours, err := s.servers.Leader(ctx, js, events.StreamLedger)
		raw, err2 := s.servers.Leader(ctx, js, rawStream)
		if errors.Join(err, err2) != nil || !s.servers.Alive(ours) {
			since = time.Time{}
			return false
		}
		if led = ours; ours != raw {
			since = time.Time{}
			_ = s.askToLead(ctx, rawStream, ours) // it is seen above whether it does
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) > calm
	})
	if err != nil {
		return led, killed, err
	}
	killed = time.Now()
	s.servers.Kill(led)
	return led, killed, nil
}

// askToLead has the leader of a stream step down in favour of a server.
func (s *site) askToLead(ctx context.Context, stream string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, loadAck)
	defer cancel()
	said, err := json.Marshal(map[string]any{"placement": map[string]string{"preferred": fmt.Sprintf("s%d", n)}})
	if err != nil {
		return err
	}
	_, err = s.conn.JetStream().Conn().RequestMsgWithContext(ctx, &nats.Msg{Subject: "$JS.API.STREAM.LEADER.STEPDOWN." + stream, Data: said})
	return err
}

// gap is how long a stream was not written to around a moment, 0 while that is not over.
func (s *site) gap(ctx context.Context, stream string, around time.Time) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, loadAck)
	defer cancel()
	str, err := s.conn.JetStream().Stream(ctx, stream)
	if err != nil {
		return 0
	}
	after := time.Time{}
	for n := str.CachedInfo().State.LastSeq; n > 0; n-- {
		msg, err := str.GetMsg(ctx, n)
		if err != nil {
			return 0
		}
		if msg.Time.Before(around) {
			if after.IsZero() {
				return 0
			}
			return after.Sub(msg.Time)
		}
		after = msg.Time
	}
	return 0
}
