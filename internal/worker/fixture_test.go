package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/mem"
	"github.com/detour-net/detour/internal/worker"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators"
)

const (
	autonomous = "rules: [{name: drain, match: {kinds: [link-errors]}, remediation: link-drain, autonomy: auto}]\nprospect: {missing: allow}\n"
	onApproval = "rules: [{name: drain, match: {kinds: [link-errors]}, remediation: link-drain, autonomy: approve}]\nprospect: {missing: allow}\n"
)

// inventory knows links by their name alone: "a-b" joins routers a and b over interfaces "to-b" and "to-a".
type inventory struct{}

func (n inventory) Resolve(r events.Resource) (events.Target, bool) {
	if len(r.Device) != 1 || len(r.Interface) != len("to-x") {
		return events.Target{}, false
	}
	return n.Link(min(r.Device, r.Interface[3:]) + "-" + max(r.Device, r.Interface[3:]))
}

func (inventory) Link(name string) (events.Target, bool) {
	a, b := name[:1], name[2:]
	return events.Target{
		Kind: events.TargetLink, Name: name, Capacity: 10_000_000_000,
		Ends:   []events.End{{Device: a, Interface: "to-" + b}, {Device: b, Interface: "to-" + a}},
		Scopes: []events.Scope{events.Network, events.ScopeOf("link", name), events.ScopeOf("device", a), events.ScopeOf("device", b)},
	}, true
}

// Device has every router on a site and a plane of its own; a and b are in the core.
func (inventory) Device(name string) (events.Device, bool) {
	d := events.Device{Name: name, Site: "site-" + name, Plane: "plane-" + name, Roles: []string{"edge"}}
	if name == "a" || name == "b" {
		d.Roles = []string{"core", "reflector"}
	}
	return d, true
}

// anomaly is an event about link a-b, noticed now.
func anomaly(id string, state events.AnomalyState) events.Event {
	now := time.Now().UTC()
	return events.Event{
		SpecVersion: "1.0", Type: events.TypeAnomaly, ID: id, Source: "/telemetry/a", Time: now,
		Data: events.Anomaly{
			Kind: events.LinkErrors, State: state, Severity: events.Major, ObservedAt: now, Value: 3e-4,
			Resource: events.Resource{Device: "a", Interface: "to-b"},
		},
	}
}

// line is one replica's connection to the ledger, which can be cut.
type line struct {
	*mem.Replica

	mu       sync.Mutex
	up       chan struct{} // closed while the line is up
	hears    chan struct{} // closed while commits are followed
	readOnly bool
	writing  time.Duration // that an append takes
	lies     bool          // it acknowledges appends and stores nothing
	before   func()        // called once, right before the next append reaches the ledger
	attempts []string      // ids of the commits that were to be appended
	failed   time.Time     // when the newest append was given up
	rested   time.Duration // the longest from such a moment to the next append
}

func newLine(store *mem.Store) *line {
	l := &line{Replica: store.Replica("test"), up: make(chan struct{}), hears: make(chan struct{})}
	close(l.up)
	close(l.hears)
	return l
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = make(chan struct{})
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.up)
}

// deafen keeps every commit from the replica, and nothing else, until the returned function is called.
func (l *line) deafen() (hear func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hears := make(chan struct{})
	l.hears = hears
	return func() { close(hears) }
}

// refuse lets the ledger answer, and take no append.
func (l *line) refuse(refuses bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readOnly = refuses
}

// lie has the ledger acknowledge every append from now on, and store none.
func (l *line) lie() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lies = true
}

// slow has every append take a while.
func (l *line) slow(writing time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = writing
}

// overtake has f come first when the next append is on its way.
func (l *line) overtake(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = f
}

func (l *line) tried() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.attempts)
}

func (l *line) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.up:
		return true
	default:
		return false
	}
}

func (l *line) AppendWhile(ctx context.Context, c events.Commit, after uint64, meanwhile func()) (events.Commit, error) {
	l.mu.Lock()
	before, refused, lies, writing := l.before, l.readOnly, l.lies, l.writing
	l.before = nil
	l.attempts = append(l.attempts, c.ID)
	if !l.failed.IsZero() {
		l.rested = max(l.rested, time.Since(l.failed))
	}
	l.mu.Unlock()
	meanwhile()
	if before != nil {
		before()
	}
	if writing > 0 {
		<-time.After(writing)
	}
	if l.waits(ctx) != nil || refused {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failed = time.Now()
		return c, fmt.Errorf("append: %w", ledger.ErrUnavailable)
	}
	if lies {
		_, err := ledger.Seal("test", &c, after)
		return c, err
	}
	return l.Replica.Append(ctx, c, after)
}

func (l *line) Follow(ctx context.Context, from uint64, fn func(events.Commit) error) error {
	return l.Replica.Follow(ctx, from, func(c events.Commit) error {
		l.mu.Lock()
		hears := l.hears
		l.mu.Unlock()
		select {
		case <-hears:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := l.waits(ctx); err != nil {
			return err
		}
		return fn(c)
	})
}

func (l *line) LastPosition(ctx context.Context) (uint64, error) {
	if err := l.waits(ctx); err != nil {
		return 0, fmt.Errorf("ask for the ledger's end: %w", ledger.ErrUnavailable)
	}
	return l.Replica.LastPosition(ctx)
}

// waits returns once the line is up, as whatever is asked over it is answered then.
func (l *line) waits(ctx context.Context) error {
	for !l.isUp() {
		l.mu.Lock()
		up := l.up
		l.mu.Unlock()
		select {
		case <-up:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// site is one ledger, one network and one bus, with any number of replicas.
type site struct {
	*testing.T
	store   *mem.Store
	routers *network
	bus     *bus
}

// replica is one worker that runs.
type replica struct {
	*worker.Worker
	*line
	stop func() // ends it gracefully and waits for that
}

// inBubble runs f where time is synctest's.
func inBubble(t *testing.T, f func(s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(&site{T: t, store: mem.New(), routers: newNetwork(), bus: newBus()})
	})
}

// start runs one more replica until the test ends or it is stopped.
func (s *site) start(name, rules string, alter ...func(*worker.Config)) *replica {
	s.Helper()
	p, err := policy.Parse("policy.yaml", []byte(rules))
	if err != nil {
		s.Fatal(err)
	}
	l := newLine(s.store)
	c := worker.Config{
		Name: name, Mode: events.Live, Policy: p, PolicyFrom: "policy.yaml", Inventory: inventory{}, Scopes: []events.Scope{"link:a-b", "device:a", "device:b", "device:c"}, Remediators: remediators.All(),
		Ledger: l, Conflict: ledger.ErrConflict, Doubt: ledger.ErrDoubt, Intake: s.bus, Routers: s.routers, Canaries: s.routers, Now: time.Now, Logger: zap.NewNop(),
	}
	for _, f := range alter {
		f(&c)
	}
	ctx, cancel := context.WithCancel(s.Context())
	r := &replica{Worker: worker.New(c), line: l}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.Run(ctx); err != nil {
			s.Errorf("%s ended with %v", name, err)
		}
	}()
	r.stop = func() { cancel(); <-ended }
	s.Cleanup(r.stop)
	synctest.Wait()
	return r
}

// withRouters gives a replica a way to other routers.
func withRouters(n *network) func(*worker.Config) {
	return func(c *worker.Config) { c.Routers = n }
}

// until lets time pass until ok holds, for at most limit.
func (s *site) until(limit time.Duration, what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(limit); ; {
		synctest.Wait()
		if ok() {
			return
		}
		if !time.Now().Before(end) {
			s.Fatalf("not within %s: %s\nthe ledger holds %v", limit, what, s.kinds())
		}
		s.pass(10 * time.Millisecond)
	}
}

// pass lets time pass.
func (s *site) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// reaches waits until incident a-b-1 is in phase.
func (s *site) reaches(r *replica, phase incident.Phase, limit time.Duration) {
	s.Helper()
	s.until(limit, "a-b-1 is "+string(phase), func() bool { return r.phase("a-b-1") == phase })
}

func (r *replica) phase(id string) (phase incident.Phase) {
	r.View(func(b *incident.Board) {
		if i, ok := b.Incident(id); ok {
			phase = i.Phase
		}
	})
	return phase
}

// commits reads the ledger from its beginning.
func (s *site) commits() []events.Commit {
	s.Helper()
	var list []events.Commit
	err := s.store.Replica("test").Read(context.Background(), 1, uint64(len(s.store.Entries())), func(c events.Commit) error {
		list = append(list, c)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return list
}

// kinds is what the ledger holds but for the policies, one list for each commit.
func (s *site) kinds() (list [][]events.Kind) {
	s.Helper()
	for _, c := range s.commits() {
		var kinds []events.Kind
		for _, r := range c.Records {
			if r.Body.Kind() != events.KindPolicyLoaded {
				kinds = append(kinds, r.Body.Kind())
			}
		}
		if kinds != nil {
			list = append(list, kinds)
		}
	}
	return list
}

// recorded returns the bodies of one type, in order.
func recorded[B events.Body](s *site) (list []B) {
	s.Helper()
	for _, c := range s.commits() {
		for _, r := range c.Records {
			if b, ok := r.Body.(B); ok {
				list = append(list, b)
			}
		}
	}
	return list
}

// other appends as a replica that is not under test.
func (s *site) other(bodies ...events.Body) {
	s.Helper()
	c := events.Commit{ID: fmt.Sprintf("other-%d", len(s.store.Entries())), At: time.Now().UTC(), By: "other/0"}
	var after uint64
	if all := s.commits(); len(all) > 0 {
		after, c.Prev = all[len(all)-1].Position, all[len(all)-1].Digest
	}
	for _, b := range bodies {
		c.Records = append(c.Records, events.Record{Body: b})
	}
	if _, err := s.store.Replica("test").Append(context.Background(), c, after); err != nil {
		s.Error(err)
	}
}

var errSevered = errors.New("the connection was severed")
