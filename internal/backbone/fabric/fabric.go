// Package fabric is the forwarding side of a simulated backbone: links that may be sick, routers that compute shortest
// paths over them, traffic, and counters.
//
// Nothing ticks. Rates are constant between two changes, so a counter is its value at the last change plus rate times
// time. A change first brings all counters up to its own instant with the rates that were valid until then, and only then
// takes effect; new rates are computed when they are first asked for. Counters are therefore exact to the bit at any
// instant they are read, never run backwards, and agree with the traffic by construction.
//
// There are two traffic classes, IPv4 and IPv6, routed over one set of links with a metric each, as multi-topology IS-IS
// does (RFC 5120). A link with two levels counts at the smaller of its metrics, as a level 1 route wins over level 2.
//
// Traffic beyond a link's capacity is discarded before it, in proportion over all flows and measured on the load that the
// flows would offer if nothing were lost before; that is a bound, not a fixed point. A sick link loses the given ratio of
// what is put on it. What is lost, discarded or without a route is counted, and so is what would have been lost had every
// metric stayed as it was at the start: the difference is what a drain has saved.
//
// The package has no clock and no lock. Every method that needs the time is given it; instants must not decrease.
package fabric

import (
	"time"

	"github.com/detour-net/detour/internal/backbone/flow"
)

// Traffic classes.
const (
	IPv4 = iota
	IPv6
	classes
)

// PacketOctets is the size of every packet.
const PacketOctets = 1000

const packetBits = 8 * PacketOctets

// Link joins two nodes. Its arcs are 2*i, from A to B, and 2*i+1, from B to A; an arc's number also names the end that
// sends on it.
type Link struct {
	A, B     int
	Capacity int64 // bits per second in each direction
}

// End is what a router's configuration says of one end of a link.
type End struct {
	Enabled bool  // the port
	Levels  uint8 // IS-IS levels as bits 1<<level; 0 when IS-IS does not run here
	Class   [classes]bool
	Metric  [3][classes]uint32 // by level
}

// Fabric is one network. The zero value is not usable.
type Fabric struct {
	nodes    int
	links    []Link
	demand   [classes][]int64
	converge time.Duration

	ends     []End
	start    []End // as configured when traffic began
	overload []bool
	off      []bool // routers that are down
	status   []status
	agenda   agenda

	since time.Time
	stale bool
	rates rates
	arcs  []count
	total total
}

// status is how a link is.
type status struct {
	fault  Fault
	active bool   // the fault shows right now; an intermittent one comes and goes
	ticket *entry // when that changes next
	up     bool   // light on both sides
	near   bool   // adjacency
	known  bool   // adjacency as shortest paths know it
	learn  *entry // when they will learn otherwise
	moves  int64  // changes of up
	moved  time.Time
	joined time.Time // when the adjacency last came up
}

// New builds a fabric that carries nothing yet. Converge is how long after an adjacency changes the network goes on
// forwarding as before; a change of metrics takes effect at once, as either path works.
func New(nodes int, links []Link, converge time.Duration, now time.Time) *Fabric {
	f := &Fabric{
		nodes: nodes, links: links, converge: converge,
		ends: make([]End, 2*len(links)), overload: make([]bool, nodes), off: make([]bool, nodes),
		status: make([]status, len(links)), arcs: make([]count, 2*len(links)),
		since: now, stale: true,
	}
	for class := range f.demand {
		f.demand[class] = make([]int64, nodes*nodes)
	}
	for i := range f.status {
		f.status[i].moved = now
	}
	f.rates = f.noRates()
	return f
}

// Begin takes what is configured now as the network's normal state, with all adjacencies known, and starts the traffic.
// Demand holds a rate in bits per second for each class and pair, at index from*nodes+to.
func (f *Fabric) Begin(demand [2][]int64, now time.Time) {
	f.demand = demand
	f.start = append([]End(nil), f.ends...)
	for i := range f.status {
		s := &f.status[i]
		s.up, s.near = f.light(i), f.adjacent(i)
		s.known, s.moved, s.moves, s.joined = s.near, now, 0, now
	}
	f.since, f.stale = now, true
}

// Configure says how a link's end is configured from now on.
func (f *Fabric) Configure(end int, e End, now time.Time) {
	if f.ends[end] != e {
		f.change(now, func() { f.ends[end] = e })
	}
}

// Overload says whether a router bears the overload bit from now on.
func (f *Fabric) Overload(node int, on bool, now time.Time) {
	if f.overload[node] != on {
		f.change(now, func() { f.overload[node] = on })
	}
}

// Power says whether a router is on from now on.
func (f *Fabric) Power(node int, on bool, now time.Time) {
	if f.off[node] == on {
		f.change(now, func() { f.off[node] = !on })
	}
}

// change lets something change at an instant: counters first, then the change, then what follows from it on every link.
func (f *Fabric) change(now time.Time, alter func()) {
	f.integrate(now)
	alter()
	f.stale = true
	for i := range f.status {
		f.follow(i, now)
	}
}

// follow brings a link's light and adjacency in line with what they depend on.
func (f *Fabric) follow(i int, now time.Time) {
	s := &f.status[i]
	if up := f.light(i); up != s.up {
		s.up, s.moved = up, now
		s.moves++
	}
	if near := f.adjacent(i); near != s.near {
		s.near = near
		if near {
			s.joined = now
		}
		f.learn(i, now)
	}
}

// learn lets shortest paths know of an adjacency's change, in time.
func (f *Fabric) learn(i int, now time.Time) {
	s := &f.status[i]
	f.agenda.cancel(s.learn)
	s.learn = nil
	if f.converge == 0 {
		s.known = s.near
		return
	}
	s.learn = f.agenda.at(now.Add(f.converge), func(at time.Time) {
		f.integrate(at)
		s.learn, s.known, f.stale = nil, s.near, true
	})
}

// light says whether link i carries light both ways. A port that is disabled or without power turns it off at both ends.
func (f *Fabric) light(i int) bool {
	l, s := &f.links[i], &f.status[i]
	return !(s.active && s.fault.Down) && f.ends[2*i].Enabled && f.ends[2*i+1].Enabled && !f.off[l.A] && !f.off[l.B]
}

func (f *Fabric) adjacent(i int) bool {
	return f.light(i) && f.ends[2*i].Levels&f.ends[2*i+1].Levels != 0
}

// graph is the network as one class of traffic is routed over it, with the ends configured as given.
func (f *Fabric) graph(class int, ends []End, overload []bool) *flow.Graph {
	g := &flow.Graph{Nodes: f.nodes, Arcs: make([]flow.Arc, 2*len(f.links)), Overload: overload}
	for i, l := range f.links {
		a, b := &ends[2*i], &ends[2*i+1]
		shared := a.Levels & b.Levels
		up := f.status[i].known && a.Class[class] && b.Class[class]
		g.Arcs[2*i] = flow.Arc{From: l.A, To: l.B, Metric: a.effective(class, shared), Up: up}
		g.Arcs[2*i+1] = flow.Arc{From: l.B, To: l.A, Metric: b.effective(class, shared), Up: up}
	}
	return g
}

// effective is the metric of an end over the levels that both ends share, and out of reach when there is none.
func (e *End) effective(class int, levels uint8) uint32 {
	metric := uint32(flow.MaxMetric)
	for level := 1; level <= 2; level++ {
		if levels&(1<<level) != 0 {
			metric = min(metric, max(1, e.Metric[level][class]))
		}
	}
	return metric
}

// Up says whether link i carries light, how often that has changed, and when it last did.
func (f *Fabric) Up(i int) (up bool, changes int64, since time.Time) {
	s := &f.status[i]
	return s.up, s.moves, s.moved
}

// Adjacent says whether the routers at link i's ends are adjacent, and since when they are or last were.
func (f *Fabric) Adjacent(i int) (up bool, since time.Time) {
	s := &f.status[i]
	return s.near, s.joined
}
