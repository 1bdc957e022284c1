package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// inFlight is how many events may be on their way before the first is known to be stored.
const inFlight = 256

var errNotConnected = errors.New("the bus is not connected")

// Publish puts the events on the bus in order, in structured mode, and returns once every one is stored. An event
// whose id the bus already knows counts as stored. The error names the first event that was not stored; those after it
// may have been.
func Publish(ctx context.Context, js jetstream.JetStream, domain string, list []events.Event) error {
	futures := make([]jetstream.PubAckFuture, 0, min(len(list), inFlight))
	first := 0 // the event of futures[0]
	for i, e := range list {
		future, err := send(js, domain, e)
		if err != nil {
			return fmt.Errorf("publish event %d of %d (%s): %w", i+1, len(list), e.ID, err)
		}
		futures = append(futures, future)
		if len(futures) < inFlight && i+1 < len(list) {
			continue
		}
		for k, f := range futures {
			if err := await(ctx, f); err != nil {
				n := first + k
				return fmt.Errorf("publish event %d of %d (%s): %w", n+1, len(list), list[n].ID, err)
			}
		}
		first, futures = i+1, futures[:0]
	}
	return nil
}

func send(js jetstream.JetStream, domain string, e events.Event) (jetstream.PubAckFuture, error) {
	if err := e.Data.Validate(); err != nil {
		return nil, err
	}
	raw, err := encode(e)
	if err != nil {
		return nil, err
	}
	if len(raw) > events.MaxEventBytes {
		return nil, fmt.Errorf("it takes %d bytes, at most %d are taken", len(raw), events.MaxEventBytes)
	}
	if !js.Conn().IsConnected() {
		return nil, errNotConnected
	}
	msg := &nats.Msg{Subject: events.AnomalySubject(domain, e.Data), Data: raw, Header: nats.Header{"Content-Type": {events.ContentTypeCloudEvent}}}
	return js.PublishMsgAsync(msg, jetstream.WithMsgID(e.ID))
}

func await(ctx context.Context, f jetstream.PubAckFuture) error {
	select {
	case <-f.Ok():
		return nil
	case err := <-f.Err():
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
}

// encode writes e in structured mode, its trace context as the extension attributes that they are.
func encode(e events.Event) ([]byte, error) {
	return json.Marshal(struct {
		events.Event
		TraceParent string `json:"traceparent,omitempty"`
		TraceState  string `json:"tracestate,omitempty"`
	}{e, e.Extensions.TraceParent, e.Extensions.TraceState})
}
