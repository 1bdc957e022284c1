package device

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// Observe sees a target and the network around it. The configured leaves of both ends are read from the routers now, both
// at once; everything else is what telemetry last said. An end that could not be read says why in Unreadable and has no
// leaves. At is the oldest moment that any end's part stems from.
func (f *Fleet) Observe(ctx context.Context, target events.Target) events.Facts {
	facts := events.Facts{At: f.opts.Now(), Ends: make([]events.EndFacts, len(target.Ends))}
	oldest := make([]time.Time, len(target.Ends))
	var ends sync.WaitGroup
	for i, end := range target.Ends {
		ends.Go(func() { facts.Ends[i], oldest[i] = f.observeEnd(ctx, end) })
	}
	avoid := ""
	if target.Kind == events.TargetLink {
		avoid = target.Name
	}
	facts.Network = f.network(avoid) // while the routers answer
	ends.Wait()
	for _, t := range oldest {
		if t.Before(facts.At) {
			facts.At = t
		}
	}
	return facts
}

// Network sees the network without reading anything: what telemetry last said of every link.
func (f *Fleet) Network() events.NetworkFacts { return f.network("") }

// observeEnd sees one end, and says how old the oldest part of it is.
func (f *Fleet) observeEnd(ctx context.Context, end events.End) (events.EndFacts, time.Time) {
	now := f.opts.Now()
	facts := events.EndFacts{End: end}
	s, err := f.session(end.Device)
	if err != nil {
		facts.Unreadable = err.Error()
		return facts, now
	}
	about := s.known()
	facts.Profile, facts.Booted = s.profile.facts(about.software, s.provenBars(), s.qualified()), about.booted

	values, refs, err := s.readEnd(ctx, end.Interface)
	if err != nil {
		facts.Unreadable = err.Error()
	}
	fresh := now.Add(-s.opts.StaleAfter)
	shown := s.seen.metrics(end.Interface, fresh)
	for _, ref := range refs {
		facts.Leaves = append(facts.Leaves, events.LeafFacts{LeafRef: ref, Config: values[ref], State: shown[ref]})
	}
	port := s.portOf(end.Interface)
	facts.Oper = s.seen.oper(port, fresh)
	facts.Adjacencies = s.seen.adjacencies(end.Interface, fresh)
	traffic, heard := s.seen.traffic(port, fresh)
	if facts.Traffic = traffic; traffic == nil {
		heard = now
	}
	return facts, heard
}

// readEnd reads every metric leaf in use on an interface.
func (s *session) readEnd(ctx context.Context, id string) (map[events.LeafRef]events.Value, []events.LeafRef, error) {
	refs, err := s.leavesInUse(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	values, err := s.leaves(ctx, refs)
	if err != nil {
		return nil, nil, fmt.Errorf("read metrics of %s: %w", id, explain(s.router, err))
	}
	return values, refs, nil
}

func (s *session) leavesInUse(ctx context.Context, id string) ([]events.LeafRef, error) {
	lay, err := s.surveyed(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the IS-IS interfaces: %w", explain(s.router, err))
	}
	iface, ok := lay[id]
	switch {
	case !ok:
		return nil, fmt.Errorf("router %s has no IS-IS interface %q: correct the topology, or configure IS-IS there", s.router.Name, id)
	case iface.wrong != "":
		return nil, fmt.Errorf("router %s: %s", s.router.Name, iface.wrong)
	case len(iface.leaves) == 0:
		return nil, fmt.Errorf("router %s runs no IS-IS level with an address family on %q", s.router.Name, id)
	}
	return iface.leaves, nil
}

// network sums telemetry up; the link called avoid is not looked at for its load.
func (f *Fleet) network(avoid string) events.NetworkFacts {
	facts := events.NetworkFacts{Routers: len(f.sessions), Links: len(f.topology.Links), WorstPermil: -1}
	now := f.opts.Now()
	for _, s := range f.sessions {
		if !s.seen.lastHeard().Before(now.Add(-s.opts.StaleAfter)) {
			facts.Seen++
		}
	}
	for _, l := range f.topology.Links {
		link := f.look(l, now)
		if link.drained {
			facts.DrainedLinks = append(facts.DrainedLinks, l.Name)
		}
		if link.down {
			facts.DownLinks = append(facts.DownLinks, l.Name)
		}
		if l.Name != avoid && link.permil > facts.WorstPermil {
			facts.WorstLink, facts.WorstPermil = l.Name, link.permil
		}
	}
	slices.Sort(facts.DrainedLinks)
	slices.Sort(facts.DownLinks)
	return facts
}

// linkSeen is what telemetry says of one link.
type linkSeen struct {
	drained, down bool
	permil        int // load of the busier direction in thousandths of capacity, -1 when unknown
}

func (f *Fleet) look(l network.Link, now time.Time) linkSeen {
	link := linkSeen{permil: -1}
	for _, end := range []network.End{l.A, l.B} {
		s, ok := f.sessions[end.Device]
		if !ok {
			continue
		}
		fresh := now.Add(-s.opts.StaleAfter)
		link.drained = link.drained || s.seen.drained(end.Interface, s.profile.soft, fresh)
		port := s.portOf(end.Interface)
		if status := s.seen.oper(port, fresh); status != "" && status != "UP" {
			link.down = true
		}
		if t, _ := s.seen.traffic(port, fresh); t != nil && l.Capacity > 0 {
			link.permil = max(link.permil, permil(max(t.InBPS, t.OutBPS), l.Capacity))
		}
	}
	return link
}

// permil is rate in thousandths of capacity, rounded up.
func permil(rate, capacity int64) int {
	rest := rate % capacity // below capacity, so a thousand times it fits for anything below 9 Pb/s
	return int(rate/capacity)*1000 + int((rest*1000+capacity-1)/capacity)
}
