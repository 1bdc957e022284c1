package device

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
)

// layout is what a router has configured for IS-IS, by interface. It is found by reading, never assumed: which network
// instance and process, which levels, which families.
type layout map[string]isisInterface

// isisInterface is one interface as IS-IS on the router has it.
type isisInterface struct {
	place  place
	system string           // the process's IS-IS system identifier, "" when it has no title
	port   string           // its name in the interface table
	leaves []events.LeafRef // every metric leaf in use, level 1 before 2, IPv4 before IPv6
	values map[events.LeafRef]configured
	wrong  string // why nothing may be set on it, "" when it may
}

// configured is one leaf's value, or why it has none that could be put back.
type configured struct {
	value events.Value
	err   error
}

// surveyed returns the layout that this session knows, reading it first if it must.
func (s *session) surveyed(ctx context.Context) (layout, error) {
	s.mu.Lock()
	lay := s.layout
	s.mu.Unlock()
	if lay != nil {
		return lay, nil
	}
	return s.survey(ctx)
}

// forgetLayout makes the next reader survey the router anew.
func (s *session) forgetLayout() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layout = nil
}

// survey reads the router's whole IS-IS interface and global configuration in one request.
func (s *session) survey(ctx context.Context) (layout, error) {
	p := s.profile.paths
	list, err := s.read(ctx, gnmi.GetRequest_CONFIG, p.metric.upTo("interfaces").fill(nil), p.globalFamily.upTo("global").fill(nil))
	if err != nil {
		return nil, err
	}
	lay := p.layout(list)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layout = lay
	for _, iface := range lay {
		s.system = cmp.Or(iface.system, s.system)
	}
	return lay, nil
}

// findings gathers what a survey brings before it is put together.
type findings struct {
	processes  map[place]*process
	interfaces map[portKey]*ports
}

// portKey tells the same interface in two processes apart.
type portKey struct {
	place place
	id    string
}

// process is the global part of one IS-IS process.
type process struct {
	families   map[string]bool // upper case, as OpenConfig writes them
	multiTopo  map[string]bool
	capability string
	system     string
}

// ports is one interface of one process.
type ports struct {
	port   string
	levels map[int]*levelFound
	values map[events.LeafRef]configured
}

type levelFound struct {
	disabled         bool
	families         map[string]bool
	disabledFamilies map[string]bool
}

func newLevelFound() *levelFound {
	return &levelFound{families: map[string]bool{}, disabledFamilies: map[string]bool{}}
}

// inUse are the families that run on the level; those of the process where the interface names none.
func (l *levelFound) inUse(global *process) map[string]bool {
	from := l.families
	if len(from) == 0 {
		from = global.families
	}
	families := maps.Clone(from)
	maps.DeleteFunc(families, func(family string, _ bool) bool { return l.disabledFamilies[family] })
	return families
}

// layout puts a survey's answers together.
func (p paths) layout(list []update) layout {
	found := findings{processes: map[place]*process{}, interfaces: map[portKey]*ports{}}
	for _, u := range list {
		found.takeGlobal(p, u)
		found.takeInterface(p, u)
	}
	lay := layout{}
	for key, f := range found.interfaces {
		if _, twice := lay[key.id]; twice {
			lay[key.id] = isisInterface{wrong: fmt.Sprintf("%s stands in more than one IS-IS process: which one steers is not known", key.id)}
			continue
		}
		lay[key.id] = f.assemble(key, found.process(key.place))
	}
	return lay
}

func (f *findings) process(pl place) *process {
	if f.processes[pl] == nil {
		f.processes[pl] = &process{families: map[string]bool{}, multiTopo: map[string]bool{}}
	}
	return f.processes[pl]
}

func (f *findings) takeGlobal(p paths, u update) {
	for _, i := range p.globalFamily.find(u.path, u.value) {
		f.process(placeOf(i.names)).families[i.names["family"]] = true
	}
	for _, i := range p.multiTopo.find(u.path, u.value) {
		f.process(placeOf(i.names)).multiTopo[i.names["family"]] = true
	}
	for _, i := range p.net.find(u.path, u.value) {
		if titles, err := words(i.value); err == nil && len(titles) > 0 {
			f.process(placeOf(i.names)).system = systemOf(titles[0])
		}
	}
	for _, i := range p.levelCapability.find(u.path, u.value) {
		if text, err := enum(i.value); err == nil {
			f.process(placeOf(i.names)).capability = text
		}
	}
}

func (f *findings) takeInterface(p paths, u update) {
	for _, i := range p.isisInterface.find(u.path, u.value) {
		f.port(i.names)
	}
	for _, i := range p.isisPort.find(u.path, u.value) {
		if text, err := word(i.value); err == nil {
			f.port(i.names).port = text
		}
	}
	for _, i := range p.levelNumber.find(u.path, u.value) {
		f.level(i.names)
	}
	for _, i := range p.levelEnabled.find(u.path, u.value) {
		if text, err := word(i.value); err == nil {
			f.level(i.names).disabled = text == "false"
		}
	}
	for _, i := range p.family.find(u.path, u.value) {
		f.level(i.names).families[i.names["family"]] = true
	}
	for _, i := range p.familyEnabled.find(u.path, u.value) {
		if text, err := word(i.value); err == nil && text == "false" {
			f.level(i.names).disabledFamilies[i.names["family"]] = true
		}
	}
	for _, i := range p.metric.find(u.path, u.value) {
		f.level(i.names).families[i.names["family"]] = true
		if ref, ok := refOf(i.names); ok {
			value, err := metric(i.value)
			f.port(i.names).values[ref] = configured{value, err}
		}
	}
}

func (f *findings) port(bind names) *ports {
	key := portKey{placeOf(bind), bind["interface"]}
	if f.interfaces[key] == nil {
		f.interfaces[key] = &ports{levels: map[int]*levelFound{}, values: map[events.LeafRef]configured{}}
	}
	return f.interfaces[key]
}

// level finds one level of an interface; a level number that is none gives a place nobody reads.
func (f *findings) level(bind names) *levelFound {
	n, err := strconv.Atoi(bind["level"])
	if err != nil {
		return newLevelFound()
	}
	port := f.port(bind)
	if port.levels[n] == nil {
		port.levels[n] = newLevelFound()
	}
	return port.levels[n]
}

// systemOf is the system identifier in a network entity title such as 49.0001.0000.0000.0001.00: the six octets before the
// selector (ISO 10589, section 7.1). It is "" where the title is none.
func systemOf(title string) string {
	parts := strings.Split(strings.ToLower(title), ".")
	if len(parts) < 5 {
		return ""
	}
	return strings.Join(parts[len(parts)-4:len(parts)-1], ".")
}

func placeOf(bind names) place { return place{bind["instance"], bind["protocol"]} }

// assemble decides which metric leaves are in use on one interface.
func (f *ports) assemble(key portKey, global *process) isisInterface {
	iface := isisInterface{place: key.place, system: global.system, port: f.port, values: map[events.LeafRef]configured{}}
	if iface.port == "" {
		iface.port = key.id
	}
	for _, level := range []int{1, 2} {
		found := f.levels[level]
		if found == nil || found.disabled || !global.runs(level) {
			continue
		}
		for _, family := range global.metricsOf(found.inUse(global)) {
			ref := events.LeafRef{Leaf: events.ISISMetric, Interface: key.id, Level: level, Family: family}
			iface.leaves = append(iface.leaves, ref)
			iface.values[ref] = f.values[ref] // the zero value is absent
		}
	}
	return iface
}

// runs reports whether the process runs a level; one that does not say runs both.
func (g *process) runs(level int) bool {
	switch g.capability {
	case "LEVEL_1":
		return level == 1
	case "LEVEL_2":
		return level == 2
	}
	return true
}

// metricsOf says which families have a metric of their own. In a single topology the IPv4 metric steers every family,
// even where only IPv6 runs, and the IPv6 metric is ignored; with multi-topology each family has its own (RFC 5120).
func (g *process) metricsOf(families map[string]bool) []string {
	four, six := families["IPV4"], families["IPV6"]
	switch {
	case !four && !six:
		return nil
	case !g.multiTopo["IPV6"]:
		return []string{events.IPv4}
	case four && six:
		return []string{events.IPv4, events.IPv6}
	case six:
		return []string{events.IPv6}
	}
	return []string{events.IPv4}
}
