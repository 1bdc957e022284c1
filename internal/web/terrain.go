package web

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

func (s *Server) topology(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	t := s.cfg.Terrain.Topology()
	t.Routers, t.Links = orEmpty(t.Routers), orEmpty(t.Links)
	return t, nil
}

// chart is the map without what never changes of it.
func (s *Server) chart(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	facts := s.cfg.Network.Facts()
	loads, unseen := s.cfg.Terrain.Loads()
	now := s.cfg.Now().UTC()
	return view(s, func(b *incident.Board) api.Map {
		return api.Map{Position: b.Position, At: now, Marks: marks(b, facts), Loads: orEmpty(loads), Unseen: orEmpty(unseen)}
	}), nil
}

// marks puts together what routers show of each link and what is open about it. A drain that is being made or taken back
// counts as ours, seen or not; what routers show beyond that is somebody else's.
func marks(b *incident.Board, facts events.NetworkFacts) []api.Mark {
	known := map[string]*api.Mark{}
	of := func(link string) *api.Mark {
		if known[link] == nil {
			known[link] = &api.Mark{Link: link}
		}
		return known[link]
	}
	for _, i := range b.Open() {
		if i.Target.Kind != events.TargetLink {
			continue
		}
		m := of(i.Target.Name)
		firing, _ := i.Firing()
		m.Incident, m.Phase, m.Firing = i.ID, i.Phase, firing
		if i.Live() && i.Stands() {
			m.Drained = events.Identity
		}
	}
	for _, link := range facts.DrainedLinks {
		if m := of(link); m.Drained == "" {
			m.Drained = api.OwnerOther
		}
	}
	for _, link := range facts.DownLinks {
		of(link).Down = true
	}
	list := make([]api.Mark, 0, len(known))
	for _, m := range known {
		list = append(list, *m)
	}
	slices.SortFunc(list, func(x, y api.Mark) int { return cmp.Compare(x.Link, y.Link) })
	return list
}
