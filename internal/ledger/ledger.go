package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus/streams"
)

// Config says which stream the ledger is and what protects it.
type Config struct {
	Stream   string        // events.StreamLedger if empty
	Domain   string        // the part of the network that the ledger is about, a token of its subjects
	Replicas int           // copies of the stream, at least: 1 embedded, 3 on a cluster; 1 if 0
	AckWait  time.Duration // how long one answer is waited for before it is in doubt, 1 s if 0
	Log      *zap.Logger   // nil for none

	// Existing says that the stream is somebody else's to make: one that is missing is waited for.
	Existing bool

	// SyncAlways is the statement that the servers sync every write before they acknowledge it. True for an embedded
	// server, which does. A foreign server shows it only to its operator, who states it.
	SyncAlways bool
}

// Ledger is an append-only stream of commits. Its methods may be called concurrently.
type Ledger struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	cfg    Config
	log    *zap.Logger

	mu   sync.Mutex
	seen link          // the newest commit that this process appended or followed, to check Prev against
	sent events.Commit // the newest that this process tried to append: stored, it comes back to whoever follows
}

// link is one joint of the chain.
type link struct {
	position uint64
	digest   events.Digest
}

// Open finds or makes the stream, as Config says, and checks that it loses nothing. It waits for the bus until ctx ends. An error names
// the setting and the remedy.
func Open(ctx context.Context, js jetstream.JetStream, c Config) (*Ledger, error) {
	c = c.withDefaults()
	if !c.SyncAlways {
		return nil, errors.New("open ledger: acknowledged records may be lost in a power cut unless the NATS servers sync every write: " +
			"set jetstream { sync_interval: always } on each of them, then state it as nats.sync_always: true")
	}
	stream, err := c.find(ctx, js)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	if err := CheckStream(stream.CachedInfo(), c.Domain, c.Replicas); err != nil {
		return nil, err
	}
	return newLedger(js, stream, c), nil
}

func (c Config) find(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	if c.Existing {
		return streams.Find(ctx, c.Log, js, c.Stream)
	}
	return streams.FindOrMake(ctx, c.Log, js, c.streamConfig())
}

func newLedger(js jetstream.JetStream, stream jetstream.Stream, c Config) *Ledger {
	return &Ledger{js: js, stream: stream, cfg: c, log: c.Log}
}

func (c Config) withDefaults() Config {
	if c.Stream == "" {
		c.Stream = events.StreamLedger
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.AckWait == 0 {
		c.AckWait = time.Second
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}

// LastPosition asks the stream's leader for the position of the newest commit, 0 when there is none. It waits for a leader until ctx
// ends.
func (l *Ledger) LastPosition(ctx context.Context) (uint64, error) {
	info, err := l.info(ctx)
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

// Ahead is by how much a clock is surely ahead of the stream's leader's, negative if it is behind: however long the answer was on
// its way, the leader's time was read between question and answer. 0 means that they may agree.
func (l *Ledger) Ahead(ctx context.Context, clock func() time.Time) (time.Duration, error) {
	return streams.Ask(ctx, l.log, "ask for the time", func(ctx context.Context) (time.Duration, error) {
		asked := clock()
		info, err := l.stream.Info(ctx)
		answered := clock()
		switch {
		case err != nil:
			return 0, err
		case info.TimeStamp.Before(asked):
			return asked.Sub(info.TimeStamp), nil
		case info.TimeStamp.After(answered):
			return answered.Sub(info.TimeStamp), nil
		}
		return 0, nil
	})
}

func (l *Ledger) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	return streams.Ask(ctx, l.log, "ask for the ledger's end", l.ledInfo)
}

// ours is the commit of an entry that was checked and that this process has just sent.
func (l *Ledger) ours(e Entry) (events.Commit, bool) {
	l.mu.Lock()
	sent := l.sent
	l.mu.Unlock()
	return sent, sent.Position == e.Position && sent.Digest == e.Stated
}

// saw remembers the newest joint of the chain. A *BrokenError says that another commit was seen there, be it acknowledged or read.
func (l *Ledger) saw(c events.Commit) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.Position > l.seen.position:
		l.seen = link{c.Position, c.Digest}
	case c.Position == l.seen.position && c.Digest != l.seen.digest:
		return broken(c.Position, Altered, "%s was read or acknowledged there before, and it is %s", orNone(l.seen.digest), orNone(c.Digest))
	}
	return nil
}

// digestAt is the digest of the commit at position, "" for position 0.
func (l *Ledger) digestAt(ctx context.Context, position uint64) (events.Digest, error) {
	if position == 0 {
		return "", nil
	}
	l.mu.Lock()
	seen := l.seen
	l.mu.Unlock()
	if seen.position == position {
		return seen.digest, nil
	}
	msg, err := streams.Ask(ctx, l.log, fmt.Sprintf("read position %d", position), func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return l.stream.GetMsg(ctx, position)
	})
	if err != nil {
		return "", err
	}
	return events.DigestBytes(msg.Data), nil
}
