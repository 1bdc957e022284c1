package bench

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// inFlight is how many messages are published before the first is waited for.
const inFlight = 2048

// publish stores all of list, in order, and returns the sequence of the last. There may be at most inFlight.
func publish(ctx context.Context, js jetstream.JetStream, list []*nats.Msg) (last uint64, err error) {
	futures := make([]jetstream.PubAckFuture, len(list))
	for i, m := range list {
		if futures[i], err = js.PublishMsgAsync(m); err != nil {
			return 0, err
		}
	}
	for _, f := range futures {
		select {
		case ack := <-f.Ok():
			last = ack.Sequence
		case err := <-f.Err():
			return 0, err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return last, nil
}
