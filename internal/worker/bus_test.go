package worker_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/worker"
)

// After how long the bus delivers again what was not acknowledged, and what was given back.
const (
	ackWait = 30 * time.Second
	nakWait = 10 * time.Millisecond
)

// bus is a stream with one consumer that any number of replicas pull from: what is not acknowledged in time comes again.
type bus struct {
	mu       sync.Mutex
	messages []*message
	grown    chan struct{}
	rejected []string // reasons
	refusals int      // how many of the next returns fail
	onAck    func(id string)
}

type message struct {
	event events.Event
	dead  *events.DeadLettered
	put   time.Time
	due   time.Time
	acked bool
	times int
}

func newBus() *bus { return &bus{grown: make(chan struct{}), onAck: func(string) {}} }

func (b *bus) publish(list ...events.Event) {
	for _, e := range list {
		b.put(&message{event: e, due: time.Now()})
	}
}

func (b *bus) put(m *message) { b.burst([]*message{m}) }

// storm publishes events of which nobody sees one before the others.
func (b *bus) storm(list []events.Event) {
	var all []*message
	for _, e := range list {
		all = append(all, &message{event: e, due: time.Now()})
	}
	b.burst(all)
}

func (b *bus) burst(list []*message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range list {
		m.put = time.Now()
	}
	b.messages = append(b.messages, list...)
	close(b.grown)
	b.grown = make(chan struct{})
}

// acked returns the ids of the events that were acknowledged, in the order in which they were published.
func (b *bus) acked() (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if m.acked {
			ids = append(ids, m.id())
		}
	}
	return ids
}

// forget drops every message.
func (b *bus) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = nil
}

func (b *bus) deliveries() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		n += m.times
	}
	return n
}

func (b *bus) reasons() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.rejected)
}

func (m *message) id() string {
	if m.dead != nil {
		return "dead " + m.dead.Subject
	}
	return m.event.ID
}

// due returns what is to be delivered now, and when there may be more.
func (b *bus) due() (list []worker.Delivery, next time.Time, grown <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, m := range b.messages {
		switch {
		case m.acked:
		case !now.Before(m.due):
			m.due = now.Add(ackWait)
			m.times++
			d := worker.Delivery{Dead: m.dead, Received: m.put, Message: delivered{b, m}}
			if m.dead == nil {
				d.Event = &m.event
			}
			list = append(list, d)
		case next.IsZero() || m.due.Before(next):
			next = m.due
		}
	}
	return list, next, b.grown
}

// delivered is a message in the hands of a worker.
type delivered struct {
	*bus
	*message
}

// Return implements worker.Message.
func (d delivered) Return(_ context.Context, reason string) error { return d.reject(reason) }

// Ack implements worker.Message.
func (d delivered) Ack() { d.ack(d.message) }

// Nak implements worker.Message.
func (d delivered) Nak() { d.nak(d.message) }

// nak has a message delivered again, to whoever asks then.
func (b *bus) nak(m *message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m.due = time.Now().Add(nakWait)
	close(b.grown)
	b.grown = make(chan struct{})
}

func (b *bus) ack(m *message) {
	b.mu.Lock()
	m.acked = true
	b.mu.Unlock()
	b.onAck(m.id())
}

func (b *bus) reject(reason string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refusals > 0 {
		b.refusals--
		return errSevered
	}
	b.rejected = append(b.rejected, reason)
	return nil
}

// Next blocks until something is to be delivered.
func (b *bus) Next(ctx context.Context) ([]worker.Delivery, error) {
	for {
		list, next, grown := b.due()
		if len(list) > 0 {
			return list, nil
		}
		var again <-chan time.Time
		if !next.IsZero() {
			again = time.After(time.Until(next))
		}
		select {
		case <-grown:
		case <-again:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
