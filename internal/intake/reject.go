package intake

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// Headers of a rejected message.
const (
	HeaderReason   = "Detour-Reason"
	HeaderSubject  = "Detour-Subject"  // where it was published
	HeaderSequence = "Detour-Sequence" // its sequence on the stream of anomalies
	HeaderDigest   = "Detour-Digest"   // of all its bytes, as the ledger names it
	HeaderBytes    = "Detour-Bytes"    // how many there were; fewer follow if the bus would not take all
)

// headerRoom is what the headers of a rejected message take at most beside its subject, in bytes.
const headerRoom = 2 << 10

// maxReason bounds a reason, in bytes.
const maxReason = 512

// Reject puts the delivery on the stream of rejected messages, unchanged, with the reason, and waits until it is
// stored. It does not acknowledge the delivery. Rejecting one twice stores it once.
func (in *Intake) Reject(ctx context.Context, d *Delivery, reason string) error {
	raw := d.msg.Data()
	header := nats.Header{
		HeaderReason:   {brief(reason)},
		HeaderSubject:  {d.Subject},
		HeaderSequence: {strconv.FormatUint(d.sequence, 10)},
		HeaderDigest:   {string(events.DigestBytes(raw))},
		HeaderBytes:    {strconv.Itoa(len(raw))},
	}
	if limit := in.js.Conn().MaxPayload() - headerRoom - int64(len(d.Subject)); limit > 0 && int64(len(raw)) > limit {
		raw = raw[:limit]
	}
	msg := &nats.Msg{Subject: events.PrefixRejected + strings.TrimPrefix(d.Subject, events.PrefixAnomalies), Header: header, Data: raw}
	if _, err := in.js.PublishMsg(ctx, msg, jetstream.WithMsgID("rejected-"+strconv.FormatUint(d.sequence, 10))); err != nil {
		return fmt.Errorf("set aside message %d of %s: %w", d.sequence, d.Subject, err)
	}
	return nil
}

// brief makes a reason fit for a header and for the record: a single line of bounded length, however much of the message it
// repeats.
func brief(text string) string {
	const more = "..."
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason-len(more)], "") + more
	}
	return text
}
