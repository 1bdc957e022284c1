package device

import (
	"cmp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
)

// cache is what a router's telemetry last said. Counters live on samples. States live on their stream: they hold while it
// is open and has told everything once, and are unknown from the moment it ends.
type cache struct {
	interval time.Duration // between two samples

	mu       sync.Mutex
	heard    time.Time           // anything at all
	counters map[string]counters // by port
	states   map[subject]map[string]state
	complete bool // the stream of states has told everything once
	sampled  bool // states are repeated each interval, so one that is not repeated no longer holds
}

// signal is a kind of state that is followed.
type signal string

const (
	operStatus  signal = "oper-status"
	adjacencyUp signal = "adjacency-state"
	metricState signal = "metric"
)

// subject is what a state is about: a port's oper-status, an interface's adjacencies or metrics.
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
	leaf   events.LeafRef // of a metric, with its value
	metric events.Value
}

func stateOf(sig signal, bind names, value *gnmi.TypedValue) state {
	if sig != metricState {
		word, err := enum(value)
		return state{known: err == nil, word: word}
	}
	leaf, ok := refOf(bind)
	v, err := metric(value)
	return state{known: ok && err == nil, leaf: leaf, metric: v}
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
	c.counters = map[string]counters{}
	c.dropStates()
}

func (c *cache) dropStates() {
	c.states = map[subject]map[string]state{}
	c.complete = false
}

// touch notes that the router is alive.
func (c *cache) touch(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = now
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
			}
		}
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
	for _, u := range updatesOf(n) {
		for sig, t := range map[signal]template{operStatus: p.oper, adjacencyUp: p.adjacency, metricState: p.metricState} {
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
	return c.complete && c.metricsKnown() != before
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

// each calls f with every state of a subject that holds; fresh is the oldest time of hearing that still counts.
func (c *cache) each(of subject, fresh time.Time, f func(state)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.complete || c.heard.Before(fresh) {
		return
	}
	for _, s := range c.states[of] {
		if !c.sampled || !s.heard.Before(fresh) {
			f(s)
		}
	}
}

// oper is a port's oper-status, "" when unknown.
func (c *cache) oper(port string, fresh time.Time) (status string) {
	c.each(subject{operStatus, port}, fresh, func(s state) {
		status = s.word // an unreadable status is an unknown one
	})
	return status
}

// adjacencies counts an interface's adjacencies that are UP.
func (c *cache) adjacencies(iface string, fresh time.Time) (up int) {
	c.each(subject{adjacencyUp, iface}, fresh, func(s state) {
		if s.known && s.word == "UP" {
			up++
		}
	})
	return up
}

// metrics are an interface's metrics as the router's state shows them.
func (c *cache) metrics(iface string, fresh time.Time) map[events.LeafRef]events.Value {
	shown := map[events.LeafRef]events.Value{}
	c.each(subject{metricState, iface}, fresh, func(s state) {
		if s.known {
			shown[s.leaf] = s.metric
		}
	})
	return shown
}

// drained reports whether any of an interface's metrics is shown at or above soft.
func (c *cache) drained(iface string, soft uint32, fresh time.Time) (found bool) {
	c.each(subject{metricState, iface}, fresh, func(s state) {
		n, ok := s.metric.Uint()
		found = found || s.known && ok && n >= uint64(soft)
	})
	return found
}

// traffic is a port's rates, nil when unknown, and when the oldest sample behind them was heard.
func (c *cache) traffic(port string, fresh time.Time) (*events.Traffic, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counters[port].traffic(c.interval, fresh)
}
