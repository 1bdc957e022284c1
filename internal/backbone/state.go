package backbone

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/backbone/target"
)

// View implements target.Device.
func (r *Router) View(_ context.Context, look func(target.View) error) error {
	now := r.network.lock()
	defer r.network.unlock()
	return look(target.View{Now: now, Leaves: r.shown(), Changed: r.network.changed})
}

// shown returns the router's leaves. The mutex is held.
func (r *Router) shown() *target.Leaves {
	if r.leaves != nil {
		return r.leaves
	}
	l := target.NewLeaves(2 * len(r.running))
	r.describeState(l) // first, so that what is really in force wins over the mirror of what is configured
	for key, leaf := range r.running {
		l.Add(&target.Reading{Leaf: leaf, Read: func(time.Time) model.Value { return r.running[key].Value }})
	}
	l.Mirror(r.programmed, func(key string) model.Value { return r.programmed[key].Value })
	l.Sort()
	r.leaves = l
	return l
}

// describeState adds the leaves of state that do not simply mirror a leaf of configuration.
func (r *Router) describeState(c *target.Leaves) {
	d := describer{router: r, leaves: c}
	d.system()
	ifindex := uint64(0)
	for _, key := range slices.Sorted(maps.Keys(r.programmed)) {
		leaf := r.programmed[key]
		if len(leaf.Path) == 4 && leaf.Path[0].GetName() == "interfaces" && leaf.Node.Name == "name" {
			ifindex++
			d.interfaces(leaf.Value.Text(), ifindex)
		}
	}
	for i := range r.ports {
		d.speed(&r.ports[i])
		for level := 1; level <= 2; level++ {
			d.isis(&r.ports[i], level)
		}
	}
	d.at = model.Join(r.isis, model.E("global"), model.E("lsp-bit"), model.E("overload-bit"), model.E("state"))
	d.leaf("set-bit", func(time.Time) model.Value { return model.Bool(r.overloaded()) })
	loopback := r.portKeys(Loopback)
	for level := 1; level <= 2; level++ {
		d.metrics(Loopback, level, &loopback.levels[level])
		if r.speaks(level) {
			d.database(level)
		}
	}
}

// describer adds leaves below one path.
type describer struct {
	router *Router
	leaves *target.Leaves
	at     model.Elems
}

// leaf adds a leaf of state if the schema has it, as it must.
func (d *describer) leaf(below string, read func(now time.Time) model.Value) *target.Reading {
	path := d.at
	for name := range strings.SplitSeq(below, "/") {
		path = model.Join(path, model.E(name))
	}
	node, path, err := d.router.network.schema.Resolve(path)
	if err != nil {
		panic("backbone: state leaf that the schema does not have: " + err.Error())
	}
	leaf := &target.Reading{Leaf: model.Leaf{Key: model.Key(path), Path: path, Node: node}, Derived: true, Read: read}
	d.leaves.Add(leaf)
	return leaf
}

// fixed adds a leaf whose value stays.
func (d *describer) fixed(below string, value model.Value) {
	d.leaf(below, func(time.Time) model.Value { return value })
}

func (d *describer) system() {
	r := d.router
	d.at = model.Elems{model.E("system"), model.E("state")}
	d.fixed("software-version", model.String(r.options.SoftwareVersion))
	d.leaf("boot-time", func(time.Time) model.Value { return model.Uint64(uint64(r.booted.UnixNano())) })
	d.leaf("current-datetime", func(now time.Time) model.Value { return model.String(now.UTC().Format(time.RFC3339)) }).Counts = true
}

// interfaces adds the state of one interface.
func (d *describer) interfaces(name string, ifindex uint64) {
	r := d.router
	d.at = model.Join(interfacePath(name), model.E("state"))
	d.fixed("ifindex", model.Uint(ifindex))
	configured := model.Key(model.Join(interfacePath(name), model.E("config"), model.E("enabled")))
	d.leaf("admin-status", func(time.Time) model.Value { return upDown(enabled(r.programmed, configured)) })
	var end = -1
	for i := range r.ports {
		if r.ports[i].name == name {
			end = r.ports[i].end
		}
	}
	if end < 0 {
		d.leaf("oper-status", func(time.Time) model.Value { return upDown(enabled(r.programmed, configured)) })
		d.counters(name)
		return
	}
	f := r.network.fabric
	link := func() (bool, int64, time.Time) { return f.Up(end / 2) }
	d.leaf("oper-status", func(time.Time) model.Value { up, _, _ := link(); return upDown(up) })
	d.leaf("last-change", func(time.Time) model.Value { _, _, at := link(); return model.Uint64(uint64(at.UnixNano())) })
	for _, name := range []string{"carrier-transitions", "interface-transitions", "link-transitions"} {
		d.leaf("counters/"+name, func(time.Time) model.Value { _, changes, _ := link(); return model.Uint64(uint64(changes)) })
	}
	d.counters(name)
}

// counters adds what moves with the traffic, if the interface has any. Every packet is unicast, and no sender makes bad frames.
func (d *describer) counters(iface string) {
	r := d.router
	count, ok := r.counter(iface)
	if !ok {
		return
	}
	for name, pick := range map[string]func(c Counters) int64{
		"in-octets":        func(c Counters) int64 { return c.InOctets },
		"in-pkts":          func(c Counters) int64 { return c.InPackets },
		"in-unicast-pkts":  func(c Counters) int64 { return c.InPackets },
		"in-errors":        func(c Counters) int64 { return c.InErrors },
		"in-fcs-errors":    func(c Counters) int64 { return c.InErrors },
		"in-discards":      func(c Counters) int64 { return c.InDiscards },
		"out-octets":       func(c Counters) int64 { return c.OutOctets },
		"out-pkts":         func(c Counters) int64 { return c.OutPackets },
		"out-unicast-pkts": func(c Counters) int64 { return c.OutPackets },
		"out-errors":       func(Counters) int64 { return 0 },
		"out-discards":     func(c Counters) int64 { return c.OutDiscards },
	} {
		d.leaf("counters/"+name, func(now time.Time) model.Value {
			return model.Uint64(uint64(pick(r.miscounted(iface, count(now)))))
		}).Counts = true
	}
}

// isis adds the state of IS-IS on one port at one level.
func (d *describer) isis(p *port, level int) {
	r, keys := d.router, &p.keys.levels[level]
	if _, ok := r.programmed[keys.enabled]; !ok {
		return
	}
	f := r.network.fabric
	d.metrics(p.name, level, keys)
	d.at = model.Join(r.levelPath(p.name, level), model.E("adjacencies"), model.E("adjacency", "system-id", p.peer.SystemID()), model.E("state"))
	d.fixed("system-id", model.String(p.peer.SystemID()))
	d.fixed("adjacency-type", model.String([...]string{1: "LEVEL_1", 2: "LEVEL_2"}[level]))
	d.leaf("adjacency-state", func(time.Time) model.Value { return upDown(f.Neighbours(p.end/2, level) && !p.hidden) })
	d.fixed("local-extended-circuit-id", model.Uint(uint64(p.number)))
	d.fixed("neighbor-extended-circuit-id", model.Uint(uint64(p.peer.portAt(p.end^1).number)))
	d.leaf("up-timestamp", func(time.Time) model.Value {
		_, since := f.Adjacent(p.end / 2)
		return model.Uint64(uint64(since.UnixNano()))
	})
	d.leaf("multi-topology", func(time.Time) model.Value {
		_, multi := r.programmed[r.multiTopologyKey()]
		return model.Bool(multi)
	})
}

// metrics adds what is in force on an interface at one level.
func (d *describer) metrics(name string, level int, keys *levelKeys) {
	r := d.router
	for class := range keys.af {
		if _, ok := r.programmed[keys.af[class].name]; ok {
			d.at = model.Join(r.afPath(name, level, class), model.E("state"))
			d.leaf("metric", func(time.Time) model.Value {
				return model.Uint(uint64(metricOf(r.programmed, keys.af[class].metric)))
			})
		}
	}
}

// portAt is the router's port at an end of the fabric, which it must have.
func (r *Router) portAt(end int) *port {
	return &r.ports[slices.IndexFunc(r.ports, func(p port) bool { return p.end == end })]
}

func upDown(up bool) model.Value {
	if up {
		return model.String("UP")
	}
	return model.String("DOWN")
}
