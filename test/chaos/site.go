package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/test/disk"
)

// patience bounds every wait for something that must come. None is expected to come near.
const patience = 4 * time.Minute

// site is everything that is hurt: routers in this process, servers of the bus and replicas in processes of their own.
type site struct {
	dir      string
	binary   string
	options  func(router string) backbone.Options
	net      *backbone.Network
	before   map[string][2]backbone.EndMetrics // of every link
	servers  *bustest.Servers
	disks    []*disk.Disk // of the servers, if they have some with a power switch
	conn     *bus.Conn    // of the harness, past the wires
	ledger   *ledger.Ledger
	replicas []*replica
	watch    watch
	pulse    pulse

	mu        sync.Mutex
	published map[string]string // events that the bus has stored: id -> what they were about

	teardown []func() // last in, first out
}

// plan says what a site has.
type plan struct {
	binary   string
	servers  int
	replicas int
	disk     func(dir string) error               // prepares where the bus keeps its data; nil: nothing is
	disks    bool                                 // each server has a disk of its own, whose power can be cut
	unsynced bool                                 // the bus does not sync what it acknowledges
	beside   *ports                               // of the sites there are besides; nil: none
	options  func(router string) backbone.Options // of the routers as they are; those of before if nil
	proofs   func(router string) backbone.Options // as they are said to be; the same as options if nil
}

// raise brings a site up below dir and waits until every replica is ready and sees every router. What was brought up is taken
// down again by end, also after an error.
func raise(ctx context.Context, dir string, p plan) (s *site, err error) {
	if p.options == nil {
		p.options = func(string) backbone.Options { return backbone.DefaultOptions() }
	}
	if p.proofs == nil {
		p.proofs = p.options
	}
	s = &site{dir: dir, binary: p.binary, options: p.options, before: map[string][2]backbone.EndMetrics{}, published: map[string]string{}}
	s.watch.board, s.watch.moved = incident.NewBoard(), make(chan struct{})
	s.onEnd(s.pulse.run())
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, step := range []func() error{
		s.raiseRouters,
		func() error { return s.raiseBus(ctx, p) },
		func() error { return s.raiseReplicas(ctx, p.replicas) },
		func() error { return s.follow(ctx) },
		func() error { return s.prove(ctx, p.proofs) },
		func() error { return s.ready(ctx) },
	} {
		if err := step(); err != nil {
			return s, fmt.Errorf("raise a site: %w", err)
		}
	}
	return s, nil
}

func (s *site) onEnd(f func()) { s.teardown = append(s.teardown, f) }

// end takes everything apart, the newest first.
func (s *site) end() {
	for len(s.teardown) > 0 {
		last := s.teardown[len(s.teardown)-1]
		s.teardown = s.teardown[:len(s.teardown)-1]
		last()
	}
}

func (s *site) raiseRouters() (err error) {
	s.net, err = backbone.Start(backbone.Config{
		Topology: backbone.Abilene(), Options: s.options, LoadTarget: 0.1, RequireClientCert: true, Username: "detour", Password: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	s.onEnd(s.net.Close)
	if s.before, err = s.metrics(); err != nil {
		return err
	}
	routers, err := s.net.Inventory(s.dir)
	if err != nil {
		return err
	}
	return s.writeFiles(routers)
}

// metrics are those of every link now.
func (s *site) metrics() (map[string][2]backbone.EndMetrics, error) {
	all := map[string][2]backbone.EndMetrics{}
	for _, l := range s.net.Topology().Links {
		a, b, err := s.net.Metrics(l.Name)
		if err != nil {
			return nil, err
		}
		all[l.Name] = [2]backbone.EndMetrics{a, b}
	}
	return all, nil
}

func (s *site) raiseBus(ctx context.Context, p plan) (err error) {
	if err := os.Mkdir(s.path("nats"), 0o700); err != nil {
		return err
	}
	if p.disk != nil {
		if err := p.disk(s.path("nats")); err != nil {
			return err
		}
	}
	places, err := bustest.Places(s.path("nats"), p.servers)
	for err == nil && !p.beside.claim(places) {
		places, err = bustest.Places(s.path("nats"), p.servers)
	}
	if err != nil {
		return err
	}
	s.onEnd(func() { p.beside.release(places) })
	for n := range places {
		places[n].Unsynced = p.unsynced
		if p.disks {
			if err := s.addDisk(places[n].Dir); err != nil {
				return err
			}
		}
	}
	if s.servers, err = bustest.StartAt(places); err != nil {
		return err
	}
	s.onEnd(s.servers.KillAll)
	if s.conn, err = bus.Connect(bus.Config{URLs: s.servers.URLs(), Name: "chaos"}); err != nil {
		return err
	}
	s.onEnd(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.conn.Close(ctx) // the servers may be gone
	})
	return s.conn.Wait(ctx)
}

// raiseReplicas starts the replicas together: the first to come makes the streams.
func (s *site) raiseReplicas(ctx context.Context, n int) error {
	for n := range n {
		r, err := s.addReplica(n)
		if err != nil {
			return err
		}
		s.replicas = append(s.replicas, r)
	}
	return s.begin(ctx)
}

// begin starts every replica that does not live, all at the same time.
func (s *site) begin(ctx context.Context) error {
	var starting sync.WaitGroup
	errs := make([]error, len(s.replicas))
	for n, r := range s.replicas {
		starting.Go(func() { errs[n] = r.begin(ctx) })
	}
	starting.Wait()
	return errors.Join(errs...)
}

// prove puts on the ledger what canaries would find.
func (s *site) prove(ctx context.Context, options func(router string) backbone.Options) error {
	var records []events.Record
	for _, r := range s.net.Routers() {
		o := options(r.Name())
		p := events.Proved{Device: r.Name(), Software: o.SoftwareVersion, By: events.Person{Name: "alice"}, Leaves: []events.Leaf{events.ISISMetric}}
		if o.CommitConfirmed {
			p.Bars = append(p.Bars, events.BarCommitConfirmed)
		}
		if o.MasterArbitration {
			p.Bars = append(p.Bars, events.BarArbitration)
		}
		p.Bars = append(p.Bars, events.BarDeadline)
		records = append(records, events.Record{Body: p})
	}
	return s.record(ctx, records...)
}

// ready waits until every replica is.
func (s *site) ready(ctx context.Context) error {
	for _, r := range s.replicas {
		var err error
		if s.watch.wait(ctx, "", func() bool { err = r.ready(ctx); return err == nil }) != nil {
			return fmt.Errorf("replica %d is not ready: %w\n%s", r.n, err, r.tail())
		}
	}
	return nil
}
