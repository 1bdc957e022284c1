package ledgertest

import (
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
)

// Serve is to be called first by the TestMain of whoever starts Processes: see bustest.Serve.
func Serve() (served bool) { return bustest.Serve() }

// Processes are NATS servers in processes of their own, one or a cluster, which can be killed.
type Processes struct {
	*bustest.Servers
	conn *bus.Conn
}

// StartProcesses starts n servers, and kills them when the test ends.
func StartProcesses(t *testing.T, n int) *Processes {
	t.Helper()
	servers, err := bustest.Start(t.TempDir(), n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.KillAll)
	p := &Processes{Servers: servers}
	p.conn = p.Connect(t)
	return p
}

// KillLeader ends the server that leads stream.
func (p *Processes) KillLeader(t *testing.T, stream string) {
	t.Helper()
	leader := -1
	eventually(t, "stream has a leader", func() bool {
		n, err := p.Leader(within(t, time.Second), p.conn.JetStream(), stream)
		if err == nil && p.Alive(n) {
			leader = n
		}
		return leader >= 0
	})
	p.Kill(leader)
}

// Connect opens a connection that ends with the test.
func (p *Processes) Connect(t *testing.T) *bus.Conn {
	t.Helper()
	return connect(t, p.URLs())
}

// OnProcesses is the harness of a ledger with n replicas on n servers that can be killed.
func OnProcesses(t *testing.T, n int) Harness {
	p := StartProcesses(t, n)
	return Harness{
		Open:    func(t *testing.T) Ledger { return open(t, p.Connect(t).JetStream(), configOn(n)) },
		Kill:    func(t *testing.T) { p.KillLeader(t, events.StreamLedger) },
		KillAll: func(*testing.T) { p.KillAll() },
		Start: func(t *testing.T) {
			t.Helper()
			if err := p.StartAll(); err != nil {
				t.Fatal(err)
			}
		},
	}
}
