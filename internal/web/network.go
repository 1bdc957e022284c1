package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

func (s *Server) drains(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	facts := s.cfg.Network.Facts()
	return view(s, func(b *incident.Board) api.Drains { return drains(b, facts, s.cfg.Costs) }), nil
}

// drains puts together what the ledger says stands, and what the routers show.
func drains(b *incident.Board, facts events.NetworkFacts, costs Costs) api.Drains {
	list := api.Drains{Position: b.Position, Drains: []api.Drain{}, Overloaded: facts.Overloaded, Seen: facts.Seen, Routers: facts.Routers}
	ours := map[string]bool{}
	for _, i := range b.Open() {
		if !i.Live() || !i.Stands() {
			continue
		}
		ours[i.Target.Name] = true
		d := api.Drain{Link: i.Target.Name, Owner: events.Identity, Incident: i.ID, Phase: i.Phase, Since: since(i),
			Seen: slices.Contains(facts.DrainedLinks, i.Target.Name)}
		if i.Hold != nil {
			d.Until, d.Expires = i.Hold.Until, i.Hold.Expires
		}
		if v := i.Verified; v != nil && v.Facts.Network.WorstPermil >= 0 {
			d.Worst, d.Permil = v.Facts.Network.WorstLink, v.Facts.Network.WorstPermil
		}
		if v, ok := i.Newest(); ok {
			d.Verdict = &v
		}
		if v, ok := costs.Cost(d.Link); ok && i.Phase == incident.Stuck && v.Prospect.Missing == "" {
			d.Verdict = &v // the record has none that is as new
		}
		list.Drains = append(list.Drains, d)
	}
	slices.SortStableFunc(list.Drains, func(x, y api.Drain) int { return x.Since.Compare(y.Since) })
	for _, link := range facts.DrainedLinks {
		if !ours[link] {
			d := api.Drain{Link: link, Owner: api.OwnerOther, Seen: true}
			if v, ok := costs.Cost(link); ok {
				d.Verdict = &v
			}
			list.Drains = append(list.Drains, d)
		}
	}
	return list
}

// since is when the incident's last step was intended; of one that is being taken back, when its drain was verified or,
// failing that, planned.
func since(i *incident.Incident) time.Time {
	switch {
	case i.Intent != nil && !i.Intent.Undo:
		return i.Intent.At
	case i.Verified != nil:
		return i.Verified.Facts.At
	}
	return i.Plan.Facts.At
}

func (s *Server) routers(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	list := orEmpty(s.cfg.Network.Routers())
	for n := range list {
		list[n].Bars, list[n].Actions = orEmpty(list[n].Bars), orEmpty(list[n].Actions)
	}
	return view(s, func(b *incident.Board) api.Routers {
		for n := range list {
			list[n].Trial = trialOf(b, list[n])
		}
		return api.Routers{Routers: list}
	}), nil
}

// trialOf is what is to be known of a router's newest trial: nothing once it is over and the router runs other software.
func trialOf(b *incident.Board, r api.Router) *events.RebootTrial {
	t, ok := b.Trial(r.Name)
	if !ok || t.Over && r.Software != "" && r.Software != t.Software {
		return nil
	}
	return &t
}

func (s *Server) compare(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.ProveWithin)
	defer cancel()
	c, err := s.cfg.Network.Compare(ctx)
	c.Differences = orEmpty(c.Differences)
	return c, err
}

func (s *Server) freezes(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	return view(s, func(b *incident.Board) api.Freezes {
		return api.Freezes{Position: b.Position, Freezes: s.frozen.of(b)}
	}), nil
}

func (s *Server) windows(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	return view(s, func(b *incident.Board) api.Windows {
		return api.Windows{Position: b.Position, Windows: windows(b, now)}
	}), nil
}

// windows are those in force at now, the first to end first.
func windows(b *incident.Board, now time.Time) []api.Window {
	list := []api.Window{}
	for id, w := range b.Windows(now) {
		list = append(list, api.Window{ID: id, Scope: w.Scope, Until: w.Until, By: w.By, Reason: w.Reason})
	}
	slices.SortFunc(list, func(x, y api.Window) int { return cmp.Or(x.Until.Compare(y.Until), cmp.Compare(x.ID, y.ID)) })
	return list
}
