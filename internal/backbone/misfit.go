package backbone

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/internal/backbone/model"
)

// HideAdjacency lets the router show its adjacency on an interface as down from now on, whatever the other end shows, or
// as it is again. Traffic is not touched.
func (r *Router) HideAdjacency(iface string, hidden bool) error {
	return r.alter(iface, func(p *port) error {
		p.hidden = hidden
		return nil
	})
}

// Negotiate lets an interface show another Ethernet speed, in bits per second, than the link's capacity: one that the
// model has a name for. Traffic is not touched.
func (r *Router) Negotiate(iface string, bps int64) error {
	return r.alter(iface, func(p *port) error {
		if !model.EthernetSpeed(bps).Known() || len(p.link.Members) > 0 {
			return fmt.Errorf("%d bit/s: want the Ethernet speed of a port that is no bundle", bps)
		}
		p.speed = bps
		r.leaves = nil
		return nil
	})
}

// Miscount lets an interface count only so many thousandths of the octets that it receives from now on, or more than it does;
// 1000 is the truth. Traffic is not touched.
func (r *Router) Miscount(iface string, permil int64) error {
	now := r.network.lock()
	defer r.network.unlock()
	count, ok := r.counter(iface)
	if !ok || permil < 0 {
		return fmt.Errorf("backbone: router %s: count %d thousandths on %s: want an interface with traffic, and 0 or more", r.name, permil, iface)
	}
	is := count(now)
	r.miscounts[iface] = miscount{permil: permil, since: is.InOctets, shown: r.miscounted(iface, is).InOctets}
	r.network.announce()
	return nil
}

// miscount is a counter that is wrong since a moment: what it should have shown then, and what it did.
type miscount struct {
	permil       int64
	since, shown int64
}

// miscounted is what an interface shows of what it has counted.
func (r *Router) miscounted(iface string, is Counters) Counters {
	if m, ok := r.miscounts[iface]; ok {
		is.InOctets = m.shown + (is.InOctets-m.since)*m.permil/1000
	}
	return is
}

// counter finds what an interface counts; ok is false of one that no traffic uses.
func (r *Router) counter(iface string) (count func(now time.Time) Counters, ok bool) {
	f := r.network.fabric
	if iface == Edge {
		return func(now time.Time) Counters { return f.EdgeCounters(r.index, now) }, true
	}
	i := slices.IndexFunc(r.ports, func(p port) bool { return p.name == iface })
	if i < 0 {
		return nil, false
	}
	end := r.ports[i].end
	return func(now time.Time) Counters { return f.Counters(end, now) }, true
}

// alter changes how one port shows itself.
func (r *Router) alter(iface string, change func(*port) error) error {
	r.network.lock()
	defer r.network.unlock()
	for i := range r.ports {
		if r.ports[i].name != iface {
			continue
		}
		if err := change(&r.ports[i]); err != nil {
			return fmt.Errorf("backbone: router %s: %s: %w", r.name, iface, err)
		}
		r.network.announce()
		return nil
	}
	return fmt.Errorf("backbone: router %s: interface %q ends no link", r.name, iface)
}
