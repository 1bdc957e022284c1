package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/wire"
)

// TestBusAway starts a replica before its bus is there, and takes the bus away in mid-flight: readiness says so, nothing
// crashes, and everything goes on by itself when the bus is back.
func TestBusAway(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true})
	port := s.busPort()
	s.sicken(linkPlain)
	s.reaches(linkPlain, incident.Holding)
	s.stopBus()
	for _, r := range s.replicas {
		s.wait(r.name+" to say that the bus is away", func() bool { c := r.condition("bus"); return !c.OK && strings.Contains(c.Detail, "not connected") })
		if a := r.detour("oscar", "freeze", "--reason", "x", "--timeout", "2s"); a.code != 5 && a.code != 1 {
			t.Errorf("freeze without a bus exits %d: %s", a.code, a.err)
		}
	}
	late := s.addReplica(2)
	launched := make(chan error, 1)
	go func() { launched <- late.launch() }()
	s.startBus(port)
	for _, r := range s.replicas[:2] {
		s.wait(r.name+" to be ready again", func() bool { ready, err := r.ready(); return err == nil && ready.Ready })
	}
	if err := <-launched; err != nil {
		t.Fatal(err)
	}
	s.wait("the late replica to be ready", func() bool { ready, err := late.ready(); return err == nil && ready.Ready })
	if err := s.conn.Wait(s.within()); err != nil {
		t.Fatal(err)
	}
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)
	// A freeze that could not be recorded in time may stand nevertheless: its caller was told that nobody could tell.
	s.account()
}

// TestFailedVerificationWithoutBus has the one act that needs no new record: the undo of a step whose verification failed
// while the bus is away. It happens then, and is recorded when the bus is back.
func TestFailedVerificationWithoutBus(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 1, rules: rules{Clocks: map[string]string{"verify_within": "2s"}}})
	a, b := s.routersOf(linkEdge)
	for _, r := range []*backbone.Router{a, b} {
		r.OnSet(backbone.Do, backbone.NotProgrammed())
	}
	s.sicken(linkEdge)
	i := s.reaches(linkEdge, incident.Verifying)
	cl := s.replicas[0].as("carol")
	s.wait("the replica to know it", func() bool {
		i, err := cl.Incident(s.within(), i.ID)
		return err == nil && i.Phase == incident.Verifying
	})
	s.replicas[0].wire.Set(wire.Cut)
	s.wait("both ends to be put back without a bus", func() bool { return back(s, linkEdge) })
	s.replicas[0].wire.Set(wire.Whole)
	i = s.reaches(linkEdge, incident.Closed)
	if !strings.Contains(s.history(i.ID), "while the ledger could not be written") {
		t.Errorf("the undo without a bus is not on record:\n%s", s.history(i.ID))
	}
	s.heal(linkEdge)
	s.account()
}

// back says whether a link's metrics have the values of the start.
func back(s *stage, link string) bool {
	has, was := s.metrics(link), s.first[link]
	for n := range has {
		if has[n].IPv4.Value != was[n].IPv4.Value || has[n].IPv6.Value != was[n].IPv6.Value {
			return false
		}
	}
	return true
}

// TestEmbedded has a replica with its own server: a second one on the same directory is refused, and so is one whose port
// is taken; the first does not notice.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	s := raiseBare(t, rules{})
	r := s.addReplicaOn(0, "{embedded: {dir: ./own}}", nil)
	r.start()
	s.seesAll(r)

	second := s.addReplicaOn(1, "{embedded: {dir: ./own}}", nil)
	if a := run(t, "", "serve", "--config", second.config); a.code != 1 || !strings.Contains(a.err, "in use by another process") || !strings.Contains(a.err, filepath.Join(s.dir, "own")) {
		t.Errorf("the same directory: exit %d: %s", a.code, a.err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	third := s.addReplicaOn(2, fmt.Sprintf("{embedded: {dir: ./third, port: %s}}", port), nil)
	if a := run(t, "", "serve", "--config", third.config); a.code != 1 || !strings.Contains(a.err, port) || !strings.Contains(a.err, "address already in use") {
		t.Errorf("a port of the bus that is taken: exit %d: %s", a.code, a.err)
	}
	edit(t, third.config, fmt.Sprintf("port: %s", port), "port: 0")
	edit(t, third.config, `http: "127.0.0.1:0"`, fmt.Sprintf(`http: "127.0.0.1:%s"`, port))
	if a := run(t, "", "serve", "--config", third.config); a.code != 1 || !strings.Contains(a.err, "listen.http") || !strings.Contains(a.err, "address already in use") {
		t.Errorf("a port of the API that is taken: exit %d: %s", a.code, a.err)
	}
	if ready, err := r.ready(); err != nil || !ready.Ready {
		t.Errorf("the first replica is %+v, %v", ready, err)
	}
	// SIGKILL leaves the directory to whoever comes next.
	r.kill()
	r.start()
	s.seesAll(r)
	s.untouched()
}

// TestUnwritable starts on a directory that takes no data.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	s := raiseBare(t, rules{})
	s.write("file", "")
	r := s.addReplicaOn(0, "{embedded: {dir: ./file}}", nil)
	if a := run(t, "", "serve", "--config", r.config); a.code != 1 || !strings.Contains(a.err, "nats.embedded.dir") {
		t.Errorf("exit %d: %s", a.code, a.err)
	}
}

// TestFullDisk fills the disk below the embedded server while a link is drained. What cannot be recorded is not done;
// readiness and orders say so; and when there is room again it goes on.
func TestFullDisk(t *testing.T) {
	long(t)
	t.Parallel()
	s := raiseBare(t, rules{})
	disk := filepath.Join(s.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	const size = "48m"
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk of its own needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s.raiseBusOn(filepath.Join(disk, "nats"), 8<<30) // more than there is: the disk is the limit
	s.follow()
	s.prove()
	r := s.addReplica(0)
	r.start()
	s.seesAll(r)
	s.sicken(linkPlain)
	s.reaches(linkPlain, incident.Holding)

	ballast := filepath.Join(disk, "ballast")
	fill, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<16)
	for err == nil {
		_, err = fill.Write(block)
	}
	fill.Close()
	if !strings.Contains(err.Error(), "no space left") {
		t.Fatal(err)
	}
	risks, _ := s.sets()
	refused := false
	for range 200 { // what is left in blocks already allocated goes first
		if a := r.detour("oscar", "freeze", "--reason", strings.Repeat("x", 900), "--scope", "site:site-1", "--timeout", "4s"); a.code != 0 {
			if refused = a.code != 3 && !r.condition("record").OK; refused {
				break
			}
			r.detour("oscar", "thaw", "--scope", "site:site-1", "--timeout", "4s")
		}
	}
	if !refused {
		t.Error("a full disk takes every record")
	}
	if !r.alive() {
		t.Fatalf("the replica ended:\n%s", r.tail())
	}
	if n, _ := s.sets(); n != risks {
		t.Errorf("%d Sets were sent on a full disk", n-risks)
	}
	if c := r.condition("record"); c.OK || !strings.Contains(c.Detail, "disk is full") || !strings.Contains(c.Detail, "restart that server") {
		t.Errorf("on a full disk /readyz says %+v", c)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	// A NATS server that could not write stops keeping streams until it is started again.
	s.stopBus()
	s.startBus(s.busPort())
	s.seesAll(r)
	if err := s.conn.Wait(s.within()); err != nil {
		t.Fatal(err)
	}
	s.wait("records to be taken again", func() bool {
		a := r.detour("oscar", "thaw", "--scope", "site:site-1", "--timeout", "2s")
		return a.code == 0 || a.code == 4
	})
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)
	s.account()
}

// TestStoreLimit has a bus that is full by its own limit: publishers learn it, the ledger's writers too, and nothing is set.
func TestStoreLimit(t *testing.T) {
	t.Parallel()
	srv, err := bus.Embedded(t.TempDir(), bus.Options{Port: -1, MaxStore: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Shutdown(t.Context()) }()
	s := raiseBare(t, rules{})
	r := s.addReplicaOn(0, fmt.Sprintf("{urls: [%q], sync_always: true}", srv.URL()), nil)
	a := run(t, "", "serve", "--config", r.config)
	if a.code != 1 || !strings.Contains(a.err, events.StreamAnomalies) || !strings.Contains(a.err, "free space") {
		t.Errorf("exit %d: %s", a.code, a.err)
	}
	s.untouched()
}
