package ledger

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
)

// falseBus acknowledges every message at the position that its publisher expects, whatever becomes of it.
type falseBus struct {
	jetstream.JetStream
	stores *nats.Msg // in place of the message, nil: nothing
	answer func()    // called before it answers, nil: at once
	at     uint64
}

// PublishMsg lies.
func (b *falseBus) PublishMsg(ctx context.Context, _ *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if b.at++; b.stores != nil {
		if _, err := b.JetStream.PublishMsg(ctx, b.stores); err != nil {
			return nil, err
		}
	}
	if b.answer != nil {
		b.answer()
	}
	return &jetstream.PubAck{Stream: events.StreamLedger, Sequence: b.at}, nil
}

// deceived is a ledger of some commits, before a bus that lies from now on, and the newest of them.
func deceived(t *testing.T, stood int, stores func(prev events.Commit) *nats.Msg) (*Ledger, *falseBus, events.Commit) {
	t.Helper()
	js, _ := serve(t, t.TempDir(), bus.Options{})
	l := mustOpen(t, js)
	fill(t, l, stood)
	var prev events.Commit
	if stood > 0 {
		if err := l.Read(within(t, patience), uint64(stood), uint64(stood), func(c events.Commit) error { prev = c; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	liar := &falseBus{JetStream: js, stores: stores(prev), at: uint64(stood)}
	l.js = liar
	return l, liar, prev
}

// another is what stands in the place of what was to stand behind prev.
func another(prev events.Commit) *nats.Msg {
	e, err := Seal(testConfig.Domain, new(record(prev, "another")), prev.Position)
	if err != nil {
		panic(err)
	}
	return &nats.Msg{Subject: e.Subject, Data: e.Raw, Header: nats.Header{DigestHeader: {string(e.Stated)}}}
}

func nothing(events.Commit) *nats.Msg { return nil }

// TestAcknowledgedNotStored has a bus acknowledge what it does not store, or store something else in its place: whoever follows
// through the same Ledger, since before or from then on, is told that it cannot be trusted.
func TestAcknowledgedNotStored(t *testing.T) {
	for _, c := range []struct {
		name    string
		stood   int // commits before
		live    bool
		stores  func(events.Commit) *nats.Msg
		problem Problem
	}{
		{"the first", 0, false, nothing, Missing},
		{"the last of several", 3, false, nothing, Missing},
		{"while it is followed", 3, true, nothing, Missing},
		{"another in its place", 3, false, another, Altered},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, _, prev := deceived(t, c.stood, c.stores)
			followed := make(chan error, 1)
			follow := func(read chan<- struct{}) {
				followed <- l.Follow(within(t, patience), 1, func(e events.Commit) error {
					if e.Position == prev.Position {
						close(read)
					}
					return nil
				})
			}
			read := make(chan struct{})
			if c.live {
				go follow(read)
				<-read
			}
			if _, err := l.Append(within(t, patience), record(prev, "acknowledged"), prev.Position); err != nil {
				t.Fatal(err)
			}
			if !c.live {
				go follow(read)
			}
			var broken *BrokenError
			if err := <-followed; !errors.As(err, &broken) || broken.Position != prev.Position+1 || broken.Problem != c.problem {
				t.Errorf("who follows is told %v, want position %d to be %s", err, prev.Position+1, c.problem)
			}
		})
	}
}

// TestAcknowledgedAfterAnother has a bus acknowledge a commit at a position from which another has been read: that is a position lost.
func TestAcknowledgedAfterAnother(t *testing.T) {
	l, liar, prev := deceived(t, 2, another)
	liar.answer = func() {
		if err := l.Read(within(t, patience), 3, 3, func(events.Commit) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	if _, err := l.Append(within(t, patience), record(prev, "acknowledged"), prev.Position); !errors.Is(err, ErrConflict) {
		t.Errorf("it says %v", err)
	}
}
