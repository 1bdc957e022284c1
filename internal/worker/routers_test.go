package worker_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

const (
	usual   = 700
	drained = 16777214
)

// network is routers that behave: each leaf holds what was last set, a router refuses what comes under a lower election id
// than it has seen, and a Set travels for as long as the way is.
type network struct {
	mu       sync.Mutex
	metric   map[events.End]uint64 // both families of an interface; usual when not set
	master   map[string]uint64
	changed  []string       // every change of a leaf, in order
	requests int            // that left, whatever became of them
	orders   []events.Order // of Set, in the order in which they came
	proven   []events.Proved

	reading time.Duration            // how long it takes to read a target
	tells   bool                     // routers tell how they are configured
	figures time.Duration            // how long it takes to compute what a drain would do, whoever has lost patience
	way     map[string]time.Duration // how long it takes until a Set to a router leaves
	mute    map[string]bool          // the answer of a router is lost
	away    map[string]bool          // a router cannot be reached
	harm    bool                     // a drain overloads another link
	errors  map[string]error         // of Prove
	canary  canaries
	apart   []string // links whose drains must not stand together; nil: nothing is computed of drains
	shallow bool     // what is computed counts no drain that is not seen, and says that it does
	steps   []uint32 // the loop-free way into a drain of any link; nil: none is computed
	full    int      // load that a drain would leave on the fullest link, 500 per mille if 0
	strange []string // links that others have drained
}

func newNetwork() *network {
	return &network{
		metric: map[events.End]uint64{}, master: map[string]uint64{}, way: map[string]time.Duration{}, mute: map[string]bool{},
		away: map[string]bool{}, errors: map[string]error{}, canary: canaries{metric: 10, saved: 10, booted: time.Now().UTC().Add(-time.Hour)},
	}
}

// alter changes how the network behaves.
func (n *network) alter(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// history is what was changed on the routers so far.
func (n *network) history() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.changed)
}

func (n *network) sets() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.requests
}

// asked are the orders of Set so far.
func (n *network) asked() []events.Order {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.orders)
}

func (n *network) known() []events.Proved {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.proven)
}

func (n *network) at(end events.End) uint64 {
	if m, ok := n.metric[end]; ok {
		return m
	}
	return usual
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *network) Observe(ctx context.Context, o incident.Observe) events.Facts {
	at := time.Now().UTC()
	n.mu.Lock()
	reading, figures := n.reading, n.figures
	n.mu.Unlock()
	late := wait(ctx, reading)
	_ = wait(context.Background(), figures)
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.facts(o, at, late)
}

func (n *network) Told(o incident.Observe) (events.Facts, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.facts(o, time.Now().UTC(), nil)
	f.Told = n.tells
	return f, n.tells
}

// facts are what is seen of a target; late is why its routers could not be read. The mutex is held.
func (n *network) facts(o incident.Observe, at time.Time, late error) events.Facts {
	target := o.Target
	f := events.Facts{At: at, Network: events.NetworkFacts{Routers: 11, Seen: 11, Links: 14, WorstLink: "c-d", WorstPermil: 400}}
	for end, m := range n.metric {
		if m == drained && n.harm {
			f.Network.WorstPermil = 990
		}
		if m == drained && !slices.Contains(target.Ends, end) {
			peer := end.Interface[3:]
			f.Network.DrainedLinks = append(f.Network.DrainedLinks, min(end.Device, peer)+"-"+max(end.Device, peer))
		}
	}
	f.Network.DrainedLinks = append(f.Network.DrainedLinks, n.strange...)
	slices.Sort(f.Network.DrainedLinks)
	f.Network.DrainedLinks = slices.Compact(f.Network.DrainedLinks)
	left := !slices.ContainsFunc(target.Ends, func(e events.End) bool { return n.at(e) != drained })
	for i, end := range target.Ends {
		e := events.EndFacts{
			End: end, Oper: "UP", Adjacencies: 1, System: end.Device, Neighbours: []string{target.Ends[1-i].Device}, Traffic: &events.Traffic{Window: events.Duration(time.Second), InBPS: 2e9, OutBPS: 2e9, InPPS: 250_000},
			Profile: events.Profile{Name: "openconfig", SoftMetric: drained, HardMetric: drained + 1, Bars: []events.Bar{events.BarArbitration, events.BarDeadline}, Qualified: true},
		}
		if left {
			e.Traffic = &events.Traffic{Window: events.Duration(time.Second)}
		}
		if late != nil || n.away[end.Device] {
			e.Unreadable = "it does not answer"
			f.Ends = append(f.Ends, e)
			continue
		}
		for _, family := range []string{events.IPv4, events.IPv6} {
			ref := events.LeafRef{Leaf: events.ISISMetric, Interface: end.Interface, Level: 2, Family: family}
			e.Leaves = append(e.Leaves, events.LeafFacts{LeafRef: ref, Config: events.UintValue(n.at(end)), State: events.UintValue(n.at(end))})
		}
		f.Ends = append(f.Ends, e)
	}
	f.Prospect = n.prospect(target.Name, f, o.Besides)
	return f
}

// prospect is what a drain of a link would do.
func (n *network) prospect(name string, f events.Facts, besides []string) *events.Prospect {
	if n.apart == nil && n.steps == nil {
		return nil
	}
	p := events.Prospect{
		At: f.At, Method: events.MethodBound, Besides: besides, Moved: 4e9, Way: events.Uniform(name, n.steps...),
		InService: events.Outlook{WorstPermil: 400, SurvivePermil: 600, Failures: 20}, Drained: events.Outlook{WorstPermil: 500, SurvivePermil: 640, Failures: 20},
	}
	if n.full > 0 {
		p.Drained.WorstPermil = n.full
	}
	counted := f.Network.DrainedLinks
	if !n.shallow {
		counted = slices.Concat(counted, besides)
	}
	if slices.Contains(n.apart, name) && slices.ContainsFunc(counted, func(other string) bool { return other != name && slices.Contains(n.apart, other) }) {
		p.Drained.WorstPermil, p.Drained.WorstLink = 1300, "e-f"
	}
	return &p
}

func (n *network) Set(ctx context.Context, o events.Order, permit func() error) events.Body {
	refused := func(class events.RefusalClass, sets int, detail string) events.Body {
		return events.Refused{Act: o.Act, Class: class, Sets: sets, Detail: detail}
	}
	n.mu.Lock()
	n.orders = append(n.orders, o)
	n.mu.Unlock()
	if o.Mode != events.Live {
		return events.Applied{Act: o.Act, Detail: "dry-run"}
	}
	n.mu.Lock()
	way := n.way[o.Change.Device]
	n.mu.Unlock()
	if err := wait(ctx, way); err != nil {
		return refused(events.RefusedLate, 0, err.Error())
	}
	if err := permit(); err != nil {
		return refused(events.RefusedByPermit, 0, err.Error())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	device := o.Change.Device
	if n.away[device] {
		return refused(events.RefusedUnsent, 0, "no route to "+device)
	}
	n.requests++
	if o.Fence < n.master[device] {
		return refused(events.RefusedByFence, 1, fmt.Sprintf("election id %d is below %d", o.Fence, n.master[device]))
	}
	n.master[device] = o.Fence
	moved := map[events.End]uint64{}
	for _, s := range o.Change.Settings {
		end := events.End{Device: device, Interface: s.Interface}
		switch is := events.UintValue(n.at(end)); is {
		case s.After:
		case s.Before:
			moved[end], _ = s.After.Uint()
		default:
			return refused(events.RefusedByChanged, 1, fmt.Sprintf("%s holds %s", s.LeafRef, is))
		}
	}
	for end, m := range moved {
		n.changed = append(n.changed, fmt.Sprintf("%s %d", end.Device, m))
	}
	maps.Copy(n.metric, moved)
	if n.mute[device] {
		return events.Unknown{Act: o.Act, Sets: 1, Detail: "no answer"}
	}
	return events.Applied{Act: o.Act, Bars: []events.Bar{events.BarArbitration}, Sets: 1}
}

func (n *network) Look(_ context.Context, o events.Order, fence uint64) (events.Found, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	device := o.Change.Device
	if n.away[device] {
		return events.Found{}, fmt.Errorf("look at %s: %w", device, errSevered)
	}
	n.master[device] = max(n.master[device], fence)
	f := events.Found{Step: o.Step, Change: o.Act.Change, Seen: events.SeenOther, Fence: fence}
	s := o.Change.Settings[0]
	switch events.UintValue(n.at(events.End{Device: device, Interface: s.Interface})) {
	case s.Before:
		f.Seen = events.SeenBefore
	case s.After:
		f.Seen = events.SeenAfter
	}
	return f, nil
}

func (n *network) Confirm(_ context.Context, o events.Order) events.Confirmed {
	return events.Confirmed{Step: o.Step, Change: o.Act.Change, OK: true}
}

func (n *network) Prove(_ context.Context, device string, by events.Person) (events.Proved, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return events.Proved{Device: device, Software: "1.0", Bars: []events.Bar{events.BarArbitration}, By: by}, n.errors[device]
}

func (n *network) Proven(p events.Proved) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.proven = append(n.proven, p)
}
