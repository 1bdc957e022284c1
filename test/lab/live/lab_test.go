//go:build linux

package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/plan"
	"github.com/detour-net/detour/test/lab/testbed"
)

// odd names labs that are not to come up, or not to stay.
func odd() string { return *flagLab + "-odd" }

// nothingLeft wants no trace of the odd lab.
func nothingLeft(t *testing.T) {
	t.Helper()
	left, err := testbed.Find(odd())
	if err != nil || !left.Empty() {
		t.Errorf("left behind: %s, %v", left, err)
	}
}

// strayDaemon starts what looks like a daemon of the odd lab, in no namespace of its.
func strayDaemon(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", "read forever", testbed.Root+"/"+odd()+"/routers/r7/zserv.api")
	cmd.Args[0] = "/usr/lib/frr/zebra"
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	return cmd
}

// asNobody runs the command without root, and wants to be told so in a line.
func asNobody(t *testing.T, want string, args ...string) {
	t.Helper()
	const nobody = 65534
	cmd := exec.Command(binary(t, "lab"), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	refused(t, want, cmd)
}

// refused runs a command that fails with one line.
func refused(t *testing.T, want string, cmd *exec.Cmd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v: %v: %q, want one line with %q", cmd.Args, err, out, want)
	}
}

func raiseOdd(t *testing.T, ctx context.Context, firstPort int) (*testbed.Bed, error) {
	t.Helper()
	return testbed.Up(ctx, testbed.Config{
		Name: odd(), Topology: ring(), Timers: plan.Tuned, FirstPort: firstPort, Binary: binary(t, "lab"),
	})
}

// alone keeps other runs away, and clears what one that was killed has left.
func alone(t *testing.T) {
	t.Helper()
	needLab(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := ground.claim(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := testbed.Down(odd()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := testbed.Down(odd()); err != nil {
			t.Error(err)
		}
		nothingLeft(t)
	})
}

func TestPortInUse(t *testing.T) {
	alone(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if _, err := raiseOdd(t, t.Context(), port); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d is not free", port)) {
		t.Errorf("got %v", err)
	}
	nothingLeft(t)
}

func TestLeftover(t *testing.T) {
	alone(t)
	if err := netns.Create(plan.Namespaces(odd()) + "r9"); err != nil {
		t.Fatal(err)
	}
	// Of another one, whoever made it was killed before it was a namespace.
	if err := os.WriteFile("/run/netns/"+plan.Namespaces(odd())+"r8", nil, 0o444); err != nil {
		t.Fatal(err)
	}
	stray := strayDaemon(t)
	if _, err := raiseOdd(t, t.Context(), 0); err == nil || !strings.Contains(err.Error(), "take it down first, with lab down --name "+odd()) {
		t.Errorf("got %v", err)
	}
	asNobody(t, "run it as root", "down", "--name", odd())
	left, err := testbed.Down(odd())
	if err != nil || len(left.Namespaces) != 2 || len(left.Daemons) != 1 {
		t.Errorf("took away %s, %v", left, err)
	}
	if err := stray.Wait(); err == nil {
		t.Error("a daemon without a namespace of the lab's ended by itself")
	}
	nothingLeft(t)
	if left, err := testbed.Down(odd()); err != nil || !left.Empty() {
		t.Errorf("again: took away %s, %v", left, err)
	}
}

// TestUpGivenUp ends Up before the routers can have converged, with daemons and agents running.
func TestUpGivenUp(t *testing.T) {
	alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := raiseOdd(t, ctx, 0)
		done <- err
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for agents := 0; agents < 3; {
		select {
		case err := <-done:
			t.Fatalf("it ended before it was given up: %v", err)
		case <-tick.C:
		}
		left, err := testbed.Find(odd())
		if err != nil {
			t.Fatal(err)
		}
		agents = len(left.Agents)
	}
	const busy = "is just being brought up or taken down by another process"
	if _, err := raiseOdd(t, t.Context(), 0); err == nil || !strings.Contains(err.Error(), busy) {
		t.Errorf("a second up meanwhile: %v", err)
	}
	if _, err := testbed.Down(odd()); err == nil || !strings.Contains(err.Error(), busy) {
		t.Errorf("a down meanwhile: %v", err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("it came up although it was given up")
	}
	nothingLeft(t)
}

// TestAbilene brings up the backbone that the command does by default, with the timers that FRR comes with.
func TestAbilene(t *testing.T) {
	alone(t)
	lab := binary(t, "lab")
	// Where nothing is missing nothing is installed: it is not found here.
	path := t.TempDir()
	if tc, err := exec.LookPath("tc"); err != nil {
		t.Fatal(err)
	} else if err := os.Symlink(tc, filepath.Join(path, "tc")); err != nil {
		t.Fatal(err)
	}
	if got := run(t, "/usr/bin/env", "PATH="+path, lab, "up", "--name", odd(), "--default-timers", "--install"); got.code != 0 || !strings.Contains(got.err+got.out, "11 routers and 14 links") {
		t.Fatalf("up exits with %d:\n%s%s", got.code, got.out, got.err)
	} else {
		t.Log(strings.TrimSpace(got.out + got.err))
	}
	if got := run(t, lab, "status", "--name", odd()); got.code != 0 || strings.Count(got.out, "127.0.0.1:") != 11 {
		t.Errorf("status exits with %d:\n%s%s", got.code, got.out, got.err)
	}
	if got := run(t, lab, "up", "--name", odd()); got.code != 1 || !strings.Contains(got.err, "is up already") {
		t.Errorf("a second up exits with %d: %s", got.code, got.err)
	}
	asNobody(t, "run it as root", "status", "--name", odd())
	if got := run(t, lab, "fault", "sea-den", "cut", "--name", odd()); got.code != 0 {
		t.Errorf("fault exits with %d: %s", got.code, got.err)
	}
	if got := run(t, lab, "status", "--name", odd()); got.code != 1 {
		t.Errorf("status with a link cut exits with %d:\n%s", got.code, got.out)
	}
	for _, args := range [][]string{{"fault", "sea-xxx", "cut"}, {"fault", "sea-den", "loss=2"}, {"status", "--name", "none"}, {"up", "--gml", "nowhere"}} {
		if got := run(t, lab, args...); got.code != 1 || !strings.HasPrefix(got.err, "lab: ") {
			t.Errorf("%v exits with %d: %s", args, got.code, got.err)
		}
	}
	checkExample(t)
	if got := run(t, lab, "down", "--name", odd()); got.code != 0 {
		t.Errorf("down exits with %d: %s", got.code, got.err)
	}
}

// checkExample checks the configuration that is made for the lab, with this lab in place of the one that it names.
func checkExample(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../../deployments/lab")); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "detour.yaml")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), testbed.Root+"/lab/", testbed.Root+"/"+odd()+"/")
	if text == string(raw) {
		t.Error("the example names no lab")
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(t, binary(t, "detour"), "config", "check", name); got.code != 0 {
		t.Errorf("config check exits with %d:\n%s%s", got.code, got.out, got.err)
	}
}
