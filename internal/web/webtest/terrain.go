package webtest

import (
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/policy"
)

// Topology is web.Terrain's: Abilene, unless another was set.
func (r *Replica) Topology() api.Topology {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.topology
}

// scopes are those of the topology.
func (r *Replica) scopes() (list []events.Scope) {
	for _, x := range r.topology.Routers {
		list = append(list, events.ScopeOf("device", x.Name), events.ScopeOf("site", x.Site))
	}
	for _, l := range r.topology.Links {
		list = append(list, events.ScopeOf("link", l.Name))
		for _, g := range l.SRLGs {
			list = append(list, events.ScopeOf("srlg", g))
		}
	}
	return list
}

// SetTopology makes it another network.
func (r *Replica) SetTopology(t api.Topology) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.topology = t
}

// Loads is web.Terrain's: between 20 and 60 %, and not known of the last link; kcy has not been heard.
func (r *Replica) Loads() (permil []int, unseen []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := range r.topology.Links {
		permil = append(permil, 200+n*131%400)
	}
	if n := len(permil); n > 0 {
		permil[n-1] = -1
	}
	return permil, []string{"kcy"}
}

// Break takes links down, as routers show it.
func (r *Replica) Break(links ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = links
}

// SetClock has the replica's time told by now.
func (r *Replica) SetClock(now func() time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = now
}

func (r *Replica) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock()
}

// Rules is web.Policy's: the rule of the story, and one that nothing has met.
func (r *Replica) Rules() []policy.Rule {
	return []policy.Rule{
		{Name: "drain-sick-links", Match: policy.Match{Kinds: []events.AnomalyKind{events.LinkErrors, events.LinkFlap}, MinSeverity: events.Minor}, Remediation: "link-drain", Autonomy: policy.Auto},
		{Name: "silent-losses", Match: policy.Match{Kinds: []events.AnomalyKind{events.SilentLoss}}, Remediation: "link-drain", Autonomy: policy.Shadow},
	}
}

// Digest is web.Policy's.
func (r *Replica) Digest() events.Digest { return policyDigest }

// abilene is the network of the story, with the places of its routers.
func abilene() api.Topology {
	t := api.Topology{Routers: []api.Place{
		{Name: "sea", Latitude: 47.61, Longitude: -122.33}, {Name: "svl", Latitude: 37.37, Longitude: -122.04}, {Name: "lax", Latitude: 34.05, Longitude: -118.25},
		{Name: "den", Latitude: 39.74, Longitude: -104.98}, {Name: "kcy", Latitude: 39.10, Longitude: -94.58}, {Name: "hou", Latitude: 29.76, Longitude: -95.37},
		{Name: "ipl", Latitude: 39.77, Longitude: -86.16}, {Name: "chi", Latitude: 41.88, Longitude: -87.63}, {Name: "atl", Latitude: 33.75, Longitude: -84.39},
		{Name: "wdc", Latitude: 38.90, Longitude: -77.04}, {Name: "nyc", Latitude: 40.71, Longitude: -74.01},
	}}
	for n := range t.Routers {
		t.Routers[n].Site = t.Routers[n].Name
	}
	for name := range strings.FieldsSeq("sea-den sea-svl svl-den svl-lax lax-hou den-kcy kcy-hou kcy-ipl hou-atl ipl-chi ipl-atl atl-wdc chi-nyc nyc-wdc") {
		a, b, _ := strings.Cut(name, "-")
		t.Links = append(t.Links, api.Span{Name: name, A: a, B: b, Capacity: 10e9})
	}
	return t
}
