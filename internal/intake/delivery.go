package intake

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// Delivery is one message from the bus: an event, or the reason why it is none.
type Delivery struct {
	Subject     string
	Received    time.Time // by the stream, UTC
	Redelivered bool      // it was delivered before and not acknowledged in time
	Bytes       int

	Event      events.Event // zero if Unreadable
	Unreadable string       // why no event could be read from the message, in at most maxReason bytes; "" if one could

	msg      jetstream.Msg
	sequence uint64 // on the stream
}

// DeadLettered is what the ledger should say of a delivery that is not an event.
func (d *Delivery) DeadLettered() events.DeadLettered {
	return events.DeadLettered{Subject: d.Subject, Bytes: d.Bytes, Digest: events.DigestBytes(d.msg.Data()), Reason: d.Unreadable}
}

// Ack tells the bus that the delivery stands on the ledger. It does not wait; if the word is lost the message comes
// again.
func (d *Delivery) Ack() error {
	if err := d.msg.Ack(); err != nil {
		return fmt.Errorf("acknowledge %s: %w", d.Subject, err)
	}
	return nil
}

// Nak gives the delivery back: the bus delivers it again at once, to whoever asks. It does not wait; if the word is lost the
// message comes again all the same, after Config.Ack.
func (d *Delivery) Nak() error {
	if err := d.msg.Nak(); err != nil {
		return fmt.Errorf("give back %s: %w", d.Subject, err)
	}
	return nil
}

// deliver reads msg. It always makes a delivery.
func deliver(reader *events.Decoder, msg jetstream.Msg) *Delivery {
	d := &Delivery{Subject: msg.Subject(), Bytes: len(msg.Data()), msg: msg}
	if meta, err := msg.Metadata(); err == nil {
		d.Received = meta.Timestamp.UTC()
		d.Redelivered = meta.NumDelivered > 1
		d.sequence = meta.Sequence.Stream
	}
	event, err := parse(reader, msg.Headers(), msg.Data())
	if err != nil {
		d.Unreadable = brief(err.Error())
		return d
	}
	if d.Event = event; event.Extensions.TraceParent == "" { // the publisher's client may have put it beside the event
		header := msg.Headers()
		d.Event.Extensions = events.Extension{TraceParent: header.Get("traceparent"), TraceState: header.Get("tracestate")}
	}
	return d
}

// parse reads both CloudEvents modes. A message with any ce- header is in binary mode, as the NATS protocol binding
// for CloudEvents says; header names are matched without regard to case.
func parse(reader *events.Decoder, header nats.Header, data []byte) (events.Event, error) {
	if !binary(header) {
		return reader.ParseEvent(data)
	}
	lower := make(map[string]string, len(header))
	for name, values := range header {
		if len(values) > 0 {
			lower[strings.ToLower(name)] = values[0]
		}
	}
	return events.ParseBinary(func(name string) string { return lower[name] }, data)
}

func binary(header nats.Header) bool {
	for name, values := range header {
		if len(name) > 3 && strings.EqualFold(name[:3], "ce-") && len(values) > 0 {
			return true
		}
	}
	return false
}
