package ledger

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
)

// TestFollowFromFarBehind reads a ledger of many batches on a server. What is wrong with one entry shows when everything
// before it was delivered, and nothing behind it is.
func TestFollowFromFarBehind(t *testing.T) {
	const entries, at = 5*batchEntries + 7, 3*batchEntries + 1
	for _, c := range []struct {
		name    string
		spoil   func(e *Entry)
		problem Problem
	}{
		{"intact", func(*Entry) {}, ""},
		{"altered", func(e *Entry) { e.Raw[len(e.Raw)/2] ^= 1 }, Altered},
		{"without a digest", func(e *Entry) { e.Stated = "" }, Altered},
		{"unreadable", func(e *Entry) { e.Raw = []byte("no commit"); e.Stated = events.DigestBytes(e.Raw) }, Unreadable},
		{"unlinked", func(e *Entry) {
			raw, digest, err := record(events.Commit{}, "x").Encode()
			if err != nil {
				t.Fatal(err)
			}
			e.Raw, e.Stated = raw, digest
		}, Unlinked},
	} {
		t.Run(c.name, func(t *testing.T) {
			js, _ := serve(t, t.TempDir(), bus.Options{})
			l, err := Open(within(t, patience), js, Config{Domain: "test", SyncAlways: true}) // account's
			if err != nil {
				t.Fatal(err)
			}
			list := account(t, entries)
			c.spoil(&list[at-1])
			for _, e := range list {
				if _, err := js.PublishMsgAsync(&nats.Msg{Subject: e.Subject, Data: e.Raw, Header: nats.Header{DigestHeader: {string(e.Stated)}}}); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-js.PublishAsyncComplete():
			case <-time.After(patience):
				t.Fatal("the server does not take the entries")
			}
			next := uint64(1)
			err = l.Read(within(t, patience), 1, entries, func(c events.Commit) error {
				if c.Position != next || c.ID != fmt.Sprint("c", next) || c.Digest != list[next-1].Stated {
					return fmt.Errorf("position %d, commit %s, %s came as number %d", c.Position, c.ID, c.Digest, next)
				}
				next++
				return nil
			})
			if c.problem == "" {
				if err != nil || next != entries+1 {
					t.Errorf("%d of %d were read: %v", next-1, entries, err)
				}
				return
			}
			var b *BrokenError
			if !errors.As(err, &b) || b.Position != at || b.Problem != c.problem || next != at {
				t.Errorf("%d were read, then: %v; want position %d %s", next-1, err, at, c.problem)
			}
		})
	}
}

// pending are messages of a size that lie ready, without end.
type pending struct {
	jetstream.MessagesContext
	size int
	next uint64
}

func (p *pending) Next(...jetstream.NextOpt) (jetstream.Msg, error) {
	p.next++
	return message{data: make([]byte, p.size), position: p.next}, nil
}

type message struct {
	jetstream.Msg
	data     []byte
	position uint64
}

func (m message) Data() []byte         { return m.data }
func (m message) Subject() string      { return "detour.v1.ledger.test._" }
func (m message) Headers() nats.Header { return nats.Header{DigestHeader: {"sha256:0"}} }
func (m message) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Stream: m.position}, NumPending: 1 << 20}, nil
}

// TestBatchesAreBounded has more lie ready than is to be held in memory at once.
func TestBatchesAreBounded(t *testing.T) {
	got := map[int]int{}
	for _, size := range []int{1, batchHanded/4 + 1, batchHanded, MaxBytes} {
		r := &reader{next: 1}
		batch, err := r.gather(context.Background(), &pending{size: size}, true)
		if err != nil {
			t.Fatal(err)
		}
		got[size] = len(batch)
	}
	want := map[int]int{1: batchEntries, batchHanded/4 + 1: 4, batchHanded: 1, MaxBytes: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries in a batch, by size (-want +got):\n%s", diff)
	}
}
