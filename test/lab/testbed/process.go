//go:build linux

package testbed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
	switch name {
	case "zebra":
		args = append(args, "--v6-rr-semantics") // another way takes the place of an IPv6 route; else that is deleted first
	case "isisd":
		args = append(args, "--tcli") // for transactions
	}
	return netns.Within(r.Namespace, func() error {
		if out, err := exec.CommandContext(ctx, filepath.Join(daemons, name), args...).CombinedOutput(); err != nil {
			return fmt.Errorf("router %s: start %s: %w\n%s", r.Name, name, err, out)
		}
		return nil
	})
}

// Process is one of those that make a router.
type Process string

// A router's processes.
const (
	Zebra Process = "zebra"
	ISISD Process = "isisd"
	BFDD  Process = "bfdd" // where the lab has BFD
	Agent Process = "agent"
)

// daemonsOf are FRR's daemons of a router, in the order in which they are started.
func daemonsOf(r *plan.Router) []Process {
	if r.BFD {
		return []Process{Zebra, BFDD, ISISD}
	}
	return []Process{Zebra, ISISD}
}

// Start starts a process of a router that has ended, and returns once it is ready.
func (b *Bed) Start(ctx context.Context, router string, p Process) error {
	r, err := b.Router(router)
	if err != nil {
		return err
	}
	if p == Agent {
		return b.startAgent(ctx, r)
	}
	return startDaemon(ctx, r, string(p))
}

// Kill ends a process of a router with SIGKILL.
func (b *Bed) Kill(router string, p Process) error {
	pid, err := b.find(router, p)
	if err != nil {
		return err
	}
	return kill(pid)
}

// find returns the id of a process of a router.
func (b *Bed) find(router string, p Process) (int, error) {
	r, err := b.Router(router)
	if err != nil {
		return 0, err
	}
	var pids []int
	if p == Agent {
		_, pids, err = processes(b.Name)
	} else {
		pids, err = netns.Processes(r.Namespace)
	}
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		words := commandLine(pid)
		if p == Agent && len(words) > 0 && words[len(words)-1] == router || p != Agent && len(words) > 0 && words[0] == filepath.Join(daemons, string(p)) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("router %s runs no %s", router, p)
}

// startAgent starts a router's agent and waits until it listens. It outlives this process.
func (b *Bed) startAgent(ctx context.Context, r *plan.Router) error {
	config, err := b.clientTLS(r)
	if err != nil {
		return err
	}
	logs, err := os.OpenFile(filepath.Join(AgentDir(r), "agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer logs.Close()
	cmd := exec.Command(filepath.Join(b.Dir, fileBinary), "agent", "--name", b.Name, "--router", r.Name)
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("router %s: start its agent: %w", r.Name, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(ended)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if listens(ctx, r, config) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("router %s: its agent does not listen: %w", r.Name, ctx.Err())
		case <-ended:
			said, _ := os.ReadFile(logs.Name())
			return fmt.Errorf("router %s: its agent has ended:\n%s", r.Name, said)
		}
	}
}

// listens says whether a router's agent does. Whoever else has its port cannot show its certificate.
func listens(ctx context.Context, r *plan.Router, config *tls.Config) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", r.Address())
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was said
	return true
}

// processes are those whose command line says that they are a lab's: of FRR's daemons in its folder, and its agents.
func processes(name string) (frr, agents []int, err error) {
	all, err := netns.AllProcesses()
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(Root, name)
	agent := []string{filepath.Join(dir, fileBinary), "agent", "--name", name, "--router"}
	within := func(word string) bool { return strings.HasPrefix(word, dir+string(filepath.Separator)) }
	for _, pid := range all {
		switch words := commandLine(pid); {
		case len(words) == 0:
		case filepath.Dir(words[0]) == daemons && slices.ContainsFunc(words[1:], within):
			frr = append(frr, pid)
		case len(words) == 6 && slices.Equal(words[:5], agent):
			agents = append(agents, pid)
		}
	}
	return frr, agents, nil
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
