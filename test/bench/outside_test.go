package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
)

// busVariable names the folder in which this binary is to serve a bus, instead of running tests.
const busVariable = "DETOUR_BENCH_BUS"

func TestMain(m *testing.M) {
	if bustest.Serve() {
		return
	}
	if dir := os.Getenv(busVariable); dir != "" {
		if err := serveBus(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveBus serves the bus that a service would embed, until nobody holds the other end of standard input.
func serveBus(dir string) error {
	server, err := bus.Embedded(dir, bus.Options{Port: -1})
	if err != nil {
		return err
	}
	fmt.Println(server.URL())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return bounded(server.Shutdown)()
}

// raiseBusOutside starts the bus in a process of its own, so that this process's memory is the service's.
func (s *service) raiseBusOutside(ctx context.Context) error {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), busVariable+"="+s.dir+"/nats"), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.onClose(func() error {
		in.Close() //nolint:errcheck // it ends either way
		return cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the bus does not start: %w", err)
	}
	s.urls = []string{strings.TrimSpace(url)}
	s.conn, err = s.connect(ctx)
	return err
}
