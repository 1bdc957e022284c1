package ledgertest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/ledger"
)

// Servers are NATS servers of this process, with everything on disk and every write synced: one, or a cluster.
type Servers struct {
	mu   sync.Mutex
	opts []*server.Options
	run  []*server.Server // nil where one is stopped
}

// Start starts n servers, which form a cluster if there is more than one, and stops them when the test ends.
func Start(t *testing.T, n int) *Servers {
	t.Helper()
	s := &Servers{run: make([]*server.Server, n)}
	places, err := bustest.Places(t.TempDir(), n)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		s.opts = append(s.opts, p.Options())
	}
	t.Cleanup(func() { s.each(s.stop) })
	s.StartAll(t)
	return s
}

// StartAll starts every server that is stopped and waits until JetStream serves.
func (s *Servers) StartAll(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range s.opts {
		if s.run[i] != nil {
			continue
		}
		srv, err := server.NewServer(o.Clone())
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		s.run[i] = srv
	}
	eventually(t, "JetStream serves", func() bool {
		leaders := 0
		for _, srv := range s.run {
			if !srv.ReadyForConnections(time.Second) {
				return false
			}
			if len(s.run) == 1 || srv.JetStreamIsLeader() {
				leaders++
			}
		}
		return leaders == 1
	})
}

// StopAll stops every server.
func (s *Servers) StopAll(*testing.T) { s.each(s.stop) }

func (s *Servers) each(f func(i int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all sync.WaitGroup
	for i := range s.run {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func (s *Servers) stop(i int) {
	if s.run[i] != nil {
		s.run[i].Shutdown()
		s.run[i].WaitForShutdown()
		s.run[i] = nil
	}
}

// URLs are where the servers listen.
func (s *Servers) URLs() []string {
	var urls []string
	for _, o := range s.opts {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", o.Port))
	}
	return urls
}

// leader is the index of the server that leads stream.
func (s *Servers) leader(t *testing.T, stream string) int {
	t.Helper()
	found := -1
	eventually(t, "stream has a leader", func() bool {
		for i, srv := range s.run {
			if srv != nil && srv.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
				found = i
				return true
			}
		}
		return false
	})
	return found
}

// StepDown makes another server the leader of stream.
func (s *Servers) StepDown(t *testing.T, stream string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.run[s.leader(t, stream)].JetStreamStepdownStream(server.DEFAULT_GLOBAL_ACCOUNT, stream); err != nil {
		t.Fatal(err)
	}
}

// Connect opens a connection that ends with the test.
func (s *Servers) Connect(t *testing.T) *bus.Conn {
	t.Helper()
	return connect(t, s.URLs())
}

func connect(t *testing.T, urls []string) *bus.Conn {
	t.Helper()
	conn, err := bus.Connect(bus.Config{URLs: urls, Name: strings.ReplaceAll(t.Name(), " ", "-")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // the servers may be gone
	})
	if err := conn.Wait(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// OnServers is the harness of a ledger with n replicas on n servers.
func OnServers(t *testing.T, n int) Harness {
	s := Start(t, n)
	config := configOn(n)
	return Harness{
		Open: func(t *testing.T) Ledger { return open(t, s.Connect(t).JetStream(), config) },
		Faulty: func(t *testing.T, f Fault) Ledger {
			quick := config
			quick.AckWait = short / 6
			js := newFaulty(s.Connect(t).JetStream(), f)
			return &once{Ledger: open(t, js, quick), begin: func() { js.active.Store(true) }, end: func() { js.active.Store(false) }}
		},
		Forge: func(t *testing.T, e ledger.Entry) {
			t.Helper()
			msg := &nats.Msg{Subject: e.Subject, Data: e.Raw, Header: nats.Header{}}
			if e.Stated != "" {
				msg.Header.Set(ledger.DigestHeader, string(e.Stated))
			}
			if _, err := s.Connect(t).JetStream().PublishMsg(within(t, patience), msg); err != nil {
				t.Fatal(err)
			}
		},
		Restart:  func(t *testing.T) { s.StopAll(t); s.StartAll(t) },
		StepDown: func(t *testing.T) { s.StepDown(t, events.StreamLedger) },
	}
}

func configOn(servers int) ledger.Config {
	return ledger.Config{Domain: "test", Replicas: servers, SyncAlways: true, AckWait: 500 * time.Millisecond}
}

func open(t *testing.T, js jetstream.JetStream, c ledger.Config) Ledger {
	t.Helper()
	l, err := ledger.Open(within(t, patience), js, c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// once is a replica whose first append meets a fault.
type once struct {
	Ledger
	begin, end func()
}

// Append meets the fault the first time.
func (o *once) Append(ctx context.Context, c events.Commit, after uint64) (events.Commit, error) {
	if o.begin != nil {
		o.begin()
		defer o.end()
		o.begin = nil
	}
	return o.Ledger.Append(ctx, c, after)
}

// eventually polls until ok, or fails the test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
		<-tick.C
	}
}
