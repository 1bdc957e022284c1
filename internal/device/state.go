package device

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// State is the network as telemetry shows it now. What no router has told lately is left out: it is not known.
func (f *Fleet) State() network.State {
	now := f.opts.Now()
	state := network.State{At: now, Links: map[string]network.LinkState{}, Routers: map[string]network.RouterState{}}
	for _, l := range f.topology.Links {
		a, b := f.endState(l.A, now), f.endState(l.B, now)
		if !a.At.IsZero() || !b.At.IsZero() {
			state.Links[l.Name] = network.LinkState{A: a, B: b}
		}
	}
	for name, s := range f.sessions {
		if heard := s.seen.lastHeard(); !heard.Before(now.Add(-s.opts.StaleAfter)) {
			state.Routers[name] = network.RouterState{At: heard}
		}
	}
	return state
}

// endState is what an end's router shows of it; zero when the router is not heard.
func (f *Fleet) endState(end network.End, now time.Time) network.EndState {
	s, ok := f.sessions[end.Device]
	if !ok {
		return network.EndState{}
	}
	fresh := now.Add(-s.opts.StaleAfter)
	port := s.portOf(end.Interface)
	oper := s.seen.oper(port, fresh)
	if oper == "" {
		return network.EndState{} // its states are not known, or not all of them
	}
	e := network.EndState{At: s.seen.lastHeard(), Down: oper != "UP" || s.seen.adjacencies(end.Interface, fresh) == 0}
	for leaf, value := range s.seen.metrics(end.Interface, fresh) {
		if n, ok := value.Uint(); ok && n <= math.MaxUint32 && leaf.Leaf == events.ISISMetric {
			e.Metrics = append(e.Metrics, network.Metric{Level: leaf.Level, Family: network.Family(leaf.Family), Value: uint32(n)})
		}
	}
	slices.SortFunc(e.Metrics, func(a, b network.Metric) int { return cmp.Or(a.Level-b.Level, cmp.Compare(a.Family, b.Family)) })
	if t, oldest := s.seen.traffic(port, fresh); t != nil {
		e.Load = network.Reading{BPS: t.OutBPS, At: oldest}
	}
	return e
}
