package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
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
