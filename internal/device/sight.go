package device

import (
	"cmp"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// Sight is the network as telemetry shows it at one moment. What no router has told lately is not known.
type Sight struct {
	fleet *Fleet
	at    time.Time
	links [][2]endSeen // in the order of the topology
}

// endSeen is what telemetry says of one end of a link.
type endSeen struct {
	*shown
	beside  *shown          // of what not every router tells
	heard   time.Time       // when its router was, about anything
	system  string          // of its router, "" when not known
	traffic *events.Traffic // nil when not known
	counted time.Time       // when the oldest sample behind the traffic was heard
}

// See looks at what telemetry last said, without reading anything.
func (f *Fleet) See() Sight {
	s := Sight{fleet: f, at: f.opts.Now(), links: make([][2]endSeen, len(f.topology.Links))}
	for i, l := range f.topology.Links {
		s.links[i] = [2]endSeen{f.seen(l.A, s.at), f.seen(l.B, s.at)}
	}
	return s
}

// seen is what telemetry says of an end.
func (f *Fleet) seen(end network.End, now time.Time) endSeen {
	s, ok := f.sessions[end.Device]
	if !ok {
		return endSeen{shown: &shown{}, beside: &shown{}}
	}
	of, fresh := s.shownOf(end.Interface), now.Add(-s.opts.StaleAfter)
	e := s.seen.end(of, fresh)
	e.system, e.beside = s.systemID(), s.beside.told(of, fresh)
	return e
}

// systemID is the router's IS-IS system identifier, "" when it was never surveyed.
func (s *session) systemID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.system
}

// overload is the router's overload bit, nil when not known.
func (s *session) overload(fresh time.Time) *bool { return s.beside.told(shownOf{}, fresh).overload }

// shownOf is what is known of an interface; before the router was surveyed every metric is taken for one that counts.
func (s *session) shownOf(id string) shownOf {
	iface := s.knownLayout()[id]
	six := slices.ContainsFunc(iface.leaves, func(l events.LeafRef) bool { return l.Family == events.IPv6 })
	return shownOf{iface: id, port: cmp.Or(iface.port, id), single: len(iface.leaves) > 0 && !six}
}

// State is what is seen, laid out for the network model. What is not known is left out.
func (s Sight) State() network.State {
	f := s.fleet
	state := network.State{At: s.at, Links: make(map[string]network.LinkState, len(s.links)), Routers: make(map[string]network.RouterState, len(f.sessions))}
	for i, l := range f.topology.Links {
		a, b := s.links[i][0].state(), s.links[i][1].state()
		if !a.At.IsZero() || !b.At.IsZero() {
			state.Links[l.Name] = network.LinkState{A: a, B: b}
		}
	}
	for name, session := range f.sessions {
		fresh := s.at.Add(-f.opts.StaleAfter)
		if heard := session.seen.lastHeard(); !heard.Before(fresh) {
			state.Routers[name] = network.RouterState{At: heard, Overload: session.overload(fresh), Balance: session.balance(fresh)}
		}
	}
	return state
}

// state is zero when the end's states are not known, or not all of them.
func (e endSeen) state() network.EndState {
	if e.oper == "" {
		return network.EndState{}
	}
	state := network.EndState{At: e.heard, Down: e.oper != "UP" || e.adjacencies == 0, Metrics: e.isis}
	if e.traffic != nil {
		state.Load = network.Reading{BPS: e.traffic.OutBPS, At: e.counted}
		state.Arrived = network.Reading{BPS: e.traffic.InBPS + min(e.traffic.Lost(), e.traffic.InBPS), At: e.counted}
	}
	return state
}

// Facts sums up what is seen; the link called avoid is not looked at for its load.
func (s Sight) Facts(avoid string) events.NetworkFacts {
	f := s.fleet
	facts := events.NetworkFacts{Routers: len(f.sessions), Links: len(s.links), WorstPermil: -1}
	for _, session := range f.sessions {
		if !session.seen.lastHeard().Before(s.at.Add(-f.opts.StaleAfter)) {
			facts.Seen++
		}
		if bit := session.overload(s.at.Add(-f.opts.StaleAfter)); bit != nil && *bit && !session.router.Overload {
			facts.Overloaded = append(facts.Overloaded, session.router.Name)
		}
	}
	slices.Sort(facts.Overloaded)
	for i, l := range f.topology.Links {
		drained, down := false, false
		for j, end := range [2]network.End{l.A, l.B} {
			e := s.links[i][j]
			drained = drained || f.drains(end.Device, e)
			down = down || e.oper != "" && e.oper != "UP"
			if e.traffic == nil || l.Capacity <= 0 || l.Name == avoid {
				continue
			}
			if full := permil(max(e.traffic.InBPS, e.traffic.OutBPS), l.Capacity); full > facts.WorstPermil {
				facts.WorstLink, facts.WorstPermil = l.Name, full
			}
		}
		if drained {
			facts.DrainedLinks = append(facts.DrainedLinks, l.Name)
		}
		if down {
			facts.DownLinks = append(facts.DownLinks, l.Name)
		}
	}
	slices.Sort(facts.DrainedLinks)
	slices.Sort(facts.DownLinks)
	return facts
}

// drains reports whether an end shows a metric that keeps traffic away.
func (f *Fleet) drains(device string, e endSeen) bool {
	s, ok := f.sessions[device]
	return ok && slices.ContainsFunc(e.isis, func(m network.Metric) bool { return m.Value >= s.profile.soft })
}

// permil is rate in thousandths of capacity, rounded up.
func permil(rate, capacity int64) int {
	rest := rate % capacity // below capacity, so a thousand times it fits for anything below 9 Pb/s
	return int(rate/capacity)*1000 + int((rest*1000+capacity-1)/capacity)
}
