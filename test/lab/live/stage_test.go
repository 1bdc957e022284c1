//go:build linux

package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/test/lab/detector"
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

	sick string // the link that the test breaks, and the routers at its ends
	near string
	far  string

	prober *detector.Prober // nil where nothing is to be noticed

	server *bus.Server
	busURL string
	conn   *bus.Conn
	worker *worker

	mu    sync.Mutex
	board *incident.Board
	moved chan struct{} // closed and replaced with every commit
}

// raise takes the lab, brings up a bus, one worker and a detector, and waits until the worker sees every router.
func raise(t *testing.T) *stage {
	t.Helper()
	s := raiseOn(t, &ground)
	s.detect()
	return s
}

// raiseOn is raise on a certain lab, and without a detector.
func raiseOn(t *testing.T, g *lot) *stage {
	t.Helper()
	needLab(t)
	s := &stage{t: t, dir: t.TempDir(), board: incident.NewBoard(), moved: make(chan struct{})}
	s.bed = g.take(t)
	l := choose(t, s.bed.Topology)
	s.sick, s.near, s.far = l.Name, l.A.Device, l.B.Device
	ports, err := bustest.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	s.startBus(ports[0])
	t.Cleanup(s.stopBus)
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

// detect lets anomalies be made of what the routers tell, until the test ends.
func (s *stage) detect() {
	s.t.Helper()
	var err error
	s.prober, err = detector.NewProber(s.bed.Lab)
	s.must(err)
	ctx, stop := context.WithCancel(context.Background())
	var notes bytes.Buffer
	log := zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()), zapcore.Lock(zapcore.AddSync(&notes)), zapcore.InfoLevel))
	var detecting sync.WaitGroup
	detecting.Go(func() {
		publish := func(ctx context.Context, list []events.Event) error {
			return intake.Publish(ctx, s.conn.JetStream(), domain, list)
		}
		if err := detector.Run(ctx, s.bed, s.prober, detector.Quick(), publish, log); err != nil {
			s.t.Errorf("detect: %v", err)
		}
	})
	s.t.Cleanup(func() {
		stop()
		detecting.Wait()
		if s.t.Failed() {
			s.t.Logf("what the detector said:\n%s", notes.String())
		}
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

// metric is the one that both ends of a link are configured with.
func (s *stage) metric(link string) uint32 {
	s.t.Helper()
	return s.link(link).A.MetricAt(2, network.IPv4)
}

func (s *stage) inflict(link string, f testbed.Fault) {
	s.t.Helper()
	if err := s.bed.Inflict(s.within(), link, f); err != nil {
		s.t.Fatal(err)
	}
}

// advertised are the metrics of a link, from its end A and its end B, as a router that is at neither end has heard them. What
// FRR advertises of parallel links does not say which is which: those beside it are taken to be as they are configured.
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
		var heard []uint32
		for _, lsp := range status.Database {
			for _, r := range lsp.Reach {
				if lsp.SystemID == ids[from] && r.SystemID == ids[to] {
					heard = append(heard, r.Metric)
				}
			}
		}
		for _, other := range s.beside(l, from) {
			if i := slices.Index(heard, other); i >= 0 {
				heard = slices.Delete(heard, i, i+1)
			}
		}
		if len(heard) != 1 {
			return 0
		}
		return heard[0]
	}
	return find(l.A.Device, l.B.Device), find(l.B.Device, l.A.Device), nil
}

// beside are the configured metrics, at one of its ends, of the links parallel to a link.
func (s *stage) beside(l network.Link, device string) []uint32 {
	var metrics []uint32
	for _, o := range s.bed.Topology.Links {
		for _, ends := range [][2]network.End{{o.A, o.B}, {o.B, o.A}} {
			if o.Name != l.Name && ends[0].Device == device && (ends[1].Device == l.A.Device || ends[1].Device == l.B.Device) {
				metrics = append(metrics, ends[0].MetricAt(2, network.IPv4))
			}
		}
	}
	return metrics
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
	for _, l := range s.bed.Topology.Links {
		s.advertises(l.Name, s.metric(l.Name))
	}
	for range 2 { // the second says what the first did
		if got := s.worker.detour("ledger", "verify"); got.code != 0 {
			s.t.Errorf("ledger verify exits with %d:\n%s%s", got.code, got.out, got.err)
		} else {
			s.t.Log(strings.TrimSpace(got.out))
		}
	}
	s.wait("no drain to be seen by anybody", func() bool {
		var d api.Drains
		got := s.worker.detour("drains", "-o", "json")
		return got.code == 0 && json.Unmarshal([]byte(got.out), &d) == nil && len(d.Drains) == 0
	})
}

func (s *stage) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
