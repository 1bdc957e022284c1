package ledgertest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
)

// Processes are NATS servers in processes of their own, one or a cluster, which can be ended as nobody ends a server that
// shares this process: with SIGKILL, in the middle of whatever they do.
type Processes struct {
	places []place
	run    []*child // nil where one is dead
	conn   *bus.Conn
}

// child is the test's own binary, which serves instead of testing (see Serve).
type child struct {
	cmd *exec.Cmd
	in  io.Closer
}

// serverVariable holds the place of the server that this binary is to be.
const serverVariable = "DETOUR_LEDGERTEST_SERVER"

// Serve is to be called first by the TestMain of whoever starts Processes. In a child it serves until nobody holds the other
// end of standard input, and reports true: there is nothing to test.
func Serve() (served bool) {
	text := os.Getenv(serverVariable)
	if text == "" {
		return false
	}
	if err := serve(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

func serve(text string) error {
	var p place
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return fmt.Errorf("%s: %w", serverVariable, err)
	}
	srv, err := server.NewServer(p.options())
	if err != nil {
		return err
	}
	srv.Start()
	if !srv.ReadyForConnections(patience) {
		return errors.New("the server does not start")
	}
	fmt.Println("serves")
	_, err = io.Copy(io.Discard, os.Stdin)
	srv.Shutdown()
	return err
}

// StartProcesses starts n servers, and kills them when the test ends.
func StartProcesses(t *testing.T, n int) *Processes {
	t.Helper()
	p := &Processes{places: places(t, n), run: make([]*child, n)}
	t.Cleanup(func() {
		for i := range p.run {
			p.kill(i)
		}
	})
	p.Start(t)
	p.conn = p.Connect(t)
	return p
}

// Start starts every server that is dead and waits until each of them takes clients.
func (p *Processes) Start(t *testing.T) {
	t.Helper()
	for i := range p.run {
		if p.run[i] != nil {
			continue
		}
		var err error
		if p.run[i], err = spawn(p.places[i]); err != nil {
			t.Fatal(err)
		}
	}
}

func spawn(at place) (*child, error) {
	text, err := json.Marshal(at)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), serverVariable+"="+string(text)), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd, in}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("server %s does not serve: %w", at.Name, err), c.kill())
	}
	return c, nil
}

// kill ends a server with SIGKILL and waits until it is gone.
func (c *child) kill() error {
	err := c.cmd.Process.Kill()
	_ = c.cmd.Wait() // it was killed
	return errors.Join(err, c.in.Close())
}

func (p *Processes) kill(i int) {
	if p.run[i] != nil {
		_ = p.run[i].kill() // it may have died
		p.run[i] = nil
	}
}

// KillAll ends every server at once.
func (p *Processes) KillAll(*testing.T) {
	for _, c := range p.run {
		if c != nil {
			_ = c.cmd.Process.Kill() // it may have died
		}
	}
	for i := range p.run {
		p.kill(i)
	}
}

// KillLeader ends the server that leads stream.
func (p *Processes) KillLeader(t *testing.T, stream string) {
	t.Helper()
	leader := -1
	eventually(t, "stream has a leader", func() bool {
		s, err := p.conn.JetStream().Stream(within(t, time.Second), stream)
		if err != nil {
			return false
		}
		if c := s.CachedInfo().Cluster; c != nil && len(p.places) > 1 {
			leader = slices.IndexFunc(p.places, func(at place) bool { return at.Name == c.Leader })
		} else {
			leader = 0
		}
		return leader >= 0 && p.run[leader] != nil
	})
	p.kill(leader)
}

// Connect opens a connection that ends with the test.
func (p *Processes) Connect(t *testing.T) *bus.Conn {
	t.Helper()
	var urls []string
	for _, at := range p.places {
		urls = append(urls, at.url())
	}
	return connect(t, urls)
}

// OnProcesses is the harness of a ledger with n replicas on n servers that can be killed.
func OnProcesses(t *testing.T, n int) Harness {
	p := StartProcesses(t, n)
	return Harness{
		Open:    func(t *testing.T) Ledger { return open(t, p.Connect(t).JetStream(), configOn(n)) },
		Kill:    func(t *testing.T) { p.KillLeader(t, events.StreamLedger) },
		KillAll: p.KillAll,
		Start:   p.Start,
	}
}
