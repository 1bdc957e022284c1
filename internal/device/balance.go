package device

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/internal/network"
)

// counted are the ports whose counters are followed: those behind the topology's interfaces, and the edge ports that the
// inventory names.
func (s *session) counted() []string {
	list := s.ports()
	for _, port := range s.router.EdgePorts {
		if !slices.Contains(list, port) {
			list = append(list, port)
		}
	}
	return list
}

// balance is what comes into the router and goes out of it at all of its ports, as far as it was counted since fresh.
func (s *session) balance(fresh time.Time) network.Balance {
	if s.router.EdgePorts == nil {
		return network.Balance{Missing: "the inventory does not name its edge_ports"}
	}
	return s.seen.balance(s.counted(), fresh)
}

// apart is which part of the time that was counted two ports of a router may be apart at either end of it, one in so many: then
// no change of traffic in between makes a larger part of it appear or vanish (see package forecast, conservedBy).
const apart = 20

// balance sums up the rates of ports. What is dropped is told in packets; they are taken to be as large as those that come
// into the router are on average.
func (c *cache) balance(ports []string, fresh time.Time) (b network.Balance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(ports) == 0 {
		return network.Balance{Missing: "it has no ports"}
	}
	var dropped, packets int64
	first := c.rates[ports[0]]
	for _, port := range ports {
		r := c.rates[port]
		switch span := first.to.Sub(first.from); {
		case r.traffic == nil || r.oldest.Before(fresh):
			return network.Balance{Missing: fmt.Sprintf("%s is not counted", port)}
		case apart*max(r.from.Sub(first.from).Abs(), r.to.Sub(first.to).Abs()) > span:
			return network.Balance{Missing: fmt.Sprintf("%s and %s are not counted at the same time", ports[0], port)}
		}
		if b.At.IsZero() || r.oldest.Before(b.At) {
			b.At = r.oldest
		}
		b.In += r.traffic.InBPS
		b.Out += r.traffic.OutBPS
		b.Broken += min(r.traffic.Lost(), r.traffic.InBPS)
		dropped += r.dropped
		packets += r.traffic.InPPS
	}
	if packets > 0 {
		b.Dropped = int64(float64(b.In) / float64(packets) * float64(dropped))
	}
	return b
}
