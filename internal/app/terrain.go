package app

import (
	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/policy"
)

// terrain shows the console what its map is drawn from.
type terrain struct{ a *App }

func (t terrain) Topology() api.Topology {
	var drawn api.Topology
	for _, r := range t.a.cfg.Network.Routers {
		drawn.Routers = append(drawn.Routers, api.Place{Name: r.Name, Site: r.Site, Latitude: r.Latitude, Longitude: r.Longitude})
	}
	for _, l := range t.a.cfg.Network.Links {
		drawn.Links = append(drawn.Links, api.Span{Name: l.Name, A: l.A.Device, B: l.B.Device, Capacity: l.Capacity, SRLGs: l.SRLGs})
	}
	return drawn
}

func (t terrain) Loads() (permil []int, unseen []string) {
	sight := t.a.fleet.See()
	return sight.Loads(), sight.Unseen()
}

// inForce is the policy by which the replica decides at the moment of the question.
type inForce struct{ a *App }

func (p inForce) Rules() []policy.Rule { return p.a.worker.PolicyInForce().Rules() }

func (p inForce) Digest() events.Digest { return p.a.worker.PolicyInForce().Digest() }
