//go:build linux

package testbed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/plan"
)

// Router finds a router of the lab.
func (b *Bed) Router(name string) (*plan.Router, error) {
	for i := range b.Routers {
		if b.Routers[i].Name == name {
			return &b.Routers[i], nil
		}
	}
	return nil, fmt.Errorf("lab %s has no router %q", b.Name, name)
}

// AgentDir is where a router's agent keeps its files.
func AgentDir(r *plan.Router) string { return filepath.Join(r.Dir, "agent") }

// startDaemon starts one of FRR's daemons in its router's namespace. It is ready once this returns.
func startDaemon(ctx context.Context, r *plan.Router, name string) error {
	args := []string{
		"-d", "-z", filepath.Join(r.Dir, "zserv.api"), "--vty_socket", r.Dir, "-i", filepath.Join(r.Dir, name+".pid"),
		"-f", filepath.Join(r.Dir, name+".conf"), "-A", "127.0.0.1", "-P", "0",
	}
	if name == "isisd" {
		args = append(args, "--tcli") // for transactions
	}
	return netns.Within(r.Namespace, func() error {
		if out, err := exec.CommandContext(ctx, filepath.Join(daemons, name), args...).CombinedOutput(); err != nil {
			return fmt.Errorf("router %s: start %s: %w\n%s", r.Name, name, err, out)
		}
		return nil
	})
}

// StartDaemon starts zebra or isisd of a router after it was killed.
func (b *Bed) StartDaemon(ctx context.Context, router, name string) error {
	r, err := b.Router(router)
	if err != nil {
		return err
	}
	return startDaemon(ctx, r, name)
}

// KillDaemon ends zebra or isisd of a router with SIGKILL.
func (b *Bed) KillDaemon(router, name string) error {
	r, err := b.Router(router)
	if err != nil {
		return err
	}
	pids, err := netns.Processes(r.Namespace)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if words := commandLine(pid); len(words) > 0 && words[0] == filepath.Join(daemons, name) {
			return kill(pid)
		}
	}
	return fmt.Errorf("router %s runs no %s", router, name)
}

// StartAgent starts a router's agent and waits until it listens. It outlives this process.
func (b *Bed) StartAgent(ctx context.Context, router string) error {
	r, err := b.Router(router)
	if err != nil {
		return err
	}
	logs, err := os.OpenFile(filepath.Join(AgentDir(r), "agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer logs.Close()
	cmd := exec.Command(filepath.Join(b.Dir, fileBinary), "agent", "--lab", b.Dir, "--router", router)
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("router %s: start its agent: %w", router, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(ended)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("router %s: its agent does not listen: %w", router, ctx.Err())
		case <-ended:
			said, _ := os.ReadFile(logs.Name())
			return fmt.Errorf("router %s: its agent has ended:\n%s", router, said)
		}
	}
}

// KillAgent ends a router's agent with SIGKILL.
func (b *Bed) KillAgent(router string) error {
	pids, err := agents(b.Dir)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if words := commandLine(pid); words[len(words)-1] == router {
			return kill(pid)
		}
	}
	return fmt.Errorf("router %s runs no agent", router)
}

// agents are the processes whose command line says that they are agents of the lab in dir.
func agents(dir string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		words := commandLine(pid)
		if len(words) == 6 && slices.Equal(words[:5], []string{filepath.Join(dir, fileBinary), "agent", "--lab", dir, "--router"}) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// commandLine is empty for a process that is no more.
func commandLine(pid int) []string {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil || len(raw) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
}

// kill ends a process with SIGKILL and waits until it is gone, or a zombie that somebody else has to bury.
func kill(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(commandLine(pid)) > 0 {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not end", pid)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// Left is what there is of a lab.
type Left struct {
	Namespaces []string
	Agents     []int
	Folder     bool
}

// Empty says whether there is nothing.
func (l Left) Empty() bool { return len(l.Namespaces) == 0 && len(l.Agents) == 0 && !l.Folder }

func (l Left) String() string {
	folder := "no folder"
	if l.Folder {
		folder = "its folder"
	}
	return fmt.Sprintf("%d namespaces, %d agents, %s", len(l.Namespaces), len(l.Agents), folder)
}

// Find looks for a lab, however much of it there is.
func Find(root, name string) (Left, error) {
	if err := plan.CheckName(name); err != nil {
		return Left{}, err
	}
	var l Left
	var err error
	if l.Namespaces, err = netns.List(plan.Namespaces(name)); err != nil {
		return Left{}, err
	}
	dir := filepath.Join(root, name)
	if l.Agents, err = agents(dir); err != nil {
		return Left{}, err
	}
	switch _, err := os.Stat(dir); {
	case err == nil:
		l.Folder = true
	case !errors.Is(err, fs.ErrNotExist):
		return Left{}, err
	}
	return l, nil
}

// Down takes away whatever there is of a lab, what runs in its namespaces included, and says what that was.
func Down(root, name string) (Left, error) {
	l, err := Find(root, name)
	if err != nil {
		return l, err
	}
	var errs []error
	for _, pid := range l.Agents {
		errs = append(errs, kill(pid))
	}
	for _, ns := range l.Namespaces {
		pids, err := netns.Processes(ns)
		errs = append(errs, err)
		for _, pid := range pids {
			errs = append(errs, kill(pid))
		}
		errs = append(errs, netns.Delete(ns))
	}
	errs = append(errs, os.RemoveAll(filepath.Join(root, name)))
	_ = os.Remove(root) // unless another lab is there
	return l, errors.Join(errs...)
}
