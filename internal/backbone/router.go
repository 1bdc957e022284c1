package backbone

import (
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/internal/backbone/fabric"
	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/backbone/target"
	"github.com/detour-net/detour/internal/network"
)

// Loopback is an interface that every router has and no traffic uses.
const Loopback = "loopback0"

// Edge is the interface of every router at which its own traffic enters the network and leaves it.
const Edge = "edge0"

// defaultMetric is in force where none is configured (default of the model, openconfig-isis).
const defaultMetric = 10

// Router is one simulated router. Its methods are safe for concurrent use.
type Router struct {
	network *Network
	index   int
	name    string
	options Options
	isis    model.Elems // path of the IS-IS instance
	ports   []port

	// Guarded by the network's mutex from here on.
	initial    settings       // as at the start
	running    settings       // as configured
	programmed settings       // as the hardware has it
	saved      settings       // as after a reboot
	leaves     *target.Leaves // of running's and programmed's leaves; nil when keys have come or gone
	masters    target.Masters
	window     *window
	booted     time.Time
	numbered   int // Sets with operations, so far
	injections []*Injection
	miscounts  map[string]miscount // by interface
	manners    manners

	listener  *listener
	server    *grpc.Server
	disguised atomic.Bool // shows a certificate that is not its own
}

// settings are a configuration.
type settings = target.Settings

// port is one interface that ends a link.
type port struct {
	end    int // in the fabric
	number int // of its circuit on the router, from 1
	name   string
	speed  int64 // bits per second
	hidden bool  // no adjacency is shown on it
	metric uint32
	link   network.Link
	peer   *Router
	keys   portKeys
}

// manners are how a router treats every RPC.
type manners struct {
	latency   time.Duration
	hanging   bool
	getCode   codes.Code
	getReason string
}

func newRouter(n *Network, index int, name string, options Options, now time.Time) *Router {
	return &Router{
		network: n, index: index, name: name, options: options, booted: now, masters: target.Masters{}, miscounts: map[string]miscount{},
		isis: model.Elems{
			model.E("network-instances"), model.E("network-instance", "name", options.NetworkInstance),
			model.E("protocols"), model.E("protocol", "identifier", "ISIS", "name", options.Instance), model.E("isis"),
		},
	}
}

// attach gives the router an end of a link.
func (r *Router) attach(end int, e network.End, l network.Link, peer *Router) {
	metric := e.Metric
	if metric == 0 {
		metric = defaultMetric
	}
	r.ports = append(r.ports, port{end: end, number: len(r.ports) + 1, speed: l.Capacity, name: e.Interface, metric: metric, link: l, peer: peer, keys: r.portKeys(e.Interface)})
}

// install gives the router its first configuration.
func (r *Router) install(now time.Time) error {
	s, err := r.firstSettings()
	if err != nil {
		return err
	}
	r.initial, r.running, r.saved = s, s, s
	r.program(s, now)
	return nil
}

// Name is the router's name.
func (r *Router) Name() string { return r.name }

// Address is the host and port of the router's gNMI server.
func (r *Router) Address() string { return r.listener.Addr().String() }

// SystemID is the router's IS-IS system identifier.
func (r *Router) SystemID() string {
	return fmt.Sprintf("0000.0000.%04x", r.index+1)
}

// Path is the path of the router's IS-IS instance as text, with further elements below it.
func (r *Router) Path(below ...string) string {
	path := model.Key(r.isis)
	for _, elem := range below {
		path += "/" + elem
	}
	return path
}

// adopt makes s the running configuration and, unless the hardware is to be left alone, programs it. The mutex is held.
func (r *Router) adopt(s settings, program bool, now time.Time) {
	if !r.running.SameKeys(s) {
		r.leaves = nil
	}
	r.running = s
	if program {
		r.program(s, now)
	}
	if r.options.Persist && r.window == nil {
		r.saved = s
	}
	r.network.announce()
}

// program puts a configuration into effect. The mutex is held.
func (r *Router) program(s settings, now time.Time) {
	if !r.programmed.SameKeys(s) {
		r.leaves = nil
	}
	r.programmed = s
	f := r.network.fabric
	for i := range r.ports {
		p := &r.ports[i]
		f.Configure(p.end, r.endOf(s, &p.keys), now)
	}
	f.Overload(r.index, s[r.overloadKey()].Value.Bool(), now)
}

// Master is the highest election id that the router has accepted in a role, and false if there is none since it started.
func (r *Router) Master(role string) (high, low uint64, ok bool) {
	r.network.lock()
	defer r.network.unlock()
	id, ok := r.masters[role]
	return id.High, id.Low, ok
}

// Save makes the running configuration the one that a reboot comes up with.
func (r *Router) Save() {
	r.network.lock()
	defer r.network.unlock()
	r.saved = r.running
}

// Reboot restarts the router. It loses every connection, every change since the last Save unless it persists them by
// itself, who was master, and any commit that waits to be confirmed. For the outage it neither answers nor forwards.
func (r *Router) Reboot(outage time.Duration) {
	n := r.network
	now := n.lock()
	defer n.unlock()
	r.window.stop()
	r.window = nil
	clear(r.masters)
	r.booted = now
	before := r.running
	r.adopt(maps.Clone(r.saved), true, now)
	r.noteSince(before, now)
	if outage > 0 {
		r.listener.ignore(true)
		n.fabric.Power(r.index, false, now)
		n.fabric.At(now.Add(outage), func(at time.Time) {
			n.fabric.Power(r.index, true, at)
			r.booted = at
			r.listener.ignore(false)
		})
	}
	r.listener.hangUp()
	n.announce()
}

// endOf is what a configuration says of one end of a link.
func (r *Router) endOf(s settings, keys *portKeys) fabric.End {
	e := fabric.End{Enabled: true}
	if leaf, ok := s[keys.enabled]; ok {
		e.Enabled = leaf.Value.Bool()
	}
	if !s[keys.isisEnabled].Value.Bool() {
		return e
	}
	_, multi := s[r.multiTopologyKey()]
	for level := 1; level <= 2; level++ {
		l := &keys.levels[level]
		if !s[l.enabled].Value.Bool() {
			continue
		}
		e.Levels |= 1 << level
		for class := range l.af {
			af := &l.af[class]
			if _, ok := s[af.name]; !ok || !enabled(s, af.enabled) {
				continue
			}
			e.Class[class] = true
			e.Metric[level][class] = metricOf(s, af.metric)
		}
		if !multi {
			e.Metric[level][fabric.IPv6] = e.Metric[level][fabric.IPv4]
		}
	}
	return e
}

// enabled reads a boolean that is true unless configured otherwise.
func enabled(s settings, key string) bool {
	leaf, ok := s[key]
	return !ok || leaf.Value.Bool()
}

func metricOf(s settings, key string) uint32 {
	if leaf, ok := s[key]; ok {
		return leaf.Value.Uint32()
	}
	return defaultMetric
}

// metrics are those configured at an end. The mutex is held.
func (r *Router) metrics(end int) EndMetrics {
	for i := range r.ports {
		if r.ports[i].end != end {
			continue
		}
		af := &r.ports[i].keys.levels[r.topLevel()].af
		read := func(class int) Metric {
			_, explicit := r.running[af[class].metric]
			return Metric{Value: metricOf(r.running, af[class].metric), Explicit: explicit}
		}
		return EndMetrics{IPv4: read(fabric.IPv4), IPv6: read(fabric.IPv6)}
	}
	return EndMetrics{}
}

func (r *Router) topLevel() int {
	top := 1
	for _, level := range r.options.Levels {
		top = max(top, level)
	}
	return top
}
