package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
)

// forged is the entry of the commit behind prev, as a replica would write it.
func forged(t *testing.T, prev events.Commit, id string) ledger.Entry {
	t.Helper()
	c := commit(prev, id)
	entry, err := ledger.Seal("test", &c, prev.Position)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// damage is one way in which a record can be wrong, and what it must be called.
type damage struct {
	name string
	make func(t *testing.T, prev events.Commit) ledger.Entry
	want ledger.Problem
}

func damages() []damage {
	return []damage{
		{"altered", func(t *testing.T, prev events.Commit) ledger.Entry {
			e := forged(t, prev, "fourth")
			e.Raw = bytes.Replace(e.Raw, []byte("fourth"), []byte("forged"), 1)
			return e
		}, ledger.Altered},
		{"without a digest", func(t *testing.T, prev events.Commit) ledger.Entry {
			e := forged(t, prev, "fourth")
			e.Stated = ""
			return e
		}, ledger.Altered},
		{"unlinked", func(t *testing.T, prev events.Commit) ledger.Entry {
			return forged(t, events.Commit{Position: prev.Position, Digest: events.DigestBytes(nil)}, "fourth")
		}, ledger.Unlinked},
		{"unreadable", func(t *testing.T, prev events.Commit) ledger.Entry {
			raw := []byte(`{"v":2}`)
			return ledger.Entry{Subject: events.LedgerSubject("test", ""), Stated: events.DigestBytes(raw), Raw: raw}
		}, ledger.Unreadable},
	}
}

// test has three good records, and a fourth that is damaged: the three are delivered, and the error names the fourth.
func (d damage) test(t *testing.T, h Harness) {
	l := h.Open(t)
	good := fill(t, l, events.Commit{}, 3)
	h.Forge(t, d.make(t, good[2]))
	for _, replica := range []Ledger{l, h.Open(t)} {
		n := 0
		err := replica.Follow(within(t, patience), 1, func(events.Commit) error { n++; return nil })
		var broken *ledger.BrokenError
		if !errors.As(err, &broken) || broken.Position != 4 || broken.Problem != d.want || n != 3 {
			t.Errorf("after %d commits: %v, want position 4 %s", n, err, d.want)
		}
	}
}

// testLive has a follower that is there before the first commit and one that comes in the middle.
func testLive(t *testing.T, h Harness) {
	writer := h.Open(t)
	early := follow(t, h.Open(t), 1)
	first := fill(t, writer, events.Commit{}, 10)
	early.wait(t, first...)
	late := follow(t, h.Open(t), 6)
	rest := fill(t, writer, first[9], 10)
	early.wait(t, append(slices.Clone(first), rest...)...)
	late.wait(t, append(slices.Clone(first[5:]), rest...)...)
}

func testEnds(t *testing.T, h Harness) {
	l := h.Open(t)
	fill(t, l, events.Commit{}, 3)
	enough := errors.New("enough")
	n := 0
	err := l.Follow(within(t, patience), 1, func(events.Commit) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 2 {
		t.Errorf("after %d commits: %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = l.Follow(ctx, 1, func(c events.Commit) error {
		if c.Position == 3 {
			cancel()
		}
		return nil
	})
	wantErr(t, err, context.Canceled)
	var broken *ledger.BrokenError
	if err := l.Follow(within(t, patience), 9, func(events.Commit) error { return nil }); !errors.As(err, &broken) || broken.Problem != ledger.Missing {
		t.Errorf("from behind the end: %v", err)
	}
}

// follower collects what a replica follows in the background.
type follower struct {
	mu    sync.Mutex
	got   []events.Commit
	err   error
	moved chan struct{}
}

func follow(t *testing.T, l Ledger, from uint64) *follower {
	f := &follower{moved: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := l.Follow(ctx, from, func(c events.Commit) error {
			f.mu.Lock()
			f.got = append(f.got, c)
			f.mu.Unlock()
			f.wake()
			return nil
		})
		f.mu.Lock()
		f.err = err
		f.mu.Unlock()
		f.wake()
	}()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

func (f *follower) wake() {
	select {
	case f.moved <- struct{}{}:
	default:
	}
}

// wait returns when the follower has got exactly commits.
func (f *follower) wait(t *testing.T, commits ...events.Commit) {
	t.Helper()
	ctx := within(t, patience)
	for {
		f.mu.Lock()
		got, err := slices.Clone(f.got), f.err
		f.mu.Unlock()
		if len(got) >= len(commits) || err != nil {
			if diff := cmp.Diff(commits, got); diff != "" || err != nil {
				t.Fatalf("followed: %v (-want +got):\n%s", err, diff)
			}
			return
		}
		select {
		case <-f.moved:
		case <-ctx.Done():
			t.Fatalf("followed %d of %d commits", len(got), len(commits))
		}
	}
}

// disturb has one replica write and another follow while something happens to the servers, and for a while after. written
// waits until a few commits more were acknowledged.
// Every commit that was acknowledged must stand, once and at its position, and the follower must see just those.
func disturb(t *testing.T, h Harness, disturbance func(t *testing.T, written func())) {
	writer := h.Open(t)
	first := fill(t, writer, events.Commit{}, 5)
	follower := follow(t, h.Open(t), 1)
	follower.wait(t, first...)

	var acked []events.Commit
	var count atomic.Int64
	over, finished := make(chan struct{}), make(chan struct{})
	written := func() {
		const few = 20
		for enough := count.Load() + few; count.Load() < enough; {
			select {
			case <-time.After(time.Millisecond):
			case <-finished:
				return
			}
		}
	}
	go func() {
		defer close(finished)
		prev := first[4]
		for more := 20; more > 0; {
			got, err := writer.Append(within(t, patience), commit(prev, fmt.Sprint("during ", prev.Position)), prev.Position)
			if err != nil {
				t.Errorf("append behind %d: %v", prev.Position, err)
				return
			}
			acked = append(acked, got)
			prev = got
			count.Add(1)
			select {
			case <-over:
				more--
			default:
			}
		}
	}()
	written()
	disturbance(t, written)
	close(over)
	<-finished
	all := append(first, acked...)
	follower.wait(t, all...)
	want(t, h.Open(t), all...)
}
