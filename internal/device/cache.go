package device

import (
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
	mu       sync.Mutex
	heard    time.Time           // anything at all
	counters map[string]counters // by port
	states   map[signal]map[string]state
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

// state is one leaf as the router told it.
type state struct {
	names names
	path  []*gnmi.PathElem
	value *gnmi.TypedValue
	heard time.Time
}

func newCache() *cache {
	c := &cache{}
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
	c.states = map[signal]map[string]state{operStatus: {}, adjacencyUp: {}, metricState: {}}
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
	before := len(c.states[metricState])
	for _, d := range n.GetDelete() {
		c.deleteStates(joined(n.GetPrefix(), d))
	}
	for _, u := range updatesOf(n) {
		for sig, t := range map[signal]template{operStatus: p.oper, adjacencyUp: p.adjacency, metricState: p.metricState} {
			for _, i := range t.find(u.path, u.value) {
				c.states[sig][i.names.key()] = state{i.names, t.fill(i.names).GetElem(), i.value, heard}
			}
		}
	}
	return c.complete && len(c.states[metricState]) != before
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

// each calls f with every state of a kind that holds; fresh is the oldest time of hearing that still counts.
func (c *cache) each(sig signal, fresh time.Time, f func(state)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.complete || c.heard.Before(fresh) {
		return
	}
	for _, s := range c.states[sig] {
		if !c.sampled || !s.heard.Before(fresh) {
			f(s)
		}
	}
}

// oper is a port's oper-status, "" when unknown.
func (c *cache) oper(port string, fresh time.Time) (status string) {
	c.each(operStatus, fresh, func(s state) {
		if s.names["port"] == port {
			status, _ = enum(s.value) // an unreadable status is an unknown one
		}
	})
	return status
}

// adjacencies counts an interface's adjacencies that are UP.
func (c *cache) adjacencies(iface string, fresh time.Time) (up int) {
	c.each(adjacencyUp, fresh, func(s state) {
		if text, err := enum(s.value); err == nil && s.names["interface"] == iface && text == "UP" {
			up++
		}
	})
	return up
}

// metrics are an interface's metrics as the router's state shows them.
func (c *cache) metrics(iface string, fresh time.Time) map[events.LeafRef]events.Value {
	shown := map[events.LeafRef]events.Value{}
	c.each(metricState, fresh, func(s state) {
		ref, ok := refOf(s.names)
		if !ok || ref.Interface != iface {
			return
		}
		if value, err := metric(s.value); err == nil {
			shown[ref] = value
		}
	})
	return shown
}

// traffic is a port's rates, nil when unknown, and when the oldest sample behind them was heard.
func (c *cache) traffic(port string, fresh time.Time) (*events.Traffic, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counters[port].traffic(fresh)
}
