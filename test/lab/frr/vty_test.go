package frr

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// daemon is an isisd of which only the vty is there: a session has a candidate that its commit puts into force, and that
// ends with it; one session at a time configures.
type daemon struct {
	dir string

	mu      sync.Mutex
	inForce []string
	locked  bool
	refuse  map[string]byte // code by command
	hangUp  string          // the command upon which the connection ends
	answers map[string]string
}

func startDaemon(t *testing.T) *daemon {
	t.Helper()
	// A socket's path is short, a test's folder may not be.
	dir, err := os.MkdirTemp("", "vty")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{dir: dir, refuse: map[string]byte{}, answers: map[string]string{}}
	if err := os.WriteFile(filepath.Join(dir, "isisd.pid"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "isisd.vty"))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { d.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait(); os.RemoveAll(dir) })
	return d
}

func (d *daemon) serve(conn net.Conn) {
	defer conn.Close()
	var candidate []string
	configuring := false
	defer func() {
		if configuring {
			d.mu.Lock()
			d.locked = false
			d.mu.Unlock()
		}
	}()
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString(0)
		if err != nil {
			return
		}
		command := strings.TrimSuffix(line, "\x00")
		d.mu.Lock()
		code, answer := d.refuse[command], d.answers[command]
		switch {
		case command == d.hangUp:
			d.mu.Unlock()
			return
		case code != 0:
			answer = "% no\nnot that\n"
		case command == "configure exclusive" && d.locked:
			code, answer = 1, "% Configuration is locked by another client\n"
		case command == "configure exclusive":
			d.locked, configuring = true, true
		case command == "commit":
			d.inForce = append(d.inForce, candidate...)
			candidate = nil
		case configuring:
			candidate = append(candidate, command)
		}
		d.mu.Unlock()
		if _, err := conn.Write(append([]byte(answer), 0, 0, 0, code)); err != nil {
			return
		}
	}
}

func (d *daemon) configuration() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inForce
}

func on() *bool { b := true; return &b }

func off() *bool { b := false; return &b }

func TestCommit(t *testing.T) {
	for name, tt := range map[string]struct {
		change Change
		want   []string
	}{
		"metrics":       {Change{Metrics: map[string]uint32{"eth2": 7, "eth1": 16777214}}, []string{"interface eth1", "isis metric 16777214", "exit", "interface eth2", "isis metric 7", "exit"}},
		"metric away":   {Change{Metrics: map[string]uint32{"eth1": 0}}, []string{"interface eth1", "no isis metric", "exit"}},
		"overload":      {Change{Overload: on()}, []string{"router isis CORE", "set-overload-bit", "exit"}},
		"overload away": {Change{Overload: off()}, []string{"router isis CORE", "no set-overload-bit", "exit"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDaemon(t)
			if err := (ISISD{d.dir}).Commit(t.Context(), tt.change); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, d.configuration()); diff != "" {
				t.Errorf("in force:\n%s", diff)
			}
		})
	}
}

// TestCommitFails wants each failure told apart: certainly not done, or not known.
func TestCommitFails(t *testing.T) {
	change := Change{Metrics: map[string]uint32{"eth1": 5}}
	for name, tt := range map[string]struct {
		spoil                 func(*daemon)
		refused, unsent, down bool
	}{
		"a command is refused": {func(d *daemon) { d.refuse["isis metric 5"] = 2 }, true, true, false},
		"the commit is":        {func(d *daemon) { d.refuse["commit"] = 1 }, true, false, false},
		"somebody configures":  {func(d *daemon) { d.locked = true }, true, true, false},
		"it hangs up before":   {func(d *daemon) { d.hangUp = "interface eth1" }, false, true, true},
		"it hangs up at it":    {func(d *daemon) { d.hangUp = "commit" }, false, false, true},
		"it is not there":      {func(d *daemon) { d.dir += "/nowhere" }, false, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDaemon(t)
			dir := d.dir
			tt.spoil(d)
			err := ISISD{d.dir}.Commit(t.Context(), change)
			d.dir = dir
			var no *CommandError
			if refused := errors.As(err, &no); refused != tt.refused || errors.Is(err, ErrUnsent) != tt.unsent || errors.Is(err, ErrDown) != tt.down {
				t.Errorf("%v: refused %t, unsent %t, down %t", err, refused, errors.Is(err, ErrUnsent), errors.Is(err, ErrDown))
			}
			if list := d.configuration(); len(list) > 0 {
				t.Errorf("in force: %v", list)
			}
		})
	}
}

// TestCommitTooLate wants nothing committed for somebody who waits no more.
func TestCommitTooLate(t *testing.T) {
	d := startDaemon(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (ISISD{d.dir}).Commit(ctx, Change{Overload: on()}); !errors.Is(err, ErrUnsent) {
		t.Errorf("got %v", err)
	}
	if list := d.configuration(); len(list) > 0 {
		t.Errorf("in force: %v", list)
	}
}

func TestStatusAsksForAll(t *testing.T) {
	d := startDaemon(t)
	for command, file := range map[string]string{
		"show version": "version", "show isis hostname": "hostname", "show isis interface detail": "interface",
		"show yang operational-data /frr-interface:lib": "neighbours", "show isis database detail": "database",
		"show configuration running json": "running", "show isis route": "route",
	} {
		d.answers[command] = said(t, file)
	}
	status, err := ISISD{d.dir}.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Database) != 6 || len(status.Circuits) != 5 || len(status.Neighbours) != 4 || status.Version == "" || status.Started.IsZero() {
		t.Errorf("status %+v", status)
	}
	if c, err := (ISISD{d.dir}).Running(t.Context()); err != nil || len(c.Interfaces) != 5 {
		t.Errorf("configuration %+v, %v", c, err)
	}
	if ways, err := (ISISD{d.dir}).Routes(t.Context()); err != nil || !ways[netip.MustParsePrefix("10.255.0.4/32")] {
		t.Errorf("routes %v, %v", ways, err)
	}
	d.mu.Lock()
	d.answers["show yang operational-data /frr-interface:lib"] = "nonsense"
	d.mu.Unlock()
	if _, err := (ISISD{d.dir}).Status(t.Context()); err == nil || errors.Is(err, ErrDown) {
		t.Errorf("nonsense gives %v", err)
	}
}

func TestSilentDaemonTakesItsTime(t *testing.T) {
	dir, err := os.MkdirTemp("", "vty")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "isisd.vty")) // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := (ISISD{dir}).Running(ctx); !errors.Is(err, ErrDown) {
		t.Errorf("got %v", err)
	}
}
