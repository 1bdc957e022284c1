package intake

import (
	"context"
	"sync"
	"time"
)

// queue hands deliveries from the one that parses to the one that takes, a batch at a time: in a storm a channel would wake
// and copy for each. It holds at most limit.
type queue struct {
	limit int
	some  chan struct{} // holds a token while there may be something to take
	room  chan struct{} // holds a token while there may be room

	mu    sync.Mutex
	list  []*Delivery
	since time.Time // when the first was put of those that are there, or some were taken and others left
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, some: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put waits for room until ctx ends, whose error it returns.
func (q *queue) put(ctx context.Context, d *Delivery) error {
	for !q.add(d) {
		select {
		case <-q.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	signal(q.some)
	return nil
}

func (q *queue) add(d *Delivery) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) >= q.limit {
		return false
	}
	if len(q.list) == 0 {
		q.since = time.Now()
	}
	q.list = append(q.list, d)
	return true
}

// untaken is for how long there has been something, and nothing was taken of it.
func (q *queue) untaken() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return 0
	}
	return time.Since(q.since)
}

// take waits until there is anything or ctx ends, whose error it returns, and returns at most n.
func (q *queue) take(ctx context.Context, n int) ([]*Delivery, error) {
	for {
		if list := q.remove(n); len(list) > 0 {
			signal(q.room)
			return list, nil
		}
		select {
		case <-q.some:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *queue) remove(n int) []*Delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	if len(list) <= n {
		q.list = make([]*Delivery, 0, min(q.limit, len(list)+len(list)/4+1)) // the next batch will hardly be much larger
		return list
	}
	q.since = time.Now()
	q.list = append(make([]*Delivery, 0, q.limit), list[n:]...)
	return list[:n:n]
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
