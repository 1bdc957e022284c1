package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/worker"
)

// TestIntentNotStored has a bus acknowledge everything and store nothing: no request leaves for an intent that stands nowhere, and
// what came of it says so.
func TestIntentNotStored(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		stood := len(s.store.Entries())
		r.lie()
		s.bus.publish(anomaly("1", events.Firing))
		var why string
		s.until(10*time.Second, "nothing to be sent, and why", func() bool {
			r.View(func(b *incident.Board) {
				if i, ok := b.Incident("a-b-1"); ok && i.Refusal != nil {
					why = i.Refusal.Detail
				}
			})
			return why != ""
		})
		for _, want := range []string{"it acknowledged the intent at position", "has not shown it: not within 3s"} {
			if !strings.Contains(why, want) {
				t.Errorf("it says %q, want %q", why, want)
			}
		}
		s.pass(time.Minute)
		if n := s.routers.sets(); n != 0 || len(s.store.Entries()) != stood {
			t.Errorf("%d requests left for what stands nowhere; %d entries were stored", n, len(s.store.Entries())-stood)
		}
	})
}

// TestIntentReadBackLate has what a replica wrote come back to it late: the Set leaves then, and not before. Taking back needs no
// such proof: the intent that it rests on was read before anything was set.
func TestIntentReadBackLate(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		hear := r.deafen()
		s.bus.publish(anomaly("1", events.Firing))
		s.until(time.Second, "the intent to stand", func() bool { return len(recorded[events.Intended](s)) == 1 })
		s.pass(300 * time.Millisecond)
		if n := s.routers.sets(); n != 0 {
			t.Errorf("%d requests left before the intent was read back", n)
		}
		hear()
		s.reaches(r, incident.Holding, time.Minute)
		s.changed(drainAB...)
		if refused := recorded[events.Refused](s); len(refused) != 0 {
			t.Errorf("recorded as refused: %+v", refused)
		}
		defer r.deafen()()
		patience, cancel := context.WithTimeout(s.Context(), 10*time.Second)
		defer cancel()
		if _, err := r.Submit(patience, incident.Undrain("a-b-1", events.Person{Name: "kim"}, "repaired")); !errors.Is(err, incident.ErrUnsure) {
			s.Errorf("whoever ordered it is told %v, before it was read back", err)
		}
		s.until(time.Minute, "the drain to be taken back", func() bool { return len(s.routers.history()) == 2*len(drainAB) })
	})
}

// given is an order on its way: what came of it, nil until something has.
type given struct{ came atomic.Pointer[error] }

func (g *given) answered() bool { return g.came.Load() != nil }

// give has somebody give r an order, who waits for the answer for a while.
func (s *site) give(r *replica, patience time.Duration, do incident.Order) *given {
	g := &given{}
	go func() {
		ctx, cancel := context.WithTimeout(s.Context(), patience)
		defer cancel()
		_, err := r.Submit(ctx, do)
		g.came.Store(&err)
	}()
	synctest.Wait()
	return g
}

// frozen reports whether a freeze is in force at a replica.
func (r *replica) frozen() (is bool) {
	r.View(func(b *incident.Board) { n, _ := b.Frozen(); is = n > 0 })
	return is
}

// TestOrderReadBackLate has a freeze come back to the replica late: it is in force there at once, and whoever ordered it is told so
// when every other replica could have read it, and not before.
func TestOrderReadBackLate(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		hear := r.deafen()
		freeze := s.give(r, 10*time.Second, incident.Freeze(events.Network, ann, "exercise"))
		if !r.frozen() || len(recorded[events.Frozen](s)) != 1 {
			t.Errorf("the freeze is in force here: %t; on the ledger are %v", r.frozen(), s.kinds())
		}
		s.pass(5 * time.Second)
		if freeze.answered() {
			t.Errorf("before it was read back, whoever ordered it is told %v", *freeze.came.Load())
		}
		hear()
		s.until(time.Second, "an answer", freeze.answered)
		if err := *freeze.came.Load(); err != nil {
			t.Error(err)
		}
	})
}

// TestOrderNotStored has a bus acknowledge a freeze and store nothing: it is in force here, and nobody is told that it is in force, whether
// their patience ends first or the replica does.
func TestOrderNotStored(t *testing.T) {
	for _, c := range []struct {
		name string
		ends func(r *replica)
		want string
	}{
		{"patience", func(*replica) {}, context.DeadlineExceeded.Error()},
		{"the replica", func(r *replica) { r.stop() }, "this replica is ending"},
	} {
		t.Run(c.name+" ends", func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				stood := len(s.store.Entries())
				r.lie()
				freeze := s.give(r, 10*time.Second, incident.Freeze(events.Network, ann, "exercise"))
				if !r.frozen() || freeze.answered() {
					t.Errorf("the freeze is in force here: %t; answered: %t", r.frozen(), freeze.answered())
				}
				c.ends(r)
				s.until(11*time.Second, "an answer", freeze.answered)
				if err := *freeze.came.Load(); !errors.Is(err, incident.ErrUnsure) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "has not shown it") {
					t.Errorf("whoever ordered it is told %v", err)
				}
				if n := len(s.store.Entries()); n != stood {
					t.Fatalf("%d entries were stored", n-stood)
				}
			})
		})
	}
}

// TestOrderOnBrokenLedger: once the ledger can no longer be followed an order is not waited for to be shown.
func TestOrderOnBrokenLedger(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous, func(c *worker.Config) { c.Ledger = &breaking{line: c.Ledger.(*line)} })
		r.lie()
		freeze := s.give(r, time.Hour, incident.Freeze(events.Network, ann, "exercise"))
		s.until(time.Minute, "an answer", freeze.answered)
		if err := *freeze.came.Load(); !errors.Is(err, incident.ErrUnsure) || !strings.Contains(err.Error(), "can no longer be followed") {
			t.Errorf("whoever ordered it is told %v", err)
		}
		after := s.give(r, time.Hour, incident.Freeze(events.Network, ann, "exercise"))
		s.until(time.Minute, "an answer", after.answered)
		if err := *after.came.Load(); !errors.Is(err, incident.ErrAside) {
			t.Errorf("whoever orders something then is told %v", err)
		}
	})
}

// TestIntentOnBrokenLedger: nor is an intent, and the log says why nothing was sent.
func TestIntentOnBrokenLedger(t *testing.T) {
	inBubble(t, func(s *site) {
		core, logged := observer.New(zap.InfoLevel)
		r := s.start("r1", autonomous, func(c *worker.Config) { c.Ledger, c.Logger = &breaking{line: c.Ledger.(*line)}, zap.New(core) })
		s.pass(time.Second)
		r.lie()
		s.bus.publish(anomaly("1", events.Firing))
		s.pass(time.Minute)
		for _, e := range logged.FilterMessage("set").All() {
			if no, ok := e.ContextMap()["detail"].(events.Refused); !ok || !strings.Contains(no.Detail, "can no longer be followed") || strings.Contains(no.Detail, "3s") {
				t.Errorf("it says %+v", e.ContextMap()["detail"])
			}
		}
		if n := s.routers.sets(); n != 0 || logged.FilterMessage("set").Len() == 0 {
			t.Errorf("%d requests left, %d were meant to", n, logged.FilterMessage("set").Len())
		}
	})
}

// breaking is a line whose followers are told after a while that the ledger lost what it had acknowledged.
type breaking struct{ *line }

func (b *breaking) Follow(ctx context.Context, from uint64, fn func(events.Commit) error) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := b.line.Follow(ctx, from, fn); ctx.Err() == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	return errors.New("the stream ends before what was acknowledged")
}
