package backbone

import "fmt"

// HideAdjacency lets the router show its adjacency on an interface as down from now on, whatever the other end shows, or
// as it is again. Traffic is not touched.
func (r *Router) HideAdjacency(iface string, hidden bool) error {
	return r.alter(iface, func(p *port) error {
		p.hidden = hidden
		return nil
	})
}

// Negotiate lets an interface show another Ethernet speed, in bits per second, than the link's capacity: one that the
// model has a name for, from 1 to 800 Gb/s. Traffic is not touched.
func (r *Router) Negotiate(iface string, bps int64) error {
	return r.alter(iface, func(p *port) error {
		if speedName(bps) == "" || len(p.link.Members) > 0 {
			return fmt.Errorf("%d bit/s: want the Ethernet speed of a port that is no bundle", bps)
		}
		p.speed = bps
		r.leaves = nil
		return nil
	})
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
