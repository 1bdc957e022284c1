package ship

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// Stream is a stream of another account, or on other servers. It is made by whoever it belongs to: who may publish notes need
// not be able to do anything else there.
type Stream struct {
	JS jetstream.JetStream
}

// Subject is where the notes of a domain are published.
func Subject(domain string) string { return "detour.v1.checkpoints." + events.Token(domain) }

// Put publishes the note and waits until the stream has stored it. Within the stream's window of duplicates it is stored once.
func (s Stream) Put(ctx context.Context, n Note) error {
	subject := Subject(n.Domain)
	_, err := s.JS.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: n.Text}, jetstream.WithMsgID(n.ID()), jetstream.WithRetryAttempts(0))
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("no stream takes %s: make one there, without limits, that denies deleting and purging: %w", subject, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer from the stream that takes %s; if servers can be reached, let this user publish there and subscribe to _INBOX.>: %w", subject, err)
	}
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}
