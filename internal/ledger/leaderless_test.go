package ledger

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// leaderless is a stream whose leader dies when the first message is on its way to it: that one is never answered, those that
// follow are taken by nobody, and questions are not answered, until another leads.
type leaderless struct {
	jetstream.JetStream
	killed, led time.Time
	stores      bool // the message that is on its way is stored
	published   int
}

// PublishMsg is answered as by a server of NATS that has a stream without a leader.
func (b *leaderless) PublishMsg(ctx context.Context, _ *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	switch b.published++; {
	case time.Now().Equal(b.killed):
		<-ctx.Done()
		return nil, ctx.Err()
	case time.Now().Before(b.led):
		return nil, jetstream.ErrNoStreamResponse
	}
	return &jetstream.PubAck{Stream: events.StreamLedger, Sequence: 1, Duplicate: b.stores}, nil
}

// ledger is one on that stream.
func (b *leaderless) ledger() *Ledger {
	return newLedger(b, leaderlessStream{of: b}, Config{Domain: "core"}.withDefaults())
}

type leaderlessStream struct {
	jetstream.Stream
	of *leaderless
}

// GetMsg is answered by a leader only.
func (s leaderlessStream) GetMsg(ctx context.Context, _ uint64, _ ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	if time.Now().Before(s.of.led) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, jetstream.ErrMsgNotFound
}

// TestLeaderless appends while the leader dies and when it is dead. As soon as another leads the commit is stored, and meanwhile the
// servers are not asked more often than they bear.
func TestLeaderless(t *testing.T) {
	const soon, perSecond = 200 * time.Millisecond, 5
	for _, c := range []struct {
		name   string
		amid   bool // the leader dies with the message on its way
		stores bool
	}{
		{name: "dead before"},
		{name: "dies, and it is not stored", amid: true},
		{name: "dies, and it is stored", amid: true, stores: true},
	} {
		for _, away := range []time.Duration{4 * time.Second, 5300 * time.Millisecond, 9900 * time.Millisecond, time.Minute} {
			t.Run(c.name+" for "+away.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					now := time.Now()
					b := &leaderless{led: now.Add(away), stores: c.stores}
					if c.amid {
						b.killed = now
					}
					if _, err := b.ledger().Append(t.Context(), record(events.Commit{}, "x"), 0); err != nil {
						t.Fatal(err)
					}
					if late := time.Since(b.led); late > soon {
						t.Errorf("it is stored %s after another leads", late)
					}
					if most := 8 + int(perSecond*away.Seconds()); b.published > most {
						t.Errorf("it was published %d times, want at most %d", b.published, most)
					}
				})
			})
		}
	}
}

// TestLeaderlessAndOut has nobody lead until the append is given up: it says whether the commit may be stored.
func TestLeaderlessAndOut(t *testing.T) {
	for _, amid := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			b := &leaderless{led: now.Add(time.Hour)}
			if amid {
				b.killed = now
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if _, err := b.ledger().Append(ctx, record(events.Commit{}, "x"), 0); errors.Is(err, ErrDoubt) != amid || !errors.Is(err, ErrUnavailable) {
				t.Errorf("sent and never answered %t: %v", amid, err)
			}
		})
	}
}
