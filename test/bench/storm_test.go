package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/detour-net/detour/events"
)

// Blocks of a storm, and how many anomalies are in each.
const (
	stormBlocks    = 6
	stormSize      = 25_000
	duplicates     = 1_000_000
	duplicatesSeen = 1_000 // different events among them
)

// storm measures how many anomalies are taken in per second, each recorded with what was made of it, against a floor that
// pulls and acknowledges the same messages from the same stream. Half of a storm's anomalies come twice.
//
// Then a million duplicates follow, for which memory must not grow.
func (t *table) storm(b *testing.B) {
	blocks, size, repeats := stormBlocks, stormSize, duplicates
	if testing.Short() {
		blocks, size, repeats = 1, 500, 2_000
	}
	for b.Loop() {
		if err := t.stormOn(b, blocks, size, repeats); err != nil {
			b.Fatal(err)
		}
	}
}

func (t *table) stormOn(b *testing.B, blocks, size, repeats int) (err error) {
	ctx := b.Context()
	s, err := raiseOutside(ctx, scratch(b), quickAnomalies)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r, err := newRace(ctx, s)
	if err != nil {
		return err
	}
	first := 0
	for range blocks {
		if err := r.block(ctx, r.flood(first, size)); err != nil {
			return err
		}
		first += size
	}
	ours, floor := perSecond(blocks*size, r.ours), perSecond(blocks*size, r.floor)
	b.ReportMetric(over(ours, floor), "storm-ratio")
	t.put(row{
		what: fmt.Sprintf("storm of %d anomalies taken in", blocks*size), ours: rate(ours, "anomalies"), floor: rate(floor, "messages"),
		ratio: over(ours, floor), goal: "at least 0.5",
	})

	r.ours, r.floor = 0, 0
	steps := []int{repeats / 10, repeats / 2, repeats}
	var grown []memory
	for done := 0; done < repeats; {
		n := repeats / 10
		if err := r.block(ctx, r.repeat(n)); err != nil {
			return err
		}
		done += n
		if len(steps) > 0 && done >= steps[0] {
			steps, grown = steps[1:], append(grown, measure())
		}
	}
	ours, floor = perSecond(repeats, r.ours), perSecond(repeats, r.floor)
	b.ReportMetric(over(ours, floor), "duplicates-ratio")
	t.put(row{
		what: fmt.Sprintf("%d duplicates taken in", repeats), ours: rate(ours, "anomalies"), floor: rate(floor, "messages"),
		ratio: over(ours, floor), goal: "at least 0.5",
	})
	for i, share := range []int{repeats / 10, repeats / 2, repeats} {
		t.put(row{what: fmt.Sprintf("memory after %d duplicates", share), ours: grown[i].String(), goal: "flat"})
	}
	return nil
}

// quickAnomalies makes the stream of anomalies as the service would, but for one thing: it is written to without waiting
// for the disk each time. A million messages are published to it, which is not what is measured.
func quickAnomalies(ctx context.Context, js jetstream.JetStream) error {
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: events.StreamAnomalies, Subjects: []string{events.PrefixAnomalies + ">"}, Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxBytes: 1 << 30, PersistMode: jetstream.AsyncPersistMode,
	})
	return err
}

// race lets the service and the floor take in the same messages one after the other. While one runs the other is held
// back, and both while a block is published.
type race struct {
	s      *service
	js     jetstream.JetStream // the floor's
	floors jetstream.Consumer

	ours, floor time.Duration // spent
}

func newRace(ctx context.Context, s *service) (*race, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	r := &race{s: s, js: conn.JetStream()}
	r.floors, err = like(ctx, r.js, floorDomain, domain)
	return r, err
}

// flood is a block of anomalies about every link that were not there before it; half of them come twice.
func (r *race) flood(first, size int) []*nats.Msg {
	links := r.s.net.Topology().Links
	list := make([]*nats.Msg, 0, size+1)
	now := time.Now()
	for n := 0; len(list) < size; n++ {
		m := message(anomaly(eventID("storm", first+n), links[n%len(links)].A, now.Add(time.Duration(n)*time.Microsecond)))
		list = append(list, m)
		if n%2 == 0 {
			list = append(list, m)
		}
	}
	return list[:size]
}

// repeat is a block of events that were all there before it, but for those of the first block.
func (r *race) repeat(size int) []*nats.Msg {
	links := r.s.net.Topology().Links
	list := make([]*nats.Msg, size)
	now := time.Now()
	for n := range list {
		list[n] = message(anomaly(eventID("again", n%duplicatesSeen), links[n%len(links)].A, now))
	}
	return list
}

// message is an event as it lies on the bus. It has no message id: the stream itself would drop what comes twice.
func message(e events.Event) *nats.Msg {
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err) // the vocabulary always encodes
	}
	return &nats.Msg{Subject: events.AnomalySubject(domain, e.Data), Data: raw, Header: nats.Header{"Content-Type": {events.ContentTypeCloudEvent}}}
}

// block publishes messages and lets both take them in. The last one is published when the service may go on: a consumer
// that was paused begins with the next message that comes.
func (r *race) block(ctx context.Context, list []*nats.Msg) error {
	if _, err := r.js.PauseConsumer(ctx, events.StreamAnomalies, consumer(domain), time.Now().Add(time.Hour)); err != nil {
		return err
	}
	if _, err := r.publish(ctx, list[:len(list)-1]); err != nil {
		return err
	}
	last, err := r.service(ctx, list[len(list)-1:])
	if err != nil {
		return err
	}
	return r.pullAndAck(ctx, len(list), last)
}

// publish returns the sequence of the last message once all are stored.
func (r *race) publish(ctx context.Context, list []*nats.Msg) (last uint64, err error) {
	for window := range slices.Chunk(list, inFlight) {
		if last, err = publish(ctx, r.s.streams(), window); err != nil {
			return 0, err
		}
	}
	return last, nil
}

// service lets the service go on until it has acknowledged everything, and returns the last sequence.
func (r *race) service(ctx context.Context, rest []*nats.Msg) (last uint64, err error) {
	own, err := r.js.Consumer(ctx, events.StreamAnomalies, consumer(domain))
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := r.js.ResumeConsumer(ctx, events.StreamAnomalies, consumer(domain)); err != nil {
		return 0, err
	}
	if err := resumed(ctx, own); err != nil {
		return 0, err
	}
	if last, err = r.publish(ctx, rest); err != nil {
		return 0, err
	}
	if err := acknowledged(ctx, own, last); err != nil {
		return 0, err
	}
	r.ours += time.Since(began)
	return last, nil
}

// pullAndAck is the floor: every message is pulled and acknowledged, and nothing else is done with it. Meanwhile the server is
// asked how far it is, as it is while the service takes them in: that takes time of both.
func (r *race) pullAndAck(ctx context.Context, size int, last uint64) error {
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.pull(ctx, size) })
	g.Go(func() error { return acknowledged(ctx, r.floors, last) })
	if err := g.Wait(); err != nil {
		return err
	}
	r.floor += time.Since(began)
	return nil
}

func (r *race) pull(ctx context.Context, size int) error {
	messages, err := fetch(r.floors)
	if err != nil {
		return err
	}
	defer messages.Stop()
	until := jetstream.NextContext(ctx)
	for range size {
		msg, err := messages.Next(until)
		if err != nil {
			return err
		}
		if err := msg.Ack(); err != nil {
			return err
		}
	}
	return nil
}

// askEvery is how often a server is asked how far it is: answering takes its time from what it is asked about.
const askEvery = 5 * time.Millisecond

// resumed waits until a consumer's leader knows that it is not paused any more: a message that comes before wakes nobody.
func resumed(ctx context.Context, c jetstream.Consumer) error {
	return awaitEvery(ctx, askEvery, "the consumer to go on", func() bool {
		info, err := c.Info(ctx)
		return err == nil && !info.Paused
	})
}

// acknowledged waits until the server has the acknowledgement of every message up to last.
func acknowledged(ctx context.Context, c jetstream.Consumer, last uint64) error {
	return awaitEvery(ctx, askEvery, "every message to be acknowledged", func() bool {
		info, err := c.Info(ctx)
		return err == nil && info.AckFloor.Stream >= last
	})
}
