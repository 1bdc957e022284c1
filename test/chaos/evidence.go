package main

import (
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// evidence is what shows from outside when everything has ended: the ledger, the routers' own account of every Set, what the
// bus has acknowledged to its publishers, and the metrics of before and after.
type evidence struct {
	commits   []events.Commit
	sets      []backbone.SetRecord
	published map[string]string // id of an event -> what it was about
	links     []network.Link
	before    map[string][2]backbone.EndMetrics
	after     map[string][2]backbone.EndMetrics

	stalls          []stall // in which this process, and the routers in it, were kept from running
	network, device int     // budgets: links drained at once
}

// evidence collects it.
func (s *site) evidence() (e evidence, err error) {
	e = evidence{sets: s.net.Sets(), stalls: s.pulse.list(), published: map[string]string{}, links: s.net.Topology().Links, before: s.before, network: budgetNetwork, device: budgetDevice}
	for _, c := range s.watch.history() {
		e.commits = append(e.commits, c.Commit)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, what := range s.published {
		e.published[id] = what
	}
	e.after, err = s.metrics()
	return e, err
}

// softDrain is the metric of a link that is drained, and the least of those that keep traffic off it.
const softDrain = 16777214

// place is where an intent acts: one commit may intend several things, on different routers.
type place struct {
	position uint64
	router   string
}

// intent is one that stands on the ledger.
type intent struct {
	events.Intended
	incident string
	at       time.Time
}

// intents are those that stand on the ledger, and when which incidents were closed.
func (e *evidence) intents() (all map[place]intent, ends map[string]time.Time) {
	all, ends = map[place]intent{}, map[string]time.Time{}
	plans := map[string]events.Plan{}
	for _, c := range e.commits {
		for _, r := range c.Records {
			switch b := r.Body.(type) {
			case events.Planned:
				plans[r.Incident] = b.Plan
			case events.Intended:
				for _, n := range b.Changes {
					all[place{c.Position, plans[r.Incident].Steps[b.Step].Changes[n].Device}] = intent{b, r.Incident, c.At}
				}
			case events.Closed:
				ends[r.Incident] = c.At
			}
		}
	}
	return all, ends
}
