package backbone

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/backbone/authority"
	"github.com/detour-net/detour/internal/backbone/fabric"
	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/network"
)

// Config is what a Network is started with.
type Config struct {
	Topology *network.Topology           // required; addresses and credentials in it are ignored
	Clock    func() time.Time            // time.Now if nil; must not run backwards
	Logger   *zap.Logger                 // none if nil
	Options  func(router string) Options // DefaultOptions for each if nil

	RequireClientCert  bool   // refuse clients without a certificate of the network's authority
	Username, Password string // if the name is set, every RPC needs both in its metadata

	LoadTarget float64 // load of the busiest link at the start, a ratio of its capacity; 0.45 if zero

	// Convergence is the time within which routers go over to new shortest paths, each after its own part of it: when a
	// metric, an overload bit or an adjacency changes, some forward by the old tables and some by the new, and traffic
	// may loop or go into the void. Zero lets all of them know at once.
	Convergence time.Duration
}

// Network is a running simulated backbone. Its methods are safe for concurrent use.
type Network struct {
	topology *network.Topology
	schema   *model.Schema
	clock    func() time.Time
	log      *zap.Logger
	auth     *authority.Authority
	stranger tls.Certificate
	config   Config

	routers []*Router
	byName  map[string]*Router
	links   map[string]int

	mu      sync.Mutex
	fabric  *fabric.Fabric
	traffic [2][]int64
	last    time.Time     // latest instant seen, so that time never runs backwards
	armed   time.Time     // when the timekeeper will look next; zero for never
	changed chan struct{} // closed and replaced whenever anything changes
	sets    []SetRecord
	shape   []uint8 // of the link-state database when routers last described themselves: adjacencies, overload bits

	wake    chan struct{}
	done    chan struct{}
	running sync.WaitGroup
}

// Start brings up a network with all its routers. The caller ends it with Close.
func Start(cfg Config) (*Network, error) {
	if cfg.Topology == nil {
		return nil, errors.New("backbone: no topology")
	}
	if cfg.Convergence < 0 {
		return nil, fmt.Errorf("backbone: convergence within %v: want zero or more", cfg.Convergence)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Options == nil {
		cfg.Options = func(string) Options { return DefaultOptions() }
	}
	cfg.LoadTarget = cmp.Or(cfg.LoadTarget, 0.45)
	n := &Network{
		topology: cfg.Topology, clock: cfg.Clock, log: cfg.Logger, config: cfg,
		byName: map[string]*Router{}, links: map[string]int{},
		changed: make(chan struct{}), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := n.build(); err != nil {
		return nil, fmt.Errorf("backbone: %w", err)
	}
	for _, r := range n.routers {
		if err := r.listen(); err != nil {
			n.Close()
			return nil, fmt.Errorf("backbone: router %s: %w", r.name, err)
		}
	}
	n.running.Go(n.keepTime)
	return n, nil
}

// build makes everything that needs no socket.
func (n *Network) build() (err error) {
	if n.schema, err = model.Load(); err != nil {
		return err
	}
	now := n.clock()
	n.last = now
	if n.auth, err = authority.New("simulated backbone authority"); err != nil {
		return err
	}
	if n.stranger, err = authority.Stranger(); err != nil {
		return err
	}
	for i, router := range n.topology.Routers {
		r := newRouter(n, i, router.Name, n.config.Options(router.Name), now)
		n.routers = append(n.routers, r)
		n.byName[router.Name] = r
	}
	if err := n.join(now); err != nil {
		return err
	}
	for _, r := range n.routers {
		if err := r.install(now); err != nil {
			return fmt.Errorf("router %s: %w", r.name, err)
		}
	}
	n.traffic = n.fabric.Gravity(n.config.LoadTarget)
	n.fabric.Begin(n.traffic, now)
	return nil
}

// join lays the links.
func (n *Network) join(now time.Time) error {
	links := make([]fabric.Link, len(n.topology.Links))
	for i, l := range n.topology.Links {
		a, b := n.byName[l.A.Device], n.byName[l.B.Device]
		if a == nil || b == nil || a == b || l.Capacity <= 0 {
			return fmt.Errorf("link %s: needs two different routers of the topology and a capacity", l.Name)
		}
		links[i] = fabric.Link{A: a.index, B: b.index, Capacity: l.Capacity}
		n.links[l.Name] = i
		a.attach(2*i, l.A, l, b)
		b.attach(2*i+1, l.B, l, a)
	}
	n.fabric = fabric.New(len(n.routers), links, n.config.Convergence, now)
	return nil
}

// Close ends every server and goroutine of the network and waits for them.
func (n *Network) Close() {
	select {
	case <-n.done:
		return
	default:
		close(n.done)
	}
	for _, r := range n.routers {
		r.stop()
	}
	n.running.Wait()
}

// lock takes the mutex, lets happen what is due, and returns the present.
func (n *Network) lock() time.Time {
	n.mu.Lock()
	if now := n.clock(); now.After(n.last) {
		n.last = now
	}
	if n.fabric.Advance(n.last) {
		n.announce()
	}
	return n.last
}

// unlock gives the mutex back and sees to it that what will happen next is not slept over.
func (n *Network) unlock() {
	next, ok := n.fabric.Next()
	late := ok && (n.armed.IsZero() || next.Before(n.armed))
	n.mu.Unlock()
	if late {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

// announce tells everyone who waits that something has changed. The mutex is held.
func (n *Network) announce() {
	n.reshape()
	close(n.changed)
	n.changed = make(chan struct{})
}

// Changed returns a channel that is closed as soon as anything changes: a configuration, a link, the account of Sets.
// Take the channel first, look second, wait last, and nothing is missed.
func (n *Network) Changed() <-chan struct{} {
	n.lock()
	defer n.unlock()
	return n.changed
}

// keepTime lets happen in time what happens by itself, so that streams tell of it. Readers do not depend on it.
func (n *Network) keepTime() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := n.lock()
		next, ok := n.fabric.Next()
		n.armed = next
		n.mu.Unlock()
		wait := time.Hour
		if ok {
			// The clock handed in may stand still; a floor keeps this from spinning then.
			wait = max(next.Sub(now), time.Millisecond)
		}
		timer.Reset(wait)
		select {
		case <-n.done:
			return
		case <-n.wake:
		case <-timer.C:
		}
	}
}

// Router is the router of that name, and nil if there is none.
func (n *Network) Router(name string) *Router { return n.byName[name] }

// Routers are all routers, in the topology's order.
func (n *Network) Routers() []*Router { return append([]*Router(nil), n.routers...) }

// Topology is what the network was started with. It must not be changed.
func (n *Network) Topology() *network.Topology { return n.topology }
