package network

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/detour-net/detour/events"
)

// Resolver says which suspected fault a resource belongs to. It is made once from a topology, answers by looking up maps,
// never changes, and may be shared.
type Resolver struct {
	links      map[string]events.Target // by name
	interfaces map[port]string          // device and interface -> link
	ports      map[port]string          // device and port -> the one link on a sub-interface of it, "" when there are several
	devices    map[string]events.Target
	routers    map[string]events.Device
	srlgs      map[string]bool
	within     map[events.Scope][]string // names of the links of a scope
	capacity   map[events.Scope]int64    // of these links together
}

// port is an interface of a router.
type port struct{ device, name string }

// NewResolver validates t and returns its resolver.
func NewResolver(t *Topology) (*Resolver, error) {
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("topology: %w", err)
	}
	r := &Resolver{
		links: map[string]events.Target{}, interfaces: map[port]string{}, ports: map[port]string{},
		devices: map[string]events.Target{}, routers: map[string]events.Device{}, srlgs: map[string]bool{}, within: map[events.Scope][]string{}, capacity: map[events.Scope]int64{},
	}
	routers := map[string]Router{}
	for _, x := range t.Routers {
		routers[x.Name] = x
		r.routers[x.Name] = events.Device{Name: x.Name, Site: x.Site, Plane: x.Plane, Roles: x.Roles}
		r.devices[x.Name] = events.Target{Kind: events.TargetDevice, Name: x.Name, Scopes: deviceScopes(x)}
	}
	groups := map[string][]SRLG{} // link -> those that it is in
	for _, g := range t.RiskGroups() {
		r.srlgs[g.Name] = true
		for _, name := range g.Links {
			groups[name] = append(groups[name], g)
		}
	}
	for _, l := range t.Links {
		r.links[l.Name] = linkTarget(l, groups[l.Name], routers[l.A.Device], routers[l.B.Device])
		for _, e := range []End{l.A, l.B} {
			r.interfaces[port{e.Device, e.Interface}] = l.Name
			if bare, ok := portOf(e.Interface); ok {
				key := port{e.Device, bare}
				if _, several := r.ports[key]; several {
					r.ports[key] = ""
				} else {
					r.ports[key] = l.Name
				}
			}
		}
	}
	for _, l := range t.Links {
		for _, scope := range r.links[l.Name].Scopes {
			r.within[scope] = append(r.within[scope], l.Name)
			r.capacity[scope] += l.Capacity
		}
	}
	return r, nil
}

// Links returns the links of a scope, in the topology's order. They must not be changed.
func (r *Resolver) Links(scope events.Scope) []string { return r.within[scope] }

// Scopes returns every scope that people may name and in which anything is, the whole network first, then those with the most
// links.
func (r *Resolver) Scopes() []events.Scope {
	all := map[events.Scope]bool{events.Network: true}
	for scope := range r.within {
		all[scope] = true
	}
	for _, router := range r.devices { // which may have no link yet
		for _, scope := range router.Scopes {
			all[scope] = true
		}
	}
	list := slices.DeleteFunc(slices.Collect(maps.Keys(all)), func(s events.Scope) bool {
		_, err := events.ParseScope(string(s))
		return err != nil
	})
	slices.SortFunc(list, func(x, y events.Scope) int {
		return cmp.Or(len(r.within[y])-len(r.within[x]), rank(x)-rank(y), cmp.Compare(x, y))
	})
	return list
}

// rank puts the network before what has as many links.
func rank(s events.Scope) int {
	if s == events.Network {
		return 0
	}
	return 1
}

// Capacity returns what all links of a scope can carry together in each direction, in bits per second; known is false when
// there is none.
func (r *Resolver) Capacity(scope events.Scope) (bps int64, known bool) {
	bps, known = r.capacity[scope]
	return bps, known
}

// portOf is the physical port of a numbered sub-interface: "ethernet-1/1" of "ethernet-1/1.0".
func portOf(iface string) (port string, ok bool) {
	dot := strings.LastIndexByte(iface, '.')
	if dot < 1 || dot == len(iface)-1 || strings.Trim(iface[dot+1:], "0123456789") != "" {
		return "", false
	}
	return iface[:dot], true
}

func deviceScopes(r Router) []events.Scope {
	scopes := []events.Scope{events.Network, events.ScopeOf("device", r.Name)}
	if r.Site != "" {
		scopes = append(scopes, events.ScopeOf("site", r.Site))
	}
	if r.Plane != "" {
		scopes = append(scopes, events.ScopeOf("plane", r.Plane))
	}
	return scopes
}

// linkTarget gives the link every scope that an act on it counts against, each once.
func linkTarget(l Link, groups []SRLG, a, b Router) events.Target {
	scopes := []events.Scope{events.Network, events.ScopeOf("link", l.Name)}
	add := func(kind, name string) {
		if s := events.ScopeOf(kind, name); name != "" && !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	add("bundle", l.Bundle)
	for _, e := range []End{l.A, l.B} {
		if e.Card != "" {
			add("linecard", e.Device+"/"+e.Card)
		}
	}
	add("device", a.Name)
	add("device", b.Name)
	add("site", a.Site)
	add("site", b.Site)
	if a.Site != "" && b.Site != "" && a.Site != b.Site {
		add("site-pair", min(a.Site, b.Site)+"-"+max(a.Site, b.Site))
	}
	add("plane", a.Plane)
	add("plane", b.Plane)
	for _, g := range groups {
		add("srlg", g.Name)
		add("srlg-partner", g.Diverse)
	}
	for _, level := range l.Levels() {
		add("level", strconv.Itoa(level))
	}
	return events.Target{
		Kind: events.TargetLink, Name: l.Name, Capacity: l.Capacity, Scopes: scopes,
		Ends: []events.End{{Device: l.A.Device, Interface: l.A.Interface}, {Device: l.B.Device, Interface: l.B.Interface}},
	}
}

// Resolve returns the target that a resource belongs to; ok is false when it names nothing of the network. The target must
// not be changed.
//
// A link, or an interface (also a LAG without a member) that is one end of a link, is that link. Names must match exactly,
// with one tolerance: an alarm on the port "ethernet-1/1" means the link on "ethernet-1/1.0" when that is the port's only
// sub-interface with a link, and an alarm on "ethernet-1/1.0" means the link on "ethernet-1/1". A device alone is
// itself. A LAG member, line card, SRLG or peer is a target of its own that no remediator answers. An interface that
// ends no link, or whose port carries several, is not found: it is no backbone link.
func (r *Resolver) Resolve(x events.Resource) (events.Target, bool) {
	if x.Link != "" {
		t, ok := r.links[x.Link]
		onIt := x.Device == "" || slices.ContainsFunc(t.Ends, func(e events.End) bool { return e.Device == x.Device })
		return t, ok && onIt
	}
	if x.Device == "" {
		if r.srlgs[x.SRLG] {
			return other(x, []events.Scope{events.Network, events.ScopeOf("srlg", x.SRLG)}), true
		}
		return events.Target{}, false
	}
	device, ok := r.devices[x.Device]
	if !ok {
		return events.Target{}, false
	}
	switch {
	case x.Member != "" || x.Linecard != "" || x.Peer != "":
		return other(x, device.Scopes), true
	case x.Interface != "":
		return r.onInterface(x.Device, x.Interface)
	case x.LAG != "":
		return r.onInterface(x.Device, x.LAG)
	}
	return device, true
}

// other is the target of what no remediator answers. Its name is a subject token already: the inventory does not know
// these names, and two that differ only on the bus must be one target.
func other(x events.Resource, scopes []events.Scope) events.Target {
	return events.Target{Kind: events.TargetOther, Name: events.Token(x.String()), Scopes: scopes}
}

func (r *Resolver) onInterface(device, iface string) (events.Target, bool) {
	name, ok := r.interfaces[port{device, iface}]
	if !ok {
		name = r.ports[port{device, iface}]
	}
	if bare, isZero := strings.CutSuffix(iface, ".0"); name == "" && isZero {
		name = r.interfaces[port{device, bare}]
	}
	t, ok := r.links[name]
	return t, ok
}

// Device returns a router by its name. It must not be changed.
func (r *Resolver) Device(name string) (events.Device, bool) {
	d, ok := r.routers[name]
	return d, ok
}

// Link returns the target of a link by its name.
func (r *Resolver) Link(name string) (events.Target, bool) {
	t, ok := r.links[name]
	return t, ok
}
