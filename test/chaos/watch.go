package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
)

// watch follows the ledger from outside, past the wires, and folds it as every replica does.
type watch struct {
	mu      sync.Mutex
	board   *incident.Board
	commits []seen
	moved   chan struct{}       // closed and replaced with every commit
	alert   func(events.Commit) // called with every commit, before anybody waits no more
	ended   error               // why it follows no more
}

// seen is a commit, and when it was.
type seen struct {
	events.Commit
	at time.Time
}

// follow opens the ledger, which must be there, and begins to fold it.
func (s *site) follow(ctx context.Context) (err error) {
	if s.ledger, err = ledger.Open(ctx, s.conn.JetStream(), ledger.Config{Domain: domain, Replicas: s.servers.Len(), SyncAlways: true}); err != nil {
		return err
	}
	following, stop := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		err := s.ledger.Follow(following, 1, s.watch.fold)
		s.watch.mu.Lock()
		defer s.watch.mu.Unlock()
		if following.Err() == nil {
			s.watch.ended = err
		}
	})
	s.onEnd(func() { stop(); reading.Wait() })
	return nil
}

func (w *watch) fold(c events.Commit) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commits = append(w.commits, seen{c, time.Now()})
	err := w.board.Apply(c)
	if w.alert != nil {
		w.alert(c)
	}
	close(w.moved)
	w.moved = make(chan struct{})
	return err
}

// look calls f with the Board, of which it must keep nothing.
func (w *watch) look(f func(*incident.Board) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f(w.board)
}

// until waits until f says so of the Board.
func (w *watch) until(ctx context.Context, what string, f func(*incident.Board) bool) error {
	return w.wait(ctx, what, func() bool { return w.look(f) })
}

// wait waits until done says so; it asks with every commit, and now and then.
func (w *watch) wait(ctx context.Context, what string, done func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		w.mu.Lock()
		moved, ended := w.moved, w.ended
		w.mu.Unlock()
		switch {
		case done():
			return nil
		case ended != nil:
			return fmt.Errorf("wait for %s: following the ledger: %w", what, ended)
		}
		select {
		case <-moved:
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}

// history is all that was followed.
func (w *watch) history() []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]seen(nil), w.commits...)
}

// record appends records as another writer of the ledger would.
func (s *site) record(ctx context.Context, records ...events.Record) error {
	for {
		var at uint64
		var prev events.Digest
		s.watch.look(func(b *incident.Board) bool { at, prev = b.Position, b.Digest; return true })
		_, err := s.ledger.Append(ctx, events.Commit{ID: uuid.NewString(), Prev: prev, At: time.Now().UTC(), By: "chaos/0", Records: records}, at)
		if err == nil || !errors.Is(err, ledger.ErrConflict) {
			return err
		}
		if err := s.watch.until(ctx, "the ledger to be read on", func(b *incident.Board) bool { return b.Position > at }); err != nil {
			return err
		}
	}
}
