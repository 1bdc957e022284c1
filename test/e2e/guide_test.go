package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// guideCommands are the README's commands for one's own two routers, in their order, each on a line, without comments.
func guideCommands(t *testing.T) (commands []string) {
	t.Helper()
	raw, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(raw), "<!-- begin:guide -->")
	guide, _, ended := strings.Cut(rest, "<!-- end:guide -->")
	if !begun || !ended {
		t.Fatal("the README has no guide between its marks")
	}
	inside := false
	for line := range strings.Lines(guide) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			inside = !inside
			continue
		}
		line, _, _ = strings.Cut(line, "   #")
		if line = strings.TrimSpace(line); inside && line != "" {
			commands = append(commands, line)
		}
	}
	return commands
}

// shell is one bash that runs a person's commands, one after the other.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

// newShell starts bash in a folder. Whatever it has started ends with the test.
func newShell(t *testing.T, dir string, env ...string) *shell {
	t.Helper()
	cmd := exec.Command("bash", "--norc")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		_ = cmd.Wait()                                      // it was killed
	})
	return &shell{t, in, bufio.NewReader(out)}
}

// run runs a command, and returns what it and those in the background wrote meanwhile.
func (s *shell) run(command string) (code int, text string) {
	s.t.Helper()
	const mark = "=guide="
	if _, err := fmt.Fprintf(s.in, "%s\ncode=$?; echo; echo %s$code\n", command, mark); err != nil {
		s.t.Fatal(err)
	}
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("%s: %v\n%s", command, err, text)
		}
		if rest, ok := strings.CutPrefix(line, mark); ok {
			if _, err := fmt.Sscan(rest, &code); err != nil {
				s.t.Fatalf("%s: %q", command, line)
			}
			return code, text
		}
		text += line
	}
}

// untilDone runs a command again and again until it succeeds, as a person would who waits for something.
func (s *shell) untilDone(command string) string {
	s.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		code, text := s.run(command)
		if code == 0 {
			return text
		}
		select {
		case <-deadline:
			s.t.Fatalf("%s exits %d:\n%s", command, code, text)
		case <-tick.C:
		}
	}
}

// twoRouters are lab-a and lab-b, with two links between them, and the password that the guide exports.
func twoRouters(t *testing.T) (n *backbone.Network, dir string) {
	t.Helper()
	topology := &network.Topology{}
	for _, name := range []string{"lab-a", "lab-b"} {
		topology.Routers = append(topology.Routers, network.Router{Name: name})
	}
	for i := 1; i <= 2; i++ {
		port := fmt.Sprintf("ethernet-1/%d", i)
		topology.Links = append(topology.Links, network.Link{
			Name: fmt.Sprintf("link-%d", i), Capacity: 10e9,
			A: network.End{Device: "lab-a", Interface: port, Metric: 10}, B: network.End{Device: "lab-b", Interface: port, Metric: 10},
		})
	}
	n, err := backbone.Start(backbone.Config{Topology: topology, LoadTarget: 0.1, Username: "detour", Password: "..."})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n, t.TempDir()
}

// editor writes what a person does in an editor: the routers' addresses into the inventory. What else it changes is so that
// guides can run side by side, at any hour, and in less than ten minutes: ports, the maintenance window, clocks.
func editor(t *testing.T, n *backbone.Network, dir, bus, http string) string {
	t.Helper()
	routers, err := n.Inventory(dir)
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/bash\nset -e\n"
	for i, r := range routers {
		script += fmt.Sprintf("sed -i 's|192.0.2.1%d:9339|%s|; /name: %s$/a\\    tls: {ca: \"%s\", server_name: %s}' \"$1\"\n", i+1, r.Address, r.Name, r.TLS.CA, r.Name)
	}
	script += fmt.Sprintf("cd \"$(dirname \"$1\")\"\nsed -i 's/port: 4222/port: %s/; s/127.0.0.1:8080/127.0.0.1:%s/; s/interval: 2s/interval: 200ms/' detour.yaml\n", bus, http)
	script += "sed -i '/^windows:/,$d' policy.yaml\n" +
		"echo 'clocks: {fresh: 5s, observe_every: 200ms, verify_within: 60s, look_every: 300ms, hold: 1s, renew_every: 1s, clear_for: 1s, probation: 1s, cool_down: 1s}' >> policy.yaml\n"
	path := filepath.Join(dir, "editor")
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// freePort is one that nobody listens on, below those that the system hands out by itself: nobody gets it by chance.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := fmt.Sprint(20_000 + rand.IntN(10_000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// planShown is the digest that a person reads and types; what is asked may change until then.
const planShown = `$(./detour incidents lab-a-lab-b-1 | grep -o -m1 -- '--plan [0-9a-f]\{12,\}' | cut -d' ' -f2)`

// TestGuide runs every command of the README's guide before two routers: in dry-run nothing is set, and live one link is
// drained and put back, and the other never touched.
func TestGuide(t *testing.T) {
	t.Parallel()
	n, files := twoRouters(t)
	bus, http := freePort(t), freePort(t)
	dir := t.TempDir()
	deployments, err := filepath.Abs("../../deployments")
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"deployments": deployments, "detour": binary(t)} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	sh := newShell(t, dir, "EDITOR="+editor(t, n, files, bus, http), "DETOUR_SERVER=http://127.0.0.1:"+http, "NO_COLOR=1")
	serves, live := 0, false
	for _, command := range guideCommands(t) {
		switch {
		case strings.HasPrefix(command, "go build "):
			continue // the binary was built so already
		case strings.HasSuffix(command, " &"):
			serves++
			command += "\n:"
		case strings.Contains(command, "mode: live"):
			if sets := n.Sets(); len(metricSets(sets)) != 0 {
				t.Errorf("in dry-run: %v", metricSets(sets))
			}
			live = true
		case strings.Contains(command, "PLAN"):
			command = strings.ReplaceAll(command, "PLAN", planShown)
		}
		command = strings.ReplaceAll(command, "127.0.0.1:4222", "127.0.0.1:"+bus)
		text := sh.untilDone(command)
		t.Logf("$ %s\n%s", command, text)
	}
	if serves != 2 || !live {
		t.Errorf("the guide starts %d times, live: %t", serves, live)
	}
	sh.untilDone(`./detour incidents lab-a-lab-b-1 -o json | grep -q '"phase": "closed"'`)
	moved := map[string]int{}
	for _, s := range metricSets(n.Sets()) {
		moved[s]++
	}
	for _, r := range n.Routers() {
		for _, family := range []string{"IPV4", "IPV6"} {
			leaf := r.Path("interfaces", "interface[interface-id=ethernet-1/1]", "levels", "level[level-number=2]", "afi-safi", "af[afi-name="+family+"][safi-name=UNICAST]", "config", "metric")
			if moved[r.Name()+" "+leaf] < 2 {
				t.Errorf("%s of %s was not set and put back: %v", leaf, r.Name(), moved)
			}
			delete(moved, r.Name()+" "+leaf)
		}
	}
	if len(moved) > 0 {
		t.Errorf("set, and not to be touched: %v", moved)
	}
	if a, b, err := n.Metrics("link-1"); err != nil || a.IPv4.Value != 10 || b.IPv6.Value != 10 {
		t.Errorf("the link is left at %+v %+v, %v", a, b, err)
	}
}

// metricSets are the Sets of link metrics.
func metricSets(sets []backbone.SetRecord) (list []string) {
	for _, s := range sets {
		for _, c := range s.Changes {
			if !s.Local && strings.HasSuffix(c.Path, "/metric") && !strings.Contains(c.Path, backbone.Loopback) {
				list = append(list, s.Router+" "+c.Path)
			}
		}
	}
	return list
}
