package worker

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators"
)

// Ledger is the one ordered record of everything.
type Ledger interface {
	// AppendWhile stores commit directly after position after. Its errors are as Config.Conflict and Config.Doubt tell, and
	// events.ErrTooLarge; after any but a doubt this call has stored nothing. After a doubt the same commit may be appended
	// at the same position again. It calls meanwhile, at most once, when the commit is complete and about to leave.
	AppendWhile(ctx context.Context, commit events.Commit, after uint64, meanwhile func()) (events.Commit, error)
	// Follow calls fn with every commit from position from on, in order, until ctx ends or fn fails.
	Follow(ctx context.Context, from uint64, fn func(events.Commit) error) error
	// LastPosition is the position of the newest commit, 0 when there is none.
	LastPosition(ctx context.Context) (uint64, error)
}

// Routers reads and sets the network.
type Routers interface {
	// Observe sees a target, and computes of the network what the command asks for.
	Observe(ctx context.Context, o incident.Observe) events.Facts
	// Told does the same at once, without asking a router anything, and reports whether all that it takes is known.
	Told(o incident.Observe) (events.Facts, bool)
	// Set carries out one order and returns exactly one of Applied, Refused and Unknown. It calls permit right before the
	// request leaves, and sends nothing when that fails.
	Set(ctx context.Context, order events.Order, permit func() error) events.Body
	Look(ctx context.Context, order events.Order, fence uint64) (events.Found, error)
	Confirm(ctx context.Context, order events.Order) events.Confirmed
	Prove(ctx context.Context, device string, by events.Person) (events.Proved, error)
	Proven(events.Proved)
}

// Canaries reads and sets harmless leaves.
type Canaries interface {
	FindCanary(ctx context.Context, device string) (events.Canary, error)
	ReadCanary(ctx context.Context, device string, leaf events.LeafRef) (events.Canary, error)
	// SetCanary sets a leaf that reads from, and returns how it reads then. One that reads otherwise is left alone.
	SetCanary(ctx context.Context, device string, leaf events.LeafRef, from, to events.Value) (events.Canary, error)
}

// Delivery is one message from the bus: an event, or, when Dead is not nil, what could not be read as one.
type Delivery struct {
	Event    *events.Event // only to be read; nil if Dead
	Dead     *events.DeadLettered
	Received time.Time // by its stream

	Redelivered bool // it was delivered before and not acknowledged in time

	Message
}

// Message is what comes of a message on the bus once it is recorded.
type Message interface {
	Return(ctx context.Context, reason string) error // puts it on the stream of rejected ones
	Ack()                                            // tells the bus that the record stands
	Nak()                                            // gives it back to the bus: somebody else is to take it
}

// Intake delivers what arrives on the bus.
type Intake interface {
	Next(ctx context.Context) ([]Delivery, error)
}

// Peers tells which replicas' processes are heard.
type Peers interface {
	Alive() []string // this one included, the first in rank first; names are as Worker.Me gives
	Sure() bool      // whether who is not heard is gone: not at first, nor when this one may have been cut off
	// LastHeard is when a process was heard last, the zero time if that is not known any more.
	LastHeard(name string) time.Time
	// Taking reports whether it is for this one to take in what arrives, and gives a channel that is closed when that changes.
	Taking() (taking bool, changed <-chan struct{})
}

// Config is what a worker is made of.
type Config struct {
	Name        string // of the replica; a process adds an id of its own to it
	Mode        events.Mode
	Policy      *policy.Policy // to begin with; those after it come by Offer
	PolicyFrom  string         // where the policy was read, for the record
	Inventory   incident.Inventory
	Scopes      []events.Scope // that people may freeze, and maintain, besides the network
	Remediators []remediators.Remediator
	Ledger      Ledger
	Conflict    error // what Ledger.Append's error is when another commit took the position
	Doubt       error // and when nobody can tell whether the commit was stored
	Intake      Intake
	Routers     Routers
	Canaries    Canaries
	Peers       func(me string) Peers // nil: alone
	Now         func() time.Time
	Logger      *zap.Logger
	Metrics     *Metrics     // nil: none
	Tracer      trace.Tracer // nil: nobody is told of spans
}

// Bounds of the loop.
const (
	Prefetch      = 250 * time.Millisecond // the longest that a first record waits for its target to be read
	appendWithin  = 3 * time.Second
	contactWithin = 750 * time.Millisecond // a Set that adds risk rests on a ledger known as of this recently: a freeze holds within a second
	maxTaken      = 2048                   // events decided together
	stormFrom     = 256                    // events that have come at once, from which on more of them are waited for
	stormFor      = 4 * time.Millisecond   // and for how long, at least and at most
	stormMost     = 32 * time.Millisecond
	stormOver     = 100 * time.Millisecond // after a storm was recorded fewer events are no part of it any more
	retryAfter    = 500 * time.Millisecond
	writeAgain    = 100 * time.Millisecond // after an append was given up, which had been tried for appendWithin
	writeWithin   = 10 * time.Second       // a ledger that answers, and takes nothing for so long, is as good as away
)

// Worker is one replica's loop.
type Worker struct {
	Config
	me  string
	log *zap.Logger

	mu        sync.RWMutex
	board     *incident.Board
	contact   time.Time // everything on the ledger then is folded
	caught    bool
	halted    string         // why it makes no decisions any more
	suspended string         // why it makes none for now
	policy    *policy.Policy // in force
	offered   Offer          // what the policy's file held last

	unwritable string    // why the newest append was not taken, "" when it was
	since      time.Time // of the first append in a row that was not

	replayed chan struct{} // closed when the Board is the loop's: what stood on the ledger is folded
	followed chan events.Commit
	arrived  chan []Delivery
	outcomes chan outcome
	orders   chan order
	offers   chan Offer
	pulses   chan struct{} // see Pulse
	gone     chan struct{} // closed when the loop has ended
	broken   chan struct{} // closed when the ledger can no longer be followed
	turned   chan struct{} // closed and replaced when the worker acts no more, or does again

	pendingSince atomic.Int64 // when the oldest anomaly was received that is taken and not recorded, in Unix nanoseconds; 0: there is none

	back readBack

	peers   Peers
	doubted *doubt          // appended at the Board's position, and nobody can tell
	alone   *incident.Board // with what this worker knows and cannot write, nil when there is nothing
	spans   *spans
	atMost  int // records decided together: fewer after a commit that was too large
	world   world
	running map[string]bool // commands, by key
	effects sync.WaitGroup
}

type outcome struct {
	key      string
	incident string
	body     events.Body // nil: nothing to decide on
	facts    *events.Facts
	position uint64    // of the Board when facts began to be read
	retry    time.Time // when the command may run again
}

type order struct {
	do     incident.Order
	reply  chan<- orderReply // nil: the worker's own
	commit string            // id of the newest one that was to record it
	then   func()            // called, if not nil, when its record is folded
}

type orderReply struct {
	commit events.Commit
	err    error
}

// New returns a worker that has not begun.
func New(c Config) *Worker {
	w := &Worker{
		Config: c, me: c.Name + "/" + strings.SplitN(uuid.NewString(), "-", 2)[0], log: c.Logger.Named("worker"),
		board: incident.NewBoard(), replayed: make(chan struct{}), followed: make(chan events.Commit, 1024), arrived: make(chan []Delivery), outcomes: make(chan outcome, 64),
		orders: make(chan order), offers: make(chan Offer), pulses: make(chan struct{}), gone: make(chan struct{}), broken: make(chan struct{}), turned: make(chan struct{}), running: map[string]bool{}, atMost: incident.MaxRecords,
		world: world{facts: map[string]events.Facts{}, moved: map[string]uint64{}, results: map[string][]events.Body{}, held: map[string]time.Time{}},
	}
	w.spans = spansOf(c.Tracer)
	w.policy, w.offered = c.Policy, Offer{Policy: c.Policy, Source: c.PolicyFrom}
	if c.Peers != nil {
		w.peers = c.Peers(w.me)
	}
	if c.Metrics != nil {
		c.Metrics.standing.worker.Store(w)
	}
	return w
}

// Me is the name under which this process owns intents.
func (w *Worker) Me() string { return w.me }

// View calls f with the Board. f must keep nothing of it.
func (w *Worker) View(f func(*incident.Board)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	f(w.board)
}

// Status is how a worker is doing.
type Status struct {
	Name     string        `json:"name"`
	Position uint64        `json:"position"`
	Digest   events.Digest `json:"digest,omitempty"`
	CaughtUp bool          `json:"caught_up"`
	Halted   string        `json:"halted,omitempty"` // why it does not act
	Contact  time.Time     `json:"contact"`          // everything on the ledger then is folded

	Unwritable string `json:"unwritable,omitempty"` // why the ledger takes nothing

	Policy     events.Digest `json:"policy"`                   // in force
	PolicyFrom string        `json:"policy_from"`              // the file that it was read from
	BadPolicy  string        `json:"policy_refused,omitempty"` // why what that file holds now is not taken
}

// Status returns how the worker is doing.
func (w *Worker) Status() Status {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return Status{
		Name: w.me, Position: w.board.Position, Digest: w.board.Digest, CaughtUp: w.caught, Halted: cmp.Or(w.halted, w.suspended), Contact: w.contact, Unwritable: w.unwritable,
		Policy: w.policy.Digest(), PolicyFrom: w.offered.Source, BadPolicy: w.offered.why(),
	}
}

// Submit carries out a person's order. When it returns without error, its records were read back from the ledger, where every
// replica finds them; here they are in force as soon as they are acknowledged. An error that is an incident.ErrAside says that
// nothing was recorded, since this replica carries out nothing; one that is an incident.ErrUnsure that something may have been.
func (w *Worker) Submit(ctx context.Context, do incident.Order) (events.Commit, error) {
	reply := make(chan orderReply, 1)
	select {
	case w.orders <- order{do: do, reply: reply}:
	case <-w.gone:
		return events.Commit{}, fmt.Errorf("%w: it is ending", incident.ErrAside)
	case <-ctx.Done():
		return events.Commit{}, fmt.Errorf("hand the order to the worker: %w", ctx.Err())
	}
	select {
	case r := <-reply:
		if r.err != nil {
			return events.Commit{}, r.err
		}
		if err := w.shown(ctx, r.commit.Position); err != nil {
			return events.Commit{}, fmt.Errorf("%w: the bus acknowledged the order's record at position %d, and has not shown it: %w", incident.ErrUnsure, r.commit.Position, err)
		}
		return r.commit, nil
	case <-ctx.Done():
		return events.Commit{}, fmt.Errorf("wait for the order's record (it may yet be written): %w", ctx.Err())
	}
}

// Prove runs the canaries on a router and records what they showed.
func (w *Worker) Prove(ctx context.Context, device string, by events.Person) (events.Proved, error) {
	proved, err := w.Routers.Prove(ctx, device, by)
	if err != nil {
		return events.Proved{}, err
	}
	_, err = w.Submit(ctx, func(*incident.Board, time.Time) ([]events.Record, error) {
		return []events.Record{{Body: proved}}, nil
	})
	return proved, err
}
