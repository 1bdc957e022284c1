package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/detour-net/detour/events"
)

// announceEvery is the shortest time between two events that Announced tells of, so that a storm costs next to nothing.
const announceEvery = time.Millisecond

// Announced calls f with anomalies while they are still on their way into the stream, until ctx ends, so that what an
// event will need can be made ready. It promises nothing: an event that it tells of may never be stored, one that is
// stored may not have been told of, and what cannot be parsed is passed over. Only Next says what has arrived.
func (in *Intake) Announced(ctx context.Context, f func(events.Event)) error {
	var last time.Time
	var reader events.Decoder
	sub, err := in.js.Conn().Subscribe(events.PrefixAnomalies+events.Token(in.cfg.Domain)+".>", func(m *nats.Msg) {
		if time.Since(last) < announceEvery {
			return
		}
		last = time.Now()
		if event, err := parse(&reader, m.Header, m.Data); err == nil {
			f(event)
		}
	})
	if err != nil {
		return fmt.Errorf("listen for anomalies: %w", err)
	}
	<-ctx.Done()
	// The connection may be gone, which ends the subscription as well.
	_ = sub.Unsubscribe()
	return nil
}
