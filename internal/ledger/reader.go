package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/bus/streams"
)

// How a reader reads.
const (
	batchMessages = 4096                  // asked for at once
	batchEntries  = 64                    // handed on at once, at most
	batchHanded   = 128 << 10             // bytes of them, about: few enough to lie in a cache until they are decoded
	linger        = 50 * time.Millisecond // for messages that the server says are pending
	batchBytes    = 8 << 20               // of them, at most; far below what the client queues before it drops
	heartbeat     = time.Second           // after two of these in silence the server's side of the reader is gone
	requestExpiry = 10 * time.Second      // of one request for messages
	quiet         = 3 * time.Second       // after which it is asked whether there is really nothing new: longer than two heartbeats
	quietAsk      = time.Second           // how long that may take
	idleConsumer  = 30 * time.Second      // after which the server forgets a reader that has died
	patientPause  = time.Second           // between two questions to servers that say that the stream has lost something, at most
)

// patienceRounds is how often in a row the stream's leader may say that it ends before what was read of it, before that is believed.
// absentRounds is the same for a server that says that there is no such stream: one that has just started may still be reading it
// from its disk, and answers for all while there is no leader. They take a second and half a minute.
const (
	patienceRounds = 6
	absentRounds   = 30
)

// reader hands on the messages of the stream as they lie there, in order, from next on.
type reader struct {
	l    *Ledger
	next uint64
	out  func([]Entry) error

	short, absent int // how often in a row the stream was found too short, or not at all
}

// entries hands every message from position from on to out and goes on live, until ctx ends, out fails, or the stream
// is found to have lost what was read of it. Messages that are there already come in batches, a new one at once. A gap
// is handed on only after it was asked for twice.
func (l *Ledger) entries(ctx context.Context, from uint64, out func([]Entry) error) error {
	r := &reader{l: l, next: from, out: out}
	pause := firstPause
	for {
		before := r.next
		final, trouble := r.session(ctx)
		switch {
		case final != nil:
			return final
		case ctx.Err() != nil:
			return fmt.Errorf("follow ledger: %w", ctx.Err())
		case r.next > before:
			pause = firstPause
		}
		l.log.Warn("reading the ledger was interrupted, going on", zap.Uint64("position", r.next), zap.Error(trouble))
		sleep(ctx, pause)
		most := mostPause // nobody can tell, and it is to go on as soon as somebody can
		if r.short+r.absent > 0 {
			most = patientPause
		}
		pause = min(2*pause, most)
	}
}

// session reads through one consumer for as long as that goes well. A final error ends the reading; any other is
// trouble, after which a new session goes on where this one stopped.
func (r *reader) session(ctx context.Context) (final, trouble error) {
	if final, trouble := r.ensureWhole(ctx); final != nil || trouble != nil {
		return final, trouble
	}
	messages, err := r.subscribe(ctx)
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	for fresh := true; final == nil && trouble == nil; fresh = false {
		var batch []Entry
		batch, trouble = r.gather(ctx, messages, fresh)
		if len(batch) > 0 {
			final = r.out(batch)
		} else if errors.Is(trouble, context.DeadlineExceeded) && ctx.Err() == nil {
			final, trouble = r.ensureQuiet(ctx)
		}
	}
	return final, trouble
}

// gather takes messages until there are no more for now, or enough. What it took before it met with trouble counts. It
// gives up with context.DeadlineExceeded when nothing comes for a while.
func (r *reader) gather(ctx context.Context, messages jetstream.MessagesContext, fresh bool) ([]Entry, error) {
	first, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	batch, wait, size := make([]Entry, 0, batchEntries), jetstream.NextContext(first), 0
	for more := true; more && len(batch) < batchEntries && size < batchHanded; fresh = false {
		msg, err := messages.Next(wait)
		if errors.Is(err, context.DeadlineExceeded) && len(batch) > 0 {
			return batch, nil // a server that lost a message to its disk counts it as pending and never sends it
		}
		if err != nil {
			return batch, err
		}
		if len(batch) == 0 {
			others, cancel := context.WithTimeout(ctx, linger)
			defer cancel()
			wait = jetstream.NextContext(others)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return batch, err
		}
		position := meta.Sequence.Stream
		if position != r.next && !fresh {
			return batch, fmt.Errorf("position %d came instead of %d", position, r.next)
		}
		batch = append(batch, entryOf(position, msg.Subject(), msg.Headers(), msg.Data()))
		r.next, size = position+1, size+len(msg.Data())
		more = meta.NumPending > 0
	}
	return batch, nil
}

// ensureQuiet finds out why nothing comes. A last record that the server counts but cannot read any more is missing; one that it
// acknowledged and does not count is for a new session to look into. Where nobody can tell now, it is asked again after the next
// silence: whatever comes meanwhile is not to wait for the answer.
func (r *reader) ensureQuiet(ctx context.Context) (final, trouble error) {
	bounded, cancel := context.WithTimeout(ctx, quietAsk)
	defer cancel()
	for range patienceRounds {
		reaches := r.reaches()
		info, err := r.l.ledInfo(bounded)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return nil, err
		case err != nil:
			return nil, nil
		case info.State.LastSeq < reaches:
			return nil, shortened(info.State.LastSeq, reaches)
		case info.State.LastSeq < r.next:
			return nil, nil
		}
		switch _, err = r.l.stream.GetMsg(bounded, r.next); {
		case err == nil:
			return nil, fmt.Errorf("position %d is there and was not delivered", r.next)
		case !errors.Is(err, jetstream.ErrMsgNotFound):
			return nil, nil
		}
		sleep(ctx, firstPause)
	}
	return broken(r.next, Missing, "the server counts it and cannot read it"), nil
}

// subscribe makes a consumer of the server's that starts at next and is forgotten when nobody reads.
func (r *reader) subscribe(ctx context.Context) (jetstream.MessagesContext, error) {
	config := jetstream.ConsumerConfig{
		Name:          "reader-" + uuid.NewString(), // so that one that is asked for twice is one
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.next, AckPolicy: jetstream.AckNonePolicy,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: idleConsumer,
	}
	consumer, err := streams.Put(ctx, func(ctx context.Context) (jetstream.Consumer, error) { return r.l.stream.CreateConsumer(ctx, config) })
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(batchMessages, batchBytes), jetstream.PullExpiry(requestExpiry),
		jetstream.PullHeartbeat(heartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
}

// ensureWhole finds out whether the stream still reaches as far as it was read, or written by this process.
func (r *reader) ensureWhole(ctx context.Context) (final, trouble error) {
	reaches := r.reaches() // before it is asked: what is acknowledged meanwhile may not be counted yet
	info, err := streams.Put(ctx, r.l.ledInfo)
	last := uint64(0)
	switch {
	case err == nil && info.State.LastSeq >= reaches:
		r.short, r.absent = 0, 0
		return nil, nil
	case err == nil:
		last = info.State.LastSeq
		err = shortened(last, reaches)
		r.short, r.absent = r.short+1, 0
	case errors.Is(err, jetstream.ErrStreamNotFound) && reaches > 0:
		r.short, r.absent = 0, r.absent+1
	default:
		return nil, err
	}
	if r.short < patienceRounds && r.absent < absentRounds {
		return nil, err
	}
	return broken(last+1, Missing, "%v", err), nil
}

// reaches is the last position that was read, or was acknowledged to this process.
func (r *reader) reaches() uint64 {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	return max(r.next-1, r.l.seen.position)
}

func shortened(last, reached uint64) error {
	return fmt.Errorf("the stream ends at position %d, and %d was read or acknowledged", last, reached)
}
