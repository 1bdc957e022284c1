package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus/streams"
)

// headerRoom is what the headers of one append take at most, in bytes, names and separators included.
const headerRoom = 1 << 10

// MaxBytes bounds one encoded commit: with its headers it must fit into the 1 MiB that NATS servers take by default.
const MaxBytes = events.MaxCommitBytes - headerRoom

// Pauses between attempts to store or find a commit. They stay short: while a stream has no leader, the server that is asked says at
// once that nobody is there, and who comes too late once there is one loses that time.
const (
	firstPause = 20 * time.Millisecond
	mostPause  = 200 * time.Millisecond
)

// Append stores commit right behind position after, which is 0 for the first, and returns it with its position and
// digest. commit.Prev must be the digest of the commit at after. Appending a commit that already stands there
// succeeds. The errors are ErrConflict, ErrTooLarge, ErrUnavailable and ErrDoubt; it takes at most until ctx ends.
func (l *Ledger) Append(ctx context.Context, commit events.Commit, after uint64) (events.Commit, error) {
	return l.AppendWhile(ctx, commit, after, func() {})
}

// AppendWhile is Append, and calls meanwhile once the commit is complete and about to leave: what that begins, and does not
// wait for, goes on while the commit is written. Where it is clear before that nothing will be, it is not called.
func (l *Ledger) AppendWhile(ctx context.Context, commit events.Commit, after uint64, meanwhile func()) (events.Commit, error) {
	entry, err := Seal(l.cfg.Domain, &commit, after)
	if err == nil {
		err = l.checkPrev(ctx, commit, after)
	}
	if err == nil {
		l.mu.Lock()
		l.sent = commit
		l.mu.Unlock()
		meanwhile()
		err = l.settle(ctx, entry, commit.ID)
	}
	if err != nil {
		return commit, fmt.Errorf("append commit %s at position %d: %w", commit.ID, after+1, err)
	}
	if err := l.saw(commit); err != nil { // the answer was false: followers have it from the stream itself
		return commit, fmt.Errorf("append commit %s: %w: %w", commit.ID, ErrConflict, err)
	}
	return commit, nil
}

// Seal encodes commit for the position behind after, and fills in its position and digest. It is how every ledger
// makes an entry; the error is ErrTooLarge, or one of the encoding.
func Seal(domain string, commit *events.Commit, after uint64) (Entry, error) {
	raw, digest, err := commit.Encode()
	if err != nil && !errors.Is(err, events.ErrTooLarge) {
		return Entry{}, err
	}
	if err != nil || len(raw) > MaxBytes {
		return Entry{}, fmt.Errorf("%w: %d records, at most %d bytes go into one message; decide less together", ErrTooLarge, len(commit.Records), MaxBytes)
	}
	commit.Position, commit.Digest = after+1, digest
	return Entry{Position: after + 1, Subject: events.LedgerSubject(domain, commit.Incident()), Stated: digest, Raw: raw}, nil
}

// checkPrev keeps a commit that names the wrong predecessor from breaking the chain for everybody.
func (l *Ledger) checkPrev(ctx context.Context, commit events.Commit, after uint64) error {
	prev, err := l.digestAt(ctx, after)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return fmt.Errorf("%w: the ledger does not reach position %d yet", ErrConflict, after)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case prev != commit.Prev:
		return fmt.Errorf("it names %s as its predecessor, position %d holds %s", orNone(commit.Prev), after, orNone(prev))
	}
	return nil
}

// outcome is what one attempt to publish came to.
type outcome int

const (
	stored outcome = iota
	lost           // a definite no: another message holds the position
	unsent         // a definite no: nothing was sent, or nobody was there to take it
	doubt          // sent, and no answer that settles it
)

// settle publishes until the commit stands, another does, or ctx ends. Publishing again is safe whatever became of the
// attempts before: every one carries the same expected position, which admits one message.
func (l *Ledger) settle(ctx context.Context, e Entry, id string) error {
	doubted := false
	say := l.log.Warn
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		out, cause := l.publish(ctx, e, id)
		doubted = doubted || out == doubt
		switch {
		case out == stored:
			return nil
		case errors.Is(cause, nats.ErrMaxPayload):
			return fmt.Errorf("%w: %w; raise max_payload of the NATS servers to 1 MiB or more", ErrTooLarge, cause)
		case out != unsent: // where nobody takes a message, nobody says what became of the one before
			done, err := l.look(ctx, e, out == lost && !doubted)
			if done {
				return err
			}
			cause, doubted = errors.Join(cause, err), true
		}
		say("append not settled, trying again", zap.String("commit", id), zap.Uint64("position", e.Position), zap.Bool("doubt", doubted), zap.Error(cause))
		say = l.log.Debug
		if !sleep(ctx, pause) {
			verdict := ErrUnavailable
			if doubted {
				verdict = ErrDoubt
			}
			return fmt.Errorf("%w: %w", verdict, errors.Join(cause, ctx.Err()))
		}
	}
}

// look reads what stands at the entry's position; done means that it settles the matter. A race that was certainly
// lost is lost even if the winner is not to be read yet. Not done, the position is empty or could not be read, and the
// entry may still be on its way.
func (l *Ledger) look(ctx context.Context, e Entry, certainlyLost bool) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.AckWait)
	defer cancel()
	msg, err := l.stream.GetMsg(ctx, e.Position)
	switch {
	case err == nil && events.DigestBytes(msg.Data) == e.Stated:
		return true, nil
	case err == nil:
		return true, ErrConflict
	case errors.Is(err, jetstream.ErrMsgNotFound) && certainlyLost:
		return true, ErrConflict
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return false, nil
	}
	return false, err
}

// publish makes one attempt.
func (l *Ledger) publish(ctx context.Context, e Entry, id string) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return unsent, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.AckWait)
	defer cancel()
	msg := &nats.Msg{Subject: e.Subject, Data: e.Raw, Header: nats.Header{DigestHeader: []string{string(e.Stated)}}}
	ack, err := l.js.PublishMsg(ctx, msg, jetstream.WithMsgID(id), jetstream.WithExpectStream(l.cfg.Stream),
		jetstream.WithExpectLastSequence(e.Position-1), jetstream.WithRetryAttempts(0))
	switch {
	case err == nil && ack.Sequence == e.Position:
		return stored, nil
	case err == nil:
		return lost, fmt.Errorf("a commit with this id stands at position %d", ack.Sequence)
	case wrongLast(err):
		return lost, err
	case neverSent(err):
		return unsent, err
	}
	return doubt, explain(err)
}

// Codes of JetStream API errors that nats.go does not name.
const (
	codeWrongLastSequence         jetstream.ErrorCode = 10071 // of one server
	codeWrongLastSequenceConstant jetstream.ErrorCode = 10164 // of replicated streams
	codeOutOfResources            jetstream.ErrorCode = 10023
	codeStoreFailed               jetstream.ErrorCode = 10077
)

func wrongLast(err error) bool {
	code := apiCode(err)
	return code == codeWrongLastSequence || code == codeWrongLastSequenceConstant
}

func apiCode(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}

// neverSent reports whether err says that no server got the message: the connection was down, or nobody subscribed.
func neverSent(err error) bool {
	for _, target := range []error{
		jetstream.ErrNoStreamResponse, nats.ErrNoResponders, nats.ErrMaxPayload, nats.ErrReconnectBufExceeded,
		nats.ErrConnectionClosed, nats.ErrConnectionDraining, nats.ErrConnectionReconnecting, nats.ErrInvalidConnection,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// explain adds the remedy to the errors of a server that is out of space.
func explain(err error) error {
	switch apiCode(err) {
	case streams.CodeNoRoom, codeOutOfResources, codeStoreFailed:
		return fmt.Errorf("%w; free disk space on the NATS servers and restart those that ran out of it, or raise JetStream's max_store", err)
	}
	return err
}

// sleep waits for d; it reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
