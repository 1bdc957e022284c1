package mem_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/mem"
)

func commit(prev events.Commit, id string) events.Commit {
	return events.Commit{ID: id, Prev: prev.Digest, By: "r", Records: []events.Record{{Body: events.Relapsed{Why: id}}}}
}

// TestFollowInBubble follows and appends inside a bubble: the follower sees each commit as soon as it stands, without
// time passing, and ends with its context.
func TestFollowInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		done := make(chan error)
		go func() {
			done <- store.Replica("test").Follow(ctx, 1, func(c events.Commit) error { got = append(got, c.ID); return nil })
		}()
		writer := store.Replica("test")
		start := time.Now()
		var prev events.Commit
		for i := range 3 {
			var err error
			if prev, err = writer.Append(ctx, commit(prev, fmt.Sprint(i)), prev.Position); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if len(got) != i+1 || got[i] != prev.ID {
				t.Fatalf("followed %v", got)
			}
		}
		if time.Since(start) != 0 {
			t.Error("time has passed")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Follow ended with %v", err)
		}
	})
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  mem.Fault
		err    error
		stands bool
	}{
		{"fails", mem.Fails, ledger.ErrUnavailable, false},
		{"fails but is stored", mem.FailsStored, ledger.ErrDoubt, true},
		{"in doubt and not stored", mem.DoubtNot, ledger.ErrDoubt, false},
		{"the answer is lost", mem.AckLost, nil, true},
		{"blocks", mem.Blocks, ledger.ErrDoubt, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := mem.New()
				r := store.Replica("test")
				r.Inject(c.fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				_, err := r.Append(ctx, commit(events.Commit{}, "x"), 0)
				if !errors.Is(err, c.err) || (len(store.Entries()) == 1) != c.stands {
					t.Errorf("%v, %d entries stand", err, len(store.Entries()))
				}
				if blocked := time.Since(start) == time.Minute; blocked != (c.fault == mem.Blocks) {
					t.Errorf("it took %s", time.Since(start))
				}
				if got, err := r.Append(t.Context(), commit(events.Commit{}, "x"), 0); err != nil || got.Position != 1 {
					t.Errorf("once more: position %d, %v", got.Position, err)
				}
			})
		})
	}
}

// TestFaultsMeetConflicts has a fault strike an append whose position is taken: a conflict stays one.
func TestFaultsMeetConflicts(t *testing.T) {
	store := mem.New()
	if _, err := store.Replica("test").Append(t.Context(), commit(events.Commit{}, "theirs"), 0); err != nil {
		t.Fatal(err)
	}
	r := store.Replica("test")
	r.Inject(mem.FailsStored, mem.AckLost)
	for range 2 {
		if _, err := r.Append(t.Context(), commit(events.Commit{}, "mine"), 0); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("error %v", err)
		}
	}
	if n := len(store.Entries()); n != 1 {
		t.Errorf("%d entries stand", n)
	}
}

// TestEnded has every call with an ended context say so.
func TestEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := mem.New().Replica("test")
	if _, err := r.Append(ctx, commit(events.Commit{}, "x"), 0); !errors.Is(err, ledger.ErrUnavailable) || errors.Is(err, ledger.ErrDoubt) {
		t.Errorf("append: %v", err)
	}
	if _, err := r.LastPosition(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("last position: %v", err)
	}
	if err := r.Follow(ctx, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("follow: %v", err)
	}
	if err := r.Read(ctx, 1, 0, nil); err != nil {
		t.Errorf("reading nothing: %v", err)
	}
}
