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
	return f.See().Observe(ctx, target)
}

// Observe sees a target as Fleet.Observe does, in a network that has been looked at already.
func (s Sight) Observe(ctx context.Context, target events.Target) events.Facts {
	f := s.fleet
	facts := events.Facts{At: s.at, Ends: make([]events.EndFacts, len(target.Ends))}
	oldest := make([]time.Time, len(target.Ends))
	see := func(i int) { facts.Ends[i], oldest[i] = f.observeEnd(ctx, target.Ends[i]) }
	var ends sync.WaitGroup
	for i := range target.Ends {
		if i > 0 {
			ends.Go(func() { see(i) })
		}
	}
	if len(target.Ends) > 0 {
		see(0)
	}
	avoid := ""
	if target.Kind == events.TargetLink {
		avoid = target.Name
		facts.Asymmetric = slices.ContainsFunc(f.topology.Links, func(l network.Link) bool { return l.Name == target.Name && !l.Symmetric() })
	}
	facts.Network = s.Facts(avoid)
	ends.Wait()
	for _, t := range oldest {
		if t.Before(facts.At) {
			facts.At = t
		}
	}
	return facts
}

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
	facts.Profile, facts.Booted = s.profile.facts(about.software, s.provenBars(), slices.Contains(s.qualified(), events.ISISMetric)), about.booted

	values, refs, err := s.readEnd(ctx, end.Interface)
	if err != nil {
		facts.Unreadable = err.Error()
	}
	seen := f.seen(network.End{Device: end.Device, Interface: end.Interface}, now)
	for _, ref := range refs {
		facts.Leaves = append(facts.Leaves, events.LeafFacts{LeafRef: ref, Config: values[ref], State: seen.metrics[ref]})
	}
	facts.Oper, facts.Adjacencies, facts.Traffic = seen.oper, seen.adjacencies, seen.traffic
	facts.Neighbours, facts.System, facts.Speed = seen.neighbours, seen.system, seen.speed
	if seen.traffic == nil {
		return facts, now
	}
	return facts, seen.counted
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
