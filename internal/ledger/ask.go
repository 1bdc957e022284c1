package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// askTimeout bounds one question to the server. A question to a stream that has no leader just now is never answered.
const askTimeout = 2 * time.Second

// ask puts a question to the servers until it is answered, refused, or ctx ends. Only questions that may be asked
// twice go through it.
func ask[T any](ctx context.Context, log *zap.Logger, what string, question func(ctx context.Context) (T, error)) (T, error) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		attempt, cancel := context.WithTimeout(ctx, askTimeout)
		answer, err := question(attempt)
		cancel()
		if err == nil {
			return answer, nil
		}
		if refused(err) {
			return answer, fmt.Errorf("%s: %w", what, err)
		}
		log.Debug("no answer from the bus, asking again", zap.String("question", what), zap.Error(err))
		if !sleep(ctx, pause) {
			return answer, fmt.Errorf("%s: %w", what, errors.Join(ctx.Err(), err))
		}
	}
}

// codeNoPeers says that a replicated stream cannot be placed, which passes once the other servers are seen.
const codeNoPeers jetstream.ErrorCode = 10005

// refused reports whether err is an answer that asking again does not change.
func refused(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode == codeNoPeers {
		return errors.Is(err, jetstream.ErrMsgNotFound)
	}
	return api.Code < http.StatusInternalServerError
}
