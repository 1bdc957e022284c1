package backbone

import (
	"fmt"

	"github.com/detour-net/detour/internal/backbone/fabric"
)

// LinkFault is what ails a link: loss in each direction, darkness, all the time or on and off.
type LinkFault = fabric.Fault

// Counters are an interface's counters since the start.
type Counters = fabric.Counters

// Totals are the packets of the whole network since the start.
type Totals = fabric.Totals

// Break lets a link have a fault from now on, instead of any that it had.
func (n *Network) Break(link string, fault LinkFault) error {
	now := n.lock()
	defer n.unlock()
	i, err := n.link(link)
	if err != nil {
		return err
	}
	if err := n.fabric.Break(i, fault, now); err != nil {
		return fmt.Errorf("backbone: link %s: %w", link, err)
	}
	n.announce()
	return nil
}

// SetLoss lets a link lose the given ratio of packets, 0 to 1, in both directions.
func (n *Network) SetLoss(link string, ratio float64) error {
	return n.Break(link, LinkFault{LossAToB: ratio, LossBToA: ratio})
}

// SetLinkDown cuts a link.
func (n *Network) SetLinkDown(link string) error { return n.Break(link, LinkFault{Down: true}) }

// Heal takes every fault off a link.
func (n *Network) Heal(link string) error { return n.Break(link, LinkFault{}) }

func (n *Network) link(name string) (int, error) {
	i, ok := n.links[name]
	if !ok {
		return 0, fmt.Errorf("backbone: no link %q", name)
	}
	return i, nil
}

// Load is what a link carries right now in each direction, in bits per second, without what goes round in loops; zero
// for a link that does not exist.
func (n *Network) Load(link string) (aToB, bToA int64) {
	n.lock()
	defer n.unlock()
	i, ok := n.links[link]
	if !ok {
		return 0, 0
	}
	return n.fabric.Load(2 * i), n.fabric.Load(2*i + 1)
}

// LinkCounters are the counters of the interfaces at a link's two ends.
func (n *Network) LinkCounters(link string) (a, b Counters, err error) {
	now := n.lock()
	defer n.unlock()
	i, err := n.link(link)
	if err != nil {
		return a, b, err
	}
	return n.fabric.Counters(2*i, now), n.fabric.Counters(2*i+1, now), nil
}

// Adjacent says whether the routers at a link's ends are IS-IS neighbours over it.
func (n *Network) Adjacent(link string) bool {
	n.lock()
	defer n.unlock()
	i, ok := n.links[link]
	if !ok {
		return false
	}
	up, _ := n.fabric.Adjacent(i)
	return up
}

// Totals are the packets of the whole network since the start.
func (n *Network) Totals() Totals {
	now := n.lock()
	defer n.unlock()
	return n.fabric.Totals(now)
}

// Looping is the rate that ends in loops right now, in bits per second; Totals has the packets that did so far.
func (n *Network) Looping() int64 {
	n.lock()
	defer n.unlock()
	return n.fabric.Looping()
}

// Metric is one metric as it is shown in a router's configuration.
type Metric struct {
	Value    uint32 // the default when not configured
	Explicit bool
}

// EndMetrics are the metrics of one end of a link, at its highest level.
type EndMetrics struct{ IPv4, IPv6 Metric }

// Metrics are those configured now at a link's two ends.
func (n *Network) Metrics(link string) (a, b EndMetrics, err error) {
	n.lock()
	defer n.unlock()
	i, err := n.link(link)
	if err != nil {
		return a, b, err
	}
	l := n.topology.Links[i]
	return n.byName[l.A.Device].metrics(2 * i), n.byName[l.B.Device].metrics(2*i + 1), nil
}

// Demand is the traffic from one router to another, in bits per second.
type Demand struct {
	From, To   string
	IPv4, IPv6 int64
}

// Traffic is the traffic matrix, which is the same all the time.
func (n *Network) Traffic() []Demand {
	var all []Demand
	for i, from := range n.routers {
		for j, to := range n.routers {
			if i != j {
				at := i*len(n.routers) + j
				all = append(all, Demand{from.name, to.name, n.traffic[fabric.IPv4][at], n.traffic[fabric.IPv6][at]})
			}
		}
	}
	return all
}
