package agent

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/backbone/target"
	"github.com/detour-net/detour/test/lab/frr"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// describe is every leaf that the router shows. Values are read from whatever snapshot is the agent's when they are asked
// for, so the leaves stay valid until one comes or goes.
func (a *Agent) describe(s *snapshot) (*target.Leaves, error) {
	d := &describer{agent: a, leaves: target.NewLeaves(2 * len(s.settings))}
	d.system()
	for _, name := range sortedKeys(s.ports) {
		d.port(name)
	}
	for _, name := range sortedKeys(s.config.Interfaces) {
		d.isis(name, s.status.Neighbours[name])
	}
	d.at = model.Join(overloadPath(), model.E("state"))
	d.leaf("set-bit", func(s *snapshot) model.Value { return model.Bool(s.own().Overload) })
	for i := range s.status.Database {
		d.lsp(&s.status.Database[i])
	}
	for key, leaf := range s.settings {
		d.leaves.Add(&target.Reading{Leaf: leaf, Read: func(time.Time) model.Value { return a.last.settings[key].Value }})
	}
	d.leaves.Mirror(s.settings, func(key string) model.Value { return a.last.settings[key].Value })
	d.leaves.Sort()
	return d.leaves, d.err
}

// own is the router's own link-state packet, as it has sent it: what others go by.
func (s *snapshot) own() frr.LSP {
	for _, lsp := range s.status.Database {
		if lsp.SystemID == systemID(s.config.NET) && lsp.Suffix == "00-00" {
			return lsp
		}
	}
	return frr.LSP{}
}

// systemID is the identifier in a network entity title such as 49.0001.0000.0000.0001.00.
func systemID(net string) string {
	parts := strings.Split(net, ".")
	if len(parts) < 5 {
		return ""
	}
	return strings.Join(parts[len(parts)-4:len(parts)-1], ".")
}

// describer adds leaves below one path. Its first error stays.
type describer struct {
	agent  *Agent
	leaves *target.Leaves
	at     model.Elems
	err    error
}

func (d *describer) leaf(below string, read func(s *snapshot) model.Value) *target.Reading {
	path := d.at
	for name := range strings.SplitSeq(below, "/") {
		path = model.Join(path, model.E(name))
	}
	node, path, err := d.agent.schema.Resolve(path)
	if err != nil {
		if d.err == nil {
			d.err = fmt.Errorf("state that the model does not have: %w", err)
		}
		return &target.Reading{}
	}
	leaf := &target.Reading{
		Leaf: model.Leaf{Key: model.Key(path), Path: path, Node: node}, Derived: true,
		Read: func(time.Time) model.Value { return read(d.agent.last) },
	}
	d.leaves.Add(leaf)
	return leaf
}

func (d *describer) fixed(below string, value model.Value) {
	d.leaf(below, func(*snapshot) model.Value { return value })
}

func (d *describer) system() {
	d.at = model.Elems{model.E("system"), model.E("state")}
	d.leaf("software-version", func(s *snapshot) model.Value { return model.String(s.status.Version) })
	// The router is up since its isisd is: that is when it lost what it had not saved.
	d.leaf("boot-time", func(s *snapshot) model.Value { return model.Uint64(uint64(s.status.Started.UnixNano())) })
	d.leaf("current-datetime", func(s *snapshot) model.Value { return model.String(s.at.UTC().Format(time.RFC3339)) }).Counts = true
}

func (d *describer) port(name string) {
	d.at = model.Join(interfacePath(name), model.E("state"))
	d.leaf("ifindex", func(s *snapshot) model.Value { return model.Uint(uint64(s.ports[name].Index)) })
	d.leaf("admin-status", func(s *snapshot) model.Value { return upDown(s.ports[name].Up) })
	d.leaf("oper-status", func(s *snapshot) model.Value { return model.String(s.ports[name].Oper) })
	for counter, pick := range map[string]func(c Counters) uint64{
		"in-octets":         func(c Counters) uint64 { return c.InOctets },
		"in-pkts":           func(c Counters) uint64 { return c.InPackets },
		"in-unicast-pkts":   func(c Counters) uint64 { return c.InPackets - min(c.InPackets, c.InMulticast) },
		"in-multicast-pkts": func(c Counters) uint64 { return c.InMulticast },
		"in-errors":         func(c Counters) uint64 { return c.InErrors },
		"in-fcs-errors":     func(c Counters) uint64 { return c.InFCSErrors },
		"in-discards":       func(c Counters) uint64 { return c.InDiscards },
		"out-octets":        func(c Counters) uint64 { return c.OutOctets },
		"out-pkts":          func(c Counters) uint64 { return c.OutPackets },
		"out-errors":        func(c Counters) uint64 { return c.OutErrors },
		"out-discards":      func(c Counters) uint64 { return c.OutDiscards },
	} {
		d.leaf("counters/"+counter, func(s *snapshot) model.Value { return model.Uint64(pick(s.ports[name].Counters)) }).Counts = true
	}
	if speed := model.EthernetSpeed(d.agent.speeds[name]); speed.Known() {
		d.at = model.Join(interfacePath(name), model.E("ethernet"), model.E("state"))
		d.fixed("port-speed", speed)
	}
}

// isis adds what is in force on an interface, and its adjacencies. Those that isisd has forgotten are not there.
func (d *describer) isis(name string, neighbours []frr.Neighbour) {
	for _, family := range families4and6() {
		d.at = model.Join(familyPath(name, family), model.E("state"))
		d.leaf("metric", func(s *snapshot) model.Value { return model.Uint(uint64(s.status.Circuits[name].Metric)) })
	}
	for _, n := range neighbours {
		d.at = model.Join(levelPath(name), model.E("adjacencies"), model.E("adjacency", "system-id", n.SystemID), model.E("state"))
		d.fixed("system-id", model.String(n.SystemID))
		d.fixed("adjacency-type", model.String("LEVEL_2"))
		d.leaf("adjacency-state", func(s *snapshot) model.Value {
			for _, now := range s.status.Neighbours[name] {
				if now.SystemID == n.SystemID {
					return adjacencyState(now.State)
				}
			}
			return upDown(false)
		})
	}
}

func adjacencyState(state string) model.Value {
	if state == "initializing" {
		return model.String("INIT")
	}
	return upDown(state == "up")
}

func upDown(up bool) model.Value {
	if up {
		return model.String("UP")
	}
	return model.String("DOWN")
}

// lsp adds one link-state packet: who sent it, and the metrics that it names.
func (d *describer) lsp(lsp *frr.LSP) {
	id := lsp.SystemID + "." + lsp.Suffix
	find := func(s *snapshot) frr.LSP {
		for _, now := range s.status.Database {
			if now.SystemID == lsp.SystemID && now.Suffix == lsp.Suffix {
				return now
			}
		}
		return frr.LSP{}
	}
	at := model.Join(isisPath(), model.E("levels"), model.E("level", "level-number", "2"), model.E("link-state-database"), model.E("lsp", "lsp-id", id))
	d.at = model.Join(at, model.E("state"))
	d.fixed("lsp-id", model.String(id))
	d.leaf("sequence-number", func(s *snapshot) model.Value { return model.Uint(uint64(find(s).Sequence)) })
	d.leaf("remaining-lifetime", func(s *snapshot) model.Value { return model.Uint(uint64(find(s).Lifetime)) }).Counts = true
	d.leaf("flags", func(s *snapshot) model.Value { return flags(find(s)) })
	tlv := model.Join(at, model.E("tlvs"), model.E("tlv", "type", "EXTENDED_IS_REACHABILITY"))
	seen := map[string]int{}
	for i, r := range lsp.Reach {
		seen[r.SystemID]++
		neighbour := model.Join(tlv, model.E("extended-is-reachability"), model.E("neighbors"), model.E("neighbor", "system-id", r.SystemID))
		d.at = model.Join(neighbour, model.E("instances"), model.E("instance", "id", strconv.Itoa(seen[r.SystemID])), model.E("state"))
		d.leaf("metric", func(s *snapshot) model.Value {
			if now := find(s).Reach; i < len(now) {
				return model.Uint(uint64(now[i].Metric))
			}
			return model.Value{}
		})
	}
}

// flags are the bits of an LSP as the leaf-list of the same name has them.
func flags(lsp frr.LSP) model.Value {
	if lsp.Overload {
		return model.Words("OVERLOAD")
	}
	return model.Words()
}
