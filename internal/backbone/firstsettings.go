package backbone

import (
	"encoding/json"
	"fmt"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/internal/backbone/fabric"
)

// object and list are JSON on its way to a router.
type (
	object = map[string]any
	list   = []any
)

// firstSettings is the configuration that a router starts with: its interfaces, and IS-IS on those that end links.
func (r *Router) firstSettings() (settings, error) {
	document, err := json.Marshal(object{
		"system":     object{"config": object{"hostname": r.name}},
		"interfaces": object{"interface": r.firstInterfaces()},
		"network-instances": object{"network-instance": list{object{
			"name":   r.options.NetworkInstance,
			"config": object{"name": r.options.NetworkInstance, "type": "DEFAULT_INSTANCE"},
			"protocols": object{"protocol": list{object{
				"identifier": "ISIS", "name": r.options.Instance,
				"config": object{"identifier": "ISIS", "name": r.options.Instance, "enabled": true},
				"isis":   object{"global": r.firstGlobal(), "levels": object{"level": r.firstLevels()}, "interfaces": object{"interface": r.firstIsis()}},
			}}},
		}}},
	})
	if err != nil {
		return nil, err
	}
	root, path, err := r.network.schema.Resolve(nil)
	if err != nil {
		return nil, err
	}
	leaves, err := r.network.schema.Decode(root, path, &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: document}})
	if err != nil {
		return nil, fmt.Errorf("first configuration: %w", err)
	}
	s := make(settings, len(leaves))
	for _, leaf := range leaves {
		s[leaf.Key] = leaf
	}
	return s, nil
}

func (r *Router) firstInterfaces() list {
	all := list{object{"name": Loopback, "config": object{
		"name": Loopback, "type": "softwareLoopback", "enabled": true, "description": "loopback",
	}}, object{"name": Edge, "config": object{
		"name": Edge, "type": "ethernetCsmacd", "enabled": true, "description": "customers",
	}}}
	for _, p := range r.ports {
		all = append(all, object{"name": p.name, "config": object{
			"name": p.name, "type": "ethernetCsmacd", "enabled": true, "description": p.link.Name + " to " + p.peer.name,
		}})
	}
	return all
}

func (r *Router) firstGlobal() object {
	families := list{}
	for class := range r.classes() {
		config := object{"afi-name": afiNames[class], "safi-name": "UNICAST"}
		family := object{"afi-name": afiNames[class], "safi-name": "UNICAST", "config": object{
			"afi-name": afiNames[class], "safi-name": "UNICAST", "enabled": true,
		}}
		if class == fabric.IPv6 && !r.options.SingleTopology {
			family["multi-topology"] = object{"config": config}
		}
		families = append(families, family)
	}
	capability := "LEVEL_2"
	if len(r.options.Levels) > 1 {
		capability = "LEVEL_1_2"
	}
	return object{
		"config":   object{"net": list{"49.0001." + r.SystemID() + ".00"}, "level-capability": capability},
		"afi-safi": object{"af": families},
	}
}

// classes is how many traffic classes the router knows, IPv4 being the first.
func (r *Router) classes() int {
	if r.options.IPv4Only {
		return 1
	}
	return 2
}

func (r *Router) firstLevels() list {
	var all list
	for _, level := range r.options.Levels {
		all = append(all, object{"level-number": level, "config": object{"level-number": level, "metric-style": "WIDE_METRIC"}})
	}
	return all
}

// firstIsis has every interface that ends a link, and the loopback, which is passive.
func (r *Router) firstIsis() list {
	all := list{r.isisOn(Loopback, defaultMetric, true)}
	for _, p := range r.ports {
		all = append(all, r.isisOn(p.name, p.metric, false))
	}
	return all
}

func (r *Router) isisOn(name string, metric uint32, passive bool) object {
	var levels list
	for _, level := range r.options.Levels {
		families := list{}
		for class := range r.classes() {
			config := object{"afi-name": afiNames[class], "safi-name": "UNICAST", "enabled": true}
			if !r.options.MetricAbsent {
				config["metric"] = metric
			}
			families = append(families, object{"afi-name": afiNames[class], "safi-name": "UNICAST", "config": config})
		}
		levels = append(levels, object{
			"level-number": level, "config": object{"level-number": level, "enabled": true}, "afi-safi": object{"af": families},
		})
	}
	config := object{"interface-id": name, "enabled": true, "circuit-type": "POINT_TO_POINT"}
	if passive {
		config = object{"interface-id": name, "enabled": true, "passive": true}
	}
	return object{"interface-id": name, "config": config, "levels": object{"level": levels}}
}
