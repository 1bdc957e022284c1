package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
	"github.com/detour-net/detour/policy"
)

// workbench is a network with its traffic, as the flags have it, ready to be asked.
type workbench struct {
	network    *network.Topology
	limits     policy.ProspectLimits
	limitsFrom string // a file, or "defaults"
	traffic    network.Matrix
	known      bool           // whether there is traffic; otherwise traffic only probes for paths
	inventory  string         // the file that the routers are from
	seen       *network.State // what the routers tell, nil when they were not asked
	state      network.State
	hard       bool
	drained    []string
	down       []string
	forecaster *forecast.Forecaster
	notes      []string
}

// boundFrom is of how many links a network is at least for which --all only bounds what the worst failure more would do: to find
// it for each of so many drains takes minutes. Whether a drain is safe is exact all the same.
const boundFrom = 200

// load reads everything that the question names. What is wrong with it is the asker's to mend.
func (a *whatifAsk) load(ctx context.Context) (*workbench, error) {
	w, notes, err := a.network()
	if err == nil && a.observed {
		err = w.askRouters(ctx)
	}
	if err == nil {
		err = w.read(a)
	}
	var coded *codedError
	switch {
	case errors.As(err, &coded):
		return nil, err
	case err != nil:
		return nil, &codedError{err, exitUsage}
	}
	w.notes = append(notes, w.notes...)
	w.forecaster = forecast.New(w.network)
	w.forecaster.Limit(whatif.Limits{
		Permil: int64(w.limits.SurvivePermil), Worse: int64(w.limits.WorseByPermil), Listed: whatif.DefaultLimits().Listed,
		Bound: a.all && len(w.network.Links) >= boundFrom,
	})
	w.forecaster.Use(w.traffic)
	return w, nil
}

// network reads the network, and what comes with it in a configuration.
func (a *whatifAsk) network() (w *workbench, notes []string, err error) {
	w = &workbench{limitsFrom: "defaults"}
	rules, err := policy.Parse("defaults", []byte("{}\n"))
	if err != nil {
		return nil, nil, err
	}
	switch {
	case a.config != "":
		c, err := config.Load(a.config)
		if err != nil {
			return nil, nil, fmt.Errorf("configuration: %w", err)
		}
		w.network, w.traffic, rules, w.limitsFrom, w.inventory = c.Network, c.Traffic, c.Policy, c.Files.Policy, c.Files.Inventory
	case a.gml != "":
		w.network, notes, err = network.LoadGML(a.gml)
	default:
		w.inventory = a.inventory
		w.network, err = network.Load(a.inventory, a.topology)
	}
	if err != nil {
		return nil, nil, err
	}
	w.limits = rules.Prospects()
	if a.worst > 0 {
		w.limits.WorstPermil = a.worst
	}
	if a.surviveLimit > 0 {
		w.limits.SurvivePermil = a.surviveLimit
	}
	return w, notes, nil
}

// read takes traffic, and what is named of the network.
func (w *workbench) read(a *whatifAsk) (err error) {
	for _, named := range []struct {
		flag  string
		links []string
	}{{"", a.links}, {"--drained: ", a.drained}, {"--down: ", a.down}} {
		for _, name := range named.links {
			if err := w.has(name); err != nil {
				return fmt.Errorf("%s%w", named.flag, err)
			}
		}
	}
	w.drained, w.down = union(w.drained, a.drained), union(w.down, a.down)
	for _, name := range a.links {
		switch {
		case slices.Contains(w.down, name):
			return fmt.Errorf("link %s is down (%s): there is nothing to drain", name, saidBy("--down", a.down, name))
		case slices.Contains(w.drained, name):
			return fmt.Errorf("link %s is drained already (%s)", name, saidBy("--drained", a.drained, name))
		}
	}
	switch {
	case a.traffic != "":
		w.traffic, err = network.LoadMatrix(a.traffic, w.network)
	case a.gravity != "":
		var total int64
		if total, err = parseRate(a.gravity); err == nil {
			w.traffic, err = network.Gravity(w.network, total)
		}
		if err != nil {
			err = fmt.Errorf("--gravity: %w", err)
		}
		w.notes = append(w.notes, "the traffic is made up: every router sends to every other by the capacity of their links")
	}
	if err != nil {
		return err
	}
	if w.known = len(w.traffic.Demands) > 0; !w.known {
		w.traffic = probes(w.network)
	}
	w.hard = a.hard
	w.observe(a.drained, a.down)
	return nil
}

// union is a and what of b is not in it.
func union(a, b []string) []string {
	for _, name := range b {
		if !slices.Contains(a, name) {
			a = append(a, name)
		}
	}
	return a
}

// saidBy is who says it of a link: the flag that names it, or its routers.
func saidBy(flag string, named []string, name string) string {
	if slices.Contains(named, name) {
		return flag
	}
	return "--observed"
}

// probes are one bit per second from every router to every other, to see what is cut off.
func probes(t *network.Topology) network.Matrix {
	m := network.Matrix{Source: "probes"}
	for _, from := range t.Routers {
		for _, to := range t.Routers {
			if from.Name != to.Name {
				m.Demands = append(m.Demands, network.Demand{From: from.Name, To: to.Name, BPS: 1})
			}
		}
	}
	return m
}

// observe lays what is named as drained and down over what the routers tell. Where they were not asked nothing is
// observed, so that it is of no time: one instant, which leaves the same files with the same digest.
func (w *workbench) observe(drained, down []string) {
	at := time.Unix(1, 0).UTC()
	w.state = network.State{At: at, Links: make(map[string]network.LinkState, len(w.network.Links))}
	if w.seen != nil {
		w.state, at = *w.seen, w.seen.At
	}
	for _, l := range w.network.Links {
		now, known := w.state.Links[l.Name]
		if !known {
			now = network.LinkState{A: network.EndState{At: at}, B: network.EndState{At: at}}
		}
		for _, end := range []*network.EndState{&now.A, &now.B} {
			end.Down = end.Down || slices.Contains(down, l.Name)
			if slices.Contains(drained, l.Name) {
				end.Metrics = lastResort(end.Metrics, l.Levels())
			}
		}
		w.state.Links[l.Name] = now
	}
}

// lastResort are the metrics of an end of a drained link, on the given levels where none is seen; one that is drained
// harder stays.
func lastResort(seen []network.Metric, levels []int) (metrics []network.Metric) {
	for _, m := range seen {
		m.Value = max(m.Value, network.MetricLastResort)
		metrics = append(metrics, m)
	}
	for _, level := range levels {
		for _, family := range network.Families() {
			if len(seen) == 0 {
				metrics = append(metrics, network.Metric{Level: level, Family: family, Value: network.MetricLastResort})
			}
		}
	}
	return metrics
}

// single are the links that can be drained, each alone.
func (w *workbench) single() (sets [][]string) {
	for _, l := range w.network.Links {
		if !slices.Contains(w.drained, l.Name) && !slices.Contains(w.down, l.Name) {
			sets = append(sets, []string{l.Name})
		}
	}
	return sets
}

// has wants a link of that name, and says which ones come near.
func (w *workbench) has(name string) error {
	var names []string
	for _, l := range w.network.Links {
		if l.Name == name {
			return nil
		}
		names = append(names, l.Name)
	}
	near := events.Near(name, names, max(2, len(name)/4))
	if len(near) == 0 {
		return fmt.Errorf("link %q is not in the network, nor one whose name is like that: --all lists its %d links", name, len(names))
	}
	return fmt.Errorf("link %q is not in the network: do you mean %s?", name, strings.Join(near, ", "))
}
