package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
)

// stage is everything that an attack is made on.
type stage struct {
	t     testing.TB
	dir   string
	rules rules
	began time.Time

	net      *backbone.Network
	first    map[string][2]backbone.EndMetrics // metrics of every link at the start
	server   *bus.Server
	busURL   string
	store    string    // the server's directory
	most     int64     // bytes that it may keep, 0: as the server likes
	conn     *bus.Conn // past the wires
	ledger   *ledger.Ledger
	replicas []*replica

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
	rules    rules
	replicas int
	proven   bool // the fences of every router are on the ledger as proven
}

// raise brings a stage up and waits until every replica is ready and sees every router.
func raise(t testing.TB, with setup) *stage {
	t.Helper()
	s := raiseBare(t, with.rules)
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
	return s
}

// raiseBare brings up the routers and writes the files, and nothing else.
func raiseBare(t testing.TB, with rules) *stage {
	t.Helper()
	s := &stage{
		t: t, dir: t.TempDir(), rules: with.withDefaults(), began: time.Now(), board: incident.NewBoard(), moved: make(chan struct{}),
		fired: map[string]string{}, late: map[string]bool{}, ended: map[string]uint64{}, first: map[string][2]backbone.EndMetrics{},
	}
	var err error
	s.net, err = backbone.Start(backbone.Config{
		Topology: topology(), Options: routerOptions, RequireClientCert: true, Username: "detour", Password: uuid.NewString(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.net.Close)
	for _, l := range s.net.Topology().Links {
		s.first[l.Name] = s.metrics(l.Name)
	}
	routers, err := s.net.Inventory(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.writeFiles(routers)
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
	s.startBus(-1)
	s.t.Cleanup(func() { s.stopBus() })
	var err error
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
	if s.ledger, err = ledger.Open(s.within(), s.conn.JetStream(), ledger.Config{Domain: domain, SyncAlways: true}); err != nil {
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
	var records []events.Record
	for _, r := range s.net.Routers() {
		o := routerOptions(r.Name())
		p := events.Proved{Device: r.Name(), Software: o.SoftwareVersion, By: events.Person{Name: "alice"}, Bars: []events.Bar{events.BarDeadline}}
		if o.CommitConfirmed {
			p.Bars = append([]events.Bar{events.BarCommitConfirmed}, p.Bars...)
		}
		if o.MasterArbitration {
			p.Bars = append([]events.Bar{events.BarArbitration}, p.Bars...)
		}
		records = append(records, events.Record{Body: p})
	}
	s.record(records...)
}

// addReplica makes replica n, which has not begun.
func (s *stage) addReplica(n int) *replica {
	s.t.Helper()
	w := newWire(s.t, s.busHost())
	return s.addReplicaOn(n, fmt.Sprintf("{urls: [\"%s\"], sync_always: true}", w.url()), w)
}

func (s *stage) addReplicaOn(n int, nats string, w *wire) *replica {
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

// until waits for the Board.
func (s *stage) until(what string, done func(b *incident.Board) bool) {
	s.t.Helper()
	s.wait(what, func() bool { return s.look(done) })
}

func (s *stage) look(f func(b *incident.Board) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f(s.board)
}

// latest is a copy of the newest incident of a link; nil if there is none.
func (s *stage) latest(link string) (i *incident.Incident) {
	s.look(func(b *incident.Board) bool {
		if found, ok := b.Latest(string(events.TargetLink) + "/" + link); ok {
			c := *found
			i = &c
		}
		return true
	})
	return i
}

// reaches waits for the newest incident of a link to be in one of phases, and returns it.
func (s *stage) reaches(link string, phases ...incident.Phase) *incident.Incident {
	s.t.Helper()
	var i *incident.Incident
	s.wait(fmt.Sprintf("%s to be %v", link, phases), func() bool {
		i = s.latest(link)
		return i != nil && i.Epoch > s.ended[link] && slices.Contains(phases, i.Phase)
	})
	return i
}

// ends waits until the newest incident of a link has ended, which it must as outcome.
func (s *stage) ends(link string, outcome events.Outcome) *incident.Incident {
	s.t.Helper()
	i := s.reaches(link, incident.Closed)
	if i.End.Outcome != outcome {
		s.t.Errorf("%s ended as %s (%s), want %s\n%s", i.ID, i.End.Outcome, i.End.Reason, outcome, s.history(i.ID))
	}
	return i
}

// history is what the ledger says of an incident, one record a line, without the alarms that changed nothing.
func (s *stage) history(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, c := range s.commits {
		for _, r := range c.Records {
			if r.Incident != id && (r.Incident != "" || r.Body.Kind() == events.KindObserved || r.Body.Kind() == events.KindProved) {
				continue
			}
			if text := brief(r.Body); text != "" {
				fmt.Fprintf(&b, "%6d %s %s %s %s\n", c.Position, c.At.Format("05.000"), c.By, r.Body.Kind(), text)
			}
		}
	}
	return b.String()
}

// brief is a record in a few words, "" for one that says nothing new.
func brief(body events.Body) string {
	failed := func(checks []events.Check) (list []string) {
		for _, c := range checks {
			if !c.OK {
				list = append(list, fmt.Sprintf("%s is %s, limit %s: %s", c.Name, c.Value, c.Limit, c.Detail))
			}
		}
		return list
	}
	switch b := body.(type) {
	case events.Observed:
		if b.Disposition == events.DidJoin && b.Anomaly.State == events.Firing {
			return ""
		}
		return fmt.Sprintf("%s %s: %s", b.Anomaly.Kind, b.Anomaly.State, b.Disposition)
	case events.Opened:
		return b.Target.Key()
	case events.Planned:
		return b.Plan.Sentence
	case events.Ruled:
		return fmt.Sprintf("%s %v", b.Verdict, failed(b.Checks))
	case events.Verified:
		return fmt.Sprintf("%t %v", b.Pass, failed(b.Checks))
	case events.Renewed:
		return ""
	}
	return fmt.Sprintf("%.200s", fmt.Sprintf("%+v", body))
}

// dump is what helps to see why something did not come.
func (s *stage) dump() string {
	var b strings.Builder
	var open []string
	s.look(func(board *incident.Board) bool {
		fmt.Fprintf(&b, "position %d, freezes %v, halted %q\n", board.Position, board.Freezes(), board.Halted())
		for _, i := range board.Open() {
			e, _ := board.Why(i.ID)
			fmt.Fprintf(&b, "%s %s: %s %v\n", i.ID, i.Phase, e.Sentence, e.Unblock)
			open = append(open, i.ID)
		}
		return true
	})
	for _, id := range open {
		fmt.Fprintf(&b, "--- %s\n%s", id, s.history(id))
	}
	for _, r := range s.replicas {
		fmt.Fprintf(&b, "--- log of %s, alive %t\n%s", r.name, r.alive(), r.tail())
	}
	return b.String()
}

// owner is the living replica of a name, nil if there is none.
func (s *stage) owner(name string) *replica {
	for _, r := range s.replicas {
		if r.name == name && r.alive() {
			return r
		}
	}
	return nil
}

// link is a link of the topology with its two routers.
func (s *stage) routersOf(link string) (a, b *backbone.Router) {
	s.t.Helper()
	for _, l := range s.net.Topology().Links {
		if l.Name == link {
			return s.net.Router(l.A.Device), s.net.Router(l.B.Device)
		}
	}
	s.t.Fatalf("no link %q", link)
	return nil, nil
}
