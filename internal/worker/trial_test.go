package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/worker"
)

// canaries is the loopback of every router of a network.
type canaries struct {
	metric, saved uint64 // saved is what a reboot brings back
	booted        time.Time
	persists      bool     // what is set is saved by itself
	lost          bool     // the answer to the next Set is lost
	idle          bool     // Sets are acknowledged, and do nothing
	sets          []uint64 // in order
	before, then  func()   // what happens right before the next Set, and right after
	read          func()   // what happens right before each reading
}

// reboot restarts the routers.
func (n *network) reboot() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.canary.metric, n.canary.booted = n.canary.saved, time.Now().UTC()
}

// canaryMetric is what the loopback is configured with.
func (n *network) canaryMetric() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.canary.metric
}

func loopbackLeaf() events.LeafRef {
	return events.LeafRef{Leaf: events.ISISMetric, Interface: "lo", Level: 2, Family: events.IPv4}
}

func (n *network) FindCanary(ctx context.Context, device string) (events.Canary, error) {
	return n.ReadCanary(ctx, device, loopbackLeaf())
}

func (n *network) ReadCanary(_ context.Context, device string, leaf events.LeafRef) (events.Canary, error) {
	n.mu.Lock()
	read := n.canary.read
	n.mu.Unlock()
	if read != nil {
		read()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away[device] {
		return events.Canary{}, errSevered
	}
	return events.Canary{Leaf: leaf, Value: events.UintValue(n.canary.metric), Booted: n.canary.booted, Software: "1.0"}, nil
}

func (n *network) SetCanary(ctx context.Context, device string, leaf events.LeafRef, from, to events.Value) (events.Canary, error) {
	if ctx.Err() != nil {
		return events.Canary{}, ctx.Err() // nothing is sent
	}
	n.mu.Lock()
	before, then := n.canary.before, n.canary.then
	n.canary.before, n.canary.then = nil, nil
	n.mu.Unlock()
	if before != nil {
		before()
	}
	c, err := n.ReadCanary(ctx, device, leaf)
	if err != nil || c.Value != from {
		return c, err
	}
	n.mu.Lock()
	if !n.canary.idle {
		n.canary.metric, _ = to.Uint()
	}
	if n.canary.persists {
		n.canary.saved = n.canary.metric
	}
	n.canary.sets = append(n.canary.sets, n.canary.metric)
	lost := n.canary.lost
	n.canary.lost = false
	n.mu.Unlock()
	if then != nil {
		then()
	}
	switch {
	case lost:
		return c, errSevered
	case ctx.Err() != nil:
		return c, ctx.Err()
	}
	return n.ReadCanary(ctx, device, leaf)
}

// try goes on with the trial of router a, which must not fail.
func (s *site) try(r *replica) events.RebootTrial {
	s.Helper()
	t, err := r.TryReboot(s.Context(), "a", ann, false)
	if err != nil {
		s.Fatal(err)
	}
	return t
}

// TestTryReboot finds out what a reboot does, puts back what was there, and has everything on record before it is done.
func TestTryReboot(t *testing.T) {
	for name, c := range map[string]struct {
		persists bool
		want     events.Kept
	}{"persistent": {true, events.KeptYes}, "not persistent": {false, events.KeptNo}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				s.routers.canary.persists = c.persists
				r := s.start("r1", autonomous)
				s.routers.canary.before = func() {
					if standing := recorded[events.RebootTrial](s); len(standing) != 1 || !standing[0].Marked.IsZero() {
						t.Errorf("the mark is set with %v on record", standing)
					}
				}
				first := s.try(r)
				if first.Marked.IsZero() || first.Kept != "" || s.routers.canaryMetric() != 79 {
					t.Fatalf("marked: %+v, the metric is %d", first, s.routers.canaryMetric())
				}
				if _, err := r.TryReboot(s.Context(), "a", ann, false); !errors.Is(err, incident.ErrRefused) || !strings.Contains(err.Error(), "was not rebooted") {
					t.Errorf("before the reboot: %v", err)
				}
				s.pass(time.Hour)
				s.routers.reboot()
				s.routers.canary.before = func() {
					if standing := recorded[events.RebootTrial](s); standing[len(standing)-1].Kept != c.want {
						t.Errorf("the mark is taken off with %v on record", standing)
					}
				}
				got := s.try(r)
				if got.Kept != c.want || !got.Over || s.routers.canaryMetric() != 10 || s.routers.canary.saved != 10 {
					t.Errorf("got %+v, the metric is %d, %d is saved", got, s.routers.canaryMetric(), s.routers.canary.saved)
				}
			})
		})
	}
}

// TestTryRebootGoesOn: whatever fails or dies between two steps, whoever asks next goes on, and takes nothing for a reboot's
// doing that was not.
func TestTryRebootGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		first  func(s *site) // before the first call, which fails
		then   func(s *site) // before the second
		marked bool          // the second marks the router
		want   events.Kept   // of the last
	}{
		"the answer to the mark is lost": {func(s *site) { s.routers.canary.lost = true }, nil, true, events.KeptNo},
		"the router goes away before it is marked": {func(s *site) {
			s.routers.canary.before = func() { s.routers.alter(func() { s.routers.away["a"] = true }) }
		}, func(s *site) { s.routers.alter(func() { clear(s.routers.away) }) }, true, events.KeptNo},
		"it is rebooted right after it was marked": {func(s *site) {
			s.routers.canary.persists, s.routers.canary.then = true, s.routers.reboot
		}, nil, true, events.KeptYes},
		"the answer is lost, and it is rebooted": {func(s *site) { s.routers.canary.lost = true }, func(s *site) { s.routers.reboot() }, true, events.KeptNo},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				c.first(s)
				r := s.start("r1", autonomous)
				if got, err := r.TryReboot(s.Context(), "a", ann, false); err == nil {
					t.Fatalf("got %+v", got)
				}
				if standing := recorded[events.RebootTrial](s); len(standing) != 1 || standing[0].Over {
					t.Fatalf("on record is %v", standing)
				}
				r.stop()
				if c.then != nil {
					c.then(s)
				}
				r = s.start("r2", autonomous)
				s.pass(15 * time.Second)
				if got := s.try(r); !got.Marked.IsZero() != c.marked || s.routers.canaryMetric() != 79 {
					t.Errorf("the second: %+v, the metric is %d", got, s.routers.canaryMetric())
				}
				s.pass(time.Hour)
				s.routers.reboot()
				if got := s.try(r); got.Kept != c.want || !got.Over || s.routers.canaryMetric() != 10 {
					t.Errorf("the last: %+v, the metric is %d", got, s.routers.canaryMetric())
				}
			})
		})
	}
}

// TestTryRebootPutsBack: a finding stands once it is on record, and who comes later takes the mark off.
func TestTryRebootPutsBack(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.routers.canary.persists = true
		s.try(r)
		s.pass(time.Hour)
		s.routers.reboot()
		s.routers.canary.before = func() { s.routers.alter(func() { s.routers.away["a"] = true }) }
		if _, err := r.TryReboot(s.Context(), "a", ann, false); !errors.Is(err, errSevered) {
			t.Fatalf("got %v", err)
		}
		s.routers.alter(func() { clear(s.routers.away) })
		r.stop()
		r = s.start("r2", autonomous)
		s.pass(15 * time.Second)
		s.routers.reboot() // once more: it does not count
		if got := s.try(r); got.Kept != events.KeptYes || !got.Over || s.routers.canaryMetric() != 10 {
			t.Errorf("got %+v, the metric is %d", got, s.routers.canaryMetric())
		}
	})
}

// TestTryRebootIdle: what a router acknowledges and does not do is no mark, and no mark taken off.
func TestTryRebootIdle(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.routers.alter(func() { s.routers.canary.idle = true })
		if got, err := r.TryReboot(s.Context(), "a", ann, false); err == nil || !strings.Contains(err.Error(), "and not the mark 79") || !got.Marked.IsZero() {
			t.Errorf("marked %+v, %v", got, err)
		}
		s.routers.alter(func() { s.routers.canary.idle = false })
		s.pass(15 * time.Second)
		s.try(r)
		s.pass(time.Hour)
		s.routers.canary.persists, s.routers.canary.saved = true, 79
		s.routers.reboot()
		s.routers.alter(func() { s.routers.canary.idle = true })
		if got, err := r.TryReboot(s.Context(), "a", ann, false); err == nil || !strings.Contains(err.Error(), "shows the mark 79 on isis-metric lo L2 ipv4 still: set it to 10 there") || got.Over {
			t.Errorf("taken off: %+v, %v", got, err)
		}
		s.routers.alter(func() { s.routers.canary.idle = false })
		s.pass(15 * time.Second)
		if got, err := r.TryReboot(s.Context(), "a", ann, true); err != nil || !got.Over || got.Kept != events.KeptYes || s.routers.canaryMetric() != 10 {
			t.Errorf("undone: %+v, %v; what was found out stays", got, err)
		}
	})
}

// TestTryRebootUndone: the mark is taken off without a reboot, also one that was never seen to stand; what somebody else has
// set since stays.
func TestTryRebootUndone(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(s *site)
		sets  int
		left  uint64
		says  string
	}{
		"the mark":       {func(*site) {}, 2, 10, "taken off before a reboot"},
		"somebody's own": {func(s *site) { s.routers.canary.metric = 33 }, 1, 33, "is 33, which somebody else has set: it was left so"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				if _, err := r.TryReboot(s.Context(), "a", ann, true); !errors.Is(err, incident.ErrRefused) || !strings.Contains(err.Error(), "is not marked") {
					t.Errorf("nothing to undo: %v", err)
				}
				s.try(r)
				s.routers.alter(func() { c.alter(s) })
				got, err := r.TryReboot(s.Context(), "a", ann, true)
				if err != nil || got.Kept != events.KeptUnknown || !got.Over || !strings.Contains(got.Sentence(), c.says) {
					t.Errorf("got %+v, %v: %s", got, err, got.Sentence())
				}
				if len(s.routers.canary.sets) != c.sets || s.routers.canaryMetric() != c.left {
					t.Errorf("%d Sets, the metric is %d", len(s.routers.canary.sets), s.routers.canaryMetric())
				}
			})
		})
	}
}

// TestTryRebootOtherMark: a mark differs from what stands there.
func TestTryRebootOtherMark(t *testing.T) {
	inBubble(t, func(s *site) {
		s.routers.canary.metric = 79
		r := s.start("r1", autonomous)
		if got := s.try(r); got.Mark != events.UintValue(80) || s.routers.canaryMetric() != 80 {
			t.Errorf("got %+v, the metric is %d", got, s.routers.canaryMetric())
		}
	})
}

// TestTryRebootLate: a mark that comes late stands nowhere once the trial is over, whoever undoes it meanwhile.
func TestTryRebootLate(t *testing.T) {
	for name, c := range map[string]struct {
		late  time.Duration
		sent  bool // it is the router that is late, and not the replica before it sends
		stood bool // the mark is there
	}{
		"the router is slow":                       {time.Second, true, true},
		"the router is slower than the deadline":   {13 * time.Second, true, true},
		"the replica stands still before it sends": {time.Minute, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				slow, other := s.start("r1", autonomous), s.start("r2", autonomous)
				if c.sent {
					s.routers.canary.before = func() { <-time.After(c.late) }
				} else {
					var stood atomic.Bool
					s.routers.canary.read = func() {
						if len(recorded[events.RebootTrial](s)) > 0 && stood.CompareAndSwap(false, true) {
							<-time.After(c.late)
						}
					}
				}
				began := make(chan error, 1)
				go func() {
					_, err := slow.TryReboot(s.Context(), "a", ann, false)
					began <- err
				}()
				s.pass(c.late / 2)
				if _, err := other.TryReboot(s.Context(), "a", ann, true); c.sent && (!errors.Is(err, incident.ErrRefused) || !strings.Contains(err.Error(), "may be on its way until")) {
					t.Errorf("undone while the mark is on its way: %v", err)
				}
				if err := <-began; (err == nil) != (c.late < 10*time.Second) {
					t.Errorf("who marks it is told %v", err)
				}
				if stood := len(s.routers.canary.sets) > 0; stood != c.stood {
					t.Errorf("the mark stood: %t", stood)
				}
				s.pass(15 * time.Second)
				if _, err := other.TryReboot(s.Context(), "a", ann, true); c.sent && err != nil {
					t.Errorf("undone once it is still: %v", err)
				}
				got := recorded[events.RebootTrial](s)
				if !got[len(got)-1].Over || s.routers.canaryMetric() != 10 {
					t.Errorf("the metric is %d after %+v", s.routers.canaryMetric(), got)
				}
			})
		})
	}
}

// TestTryRebootStandsStill has the replica stand still right behind its last look at the clock, until long after the deadline: what
// it had in mind by then is not sent any more.
func TestTryRebootStandsStill(t *testing.T) {
	inBubble(t, func(s *site) {
		var stands atomic.Bool
		r := s.start("r1", autonomous, func(c *worker.Config) {
			c.Now = func() time.Time {
				at := time.Now()
				if stands.CompareAndSwap(true, false) {
					<-time.After(time.Minute)
				}
				return at
			}
		})
		s.routers.canary.read = func() { stands.Store(len(recorded[events.RebootTrial](s)) > 0) } // the Set is next
		if _, err := r.TryReboot(s.Context(), "a", ann, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who marks it is told %v", err)
		}
		if sets := s.routers.canary.sets; len(sets) != 0 {
			t.Errorf("a minute late it was set to %v", sets)
		}
	})
}
