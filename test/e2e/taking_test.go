package e2e

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/test/wire"
)

// leave ends the replica as a service manager does, and waits for that.
func (r *replica) leave() {
	r.life.Signal(syscall.SIGTERM)
	r.life.Ended()
}

// takers publishes n events and returns the replicas that recorded them, by how many.
func (s *stage) takers(n int) map[string]int {
	s.t.Helper()
	var list []events.Event
	for range n {
		list = append(list, s.event(linkPlain))
	}
	s.publish(list...)
	by := map[string]int{}
	s.wait("the events to be recorded", func() bool {
		clear(by)
		s.mu.Lock()
		defer s.mu.Unlock()
		left := n
		for _, c := range s.commits {
			for _, r := range c.Records {
				o, ok := r.Body.(*events.Observed)
				for i := range list {
					if ok && o.Event == list[i].ID && o.Disposition != events.WasDuplicate {
						by[c.By]++
						left--
					}
				}
			}
		}
		return left == 0
	})
	return by
}

// taker wants events that arrive together to be recorded by one replica, all of them, from some moment on, and the metrics of all that
// run to say so.
func (s *stage) taker(when string, r *replica) {
	s.t.Helper()
	const n = 200
	s.wait(fmt.Sprintf("%s to take in what arrives, %s", r.name, when), func() bool { return s.takers(n)[r.name] == n })
	s.wait(fmt.Sprintf("the metrics to say that %s takes in, and no other, %s", r.name, when), func() bool {
		return !slices.ContainsFunc(s.replicas, func(other *replica) bool {
			return other.alive() && (other.scrape()[taking] == 1) != (other == r)
		})
	})
}

// TestOneTakesIn has three replicas, of which one takes in what arrives, come, go, and be cut off from the bus, in the middle of storms:
// the next in rank goes on, and nothing is lost or taken for new twice.
func TestOneTakesIn(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 3, proven: true, rules: rules{Mode: "dry-run"}})
	first, second, third := s.replicas[0], s.replicas[1], s.replicas[2]
	s.taker("all are there", first)

	storm := func(harm func()) {
		var list []events.Event
		for range 1000 {
			list = append(list, s.event(linkPlain))
		}
		at, done := s.last(), make(chan struct{})
		go func() { defer close(done); s.publish(list...) }()
		s.wait("the storm to be recorded", func() bool { return s.position() > at })
		harm()
		<-done
		s.recorded()
	}
	storm(first.kill)
	s.taker("the first was killed", second)
	storm(second.leave)
	s.taker("the second has left", third)
	first.start()
	s.seesAll(first)
	s.taker("the first is back", first)
	storm(func() { first.wire.Set(wire.Cut) })
	s.taker("the first is cut off", third)
	first.wire.Set(wire.Whole)
	s.taker("the first hears again", first)
	s.recorded()
	s.untouched()
	s.verifies()
}
