//go:build linux

package live

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/test/lab/frr"
	"github.com/detour-net/detour/test/lab/plan"
	"github.com/detour-net/detour/test/lab/testbed"
)

const domain = "lab"

// stage is a lab with Detour before it.
type stage struct {
	t   *testing.T
	dir string
	bed *testbed.Bed

	server *bus.Server
	busURL string
	conn   *bus.Conn
	worker *worker

	mu    sync.Mutex
	board *incident.Board
	moved chan struct{} // closed and replaced with every commit
}

// raise takes the lab, brings up a bus and one worker, and waits until the worker sees every router.
func raise(t *testing.T) *stage {
	t.Helper()
	needLab(t)
	s := &stage{t: t, dir: t.TempDir(), board: incident.NewBoard(), moved: make(chan struct{})}
	s.bed = ground.take(t)
	s.startBus(-1)
	t.Cleanup(s.stopBus)
	var err error
	if s.conn, err = bus.Connect(bus.Config{URLs: []string{s.busURL}, Name: "live"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close(context.Background()) }) // the server may be gone
	if err := s.conn.Wait(s.within()); err != nil {
		t.Fatal(err)
	}
	s.follow()
	s.worker = s.newWorker()
	s.worker.start()
	s.worker.seesAll()
	return s
}

func (s *stage) startBus(port int) {
	s.t.Helper()
	var err error
	if s.server, err = bus.Embedded(filepath.Join(s.dir, "nats"), bus.Options{Port: port}); err != nil {
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

func (s *stage) busPort() int {
	n, err := strconv.Atoi(s.busURL[strings.LastIndexByte(s.busURL, ':')+1:])
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// follow folds the ledger as it grows.
func (s *stage) follow() {
	s.t.Helper()
	l, err := ledger.Open(s.within(), s.conn.JetStream(), ledger.Config{Domain: domain, SyncAlways: true, AckWait: patience})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		err := l.Follow(ctx, 1, func(c events.Commit) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			close(s.moved)
			s.moved = make(chan struct{})
			return s.board.Apply(c)
		})
		if ctx.Err() == nil {
			s.t.Logf("the test follows the ledger no more: %v", err)
		}
	})
	s.t.Cleanup(func() { stop(); reading.Wait() })
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
			s.t.Fatalf("waited in vain for %s\n%s", what, s.worker.tail())
		}
	}
}

// phase is where the newest incident of a link stands, "" when there is none.
func (s *stage) phase(link string) (incident.Phase, *incident.Incident) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.board.Latest(string(events.TargetLink) + "/" + link)
	if !ok {
		return "", nil
	}
	i := *found
	return i.Phase, &i
}

// reaches waits until a link's incident is in a phase, and fails when it ends before.
func (s *stage) reaches(link string, want incident.Phase) {
	s.t.Helper()
	s.wait(link+" to be "+string(want), func() bool {
		phase, i := s.phase(link)
		if phase == incident.Closed && want != incident.Closed && i.End != nil {
			s.t.Fatalf("%s ended as %s: %s\n%s", i.ID, i.End.Outcome, i.End.Reason, s.worker.tail())
		}
		return phase == want
	})
}

// tell publishes what telemetry would say of a link's end A.
func (s *stage) tell(link string, kind events.AnomalyKind, state events.AnomalyState, value float64) {
	s.t.Helper()
	at, l := time.Now().UTC(), s.link(link)
	e := events.Event{
		SpecVersion: "1.0", Type: events.TypeAnomaly, ID: uuid.NewString(), Source: "/telemetry/" + l.A.Device, Time: at,
		DataContentType: events.ContentTypeJSON,
		Data: events.Anomaly{
			Kind: kind, State: state, Severity: events.Major, Resource: events.Resource{Device: l.A.Device, Interface: l.A.Interface},
			ObservedAt: at, Value: value, Unit: "ratio", Threshold: 1e-4, Window: "1s",
		},
	}
	if err := intake.Publish(s.within(), s.conn.JetStream(), domain, []events.Event{e}); err != nil {
		s.t.Error(err)
	}
}

// telling says of a link that it is sick again and again, as telemetry does, until it is told to stop.
func (s *stage) telling(link string, kind events.AnomalyKind, value float64) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var talking sync.WaitGroup
	talking.Go(func() {
		tick := time.NewTicker(400 * time.Millisecond)
		defer tick.Stop()
		for {
			s.tell(link, kind, events.Firing, value)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); talking.Wait() }
}

func (s *stage) link(name string) network.Link {
	s.t.Helper()
	for _, l := range s.bed.Topology.Links {
		if l.Name == name {
			return l
		}
	}
	s.t.Fatalf("no link %q", name)
	return network.Link{}
}

func (s *stage) inflict(link string, f testbed.Fault) {
	s.t.Helper()
	if err := s.bed.Inflict(s.within(), link, f); err != nil {
		s.t.Fatal(err)
	}
}

// advertised are the metrics of a link, from its end A and its end B, as a router that is at neither end has heard them.
func (s *stage) advertised(link string) (a, b uint32, err error) {
	l := s.link(link)
	ids := map[string]string{}
	var witness *plan.Router
	for i := range s.bed.Routers {
		r := &s.bed.Routers[i]
		ids[r.Name] = r.SystemID
		if r.Name != l.A.Device && r.Name != l.B.Device {
			witness = r
		}
	}
	status, err := frr.ISISD{Dir: witness.Dir}.Status(s.within())
	if err != nil {
		return 0, 0, err
	}
	find := func(from, to string) uint32 {
		for _, lsp := range status.Database {
			for _, r := range lsp.Reach {
				if lsp.SystemID == ids[from] && r.SystemID == ids[to] {
					return r.Metric
				}
			}
		}
		return 0
	}
	return find(l.A.Device, l.B.Device), find(l.B.Device, l.A.Device), nil
}

// advertises waits until others have heard of a link what is wanted of both ends.
func (s *stage) advertises(link string, metric uint32) {
	s.t.Helper()
	s.wait(fmt.Sprintf("others to hear the metric %d from both ends of %s", metric, link), func() bool {
		a, b, err := s.advertised(link)
		return err == nil && a == metric && b == metric
	})
}

// account is what must hold when everything is over: nothing open, every link as it was, and a ledger that agrees with the
// routers.
func (s *stage) account() {
	s.t.Helper()
	s.wait("every incident to end", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.board.Open()) == 0
	})
	for _, l := range s.bed.Links {
		s.advertises(l.Name, 10)
	}
	if got := s.worker.detour("ledger", "verify"); got.code != 0 {
		s.t.Errorf("ledger verify exits with %d:\n%s%s", got.code, got.out, got.err)
	} else {
		s.t.Log(strings.TrimSpace(got.out))
	}
}

func (s *stage) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
