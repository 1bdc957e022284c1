package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
)

// How often others' drains are looked for, and what they cost computed anew; and of how many.
const (
	costsLook  = 5 * time.Second
	costsEvery = time.Minute
	costsMost  = 32
)

// costs says what drains cost of which the ledger does not: those that Detour did not make, and those that wait for a person.
// It computes them aside, one after the other by forecasters of its own, so that no decision and nobody who asks waits for it.
type costs struct {
	others func() []string                          // links, sorted
	look   func() func(link string) events.Prospect // at the network; what it returns forecasts a drain of it
	now    func() time.Time

	mu    sync.Mutex
	known map[string]cost
}

// cost is what was computed of a drain, and when.
type cost struct {
	at      time.Time
	verdict incident.Verdict
}

// newCosts forecasts as a does for its decisions.
func newCosts(a *App) *costs {
	return &costs{
		now: now, others: a.othersDrains,
		look: func() func(string) events.Prospect {
			f := newForesight(a.fleet, a.cfg.Network, a.prospects)
			f.forecaster.Use(a.traffic.matrix())
			f.bearable.refresh()
			return costIn(f, f.See().State())
		},
	}
}

// costIn forecasts drains of links one by one, each in the same network.
func costIn(f foresight, seen network.State) func(link string) events.Prospect {
	return func(link string) events.Prospect {
		return f.ahead(incident.Observe{Target: events.Target{Kind: events.TargetLink, Name: link}}, seen)
	}
}

// othersDrains are the links that routers show drained and no incident of the ledger holds; also those of incidents that wait for
// a person, which record no verdict that is new.
func (a *App) othersDrains() []string {
	links := slices.Sorted(slices.Values(a.fleet.See().Facts("").DrainedLinks))
	a.worker.View(func(b *incident.Board) {
		links = slices.DeleteFunc(links, func(link string) bool {
			return slices.ContainsFunc(b.Open(), func(i *incident.Incident) bool {
				return i.Target.Name == link && i.Live() && i.Stands() && i.Phase != incident.Stuck
			})
		})
	})
	return links
}

// Cost is what somebody else's drain of a link costs, as computed last; ok is false while that is not yet.
func (c *costs) Cost(link string) (v incident.Verdict, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.known[link]
	return known.verdict, ok
}

// run computes until ctx ends.
func (c *costs) run(ctx context.Context) error {
	tick := time.NewTicker(costsLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.compute(ctx)
		}
	}
}

// compute brings what is known up to date: of drains that are gone nothing is, of new ones and after a minute it is computed.
func (c *costs) compute(ctx context.Context) {
	links := c.others()
	links = links[:min(len(links), costsMost)]
	known, due := map[string]cost{}, []string(nil)
	now := c.now()
	c.mu.Lock()
	for _, link := range links {
		if k, ok := c.known[link]; ok {
			known[link] = k
		}
		if k, ok := known[link]; !ok || now.Sub(k.at) >= costsEvery {
			due = append(due, link)
		}
	}
	c.known = known
	c.mu.Unlock()
	if len(due) == 0 {
		return
	}
	ahead := c.look()
	for _, link := range due {
		if ctx.Err() != nil {
			return
		}
		p := ahead(link)
		c.mu.Lock()
		c.known[link] = cost{now, incident.Verdict{At: p.At, Sentence: p.Sentence(len(p.Way)), Prospect: &p}}
		c.mu.Unlock()
	}
}
