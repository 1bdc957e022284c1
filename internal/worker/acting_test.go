package worker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/worker"
)

// valve is a bus of which a replica gets nothing once it was shut, as one whose intake has ended. It is its peers as well: others are
// heard, and take in what arrives, once it was shut.
type valve struct {
	*bus
	alive
	shut atomic.Bool
}

func (v *valve) Next(ctx context.Context) ([]worker.Delivery, error) {
	for {
		list, err := v.bus.Next(ctx)
		if err != nil || !v.shut.Load() {
			return list, err
		}
		for _, d := range list {
			d.Nak()
		}
	}
}

func (v *valve) Taking() (bool, <-chan struct{}) { return !v.shut.Load(), nil }

// behind puts the valve between a replica and the site's bus.
func (v *valve) behind(c *worker.Config) {
	c.Intake = v
	c.Peers = func(me string) worker.Peers { v.alive = alive{me}; return v }
}

// TestLeftToOthers has a replica with anomalies in its hands that it cannot record: another has them at once, and not only when the
// bus delivers again by itself.
func TestLeftToOthers(t *testing.T) {
	const some, more = 2100, 3 // the loop takes no more than 2048, so that more wait for it
	for _, c := range []struct {
		name string
		ends func(s *site, r *replica, v *valve)
	}{
		{"it is suspended", func(s *site, r *replica, v *valve) { v.shut.Store(true); r.Suspend("its clock is off") }},
		{"its ledger takes nothing, and another takes in", func(s *site, r *replica, v *valve) { v.shut.Store(true) }},
		{"it ends", func(s *site, r *replica, v *valve) { v.shut.Store(true); r.stop() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				v := &valve{bus: s.bus}
				r := s.start("r1", autonomous, v.behind)
				r.refuse(true)
				s.publishes(some)
				s.pass(time.Second)
				s.publishes(more)
				s.pass(time.Second)
				if n := s.bus.deliveries(); n != some+more || r.Status().Unwritable == "" {
					t.Fatalf("%d deliveries, unwritable: %q", n, r.Status().Unwritable)
				}
				c.ends(s, r, v)
				other := s.start("r2", autonomous)
				s.until(ackWait/10, "the other has recorded them", func() bool { return len(s.bus.acked()) == some+more })
				if by := s.commits()[len(s.commits())-1].By; by != other.Me() {
					t.Errorf("recorded by %s, not by %s", by, other.Me())
				}
			})
		})
	}
	t.Run("it halts", func(t *testing.T) { // as any other would that is not newer
		inBubble(t, func(s *site) {
			v := &valve{bus: s.bus}
			r := s.start("r1", autonomous, v.behind)
			r.refuse(true)
			s.publishes(some)
			s.pass(time.Second)
			v.shut.Store(true)
			s.other(foreign)
			s.pass(time.Second)
			if list, err := s.bus.Next(s.Context()); err != nil || len(list) != some {
				t.Errorf("%d are there for another, err %v", len(list), err)
			}
		})
	})
}

// TestKeptAlone has a replica whose ledger takes nothing keep what it has in its hands while no other takes in anomalies.
func TestKeptAlone(t *testing.T) {
	inBubble(t, func(s *site) {
		v := &valve{bus: s.bus}
		r := s.start("r1", autonomous, v.behind)
		r.refuse(true)
		s.publishes(3)
		s.pass(ackWait / 2)
		r.refuse(false)
		s.until(time.Second, "they are recorded", func() bool { return len(s.bus.acked()) == 3 })
		if n := s.bus.deliveries(); n != 3 {
			t.Errorf("%d deliveries", n)
		}
	})
}

// TestAble asks a worker whether it could record what arrives: whenever it could not, it says so.
func TestAble(t *testing.T) {
	freezes := func(s *site, r *replica) { // so that there is something to write
		go func() { _, _ = r.Submit(s.Context(), incident.Freeze(events.Network, ann, "exercise")) }()
	}
	for _, c := range []struct {
		name   string
		begin  func(s *site, r *replica, v *valve) (end func())
		within time.Duration
	}{
		{"it is suspended", func(_ *site, r *replica, _ *valve) func() {
			r.Suspend("its clock is off")
			return func() { r.Suspend("") }
		}, 0},
		{"its ledger takes nothing", func(s *site, r *replica, _ *valve) func() {
			r.refuse(true)
			freezes(s, r)
			return func() { r.refuse(false) }
		}, time.Second},
		{"its ledger is away", func(s *site, r *replica, _ *valve) func() { r.cut(); freezes(s, r); return r.mend }, 4 * time.Second},
		{"it is not shown what others write", func(s *site, r *replica, _ *valve) func() {
			hear := r.deafen()
			s.other(events.Frozen{Scope: "device:x", By: ann})
			freezes(s, r)
			return hear
		}, 4 * time.Second},
		{"nor has anything to write any more", func(s *site, r *replica, v *valve) func() {
			hear := r.deafen()
			s.other(events.Frozen{Scope: "device:x", By: ann})
			s.publishes(1)
			s.pass(time.Second)
			v.shut.Store(true)
			return hear
		}, 4 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				v := &valve{bus: s.bus}
				r := s.start("r1", autonomous, v.behind)
				if !r.Able() {
					t.Fatal("it is not able from the beginning")
				}
				end := c.begin(s, r, v)
				s.until(c.within, "it is not able", func() bool { return !r.Able() })
				for range 100 {
					if s.pass(100 * time.Millisecond); r.Able() {
						t.Fatal("it is able again while nothing has changed")
					}
				}
				end()
				s.until(time.Second, "it is able again", r.Able)
			})
		})
	}
	t.Run("it halts", func(t *testing.T) {
		inBubble(t, func(s *site) {
			r := s.start("r1", autonomous)
			s.other(foreign)
			s.until(time.Second, "it is not able", func() bool { return !r.Able() && r.Status().Halted != "" })
		})
	})
}

// TestCaughtUp starts a replica that is shown the ledger late: until then it has not caught up, and is not able.
func TestCaughtUp(t *testing.T) {
	inBubble(t, func(s *site) {
		s.other(events.Frozen{Scope: "device:x", By: ann})
		var hear func()
		r := s.start("r1", autonomous, func(c *worker.Config) { hear = c.Ledger.(*line).deafen() })
		bounded, cancel := context.WithTimeout(s.Context(), time.Minute)
		defer cancel()
		if err := r.CaughtUp(bounded); err == nil || r.Able() {
			t.Errorf("caught up: %v, able: %t", err, r.Able())
		}
		hear()
		if err := r.CaughtUp(s.Context()); err != nil || !r.Able() {
			t.Errorf("caught up: %v, able: %t", err, r.Able())
		}
	})
}
