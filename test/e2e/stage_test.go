package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/chatops/mattermost/mattermosttest"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/notify/pagerduty/pagerdutytest"
	"github.com/detour-net/detour/internal/notify/teams/teamstest"
	"github.com/detour-net/detour/internal/web/login/logintest"
	"github.com/detour-net/detour/test/wire"
)

// stage is everything that an attack is made on.
type stage struct {
	t     testing.TB
	dir   string
	rules rules
	began time.Time

	net        *backbone.Network
	routers    []network.Router                  // as the inventory has them
	slack      *slacktest.Server                 // nil: no chat there
	mattermost *mattermosttest.Server            // nil: no chat there
	signed     bool                              // its presses come by HTTP, and no socket is opened
	rota       string                            // of who is on call; "": people.yaml says so
	shift      string                            // when a hand-over is told by itself, as a time of day; "": never
	provider   *logintest.Provider               // nil: people sign in with tokens alone
	pager      *pagerdutytest.Server             // nil: nobody is called
	hook       *teamstest.Server                 // nil: nothing is posted
	collector  string                            // where traces go; "": nowhere
	balancer   string                            // where Mattermost reaches the replicas, once it is known
	first      map[string][2]backbone.EndMetrics // metrics of every link at the start
	server     *bus.Server
	busURL     string
	audit      string    // the configuration of checkpoints
	store      string    // the server's directory
	most       int64     // bytes that it may keep, 0: as the server likes
	conn       *bus.Conn // past the wires
	ledger     *ledger.Ledger
	replicas   []*replica

	mu      sync.Mutex
	board   *incident.Board
	commits []events.Commit
	moved   chan struct{}     // closed and replaced with every commit
	fired   map[string]string // events published: id -> what it was about
	ended   map[string]uint64 // epochs of incidents that are over, by link
	late    map[string]bool   // routers whose Sets may take effect long after they were sent
}

// set up says what a stage has.
type setup struct {
	rules      rules
	replicas   int
	proven     bool // the fences of every router are on the ledger as proven
	slack      *slacktest.Server
	signed     bool   // as stage has it
	rota       string // as stage has it
	shift      string // as stage has it
	provider   *logintest.Provider
	mattermost *mattermosttest.Server
	pager      *pagerdutytest.Server
	hook       *teamstest.Server
	collector  string // as stage has it
	audit      bool   // checkpoints are shipped to a file
}

// raise brings a stage up and waits until every replica is ready and sees every router.
func raise(t testing.TB, with setup) *stage {
	t.Helper()
	s := raiseBare(t, with.rules)
	s.slack, s.signed, s.rota, s.mattermost = with.slack, with.signed, with.rota, with.mattermost
	s.pager, s.hook, s.collector = with.pager, with.hook, with.collector
	s.shift, s.provider = with.shift, with.provider
	if with.audit {
		s.shipsCheckpoints()
	}
	s.raiseBus()
	s.follow()
	if with.proven {
		s.prove()
	}
	for n := range with.replicas {
		s.addReplica(n)
	}
	var starting sync.WaitGroup
	errs := make([]error, with.replicas)
	for n, r := range s.replicas {
		starting.Go(func() { errs[n] = r.launch() })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.replicas {
		s.seesAll(r)
	}
	if len(s.replicas) > 0 {
		// It is what a replica writes by itself: from here on the ledger grows by what a test does.
		s.courses("by which policy it decides", func(incident.Course) bool { return true })
	}
	return s
}

// raiseBare brings up the routers and writes the files, and nothing else.
func raiseBare(t testing.TB, with rules) *stage {
	t.Helper()
	s := &stage{
		t: t, dir: t.TempDir(), rules: with.withDefaults(), began: time.Now(), board: incident.NewBoard(), moved: make(chan struct{}),
		fired: map[string]string{}, late: map[string]bool{}, ended: map[string]uint64{}, first: map[string][2]backbone.EndMetrics{},
	}
	options, load := routerOptions, 0.1
	if with.Modelled {
		options, load = alike, 0.4
	}
	var err error
	s.net, err = backbone.Start(backbone.Config{
		Topology: topology(), Options: options, LoadTarget: load, RequireClientCert: true, Username: "detour", Password: uuid.NewString(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.net.Close)
	for _, l := range s.net.Topology().Links {
		s.first[l.Name] = s.metrics(l.Name)
	}
	if s.routers, err = s.net.Inventory(s.dir); err != nil {
		t.Fatal(err)
	}
	if !with.Edge {
		for i := range s.routers {
			s.routers[i].EdgePorts = nil // policies here allow what is not known of the edge
		}
	}
	s.writeFiles()
	return s
}

// raiseBus starts the NATS server and a connection to it.
func (s *stage) raiseBus() {
	s.t.Helper()
	s.raiseBusOn(filepath.Join(s.dir, "nats"), 0)
}

// raiseBusOn starts it on a directory, with a bound on what it keeps.
func (s *stage) raiseBusOn(dir string, most int64) {
	s.t.Helper()
	s.store, s.most = dir, most
	ports, err := bustest.FreePorts(1)
	if err != nil {
		s.t.Fatal(err)
	}
	s.startBus(ports[0])
	s.t.Cleanup(func() { s.stopBus() })
	if s.conn, err = bus.Connect(bus.Config{URLs: []string{s.busURL}, Name: "e2e"}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.conn.Close(context.Background()) }) // the server may be gone
	if err := s.conn.Wait(s.within()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) startBus(port int) {
	s.t.Helper()
	var err error
	if s.server, err = bus.Embedded(s.store, bus.Options{Port: port, MaxStore: s.most}); err != nil {
		s.t.Fatal(err)
	}
	s.busURL = s.server.URL()
}

// stopBus stops the server; startBus(busPort()) brings it back where it was.
func (s *stage) stopBus() {
	if s.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		s.t.Error(err)
	}
	s.server = nil
}

func (s *stage) busHost() string {
	u, err := url.Parse(s.busURL)
	if err != nil {
		s.t.Fatal(err)
	}
	return u.Host
}

func (s *stage) busPort() int {
	_, port, _ := strings.Cut(s.busHost(), ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// follow opens the ledger and folds it as it grows.
func (s *stage) follow() {
	s.t.Helper()
	var err error
	if s.ledger, err = ledger.Open(s.within(), s.conn.JetStream(), ledger.Config{Domain: domain, SyncAlways: true, AckWait: patience}); err != nil {
		s.t.Fatal(err)
	}
	following, stop := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		err := s.ledger.Follow(following, 1, func(c events.Commit) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.commits = append(s.commits, c)
			close(s.moved)
			s.moved = make(chan struct{})
			return s.board.Apply(c)
		})
		if following.Err() == nil {
			s.t.Logf("the test follows the ledger no more: %v", err)
		}
	})
	s.t.Cleanup(func() { stop(); reading.Wait() })
}

// record appends records as another writer of the ledger would.
func (s *stage) record(records ...events.Record) events.Commit {
	s.t.Helper()
	ctx := s.within()
	for {
		s.mu.Lock()
		at, prev := s.board.Position, s.board.Digest
		s.mu.Unlock()
		c, err := s.ledger.Append(ctx, events.Commit{ID: uuid.NewString(), Prev: prev, At: time.Now().UTC(), By: "e2e/test", Records: records}, at)
		if err == nil {
			return c
		}
		if !errors.Is(err, ledger.ErrConflict) {
			s.t.Fatal(err)
		}
		s.until("the ledger to be read on", func(b *incident.Board) bool { return b.Position > at })
	}
}

// prove puts on the ledger what canaries would find.
func (s *stage) prove() {
	s.t.Helper()
	s.record(s.proofs()...)
}

// proofs are the records of it.
func (s *stage) proofs() (records []events.Record) {
	for _, r := range s.net.Routers() {
		o := routerOptions(r.Name())
		p := events.Proved{Device: r.Name(), Software: o.SoftwareVersion, By: events.Person{Name: "alice"}, Bars: []events.Bar{events.BarDeadline}, Leaves: []events.Leaf{events.ISISMetric}}
		if o.CommitConfirmed {
			p.Bars = append([]events.Bar{events.BarCommitConfirmed}, p.Bars...)
		}
		if o.MasterArbitration {
			p.Bars = append([]events.Bar{events.BarArbitration}, p.Bars...)
		}
		records = append(records, events.Record{Body: p})
	}
	return records
}

// addReplica makes replica n, which has not begun.
func (s *stage) addReplica(n int) *replica {
	s.t.Helper()
	w, err := wire.New(s.busHost())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(w.Close)
	return s.addReplicaOn(n, fmt.Sprintf("{urls: [\"nats://%s\"], sync_always: true}", w.Address()), w)
}

func (s *stage) addReplicaOn(n int, nats string, w *wire.Wire) *replica {
	s.t.Helper()
	logs, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("replica-%d.log", n)))
	if err != nil {
		s.t.Fatal(err)
	}
	r := &replica{s: s, n: n, config: s.writeConfig(n, nats), wire: w, logs: logs}
	s.replicas = append(s.replicas, r)
	s.t.Cleanup(func() {
		r.kill()
		logs.Close()
	})
	return r
}

// seesAll waits until a replica is ready and sees every router.
func (s *stage) seesAll(r *replica) {
	s.t.Helper()
	cl := r.as("carol")
	s.wait("replica "+r.name+" to be ready and to see every router", func() bool {
		ready, err := r.ready()
		if err != nil || !ready.Ready {
			return false
		}
		d, err := cl.Drains(s.within())
		return err == nil && d.Seen == d.Routers
	})
}

// within is a context for one thing that must not take for ever.
func (s *stage) within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

// wait returns once done says so; it asks with every commit, and now and then.
func (s *stage) wait(what string, done func() bool) {
	s.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		moved := s.moved
		s.mu.Unlock()
		if done() {
			return
		}
		select {
		case <-moved:
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("waited in vain for %s\n%s", what, s.dump())
		}
	}
}
