package worker_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/worker"
)

// storm is one event about each of the first links of a full mesh of 26 routers.
func storm(links int) (list []events.Event) {
	const names = "abcdefghijklmnopqrstuvwxyz"
	for i := range names {
		for j := i + 1; j < len(names); j++ {
			e := anomaly(names[i:i+1]+names[j:j+1], events.Firing)
			e.Data.Resource = events.Resource{Device: names[i : i+1], Interface: "to-" + names[j:j+1]}
			if list = append(list, e); len(list) == links {
				return list
			}
		}
	}
	return list
}

// TestStormIsTaken publishes more at once than is decided together, on more links than are acted on together, and has the
// routers of all of them read at the same time: what is decided then does not fit into one message.
func TestStormIsTaken(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.watchAcks()
		list := storm(300)
		s.bus.publish(list...)
		s.until(10*time.Second, "every event is acknowledged", func() bool { return len(s.bus.acked()) == len(list) })
		var open, ruled int
		s.until(time.Minute, "every incident is ruled on", func() bool {
			ruled = 0
			r.View(func(b *incident.Board) {
				open = len(b.Open())
				for _, i := range b.Open() {
					if i.Ruling != nil {
						ruled++
					}
				}
			})
			return ruled == len(list)
		})
		if drains := len(recorded[events.Admitted](s)); open != len(list) || drains == 0 || drains > 3 {
			t.Errorf("%d events, %d open incidents, %d drains", len(list), open, drains)
		}
	})
}

// TestStormWaitsForNoRouter has a storm arrive about a link whose routers take long to be read: it is recorded without them, and acted
// on when they have been.
func TestStormWaitsForNoRouter(t *testing.T) {
	inBubble(t, func(s *site) {
		newest := s.newestAck()
		r := s.start("r1", autonomous)
		s.routers.alter(func() { s.routers.reading = 300 * time.Millisecond })
		began := time.Now()
		s.publishes(300)
		s.reaches(r, incident.Holding, 10*time.Second)
		if n, took := len(s.bus.acked()), newest().Sub(began); n != 300 || took >= worker.Prefetch {
			t.Errorf("%d events were acknowledged, the last after %s", n, took)
		}
	})
}

// TestStormIsGathered has anomalies arrive faster than they can be written one group after the other: while one is written, and for
// as long again, the next gathers. What arrives alone, after the storm, waits for nothing but its own write.
func TestStormIsGathered(t *testing.T) {
	const (
		writing = 20 * time.Millisecond
		most    = 7 // writes: in 200 ms, with as much time again between two
	)
	inBubble(t, func(s *site) {
		newest := s.newestAck()
		r := s.start("r1", autonomous)
		s.publishes(300) // the incident, and all that comes of it
		s.reaches(r, incident.Holding, 10*time.Second)
		r.slow(writing)
		before, n := len(s.commits()), 300
		for range 100 {
			s.publishes(30)
			n += 30
			s.pass(2 * time.Millisecond)
		}
		s.until(10*time.Second, "every event is acknowledged", func() bool { return len(s.bus.acked()) == n })
		writes := 0
		for _, c := range s.commits()[before:] {
			if c.Records[0].Body.Kind() == events.KindObserved {
				writes++
			}
		}
		if writes > most {
			t.Errorf("%d writes, want at most %d", writes, most)
		}
		s.pass(time.Second)
		began := time.Now()
		s.publishes(1)
		s.until(time.Second, "the last is acknowledged", func() bool { return len(s.bus.acked()) == n+1 })
		if took := newest().Sub(began); took != writing {
			t.Errorf("one alone was acknowledged after %s, want %s", took, writing)
		}
	})
}

// newestAck tells when an event was acknowledged last. It is called before any is.
func (s *site) newestAck() func() time.Time {
	var at atomic.Int64
	s.bus.onAck = func(string) { at.Store(time.Now().UnixNano()) }
	return func() time.Time { return time.Unix(0, at.Load()) }
}

// publishes lets n anomalies of one link arrive at once.
func (s *site) publishes(n int) {
	list := make([]events.Event, n)
	for i := range list {
		list[i] = anomaly(fmt.Sprint(time.Now().UnixNano(), "-", i), events.Firing)
	}
	s.bus.storm(list)
}

// TestLargeEventsAreTaken publishes events that each say as much as one may, more than fit into one message together.
func TestLargeEventsAreTaken(t *testing.T) {
	inBubble(t, func(s *site) {
		s.start("r1", autonomous)
		s.watchAcks()
		list := storm(100)
		for n := range list {
			list[n].Data.Labels = map[string]string{}
			for k := range 64 {
				list[n].Data.Labels[fmt.Sprintf("%03d%s", k, strings.Repeat("k", 250))] = strings.Repeat("v", 256)
			}
			if err := list[n].Data.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		s.bus.publish(list...)
		s.until(10*time.Second, "every event is acknowledged", func() bool { return len(s.bus.acked()) == len(list) })
		if opened := len(recorded[events.Opened](s)); opened != len(list) {
			t.Errorf("%d events, %d incidents", len(list), opened)
		}
	})
}

// TestOversizeOrder has an order that fits into no message be told so, and the worker go on.
func TestOversizeOrder(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		if _, err := r.Submit(s.Context(), incident.Freeze(events.Network, events.Person{Name: "ann"}, strings.Repeat("x", 2<<20))); err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("err = %v", err)
		}
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Holding, 10*time.Second)
	})
}
