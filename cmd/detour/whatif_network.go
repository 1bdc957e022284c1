package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

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
	known      bool // whether there is traffic; otherwise traffic only probes for paths
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
func (a *whatifAsk) load() (*workbench, error) {
	w, notes, err := a.network()
	if err == nil {
		err = w.read(a)
	}
	if err != nil {
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
		w.network, w.traffic, rules, w.limitsFrom = c.Network, c.Traffic, c.Policy, c.Files.Policy
	case a.gml != "":
		w.network, notes, err = network.LoadGML(a.gml)
	default:
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
	for _, name := range a.links {
		switch {
		case slices.Contains(a.down, name):
			return fmt.Errorf("link %s is down (--down): there is nothing to drain", name)
		case slices.Contains(a.drained, name):
			return fmt.Errorf("link %s is drained already (--drained)", name)
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
	w.hard, w.drained, w.down = a.hard, a.drained, a.down
	w.observe()
	return nil
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

// observe makes up what telemetry would show of the network with what is drained and down. Nothing is observed here, so
// that it is of no time: one instant, which leaves the same files with the same digest.
func (w *workbench) observe() {
	at := time.Unix(1, 0).UTC()
	w.state = network.State{At: at, Links: make(map[string]network.LinkState, len(w.network.Links))}
	for _, l := range w.network.Links {
		end := network.EndState{At: at, Down: slices.Contains(w.down, l.Name)}
		if slices.Contains(w.drained, l.Name) {
			for _, level := range l.Levels() {
				for _, family := range network.Families() {
					end.Metrics = append(end.Metrics, network.Metric{Level: level, Family: family, Value: network.MetricLastResort})
				}
			}
		}
		w.state.Links[l.Name] = network.LinkState{A: end, B: end}
	}
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
	type candidate struct {
		name string
		far  int
	}
	var near []candidate
	for _, l := range w.network.Links {
		if l.Name == name {
			return nil
		}
		far := distance(name, l.Name)
		if words(name) == words(l.Name) {
			far = 0 // the other way round
		}
		if far <= max(2, len(name)/4) {
			near = append(near, candidate{l.Name, far})
		}
	}
	if len(near) == 0 {
		return fmt.Errorf("link %q is not in the network, nor one whose name is like that: --all lists its %d links", name, len(w.network.Links))
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.far - b.far })
	var names []string
	for _, c := range near[:min(len(near), 3)] {
		names = append(names, c.name)
	}
	return fmt.Errorf("link %q is not in the network: do you mean %s?", name, strings.Join(names, ", "))
}

// words are the parts of a name, sorted.
func words(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == '.' || r == ':' || r == '/' })
	slices.Sort(parts)
	return strings.Join(parts, "-")
}

// distance is how many bytes must be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
