package bustest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// variable holds the Place of the server that this binary is to be.
const variable = "DETOUR_BUSTEST_SERVER"

// patience bounds how long a server may take until it serves.
const patience = time.Minute

// Serve is to be called first by the main, or TestMain, of whoever starts Servers. In a child it serves until nobody holds
// the other end of standard input, and reports true: there is nothing else to do.
func Serve() (served bool) {
	text := os.Getenv(variable)
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
	var p Place
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	o, err := p.options()
	if err != nil {
		return err
	}
	srv, err := server.NewServer(o)
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

// Servers are NATS servers in processes of their own. Its methods are not for concurrent use.
type Servers struct {
	places []Place
	run    []*child // nil where one is dead
}

// child is the binary of whoever tests, which serves instead.
type child struct {
	cmd *exec.Cmd
	in  io.Closer
}

// Start starts n servers with their data below dir, and returns when each of them takes clients.
func Start(dir string, n int) (*Servers, error) {
	places, err := Places(dir, n)
	if err != nil {
		return nil, err
	}
	return StartAt(places)
}

// StartAt starts a server at each place, and returns when each of them takes clients.
func StartAt(places []Place) (*Servers, error) {
	s := &Servers{places: places, run: make([]*child, len(places))}
	if err := s.StartAll(); err != nil {
		s.KillAll()
		return nil, err
	}
	return s, nil
}

// StartAll starts every server that is dead.
func (s *Servers) StartAll() error {
	var errs []error
	for i := range s.run {
		errs = append(errs, s.Start(i))
	}
	return errors.Join(errs...)
}

// Start starts server i if it is dead, and returns when it takes clients.
func (s *Servers) Start(i int) (err error) {
	if s.run[i] == nil {
		s.run[i], err = spawn(s.places[i])
	}
	return err
}

func spawn(at Place) (*child, error) {
	text, err := json.Marshal(at)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr, cmd.SysProcAttr = append(os.Environ(), variable+"="+string(text)), os.Stderr, withParent()
	for name, value := range at.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
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

// Kill ends server i with SIGKILL, if it lives, and waits until it is gone.
func (s *Servers) Kill(i int) {
	if s.run[i] != nil {
		_ = s.run[i].kill() // it may have died
		s.run[i] = nil
	}
}

// KillAll ends every server at once.
func (s *Servers) KillAll() {
	for _, c := range s.run {
		if c != nil {
			_ = c.cmd.Process.Kill() // it may have died
		}
	}
	for i := range s.run {
		s.Kill(i)
	}
}

// Signal sends a signal to server i, if it lives.
func (s *Servers) Signal(i int, sig os.Signal) error {
	if s.run[i] == nil {
		return nil
	}
	return s.run[i].cmd.Process.Signal(sig)
}

// Alive reports whether server i was started and not killed.
func (s *Servers) Alive(i int) bool { return s.run[i] != nil }

// Len is how many servers there are, dead ones included.
func (s *Servers) Len() int { return len(s.places) }

// Addresses are where clients reach the servers, as host:port, in order.
func (s *Servers) Addresses() []string {
	var list []string
	for _, p := range s.places {
		list = append(list, p.Address())
	}
	return list
}

// URLs are the same as URLs.
func (s *Servers) URLs() []string {
	var list []string
	for _, p := range s.places {
		list = append(list, p.URL())
	}
	return list
}

// Leader asks for the index of the server that leads stream, until ctx ends. A dead or a stopped one may be named for as
// long as no other has been elected.
func (s *Servers) Leader(ctx context.Context, js jetstream.JetStream, stream string) (int, error) {
	info, err := js.Stream(ctx, stream)
	if err != nil {
		return 0, fmt.Errorf("leader of stream %s: %w", stream, err)
	}
	c := info.CachedInfo().Cluster
	if len(s.places) == 1 || c == nil {
		return 0, nil
	}
	n := slices.IndexFunc(s.places, func(p Place) bool { return p.Name == c.Leader })
	if n < 0 {
		return 0, fmt.Errorf("leader of stream %s: none, the cluster says %q", stream, c.Leader)
	}
	return n, nil
}
