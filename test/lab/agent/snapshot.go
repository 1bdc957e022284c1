package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/backbone/target"
	"github.com/detour-net/detour/test/lab/frr"
)

// instance is the name of the network instance, as most platforms have it.
const instance = "DEFAULT"

// snapshot is the router at one moment. It is never changed.
type snapshot struct {
	at       time.Time
	config   frr.Config
	status   frr.Status
	ports    map[string]Port
	settings target.Settings
	shape    string // of all leaves but their values
	told     string // of everything that is sent for being changed
}

// observe asks isisd and the kernel. What has not changed since the last snapshot, which may be nil, is taken from it.
func (a *Agent) observe(ctx context.Context, last *snapshot) (*snapshot, error) {
	s := &snapshot{at: time.Now()}
	var err error
	if s.config, err = a.daemon.Running(ctx); err != nil {
		return nil, err
	}
	if s.status, err = a.daemon.Status(ctx); err != nil {
		return nil, err
	}
	if s.ports, err = a.kernel.Ports(); err != nil {
		return nil, err
	}
	document, err := json.Marshal(s.document(a.name))
	if err != nil {
		return nil, err
	}
	s.shape, s.told = s.digest(string(document))
	if last != nil && last.told == s.told {
		s.settings = last.settings
		return s, nil
	}
	root, path, err := a.schema.Resolve(nil)
	if err != nil {
		return nil, err
	}
	leaves, err := a.schema.Decode(root, path, &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: document}})
	if err != nil {
		return nil, fmt.Errorf("the router's configuration does not fit the model: %w", err)
	}
	s.settings = make(target.Settings, len(leaves))
	for _, leaf := range leaves {
		s.settings[leaf.Key] = leaf
	}
	return s, nil
}

// digest says in text which leaves there are, and what holds of those that do not merely count. Map order does not show,
// as JSON sorts keys.
func (s *snapshot) digest(document string) (shape, told string) {
	ports := map[string]Port{}
	for name, p := range s.ports {
		p.Counters = Counters{}
		ports[name] = p
	}
	lsps := slices.Clone(s.status.Database)
	names := make([]string, len(lsps))
	for i := range lsps {
		lsps[i].Lifetime = 0
		names[i] = lsps[i].SystemID + "." + lsps[i].Suffix
		for _, r := range lsps[i].Reach {
			names[i] += " " + r.SystemID
		}
	}
	state, _ := json.Marshal([]any{ports, s.status.Circuits, s.status.Neighbours, lsps, s.status.Hostnames, s.status.Started, s.status.Version}) // plain data
	var neighbours []string
	for name, list := range s.status.Neighbours {
		for _, n := range list {
			neighbours = append(neighbours, name+" "+n.SystemID)
		}
	}
	slices.Sort(neighbours)
	keys, _ := json.Marshal([]any{shapeOf(s.settingsNames()), neighbours, names})
	return string(keys), document + string(state)
}

// settingsNames are what the configuration's leaves follow from, without their values.
func (s *snapshot) settingsNames() []string {
	var names []string
	for name, p := range s.ports {
		names = append(names, fmt.Sprintf("port %s %t", name, p.Description != ""))
	}
	for name := range s.config.Interfaces {
		names = append(names, "isis "+name)
	}
	return names
}

func shapeOf(names []string) string {
	slices.Sort(names)
	return strings.Join(names, "\n")
}

// object and list are JSON on its way to the schema.
type (
	object = map[string]any
	list   = []any
)

// document is the router's configuration as OpenConfig has it.
func (s *snapshot) document(name string) object {
	return object{
		"system":     object{"config": object{"hostname": name}},
		"interfaces": object{"interface": s.interfaces()},
		"network-instances": object{"network-instance": list{object{
			"name": instance, "config": object{"name": instance, "type": "DEFAULT_INSTANCE"},
			"protocols": object{"protocol": list{object{
				"identifier": "ISIS", "name": frr.Instance, "config": object{"identifier": "ISIS", "name": frr.Instance, "enabled": true},
				"isis": object{"global": s.global(), "levels": object{"level": list{object{
					"level-number": 2, "config": object{"level-number": 2, "metric-style": "WIDE_METRIC"},
				}}}, "interfaces": object{"interface": s.isisInterfaces()}},
			}}},
		}}},
	}
}

func (s *snapshot) interfaces() list {
	all := list{}
	for _, name := range sortedKeys(s.ports) {
		p := s.ports[name]
		config := object{"name": name, "type": "ethernetCsmacd", "enabled": p.Up, "mtu": p.MTU}
		if p.Loopback {
			config["type"] = "softwareLoopback"
			delete(config, "mtu") // 65536 is more than the model's uint16
		}
		if p.Description != "" {
			config["description"] = p.Description
		}
		all = append(all, object{"name": name, "config": config})
	}
	return all
}

func (s *snapshot) global() object {
	families := list{}
	for _, family := range families4and6() {
		families = append(families, object{"afi-name": family, "safi-name": "UNICAST", "config": object{
			"afi-name": family, "safi-name": "UNICAST", "enabled": true,
		}})
	}
	return object{
		"config":   object{"net": list{s.config.NET}, "level-capability": "LEVEL_2"},
		"afi-safi": object{"af": families},
		"lsp-bit":  object{"overload-bit": object{"config": object{"set-bit": s.config.Overload}}},
	}
}

func families4and6() []string { return []string{"IPV4", "IPV6"} }

func (s *snapshot) isisInterfaces() list {
	all := list{}
	for _, name := range sortedKeys(s.config.Interfaces) {
		i := s.config.Interfaces[name]
		families := list{}
		for _, family := range families4and6() {
			families = append(families, object{"afi-name": family, "safi-name": "UNICAST", "config": object{
				"afi-name": family, "safi-name": "UNICAST", "enabled": true, "metric": i.Metric,
			}})
		}
		all = append(all, object{
			"interface-id": name, "config": object{"interface-id": name, "enabled": true, "passive": i.Passive, "circuit-type": "POINT_TO_POINT"},
			"levels": object{"level": list{object{
				"level-number": 2, "config": object{"level-number": 2, "enabled": true}, "afi-safi": object{"af": families},
			}}},
		})
	}
	return all
}

// paths of what the agent shows and sets.

func interfacePath(name string) model.Elems {
	return model.Elems{model.E("interfaces"), model.E("interface", "name", name)}
}

func isisPath() model.Elems {
	return model.Elems{
		model.E("network-instances"), model.E("network-instance", "name", instance),
		model.E("protocols"), model.E("protocol", "identifier", "ISIS", "name", frr.Instance), model.E("isis"),
	}
}

func levelPath(name string) model.Elems {
	return model.Join(isisPath(), model.E("interfaces"), model.E("interface", "interface-id", name), model.E("levels"), model.E("level", "level-number", "2"))
}

func familyPath(name, family string) model.Elems {
	return model.Join(levelPath(name), model.E("afi-safi"), model.E("af", "afi-name", family, "safi-name", "UNICAST"))
}

func metricKey(name, family string) string {
	return model.Key(model.Join(familyPath(name, family), model.E("config"), model.E("metric")))
}

func overloadPath() model.Elems {
	return model.Join(isisPath(), model.E("global"), model.E("lsp-bit"), model.E("overload-bit"))
}
