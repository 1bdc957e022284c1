package intake

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

func named(n int) *Delivery { return &Delivery{Subject: fmt.Sprint(n)} }

// TestQueue lets one side put faster than the other takes: nothing is lost, nothing overtakes, and no more than the limit
// waits.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all, limit = 100, 7
		q := newQueue(limit)
		go func() {
			for n := range all {
				if err := q.put(t.Context(), named(n)); err != nil {
					t.Error(err)
				}
			}
		}()
		for next := 0; next < all; {
			synctest.Wait() // the other side has put what it can
			if held := len(q.list); held > limit {
				t.Fatalf("%d are held, want at most %d", held, limit)
			}
			list, err := q.take(t.Context(), 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 || len(list) > 3 {
				t.Fatalf("took %d, want 1 to 3", len(list))
			}
			for _, d := range list {
				if d.Subject != fmt.Sprint(next) {
					t.Fatalf("took %s, want %d", d.Subject, next)
				}
				next++
			}
		}
	})
}

// Both sides give up when their context ends.
func TestQueueEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	q := newQueue(1)
	if err := q.put(ctx, named(0)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := q.put(ctx, named(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("put into a full queue: %v", err)
	}
	if list, err := q.take(ctx, 1); err != nil || len(list) != 1 {
		t.Errorf("took %d, %v: what is there is handed out", len(list), err)
	}
	if _, err := q.take(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("take from an empty queue: %v", err)
	}
}
