package discover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/internal/network"
)

// Kind is in what a link differs from the configured topology.
type Kind string

// The kinds.
const (
	Missing    Kind = "missing"    // it is configured, and neither end has an adjacency
	Extra      Kind = "extra"      // the routers have it, and it is not configured
	OtherEnds  Kind = "ends"       // it leads elsewhere, or one end alone has an adjacency
	Metric     Kind = "metric"     // another metric is in force
	Advertised Kind = "advertised" // other routers go by another metric than the one that its own router shows
	Capacity   Kind = "capacity"   // another speed, or a different one at each end
	Unseen     Kind = "unseen"     // a router at an end could not be asked: nothing can be said
)

// Difference is one thing in which the network differs from its configured topology.
type Difference struct {
	Link       string `json:"link"`
	Kind       Kind   `json:"kind"`
	Configured string `json:"configured,omitempty"`
	Found      string `json:"found,omitempty"`
	Detail     string `json:"detail"`
}

// Compare says in what the network differs from its configured topology, in the order of the topology; what it does not
// have comes last.
func Compare(configured *network.Topology, accounts []Account, found Found) []Difference {
	c := &comparison{accounts: map[string]*Account{}, found: found}
	for i := range accounts {
		c.accounts[accounts[i].Router] = &accounts[i]
	}
	for _, l := range configured.Links {
		c.link(l)
	}
	for _, l := range found.Links {
		if !slices.ContainsFunc(configured.Links, func(k network.Link) bool { return joins(k, endAt(l.A), endAt(l.B)) }) {
			c.add(Difference{l.Name, Extra, "", between(l.Link), "the routers have this link, and the topology does not"})
		}
	}
	for _, e := range found.Loose {
		if !slices.ContainsFunc(configured.Links, func(k network.Link) bool { return endAt(k.A) == e.End || endAt(k.B) == e.End }) {
			c.add(Difference{e.Device + " " + e.Interface, Extra, "", fmt.Sprintf("%s %s to %s", e.Device, e.Interface, cmp.Or(e.Peer, e.System)), e.Why})
		}
	}
	return c.differences
}

// comparison is a Compare under way.
type comparison struct {
	accounts    map[string]*Account
	found       Found
	differences []Difference
}

func (c *comparison) add(d Difference) { c.differences = append(c.differences, d) }

func endAt(e network.End) End { return End{e.Device, e.Interface} }

func between(l network.Link) string {
	return fmt.Sprintf("%s %s to %s %s", l.A.Device, l.A.Interface, l.B.Device, l.B.Interface)
}

// link compares one configured link with what its routers tell.
func (c *comparison) link(l network.Link) {
	for _, e := range []network.End{l.A, l.B} {
		if a := c.accounts[e.Device]; a == nil || a.Silent != "" {
			c.add(Difference{l.Name, Unseen, between(l), "", e.Device + " could not be asked"})
			return
		}
	}
	n := slices.IndexFunc(c.found.Links, func(k Link) bool { return joins(l, endAt(k.A), endAt(k.B)) })
	if n < 0 {
		c.elsewhere(l)
		return
	}
	seen := c.found.Links[n]
	c.metrics(l, l.A, l.B)
	c.metrics(l, l.B, l.A)
	switch {
	case seen.Speeds[0] != seen.Speeds[1] && seen.Speeds[0] > 0 && seen.Speeds[1] > 0:
		c.add(Difference{l.Name, Capacity, rate(l.Capacity), rate(seen.Speeds[0]) + " and " + rate(seen.Speeds[1]),
			fmt.Sprintf("its ends disagree: %s has %s, and %s has %s", l.A.Device, rate(seen.Speeds[0]), l.B.Device, rate(seen.Speeds[1]))})
	case max(seen.Speeds[0], seen.Speeds[1]) > 0 && max(seen.Speeds[0], seen.Speeds[1]) != l.Capacity:
		c.add(Difference{l.Name, Capacity, rate(l.Capacity), rate(max(seen.Speeds[0], seen.Speeds[1])), "its interfaces have another speed than the topology says"})
	}
}

// elsewhere is about a link whose two ends do not lead to each other.
func (c *comparison) elsewhere(l network.Link) {
	var seen []string
	for _, e := range []network.End{l.A, l.B} {
		if to := c.leadsTo(endAt(e)); to != "" {
			seen = append(seen, fmt.Sprintf("%s %s to %s", e.Device, e.Interface, to))
		}
	}
	if len(seen) == 0 {
		c.add(Difference{l.Name, Missing, between(l), "", fmt.Sprintf("neither %s nor %s has an adjacency there", l.A.Device, l.B.Device)})
		return
	}
	c.add(Difference{l.Name, OtherEnds, between(l), strings.Join(seen, ", "), "its ends do not lead to each other"})
}

// leadsTo is where an end leads as far as is known, "" when it has no adjacency.
func (c *comparison) leadsTo(e End) string {
	for _, l := range c.found.Links {
		switch e {
		case endAt(l.A):
			return l.B.Device + " " + l.B.Interface
		case endAt(l.B):
			return l.A.Device + " " + l.A.Interface
		}
	}
	for _, o := range c.found.Loose {
		if o.End == e {
			return cmp.Or(o.Peer, o.System)
		}
	}
	return ""
}

// metrics compares what is in force at one end, and what other routers go by.
func (c *comparison) metrics(l network.Link, e, to network.End) {
	account := c.accounts[e.Device]
	port := account.port(e.Interface)
	at := e.Device + " " + e.Interface
	for _, m := range port.Metrics {
		want := e.MetricAt(m.Level, m.Family)
		if !slices.Contains(l.Levels(), m.Level) || m.Value == want {
			continue
		}
		detail := fmt.Sprintf("the metric of %s is not the configured one", at)
		if m.Value >= network.MetricLastResort && want < network.MetricLastResort {
			detail = fmt.Sprintf("%s is drained, by whomever", at)
		}
		c.add(Difference{l.Name, Metric, fmt.Sprintf("%s level %d %s %d", e.Device, m.Level, m.Family, want), fmt.Sprint(m.Value), detail})
	}
	for _, level := range l.Levels() {
		own, ok := metricOf(port.Metrics, level)
		others, seen := c.advertised(account.System, c.accounts[to.Device].System, level)
		if ok && seen && !slices.Contains(others, own) {
			c.add(Difference{l.Name, Advertised, "", fmt.Sprint(others),
				fmt.Sprintf("%s has %d in force on %s, level %d, and %s knows of %v towards %s", e.Device, own, e.Interface, level, to.Device, others, to.Device)})
		}
	}
}

// metricOf is what a packet would carry of an end: the metric of IPv4.
func metricOf(metrics []network.Metric, level int) (uint32, bool) {
	for _, m := range metrics {
		if m.Level == level && m.Family == network.IPv4 {
			return m.Value, true
		}
	}
	return 0, false
}

// advertised are the metrics with which the system from advertises the system to, in the database of to: seen is false when
// that has no packet of it.
func (c *comparison) advertised(from, to string, level int) (metrics []uint32, seen bool) {
	for _, a := range c.accounts {
		if a.System != to || to == "" {
			continue
		}
		for _, p := range a.Database {
			if p.System != from || p.Level != level {
				continue
			}
			seen = true
			for _, r := range p.Reach {
				if r.System == to {
					metrics = append(metrics, r.Metric)
				}
			}
		}
	}
	return metrics, seen
}

// port is an interface of the router; one that IS-IS does not have is empty.
func (a *Account) port(name string) Port {
	for _, p := range a.Ports {
		if p.Interface == name {
			return p
		}
	}
	return Port{Interface: name}
}

// rate is a number of bits per second for people.
func rate(bps int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e12, "Tb/s"}, {1e9, "Gb/s"}, {1e6, "Mb/s"}} {
		if bps >= unit.size && bps%unit.size == 0 {
			return fmt.Sprintf("%d %s", bps/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d bit/s", bps)
}
