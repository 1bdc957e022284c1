package intake

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus/streams"
)

// Defaults of Config.
const (
	DefaultAckWait = 10 * time.Second // so long does an anomaly wait that a replica had taken when it was killed
	DefaultBatch   = 1000
)

// Config says how anomalies are taken in.
type Config struct {
	Domain string        // the consumer takes only its anomalies
	Limits Limits        // of the streams, when they are made
	Ack    time.Duration // after which an unacknowledged delivery goes to another replica, DefaultAckWait if 0
	Batch  int           // deliveries that Next returns at most, DefaultBatch if 0
	Log    *zap.Logger   // nil for none

	// Existing says that streams and consumer are somebody else's to make: what is missing is waited for.
	Existing bool
}

// Intake takes in the anomalies of one domain.
type Intake struct {
	js       jetstream.JetStream
	cfg      Config
	log      *zap.Logger
	parsed   *queue
	fetching atomic.Bool
	trouble  atomic.Int64 // when there was some last, in Unix nanoseconds
}

// Open makes the streams and the consumer that are missing, or waits for them, as Config says, and checks those that exist.
// Nothing is fetched before Run.
func Open(ctx context.Context, js jetstream.JetStream, c Config) (*Intake, error) {
	c = c.withDefaults()
	if err := ensureStreams(ctx, js, c); err != nil {
		return nil, fmt.Errorf("open intake: %w", err)
	}
	in := &Intake{js: js, cfg: c, log: c.Log, parsed: newQueue(ahead * c.Batch)}
	if _, err := in.checked(ctx, in.firstConsumer); err != nil {
		return nil, fmt.Errorf("open intake: %w", err)
	}
	return in, nil
}

func (c Config) withDefaults() Config {
	if c.Ack == 0 {
		c.Ack = DefaultAckWait
	}
	if c.Batch == 0 {
		c.Batch = DefaultBatch
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	c.Limits = c.Limits.withDefaults()
	return c
}

// ahead is how many batches are parsed ahead of the worker, and as many again wait in the client.
const ahead = 2

// Next returns what has arrived: at least one delivery, at most Config.Batch. It waits until there is one or ctx ends,
// and for no second one.
func (in *Intake) Next(ctx context.Context) ([]*Delivery, error) {
	batch, err := in.parsed.take(ctx, in.cfg.Batch)
	if err != nil {
		return nil, fmt.Errorf("next anomalies: %w", err)
	}
	return batch, nil
}

// Pauses between attempts to reach the bus.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// Run fetches and parses until ctx ends, whose error it returns. It waits out whatever happens to the bus. What nobody has taken by
// Next then is given back to the bus, which delivers it again at once.
func (in *Intake) Run(ctx context.Context) error {
	in.log.Info("taking in anomalies")
	defer func() {
		in.giveBack(in.parsed.remove(in.parsed.limit))
		in.log.Info("leaving anomalies to others")
	}()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		fetched, err := in.session(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("take in anomalies: %w", ctx.Err())
		}
		if fetched {
			pause = firstPause
		}
		in.noteTrouble()
		in.log.Warn("taking in anomalies was interrupted, going on", zap.Error(err))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// How a session reads: a heartbeat tells a quiet bus from a dead one. A request is not much longer than that: while it waits at the
// servers they send to whoever made it, also if that does not run any more.
const (
	heartbeat     = 2 * time.Second
	requestExpiry = 5 * time.Second
)

// session fetches through one consumer until something goes wrong or ctx ends; fetched reports whether anything came.
func (in *Intake) session(ctx context.Context) (fetched bool, err error) {
	consumer, err := in.checked(ctx, func(attempt context.Context) (jetstream.Consumer, error) {
		consumer, err := in.consumer(attempt)
		if err != nil && ctx.Err() == nil {
			in.noteTrouble()
		}
		return consumer, err
	})
	if err != nil {
		return false, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(in.cfg.Batch), jetstream.PullExpiry(requestExpiry),
		jetstream.PullHeartbeat(heartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return false, err
	}
	defer messages.Stop()
	in.fetching.Store(true)
	defer in.fetching.Store(false)
	var reader events.Decoder
	until := jetstream.NextContext(ctx)
	for {
		msg, err := messages.Next(until)
		if err != nil {
			if ctx.Err() != nil {
				in.giveBack(drain(messages))
			}
			return fetched, err
		}
		fetched = true
		d := deliver(&reader, msg)
		if err := in.parsed.put(ctx, d); err != nil {
			in.giveBack(append(drain(messages), d))
			return fetched, err
		}
	}
}

// Fetching reports whether what arrives comes to this replica, while its connection to the bus stands.
func (in *Intake) Fetching() bool { return in.fetching.Load() }

// drainWithin is how long the servers may take to send nothing more.
const drainWithin = time.Second

// drain ends a session, and returns what was on its way. Only then it may be given back: before that it would come again here.
func drain(messages jetstream.MessagesContext) (list []*Delivery) {
	messages.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		switch {
		case err == nil:
			list = append(list, &Delivery{Subject: msg.Subject(), msg: msg})
		case ctx.Err() != nil || errors.Is(err, jetstream.ErrMsgIteratorClosed):
			return list
		}
	}
}

// giveBack has the bus deliver again, to whoever asks then.
func (in *Intake) giveBack(list []*Delivery) {
	for _, d := range list {
		if err := d.Nak(); err != nil {
			in.log.Warn("give anomalies back to the bus, which delivers them again somewhat later", zap.Int("anomalies", len(list)), zap.Error(err))
			return
		}
	}
}

// How an Intake finds that another replica should take in what arrives.
const (
	stalled = 3 * time.Second  // nobody has taken for so long what is there to be taken
	relief  = 10 * time.Second // for so long after it was in trouble
)

// Able reports whether this replica should be the one that takes in anomalies, as far as the way from the bus to Next goes: not for a
// while after it was interrupted, or what it had fetched was left lying.
func (in *Intake) Able() bool {
	if in.parsed.untaken() > stalled {
		in.noteTrouble()
	}
	return time.Since(time.Unix(0, in.trouble.Load())) > relief
}

func (in *Intake) noteTrouble() { in.trouble.Store(time.Now().UnixNano()) }

// firstConsumer is consumer on a stream that has just been found: a server of the cluster that does not know it yet soon will.
func (in *Intake) firstConsumer(ctx context.Context) (jetstream.Consumer, error) {
	consumer, err := in.consumer(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, errNotYet
	}
	return consumer, err
}

var errNotYet = errors.New("the server does not know the stream yet")

// checked asks for the consumer, and refuses one by which an anomaly could be passed over or given up.
func (in *Intake) checked(ctx context.Context, ask func(context.Context) (jetstream.Consumer, error)) (jetstream.Consumer, error) {
	consumer, err := streams.Ask(ctx, in.log, "its consumer", ask)
	if err != nil {
		return nil, err
	}
	return consumer, checkConsumer(consumer.CachedInfo().Config, in.consumerConfig())
}

// consumerConfig is the durable consumer that all replicas share.
func (in *Intake) consumerConfig() jetstream.ConsumerConfig {
	domain := events.Token(in.cfg.Domain)
	return jetstream.ConsumerConfig{
		Durable: "detour-intake-" + domain, Description: "Detour takes in the anomalies of domain " + domain,
		FilterSubject: events.PrefixAnomalies + domain + ".>", DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: in.cfg.Ack, MaxAckPending: maxPending * in.cfg.Batch, MaxDeliver: -1,
	}
}

// consumer finds or makes the consumer, as Config says.
func (in *Intake) consumer(ctx context.Context) (jetstream.Consumer, error) {
	want := in.consumerConfig()
	if !in.cfg.Existing {
		return in.js.CreateOrUpdateConsumer(ctx, events.StreamAnomalies, want)
	}
	consumer, err := in.js.Consumer(ctx, events.StreamAnomalies, want.Durable)
	if err != nil {
		return nil, streams.Await(err, jetstream.ErrConsumerNotFound)
	}
	return consumer, nil
}

func checkConsumer(have, want jetstream.ConsumerConfig) error {
	const remedy = "run detour streams create, as somebody who may"
	switch {
	case have.FilterSubject != want.FilterSubject || len(have.FilterSubjects) > 0:
		return fmt.Errorf("consumer %s: filter_subject is %q, want %q; %s", want.Durable, have.FilterSubject, want.FilterSubject, remedy)
	case have.HeadersOnly:
		return fmt.Errorf("consumer %s: headers_only is true, anomalies come without what they say; %s", want.Durable, remedy)
	case have.AckPolicy != want.AckPolicy:
		return fmt.Errorf("consumer %s: ack_policy is %s, want %s; %s", want.Durable, have.AckPolicy, want.AckPolicy, remedy)
	case have.MaxDeliver > 0:
		return fmt.Errorf("consumer %s: max_deliver is %d, want -1; %s", want.Durable, have.MaxDeliver, remedy)
	}
	return nil
}

// maxPending is how many batches may be with the replicas at once, all together.
const maxPending = 20
