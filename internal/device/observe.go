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
	ends := make([]endFacts, len(target.Ends))
	see := func(i int) { ends[i] = s.fleet.observeEnd(ctx, target.Ends[i]) }
	var reading sync.WaitGroup
	for i := range target.Ends {
		if i > 0 {
			reading.Go(func() { see(i) })
		}
	}
	if len(target.Ends) > 0 {
		see(0)
	}
	facts := s.about(target)
	reading.Wait()
	return facts.with(ends)
}

// Told sees a target without asking its routers anything: the configured leaves, too, are what they have told. It reports
// whether all of that is known; then facts.Told is set.
func (s Sight) Told(target events.Target) (events.Facts, bool) {
	ends := make([]endFacts, len(target.Ends))
	for i, end := range target.Ends {
		known := false
		if ends[i], known = s.fleet.toldEnd(end, s.at); !known {
			return events.Facts{}, false
		}
	}
	facts := s.about(target).with(ends)
	facts.Told = true
	return facts, len(ends) > 0
}

// sighting are facts that still lack the target's ends.
type sighting events.Facts

func (s Sight) about(target events.Target) sighting {
	facts, avoid := sighting{At: s.at}, ""
	if target.Kind == events.TargetLink {
		avoid = target.Name
		facts.Asymmetric = slices.ContainsFunc(s.fleet.topology.Links, func(l network.Link) bool { return l.Name == target.Name && !l.Symmetric() })
	}
	facts.Network = s.Facts(avoid)
	return facts
}

func (s sighting) with(ends []endFacts) events.Facts {
	facts := events.Facts(s)
	facts.Ends = make([]events.EndFacts, len(ends))
	for i, end := range ends {
		facts.Ends[i] = end.EndFacts
		if end.oldest.Before(facts.At) {
			facts.At = end.oldest
		}
	}
	return facts
}

// endFacts are the facts of an end, and when the oldest part of them was seen.
type endFacts struct {
	events.EndFacts
	oldest time.Time
}

// observeEnd sees one end, and reads its leaves.
func (f *Fleet) observeEnd(ctx context.Context, end events.End) endFacts {
	now := f.opts.Now()
	s, err := f.session(end.Device)
	if err != nil {
		return endFacts{events.EndFacts{End: end, Unreadable: err.Error()}, now}
	}
	facts := endFacts{s.profiled(end), now}
	values, refs, err := s.readEnd(ctx, end.Interface)
	if err != nil {
		facts.Unreadable = err.Error()
	}
	f.fill(&facts, refs, values)
	return facts
}

// toldEnd sees one end as its router has told of it. It reports whether every leaf in use was told of, and whether the router
// was heard so lately that it cannot have fallen silent unnoticed.
func (f *Fleet) toldEnd(end events.End, now time.Time) (endFacts, bool) {
	s, err := f.session(end.Device)
	if err != nil || s.seen.lastHeard().Before(now.Add(-silentAfter*f.opts.TelemetryInterval)) {
		return endFacts{}, false
	}
	iface, ok := s.knownLayout()[end.Interface]
	if !ok || iface.wrong != "" || len(iface.leaves) == 0 {
		return endFacts{}, false
	}
	values := s.configured.told(shownOf{iface: end.Interface}, now.Add(-f.opts.StaleAfter)).configured
	for _, ref := range iface.leaves {
		if _, told := values[ref]; !told {
			return endFacts{}, false
		}
	}
	facts := endFacts{s.profiled(end), now}
	f.fill(&facts, iface.leaves, values)
	return facts, true
}

// silentAfter is how many intervals of its telemetry a router may keep silent until it is asked rather than believed.
const silentAfter = 2

// profiled are the facts of an end that do not change while a session lasts.
func (s *session) profiled(end events.End) events.EndFacts {
	about := s.known()
	return events.EndFacts{
		End: end, Booted: about.booted,
		Profile: s.profile.facts(about.software, s.provenBars(), slices.Contains(s.qualified(), events.ISISMetric)),
	}
}

// fill adds leaves with their values, and what telemetry says.
func (f *Fleet) fill(facts *endFacts, refs []events.LeafRef, values map[events.LeafRef]events.Value) {
	seen := f.seen(network.End{Device: facts.Device, Interface: facts.Interface}, facts.oldest)
	for _, ref := range refs {
		facts.Leaves = append(facts.Leaves, events.LeafFacts{LeafRef: ref, Config: values[ref], State: seen.metrics[ref]})
	}
	facts.Oper, facts.Adjacencies, facts.Traffic = seen.oper, seen.adjacencies, seen.traffic
	facts.Neighbours, facts.System, facts.Speed, facts.Circuits = seen.neighbours, seen.system, seen.beside.speed, seen.beside.circuits
	if seen.traffic != nil {
		facts.oldest = seen.counted
	}
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
