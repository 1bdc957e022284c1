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
// Given time to converge, routers learn of a change one after the other: each forwards by what every router told of
// itself some time ago, the time depending on the two (see turn). Tables that do not fit together may let traffic loop,
// which is then lost and counted as such. With no such time everything is known at once and nothing loops.
//
// The package has no clock and no lock. Every method that needs the time is given it; instants must not decrease.
package fabric

import (
	"slices"
	"time"
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
	start    []End  // as configured when traffic began
	told     []bool // by end: its router tells of the adjacency
	overload []bool
	off      []bool // routers that are down
	status   []status
	agenda   agenda
	flight   []*news  // in the order in which it became true
	waves    [][]turn // by router: who learns when of what it tells

	since time.Time
	stale bool
	rates rates
	arcs  []count
	edges []edge
	total total
}

// status is how a link is.
type status struct {
	fault  Fault
	active bool   // the fault shows right now; an intermittent one comes and goes
	ticket *entry // when that changes next
	up     bool   // light on both sides
	near   bool   // adjacency
	moves  int64  // changes of up
	moved  time.Time
	joined time.Time // when the adjacency last came up
}

// New builds a fabric that carries nothing yet. Converge, from 0 on, is the time within which every router goes over to
// new shortest paths.
func New(nodes int, links []Link, converge time.Duration, now time.Time) *Fabric {
	f := &Fabric{
		nodes: nodes, links: links, converge: converge,
		ends: make([]End, 2*len(links)), told: make([]bool, 2*len(links)), overload: make([]bool, nodes), off: make([]bool, nodes),
		status: make([]status, len(links)), arcs: make([]count, 2*len(links)), edges: make([]edge, nodes),
		since: now, stale: true,
	}
	for class := range f.demand {
		f.demand[class] = make([]int64, nodes*nodes)
	}
	for i := range f.status {
		f.status[i].moved = now
	}
	f.rates = f.noRates()
	if converge > 0 {
		f.waves = waves(nodes, links, converge)
	}
	return f
}

// Begin takes what is configured now as the network's normal state, with all adjacencies known, and starts the traffic.
// Demand holds a rate in bits per second for each class and pair, at index from*nodes+to.
func (f *Fabric) Begin(demand [2][]int64, now time.Time) {
	f.demand = demand
	f.start = slices.Clone(f.ends)
	f.settle()
	for i := range f.status {
		s := &f.status[i]
		s.up, s.near = f.light(i), f.adjacent(i)
		s.moved, s.moves, s.joined = now, 0, now
	}
	f.since, f.stale = now, true
}

// Configure says how a link's end is configured from now on.
func (f *Fabric) Configure(end int, e End, now time.Time) {
	if f.ends[end] != e {
		before := f.ends[end]
		f.change(now, func() {
			f.ends[end] = e
			f.tell(news{origin: f.router(end), undo: func(v *view) { v.ends[end] = before }}, now)
		})
	}
}

// Overload says whether a router bears the overload bit from now on.
func (f *Fabric) Overload(node int, on bool, now time.Time) {
	if f.overload[node] != on {
		f.change(now, func() {
			f.overload[node] = on
			f.tell(news{origin: node, undo: func(v *view) { v.overload[node] = !on }}, now)
		})
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
		for end := 2 * i; end <= 2*i+1; end++ {
			f.told[end] = near
			f.tell(news{origin: f.router(end), adjacency: true, undo: func(v *view) { v.told[end] = !near }}, now)
		}
	}
}

// light says whether link i carries light both ways. A port that is disabled or without power turns it off at both ends.
func (f *Fabric) light(i int) bool {
	l, s := &f.links[i], &f.status[i]
	return !(s.active && s.fault.Down) && f.ends[2*i].Enabled && f.ends[2*i+1].Enabled && !f.off[l.A] && !f.off[l.B]
}

func (f *Fabric) adjacent(i int) bool {
	return f.light(i) && f.ends[2*i].Levels&f.ends[2*i+1].Levels != 0
}

// Up says whether link i carries light, how often that has changed, and when it last did.
func (f *Fabric) Up(i int) (up bool, changes int64, since time.Time) {
	s := &f.status[i]
	return s.up, s.moves, s.moved
}

// Neighbours says whether the routers at link i's ends are adjacent on a level.
func (f *Fabric) Neighbours(i, level int) bool {
	return f.status[i].near && f.ends[2*i].Levels&f.ends[2*i+1].Levels&(1<<level) != 0
}

// Adjacent says whether the routers at link i's ends are adjacent, and since when they are or last were.
func (f *Fabric) Adjacent(i int) (up bool, since time.Time) {
	s := &f.status[i]
	return s.near, s.joined
}
