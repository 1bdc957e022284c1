package device

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// cache is what a router's telemetry last said. Counters live on samples. States live on their stream: they hold while it
// is open and has told everything once, and are unknown from the moment it ends.
type cache struct {
	interval time.Duration // between two samples

	mu       sync.Mutex
	heard    time.Time           // anything at all
	goesOn   time.Time           // anything but the first answer to a subscription
	counters map[string]counters // by port
	rates    map[string]rates    // by port: what its counters come to
	states   map[subject]map[string]state
	shown    map[shownOf]*shown // what states come to, until one of any interface changes
	complete bool               // the stream of states has told everything once
	sampled  bool               // states are repeated each interval, so one that is not repeated no longer holds
}

// signal is a kind of state that is followed.
type signal string

const (
	operStatus  signal = "oper-status"
	adjacencyUp signal = "adjacency-state"
	metricState signal = "metric"
	metricSet   signal = "metric-configured"
	portSpeed   signal = "port-speed"
	lagSpeed    signal = "lag-speed"
	overloadBit signal = "set-bit"
	circuitHere signal = "local-extended-circuit-id"
	circuitPeer signal = "neighbor-extended-circuit-id"
)

// subject is what a state is about: a port's oper-status or speed, an interface's adjacencies or metrics, the router ("").
type subject struct {
	signal signal
	owner  string
}

// state is one leaf as the router told it, read once: it is looked at far more often than told.
type state struct {
	path   []*gnmi.PathElem
	heard  time.Time
	known  bool           // it could be read
	word   string         // of a status
	with   neighbour      // of an adjacency, and of what belongs to one
	number int64          // of a speed, in bits per second; of a circuit
	leaf   events.LeafRef // of a metric, with its value
	metric events.Value
}

// neighbour is whom an adjacency is with. There is one of each on a point-to-point interface.
type neighbour struct{ level, system string }

func stateOf(sig signal, bind names, value *gnmi.TypedValue) state {
	switch sig {
	case metricState, metricSet:
		leaf, ok := refOf(bind)
		v, err := metric(value)
		return state{known: ok && err == nil, leaf: leaf, metric: v}
	case portSpeed:
		bps, err := speed(value)
		return state{known: err == nil && bps > 0, number: bps}
	case circuitHere, circuitPeer:
		n, err := number(value)
		return state{known: err == nil && n <= math.MaxUint32, number: int64(n), with: neighbourOf(bind)}
	case lagSpeed: // in Mb/s
		n, err := number(value)
		return state{known: err == nil && n > 0 && n <= math.MaxUint32, number: int64(n) * 1e6}
	}
	word, err := enum(value)
	return state{known: err == nil, word: word, with: neighbourOf(bind)}
}

func neighbourOf(bind names) neighbour {
	return neighbour{bind["level"], strings.ToLower(bind["system"])}
}

// newCache makes an empty cache of a router whose counters are asked for at the given interval.
func newCache(interval time.Duration) *cache {
	c := &cache{interval: interval}
	c.forget()
	return c
}

// forget drops everything but the time of hearing: the session is gone, and so is what it knew.
func (c *cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counters, c.rates = map[string]counters{}, map[string]rates{}
	c.dropStates()
}

func (c *cache) dropStates() {
	c.states, c.shown = map[subject]map[string]state{}, map[shownOf]*shown{}
	c.complete = false
}

// touch notes that the router is alive.
func (c *cache) touch(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = now
}

// tells notes that the router goes on telling, which is more than answering once.
func (c *cache) tells(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.goesOn = now
}

func (c *cache) lastTold() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goesOn
}

func (c *cache) lastHeard() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

// takeCounters adds one notification of the counters' stream.
func (c *cache) takeCounters(p paths, n *gnmi.Notification, heard time.Time) {
	told := time.Unix(0, n.GetTimestamp())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = heard
	counted := map[string]bool{}
	for _, u := range updatesOf(n) {
		for name, t := range p.counter {
			for _, i := range t.find(u.path, u.value) {
				value, err := number(i.value)
				if err != nil {
					continue // not a counter after all: it stays unknown
				}
				port := i.names["port"]
				if c.counters[port] == nil {
					c.counters[port] = counters{}
				}
				c.counters[port][name] = c.counters[port][name].add(sample{value, told, heard})
				counted[port] = true
			}
		}
	}
	for port := range counted {
		c.rates[port] = c.counters[port].rates(c.interval, heard)
	}
}

// beginStates starts the states anew.
func (c *cache) beginStates(sampled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropStates()
	c.sampled = sampled
}

// completeStates notes that everything has been told once.
func (c *cache) completeStates() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.complete = true
}

// takeStates adds one notification of the states' stream. It reports whether a metric leaf came or went after everything
// had been told once.
func (c *cache) takeStates(p paths, n *gnmi.Notification, heard time.Time) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = heard
	before := c.metricsKnown()
	for _, d := range n.GetDelete() {
		c.deleteStates(joined(n.GetPrefix(), d))
	}
	c.keep(p, updatesOf(n), heard)
	return c.complete && c.metricsKnown() != before
}

// takeUpdates adds what was read rather than told.
func (c *cache) takeUpdates(p paths, list []update, heard time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = heard
	c.keep(p, list, heard)
}

// keep adds states. The mutex is held.
func (c *cache) keep(p paths, list []update, heard time.Time) {
	clear(c.shown)
	for _, u := range list {
		for sig, t := range p.signals() {
			for _, i := range t.find(u.path, u.value) {
				of := subject{sig, cmp.Or(i.names["port"], i.names["interface"])}
				if c.states[of] == nil {
					c.states[of] = map[string]state{}
				}
				s := stateOf(sig, i.names, i.value)
				s.path, s.heard = t.fill(i.names).GetElem(), heard
				c.states[of][i.names.key()] = s
			}
		}
	}
}

// signals are the states that are followed, with where they stand.
func (p paths) signals() map[signal]template {
	return map[signal]template{
		operStatus: p.oper, adjacencyUp: p.adjacency, metricState: p.metricState, metricSet: p.metric,
		portSpeed: p.portSpeed, lagSpeed: p.lagSpeed, overloadBit: p.overload, circuitHere: p.circuit, circuitPeer: p.peerCircuit,
	}
}

func (c *cache) metricsKnown() (n int) {
	for of, states := range c.states {
		if of.signal == metricState {
			n += len(states)
		}
	}
	return n
}

func (c *cache) deleteStates(path []*gnmi.PathElem) {
	for _, of := range c.states {
		for key, s := range of {
			if covers(path, s.path) {
				delete(of, key)
			}
		}
	}
}

// key tells two bindings of one template apart.
func (n names) key() string {
	var b strings.Builder
	for _, name := range []string{"port", "instance", "protocol", "interface", "level", "family", "system"} {
		b.WriteString(strconv.Quote(n[name]))
	}
	return b.String()
}

// shownOf is an interface with the port behind it. In a single topology IPv6 goes by the metric of IPv4, whatever the router
// goes on showing for the one that is ignored.
type shownOf struct {
	iface, port string
	single      bool
}

// shown is what the states of an interface come to, or, for the interface "", those of the router; what its stream does not
// follow is not known. It is shared: only to be read.
type shown struct {
	oper        string   // of its port, "" when not known
	adjacencies int      // that are UP
	neighbours  []string // systems with an adjacency that is UP, sorted
	circuits    []events.Circuit
	metrics     map[events.LeafRef]events.Value
	configured  map[events.LeafRef]events.Value
	isis        []network.Metric // those of metrics that are IS-IS metrics, sorted
	speed       int64            // of its port in bits per second, the sum of its members where it is a bundle; 0 when not known
	overload    *bool            // the router's overload bit, nil when not known
}

// end is what is known of an end of a link; fresh is the oldest time of hearing that still counts.
func (c *cache) end(of shownOf, fresh time.Time) endSeen {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := endSeen{heard: c.heard, shown: &shown{}}
	if r := c.rates[of.port]; r.traffic != nil && !r.oldest.Before(fresh) {
		e.traffic, e.counted = r.traffic, r.oldest
	}
	if c.complete && !c.heard.Before(fresh) {
		e.shown = c.show(of, fresh)
	}
	return e
}

// told is what the states of an interface come to, whenever the router was heard: those that are told when they change hold
// while their stream is open.
func (c *cache) told(of shownOf, fresh time.Time) *shown {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.complete {
		return &shown{}
	}
	return c.show(of, fresh)
}

// show sums states up, as far as they hold. They are looked at far more often than told.
func (c *cache) show(of shownOf, fresh time.Time) *shown {
	if s, ok := c.shown[of]; ok && !c.sampled {
		return s
	}
	sum := c.sum(of, fresh)
	c.shown[of] = sum
	return sum
}

func (c *cache) sum(of shownOf, fresh time.Time) *shown {
	sum := &shown{metrics: map[events.LeafRef]events.Value{}, configured: map[events.LeafRef]events.Value{}}
	each := func(sig signal, owner string, f func(state)) {
		for _, s := range c.states[subject{sig, owner}] {
			if s.known && (!c.sampled || !s.heard.Before(fresh)) {
				f(s)
			}
		}
	}
	each(operStatus, of.port, func(s state) { sum.oper = s.word })
	each(adjacencyUp, of.iface, func(s state) {
		if s.word == "UP" {
			sum.adjacencies++
			sum.neighbours = append(sum.neighbours, s.with.system)
		}
	})
	slices.Sort(sum.neighbours)
	sum.neighbours = slices.Compact(sum.neighbours)
	each(metricState, of.iface, func(s state) { sum.metrics[s.leaf] = s.metric })
	each(metricSet, of.iface, func(s state) { sum.configured[s.leaf] = s.metric })
	for _, sig := range []signal{portSpeed, lagSpeed} { // the latter counts where both are told
		each(sig, of.port, func(s state) { sum.speed = s.number })
	}
	each(overloadBit, of.iface, func(s state) {
		set := s.word == "true"
		sum.overload = &set
	})
	circuits := map[neighbour]events.Circuit{}
	each(circuitHere, of.iface, func(s state) { circuits[s.with] = events.Circuit{Local: uint32(s.number)} })
	each(circuitPeer, of.iface, func(s state) {
		circuits[s.with] = events.Circuit{Local: circuits[s.with].Local, Peer: uint32(s.number)}
	})
	sum.circuits, sum.isis = circuitsOf(circuits), isisOf(sum.metrics, of.single)
	return sum
}

// circuitsOf are the circuits of adjacencies, each once, in their order.
func circuitsOf(of map[neighbour]events.Circuit) []events.Circuit {
	list := slices.SortedFunc(maps.Values(of), func(a, b events.Circuit) int {
		return cmp.Or(cmp.Compare(a.Local, b.Local), cmp.Compare(a.Peer, b.Peer))
	})
	return slices.Compact(list)
}

// isisOf are the IS-IS metrics among metrics, sorted, as paths go by them.
func isisOf(metrics map[events.LeafRef]events.Value, single bool) (list []network.Metric) {
	for leaf := range metrics {
		by := leaf
		if single {
			by.Family = events.IPv4
		}
		if n, ok := metrics[by].Uint(); ok && n <= math.MaxUint32 && leaf.Leaf == events.ISISMetric {
			list = append(list, network.Metric{Level: leaf.Level, Family: network.Family(leaf.Family), Value: uint32(n)})
		}
	}
	slices.SortFunc(list, func(a, b network.Metric) int { return cmp.Or(a.Level-b.Level, cmp.Compare(a.Family, b.Family)) })
	return list
}
