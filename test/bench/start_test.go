package bench

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/worker"
)

// The ledger that a start reads, and how often it is read by each.
const (
	startRecords = 1_000_000
	startRounds  = 3
)

// start measures how long a replica takes to follow a ledger from its first record and to fold it, against a floor that
// reads the same stream in order and looks at nothing. One ledger is as a history leaves it, with storms recorded fifty
// at a time; in the other every alarm has a commit of its own.
func (t *table) start(b *testing.B) {
	records, rounds := startRecords, startRounds
	if testing.Short() {
		records, rounds = 2_000, 1
	}
	for b.Loop() {
		for _, kind := range []struct {
			name  string
			storm int
		}{{"storms of 50 in a commit", 50}, {"one alarm in a commit", 1}} {
			if err := t.startOn(b, kind.name, records, kind.storm, rounds); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func (t *table) startOn(b *testing.B, name string, records, storm, rounds int) error {
	ctx := b.Context()
	a, err := newArchive(ctx, b)
	if err != nil {
		return err
	}
	return t.startFrom(ctx, b, a, name, records, storm, rounds)
}

// startFrom fills an archive, has it read by turns, and closes it.
func (t *table) startFrom(ctx context.Context, b *testing.B, a *archive, name string, records, storm, rounds int) (err error) {
	defer func() { err = errors.Join(err, a.close()) }()
	h, err := a.fill(ctx, records, storm)
	if err != nil {
		return err
	}
	before := measure()
	var ours, floor time.Duration
	var after memory
	for range rounds {
		raw, err := a.read(ctx)
		if err != nil {
			return err
		}
		took, held, err := a.follow(ctx, h)
		if err != nil {
			return err
		}
		ours, floor, after = ours+took, floor+raw, held
	}
	b.ReportMetric(over(ours, floor), fmt.Sprintf("start-%d-ratio", storm))
	all := rounds * h.records
	t.put(row{
		what:  fmt.Sprintf("start on %d records in %d commits (%s)", h.records, h.commits, name),
		ours:  words(fmt.Sprintf("%.1f s", over(ours, time.Duration(rounds)*time.Second)), rate(perSecond(all, ours), "records")),
		floor: words(fmt.Sprintf("%.1f s", over(floor, time.Duration(rounds)*time.Second)), rate(perSecond(all, floor), "records")),
		ratio: over(ours, floor), goal: "at most 2",
	})
	t.put(row{
		what: fmt.Sprintf("memory after that start (%s)", name),
		ours: words(fmt.Sprintf("%.1f MiB more heap", (float64(after.heap)-float64(before.heap))/mebibyte), after.String()+" with the server"),
	})
	return nil
}

// archive is a server with a ledger on it. Its writes are not synced one by one: it is only read from.
type archive struct {
	end    func() // of the servers
	conn   *bus.Conn
	ledger *ledger.Ledger
	last   uint64
}

func newArchive(ctx context.Context, b *testing.B) (*archive, error) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: scratch(b), MaxPayload: bus.MaxPayload, NoSigs: true, NoLog: true})
	if err != nil {
		return nil, err
	}
	srv.Start()
	end := func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
	if !srv.ReadyForConnections(patience) {
		end()
		return nil, errors.New("the server does not start")
	}
	return archiveOn(ctx, end, srv.ClientURL())
}

// archiveOn makes the ledger on servers, on each of them, and ends them when it cannot.
func archiveOn(ctx context.Context, end func(), urls ...string) (_ *archive, err error) {
	a := &archive{end: end}
	if a.conn, err = bus.Connect(bus.Config{URLs: urls, Name: "bench"}); err != nil {
		return nil, errors.Join(err, a.close())
	}
	if err = a.conn.Wait(ctx); err == nil {
		err = await(ctx, "the ledger to be made", func() bool { // servers of a cluster that has just begun may not know each other
			a.ledger, err = ledger.Open(ctx, a.conn.JetStream(), ledger.Config{Domain: domain, Replicas: len(urls), SyncAlways: true})
			return err == nil
		})
	}
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *archive) close() (err error) {
	if a.conn != nil {
		err = bounded(a.conn.Close)()
	}
	a.end()
	return err
}

// fill writes a history of at least so many records.
func (a *archive) fill(ctx context.Context, records, storm int) (*history, error) {
	var window []*nats.Msg
	flush := func() (err error) {
		a.last, err = publish(ctx, a.conn.JetStream(), window)
		window = window[:0]
		return err
	}
	h, err := newHistory(func(c *events.Commit, after uint64) error {
		e, err := ledger.Seal(domain, c, after)
		window = append(window, &nats.Msg{Subject: e.Subject, Data: e.Raw, Header: nats.Header{ledger.DigestHeader: {string(e.Stated)}}})
		return err
	}, func(events.Commit) error {
		if len(window) < inFlight {
			return nil
		}
		return flush()
	})
	if err != nil {
		return nil, err
	}
	for h.records < records {
		if err := h.fault(storm); err != nil {
			return nil, err
		}
	}
	return h, flush()
}

// read is the floor: every message in order, as many at once as a replica asks for.
func (a *archive) read(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	stream, err := a.conn.JetStream().OrderedConsumer(ctx, events.StreamLedger, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, err
	}
	messages, err := stream.Messages(jetstream.PullMaxMessagesWithBytesLimit(4096, 8*mebibyte))
	if err != nil {
		return 0, err
	}
	defer messages.Stop()
	for n := uint64(0); n < a.last; n++ {
		if _, err := messages.Next(jetstream.NextContext(ctx)); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// follow starts a replica on the ledger and waits until it has caught up. It says what memory was held then.
func (a *archive) follow(ctx context.Context, h *history) (took time.Duration, held memory, err error) {
	w := worker.New(worker.Config{
		Name: "bench", Mode: events.Live, Policy: h.world.Policy, Inventory: h.world.Inventory, Remediators: h.world.Remediators,
		Ledger: finished{a.ledger}, Conflict: ledger.ErrConflict, Doubt: ledger.ErrDoubt, Intake: nothing{}, Routers: unseen{}, Now: time.Now, Logger: zap.NewNop(),
		Metrics: worker.NewMetrics(prometheus.NewRegistry()),
	})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	defer app.Tune()() // as in service
	began := time.Now()
	go func() { ended <- w.Run(running) }()
	err = await(ctx, "the replica to catch up", func() bool { return w.Status().CaughtUp })
	took = time.Since(began)
	if s := w.Status(); err == nil && (s.Position != a.last || s.Digest != h.board.Digest) {
		err = fmt.Errorf("the replica stands at position %d, the ledger at %d", s.Position, a.last)
	}
	w.View(func(b *incident.Board) {
		if f, frozen := b.FrozenBy(nil); frozen {
			err = errors.Join(err, fmt.Errorf("the ledger does not fold: %s", f.Reason))
		}
	})
	held = measure()
	stop()
	return took, held, errors.Join(err, <-ended)
}

// finished is a ledger to which a worker adds nothing any more.
type finished struct{ *ledger.Ledger }

func (finished) AppendWhile(context.Context, events.Commit, uint64, func()) (events.Commit, error) {
	return events.Commit{}, ledger.ErrUnavailable
}

// unseen are routers of which nothing is known, and that nobody asks: nothing is decided that takes it.
type unseen struct{ worker.Routers }

// Told knows nothing.
func (unseen) Told(incident.Observe) (events.Facts, bool) { return events.Facts{}, false }

// nothing is an intake to which nothing comes.
type nothing struct{}

func (nothing) Next(ctx context.Context) ([]worker.Delivery, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
