package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// question is put to NATS, and changes nothing. It is answered as wanted only by the leader of a stream or consumer, and by it only
// once it has committed something in its term: before that, a server of NATS subscribes to no subject for it and answers nothing
// (raft.go: Processed signals leadership when the first entry of the term is applied; stream.go: setLeader).
type question struct {
	subject string
	header  nats.Header
	wanted  func(answer apiAnswer) bool
}

// apiAnswer is what JetStream says of an error.
type apiAnswer struct {
	Error *struct {
		Code jetstream.ErrorCode `json:"err_code"`
	} `json:"error"`
}

// codeWrongStream says that a message was published for another stream than the one that takes its subject.
const codeWrongStream jetstream.ErrorCode = 10060

// refused is a message for a stream that does not exist, which a stream's leader refuses before anybody else hears of it.
func refused(subject string) question {
	return question{
		subject: subject, header: nats.Header{jetstream.ExpectedStreamHeader: {"nobody"}},
		wanted: func(a apiAnswer) bool { return a.Error != nil && a.Error.Code == codeWrongStream },
	}
}

// described asks a consumer's leader how it stands.
func described(stream, consumer string) question {
	return question{
		subject: fmt.Sprintf("$JS.API.CONSUMER.INFO.%s.%s", stream, consumer),
		wanted:  func(a apiAnswer) bool { return a.Error == nil },
	}
}

// ask puts a question again and again, whatever became of those before, and returns when one was answered as wanted.
func (s *site) ask(ctx context.Context, q question) (answered time.Time, err error) {
	nc := s.conn.JetStream().Conn()
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return answered, err
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection may be gone, which ends the subscription as well
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for {
		_ = nc.PublishMsg(&nats.Msg{Subject: q.subject, Reply: sub.Subject, Header: q.header}) // while it is not connected, nothing is answered
		var said apiAnswer
		if msg, err := sub.NextMsg(loadEvery); err == nil && json.Unmarshal(msg.Data, &said) == nil && q.wanted(said) {
			return time.Now(), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return answered, fmt.Errorf("wait for an answer on %s: %w", q.subject, ctx.Err())
		}
	}
}

// stored reads the ledger from a position on, and returns when the first commit after a moment was stored, and the first that records
// an anomaly that was published after it. Times are the servers'.
func stored(ctx context.Context, stream jetstream.Stream, from uint64, after time.Time) (first, anomaly time.Time, err error) {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		bounded, cancel := context.WithTimeout(ctx, loadAck)
		msg, err := stream.GetMsg(bounded, from)
		cancel()
		switch {
		case err != nil: // it is not there yet, or nobody leads
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
			continue
		case msg.Time.Before(after):
		default:
			var c events.Commit
			if c, err = new(events.Decoder).Decode(msg.Data); err != nil {
				return first, anomaly, err
			}
			if first.IsZero() {
				first = msg.Time
			}
			if tellsOfLater(c, after) {
				return first, msg.Time, nil
			}
		}
		from++
	}
	return first, anomaly, fmt.Errorf("wait for an anomaly to be recorded: %w", ctx.Err())
}

// tellsOfLater reports whether a commit records an anomaly that was seen after a moment.
func tellsOfLater(c events.Commit, after time.Time) bool {
	for _, r := range c.Records {
		if o, ok := r.Body.(*events.Observed); ok && o.Anomaly.ObservedAt.After(after) {
			return true
		}
	}
	return false
}
