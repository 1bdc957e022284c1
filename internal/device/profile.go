package device

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
)

// IS-IS wide metrics, RFC 5305 section 3: the field has 24 bits, and a link with the highest value is left out of SPF.
const (
	softMetric = 1<<24 - 2
	hardMetric = 1<<24 - 1
)

// profile is what Detour knows of one platform.
type profile struct {
	name        string
	origin      string
	soft        uint32 // the highest metric that SPF still uses
	hard        uint32 // takes a link out of SPF, 0 where the platform has none
	sameLevels  bool   // the metric must be equal at both levels
	arbitration bool   // MasterArbitration may be sent; whether it is honoured is proven, not declared
	validated   bool   // the paths are OpenConfig's, so the schema can check what is sent
	qualified   []events.Leaf
	whenUnset   map[events.Leaf]string // the value in use, and possibly shown, while a leaf is not configured
	paths       paths
}

// paths are a platform's path templates. Variables: {instance} and {protocol} name the network instance and the IS-IS
// process, {interface} the interface as IS-IS names it, {port} as the interface table names it.
type paths struct {
	metric, metricState         template
	adjacency                   template
	isisInterface, isisPort     template
	levelNumber, levelEnabled   template
	family, familyEnabled       template
	globalFamily                template
	levelCapability, multiTopo  template
	oper, description, counters template
	bootTime, software          template
	net, overload               template // the process's network entity titles; its overload bit, as in force
	portSpeed, lagSpeed         template
	circuit, peerCircuit        template // of an adjacency: extended circuit identifiers of this end and of the other
	lspFlags, lspHost, lspReach template // of a link-state packet
	counter                     map[string]template
}

// counterNames are the counters that rates are made of.
func counterNames() []string {
	return []string{
		"in-octets", "out-octets", "in-pkts", "in-unicast-pkts", "in-multicast-pkts", "in-broadcast-pkts",
		"in-errors", "in-fcs-errors", "in-discards", "out-discards",
	}
}

// profiles is the table of known platforms.
//
// "openconfig" is a router that implements openconfig/public as released, with the network instance and process names of
// its own choosing.
//
// "frr" is FRR's isisd behind an agent that speaks OpenConfig. Version 8.4.4 keeps a link with the metric 16777215 in SPF
// like one with 16777214, which RFC 5305 does not want (section 3): it has no hard drain by metric. An interface has one metric, for
// both families, which the leaf of IPv4 sets.
func profiles() []profile {
	openconfig := profile{
		name:        "openconfig",
		origin:      "openconfig",
		soft:        softMetric,
		hard:        hardMetric,
		arbitration: true,
		validated:   true,
		qualified:   []events.Leaf{events.ISISMetric},
		whenUnset:   map[events.Leaf]string{events.ISISMetric: "10"}, // openconfig-isis-routing.yang, leaf metric
		paths:       openConfigPaths(),
	}
	frr := openconfig
	frr.name, frr.hard = "frr", 0
	return []profile{openconfig, frr}
}

// profileNamed finds a platform; "" means "openconfig".
func profileNamed(name string) (profile, error) {
	if name == "" {
		name = "openconfig"
	}
	var known []string
	for _, p := range profiles() {
		if p.name == name {
			return p, nil
		}
		known = append(known, p.name)
	}
	return profile{}, fmt.Errorf("platform profile %q is not known; known are: %s", name, strings.Join(known, ", "))
}

func openConfigPaths() paths {
	const (
		isis  = "/network-instances/network-instance[name={instance}]/protocols/protocol[identifier=ISIS][name={protocol}]/isis"
		iface = isis + "/interfaces/interface[interface-id={interface}]"
		level = iface + "/levels/level[level-number={level}]"
		af    = level + "/afi-safi/af[afi-name={family}][safi-name=UNICAST]"
		peer  = level + "/adjacencies/adjacency[system-id={system}]/state/"
		lsp   = isis + "/levels/level[level-number={level}]/link-state-database/lsp[lsp-id={lsp}]/"
		port  = "/interfaces/interface[name={port}]"
	)
	at := func(text string) template {
		t, err := parseTemplate("openconfig", text)
		if err != nil {
			panic(err) // a literal of this table
		}
		return t
	}
	p := paths{
		metric:          at(af + "/config/metric"),
		metricState:     at(af + "/state/metric"),
		adjacency:       at(peer + "adjacency-state"),
		isisInterface:   at(iface + "/config/interface-id"),
		isisPort:        at(iface + "/interface-ref/config/interface"),
		levelNumber:     at(level + "/config/level-number"),
		levelEnabled:    at(level + "/config/enabled"),
		family:          at(af + "/config/afi-name"),
		familyEnabled:   at(af + "/config/enabled"),
		globalFamily:    at(isis + "/global/afi-safi/af[afi-name={family}][safi-name=UNICAST]/config/afi-name"),
		levelCapability: at(isis + "/global/config/level-capability"),
		multiTopo:       at(isis + "/global/afi-safi/af[afi-name={family}][safi-name=UNICAST]/multi-topology/config/afi-name"),
		oper:            at(port + "/state/oper-status"),
		description:     at(port + "/config/description"),
		counters:        at(port + "/state/counters"),
		bootTime:        at("/system/state/boot-time"),
		software:        at("/system/state/software-version"),
		net:             at(isis + "/global/config/net"),
		overload:        at(isis + "/global/lsp-bit/overload-bit/state/set-bit"),
		portSpeed:       at(port + "/ethernet/state/port-speed"),
		lagSpeed:        at(port + "/aggregation/state/lag-speed"),
		circuit:         at(peer + "local-extended-circuit-id"),
		peerCircuit:     at(peer + "neighbor-extended-circuit-id"),
		lspFlags:        at(lsp + "state/flags"),
		lspHost:         at(lsp + "tlvs/tlv[type=DYNAMIC_NAME]/hostname/state/hostname"),
		lspReach: at(lsp + "tlvs/tlv[type=EXTENDED_IS_REACHABILITY]/extended-is-reachability/neighbors/neighbor[system-id={system}]/" +
			"instances/instance[id={instance-id}]/state/metric"),
		counter: map[string]template{},
	}
	for _, name := range counterNames() {
		p.counter[name] = at(port + "/state/counters/" + name)
	}
	return p
}

// place says where on a router its IS-IS process is found.
type place struct{ instance, protocol string }

// names binds a leaf's variables.
func (pl place) names(ref events.LeafRef) names {
	return names{
		"instance": pl.instance, "protocol": pl.protocol, "interface": ref.Interface,
		"level": strconv.Itoa(ref.Level), "family": strings.ToUpper(ref.Family),
	}
}

// refOf reads a leaf's variables back.
func refOf(bind names) (events.LeafRef, bool) {
	level, err := strconv.Atoi(bind["level"])
	if err != nil || bind["interface"] == "" || bind["family"] == "" {
		return events.LeafRef{}, false
	}
	return events.LeafRef{
		Leaf: events.ISISMetric, Interface: bind["interface"], Level: level, Family: strings.ToLower(bind["family"]),
	}, true
}

// configPath is where a leaf is configured.
func (p profile) configPath(pl place, ref events.LeafRef) (*gnmi.Path, error) {
	if ref.Leaf != events.ISISMetric {
		return nil, fmt.Errorf("profile %s has no path for the leaf %q", p.name, ref.Leaf)
	}
	return p.paths.metric.fill(pl.names(ref)), nil
}

// encode is the JSON_IETF form of a leaf's value. An IS-IS metric that is a number lies between 1 and the hard metric.
func (p profile) encode(ref events.LeafRef, v events.Value) (*gnmi.TypedValue, error) {
	limit := uint64(max(p.soft, p.hard))
	switch n, ok := v.Uint(); {
	case ok && (n < 1 || n > limit):
		return nil, fmt.Errorf("%s: metric %d lies outside 1..%d", ref, n, limit)
	case !ok && !strings.HasPrefix(v.JSON(), `"`):
		return nil, fmt.Errorf("%s: %s is neither a whole number nor a name", ref, v)
	}
	return &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonIetfVal{JsonIetfVal: []byte(v.JSON())}}, nil
}

// same reports whether a leaf that was read as got stands as want. A router may show the model's default while a leaf is
// not configured (gNMI specification, section 3.3.4).
func (p profile) same(ref events.LeafRef, want, got events.Value) bool {
	if want.JSON() == got.JSON() {
		return true
	}
	return want.Absent() && got.JSON() == p.whenUnset[ref.Leaf]
}

// facts is the profile as decisions see it.
func (p profile) facts(software string, bars []events.Bar, proven bool) events.Profile {
	return events.Profile{
		Name: p.name, Software: software, SoftMetric: p.soft, HardMetric: p.hard, SameLevels: p.sameLevels,
		Bars: bars, Qualified: proven,
	}
}
