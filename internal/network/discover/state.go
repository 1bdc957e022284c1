package discover

import (
	"slices"

	"github.com/detour-net/detour/internal/network"
)

// State is the configured network as its routers tell it: which ends are up, the metrics in force and overload bits,
// whoever set them. Of a router that could not be asked it has what others have of it in their databases. What nobody
// tells is left out. unknown are the links and routers of which that is so, for a link at either end, sorted.
func State(configured *network.Topology, accounts []Account) (state network.State, unknown []string) {
	byName := map[string]*Account{}
	for i := range accounts {
		byName[accounts[i].Router] = &accounts[i]
	}
	state = network.State{Links: map[string]network.LinkState{}, Routers: map[string]network.RouterState{}}
	for _, a := range accounts {
		if state.At.IsZero() || a.At.Before(state.At) && a.Silent == "" {
			state.At = a.At
		}
	}
	for _, r := range configured.Routers {
		if seen, ok := routerState(r.Name, byName[r.Name], accounts); ok {
			state.Routers[r.Name] = seen
		} else {
			unknown = append(unknown, r.Name)
		}
	}
	for _, l := range configured.Links {
		a, knownA := endState(l.A, l.B, l.Levels(), byName)
		b, knownB := endState(l.B, l.A, l.Levels(), byName)
		if knownA || knownB {
			state.Links[l.Name] = network.LinkState{A: a, B: b}
		}
		if !knownA || !knownB {
			unknown = append(unknown, l.Name)
		}
	}
	slices.Sort(unknown)
	return state, unknown
}

// routerState is what a router says of its overload bit, or what others have of it. A router is known by what it calls
// itself where it could not be asked.
func routerState(name string, own *Account, accounts []Account) (network.RouterState, bool) {
	if own != nil && own.Silent == "" {
		return network.RouterState{At: own.At, Overload: own.Overload}, true
	}
	for _, a := range accounts {
		for _, p := range a.Database {
			if p.Host == name {
				return network.RouterState{At: a.At, Overload: &p.Overload}, true
			}
		}
	}
	return network.RouterState{}, false
}

// endState is what an end's router shows of it, or what the other end's has of it in its database.
func endState(e, to network.End, levels []int, accounts map[string]*Account) (network.EndState, bool) {
	own, far := accounts[e.Device], accounts[to.Device]
	if own != nil && own.Silent == "" {
		p := own.port(e.Interface)
		up := slices.ContainsFunc(p.Adjacencies, func(a Adjacency) bool { return a.Up })
		return network.EndState{At: own.At, Metrics: p.Metrics, Down: !up || p.Oper != "" && p.Oper != "UP"}, true
	}
	if far == nil || far.Silent != "" {
		return network.EndState{}, false
	}
	return advertisedEnd(e.Device, far, levels)
}

// advertisedEnd is what the router at the far end has of an end: its sender goes by its name there. Several links between
// the two cannot be told apart; then nothing is known.
func advertisedEnd(device string, far *Account, levels []int) (network.EndState, bool) {
	state := network.EndState{At: far.At}
	for _, p := range far.Database {
		if p.Host != device || !slices.Contains(levels, p.Level) {
			continue
		}
		var metrics []uint32
		for _, r := range p.Reach {
			if r.System == far.System {
				metrics = append(metrics, r.Metric)
			}
		}
		if len(metrics) > 1 {
			return network.EndState{}, false
		}
		for _, m := range metrics {
			for _, family := range network.Families() {
				state.Metrics = append(state.Metrics, network.Metric{Level: p.Level, Family: family, Value: m})
			}
		}
	}
	if len(state.Metrics) == 0 {
		return network.EndState{}, false
	}
	return state, true
}
