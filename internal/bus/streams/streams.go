// Package streams asks JetStream what can be asked twice, patiently: servers that have just started do not know their streams
// yet, and a cluster that is electing a leader does not answer at all. Those who own streams speak through it.
package streams

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// Pauses between two attempts.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// A question to a stream that has no leader just now is never answered, also not by the one that comes next: it is put again after
// askAgain. However slow the servers are, an answer within askTimeout counts.
const (
	askAgain   = 500 * time.Millisecond
	askTimeout = 2 * time.Second
)

// Put puts a question to the servers, again while nobody answers, and returns the first answer or error. Only questions that may be
// asked twice, and at the same time, go through it.
func Put[T any](ctx context.Context, question func(ctx context.Context) (T, error)) (T, error) {
	type answer struct {
		of  T
		err error
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answers := make(chan answer, 1+askTimeout/askAgain) // nobody waits to be heard
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		go func() {
			of, err := question(ctx)
			answers <- answer{of, err}
		}()
		select {
		case a := <-answers:
			return a.of, a.err
		case <-again.C:
		}
	}
}

// Ask puts a question to the servers until it is answered, refused, or ctx ends. Only questions go through it that may go through
// Put. The error begins with what.
func Ask[T any](ctx context.Context, log *zap.Logger, what string, question func(ctx context.Context) (T, error)) (T, error) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		answer, err := Put(ctx, question)
		if err == nil {
			return answer, nil
		}
		if refused(err) {
			return answer, fmt.Errorf("%s: %w", what, err)
		}
		log.Debug("no answer from the bus, asking again", zap.String("question", what), zap.Error(err))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer, fmt.Errorf("%s: %w", what, errors.Join(ctx.Err(), err))
		}
	}
}

// Codes of JetStream API errors that nats.go does not name.
const (
	codeNoPeers jetstream.ErrorCode = 10005 // a replicated stream cannot be placed, which passes once the other servers are seen

	// CodeNoRoom says that a server has no storage left for what it is asked to keep, or to set aside.
	CodeNoRoom jetstream.ErrorCode = 10047
)

// refused reports whether err is an answer that asking again does not change.
func refused(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode == codeNoPeers {
		return errors.Is(err, jetstream.ErrMsgNotFound)
	}
	return api.Code < http.StatusInternalServerError || api.ErrorCode == CodeNoRoom
}

// Find returns the stream of a name, which somebody else makes. A server that has just started may not know it yet, so that one
// that is not found is waited for until ctx ends; the error then says how streams are made.
func Find(ctx context.Context, log *zap.Logger, js jetstream.JetStream, name string) (jetstream.Stream, error) {
	var told atomic.Bool
	return Ask(ctx, log, "stream "+name, func(ctx context.Context) (jetstream.Stream, error) {
		stream, err := js.Stream(ctx, name)
		err = Await(err, jetstream.ErrStreamNotFound)
		if errors.Is(err, errMissing) && told.CompareAndSwap(false, true) {
			log.Warn("waiting for a stream that is missing", zap.String("stream", name), zap.Error(err))
		}
		return stream, err
	})
}

// Await makes of an answer that something is missing one that may be asked for again.
func Await(err, missing error) error {
	if errors.Is(err, missing) {
		return errMissing
	}
	return err
}

var errMissing = errors.New("it does not exist; make it with detour streams create, as somebody who may")

// FindOrMake returns the stream that c names, as it is, or makes it. It tolerates another replica that makes the same stream at
// the same time.
func FindOrMake(ctx context.Context, log *zap.Logger, js jetstream.JetStream, c jetstream.StreamConfig) (jetstream.Stream, error) {
	return Ask(ctx, log, "stream "+c.Name, func(ctx context.Context) (jetstream.Stream, error) {
		stream, err := js.Stream(ctx, c.Name)
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return stream, err
		}
		stream, err = js.CreateStream(ctx, c)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return js.Stream(ctx, c.Name)
		}
		return stream, err
	})
}
