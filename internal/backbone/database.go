package backbone

import (
	"slices"
	"strconv"
	"time"

	"github.com/detour-net/detour/internal/backbone/fabric"
	"github.com/detour-net/detour/internal/backbone/model"
)

// database adds the link-state database of a level: one packet for each router that runs the level, as every router has
// it, with the neighbours that it advertises. Metrics are those of IPv4, which extended reachability carries (RFC 5305,
// section 3).
func (d *describer) database(level int) {
	r := d.router
	levelAt := model.Join(r.isis, model.E("levels"), model.E("level", "level-number", strconv.Itoa(level)))
	for _, other := range r.network.routers {
		if !other.speaks(level) {
			continue
		}
		id := other.SystemID() + ".00-00"
		at := model.Join(levelAt, model.E("link-state-database"), model.E("lsp", "lsp-id", id))
		d.at = model.Join(at, model.E("state"))
		d.fixed("lsp-id", model.String(id))
		if other.overloaded() { // a leaf-list without an element is none
			d.fixed("flags", model.Words("OVERLOAD"))
		}
		d.at = model.Join(at, model.E("tlvs"), model.E("tlv", "type", "DYNAMIC_NAME"), model.E("hostname"), model.E("state"))
		d.fixed("hostname", model.Words(other.name))
		d.reach(model.Join(at, model.E("tlvs"), model.E("tlv", "type", "EXTENDED_IS_REACHABILITY"), model.E("extended-is-reachability"), model.E("neighbors")), other, level)
	}
}

// reach adds the neighbours that a router advertises. Several links to one neighbour are instances of it.
func (d *describer) reach(at model.Elems, other *Router, level int) {
	instances := map[string]int{}
	for i := range other.ports {
		p := &other.ports[i]
		if !d.router.network.fabric.Neighbours(p.end/2, level) {
			continue
		}
		system := p.peer.SystemID()
		instances[system]++
		d.at = model.Join(at, model.E("neighbor", "system-id", system), model.E("instances"), model.E("instance", "id", strconv.Itoa(instances[system])), model.E("state"))
		d.leaf("metric", func(time.Time) model.Value {
			return model.Uint(uint64(metricOf(other.programmed, p.keys.levels[level].af[fabric.IPv4].metric)))
		})
	}
}

// speaks says whether the router runs a level on any interface.
func (r *Router) speaks(level int) bool {
	for i := range r.ports {
		if r.endOf(r.programmed, &r.ports[i].keys).Levels&(1<<level) != 0 {
			return true
		}
	}
	return false
}

func (r *Router) overloaded() bool { return r.programmed[r.overloadKey()].Value.Bool() }

// reshape makes every router describe itself anew when somebody advertises other neighbours, or another overload bit, than
// before: then leaves of the link-state database have come or gone. The mutex is held.
func (n *Network) reshape() {
	now := make([]uint8, 0, len(n.topology.Links)+len(n.routers))
	bit := func(is bool, level int) uint8 {
		if is {
			return 1 << level
		}
		return 0
	}
	for i := range n.topology.Links {
		now = append(now, bit(n.fabric.Neighbours(i, 1), 1)|bit(n.fabric.Neighbours(i, 2), 2))
	}
	for _, r := range n.routers {
		now = append(now, bit(r.overloaded(), 0))
	}
	if slices.Equal(n.shape, now) {
		return
	}
	n.shape = now
	for _, r := range n.routers {
		r.leaves = nil
	}
}

// speed adds how fast an interface is: a bundle as the sum of its members, a port by its Ethernet speed.
func (d *describer) speed(p *port) {
	if len(p.link.Members) > 0 {
		d.at = model.Join(interfacePath(p.name), model.E("aggregation"), model.E("state"))
		d.leaf("lag-speed", func(time.Time) model.Value { return model.Uint(uint64(p.speed / 1e6)) })
		return
	}
	if model.EthernetSpeed(p.speed).Known() {
		d.at = model.Join(interfacePath(p.name), model.E("ethernet"), model.E("state"))
		d.leaf("port-speed", func(time.Time) model.Value { return model.EthernetSpeed(p.speed) })
	}
}
