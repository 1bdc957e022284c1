package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

// shipsCheckpoints makes a key and has every replica ship to a file.
func (s *stage) shipsCheckpoints() {
	s.t.Helper()
	a := run(s.t, "", "ledger", "key", filepath.Join(s.dir, "audit.key"), "--new", "--domain", domain)
	if a.code != 0 {
		s.t.Fatal(a.err)
	}
	s.write("audit.pub", a.out)
	s.audit = "checkpoints: {key: 'file:audit.key', every: 1s, file: notes}\n"
}

// covered is the position up to which a checkpoint has been shipped, 0 before the first.
func (s *stage) covered() (newest uint64) {
	s.t.Helper()
	vkey, err := os.ReadFile(filepath.Join(s.dir, "audit.pub"))
	if err != nil {
		s.t.Fatal(err)
	}
	keys, err := checkpoint.NewKeys(string(vkey))
	if err != nil {
		s.t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(s.dir, "notes"))
	if err != nil {
		return 0
	}
	for _, o := range keys.Open(checkpoint.Split(file)) {
		if o.Fault == "" {
			newest = max(newest, o.Checkpoint.Size)
		}
	}
	return newest
}

// TestRestoreDrill is the drill of the README: a backup is put onto an empty bus after the bus was lost in the middle of a drain.
// The checkpoints tell how much is missing, a replica starts on what there is, and notices what the routers have seen since.
func TestRestoreDrill(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true, audit: true})
	r := s.replicas[0]
	archive, export := filepath.Join(s.dir, "archive"), filepath.Join(s.dir, "export.ndjson")
	if a := r.detour("carol", "ledger", "archive", "--until", "2100-01-01", archive); a.code != 0 {
		t.Fatal(a.err)
	}
	saved := s.last()
	s.sicken(linkPlain)
	s.reaches(linkPlain, incident.Holding)
	if a := r.detour("carol", "ledger", "export", "--into", export); a.code != 0 {
		t.Fatal(a.err)
	}
	s.wait("a checkpoint of the drain", func() bool { return s.covered() > saved && r.condition("checkpoints").OK })
	held := []string{"--checkpoint", filepath.Join(s.dir, "notes"), "--key", filepath.Join(s.dir, "audit.pub")}

	r.kill()
	covered := s.covered()
	port := s.busPort()
	s.stopBus()
	s.store = filepath.Join(s.dir, "nats-restored")
	s.startBus(port)

	restore := func(more ...string) answer {
		return run(t, "", append(append([]string{"ledger", "restore", "--file", archive, "--config", r.config}, held...), more...)...)
	}
	if a, want := restore(), fmt.Sprintf("of %d commits that a checkpoint covers, the last %d are not there", covered, covered-saved); a.code != 3 || !strings.Contains(a.err, want) {
		t.Fatalf("exit %d, want 3 and %q: %s", a.code, want, a.err)
	}
	for _, want := range []string{fmt.Sprintf("%d commits were restored, up to position %d", saved, saved), "0 commits were restored"} {
		if a := restore("--lossy"); a.code != 0 || !strings.Contains(a.err, want) {
			t.Fatalf("exit %d, want %q: %s", a.code, want, a.err)
		}
	}
	s.startsOlder(r, saved, covered, held)
}

// startsOlder starts a replica on a ledger that ends at position saved, and wants it to notice that the routers, and the checkpoints,
// have seen more.
func (s *stage) startsOlder(r *replica, saved, covered uint64, held []string) {
	s.t.Helper()
	risks, back := s.sets()
	r.start()
	s.wait("the network to be frozen", func() bool {
		f, err := r.as("carol").Freezes(s.within())
		return err == nil && len(f.Freezes) == 1 && strings.Contains(f.Freezes[0].Reason, "older than the routers")
	})
	s.wait("the replica to miss what was signed", func() bool {
		c := r.condition("checkpoints")
		short := strings.Contains(c.Detail, fmt.Sprintf("a checkpoint of %d records was shipped", covered))
		return !c.OK && (short || strings.Contains(c.Detail, "is not the one of which"))
	})
	v, a := s.verifyWith(r, held...)
	if a.code != 1 || len(v.Findings) == 0 || v.Findings[0].Position != saved+1 {
		s.t.Errorf("verify exits %d and finds %+v, want position %d", a.code, v.Findings, saved+1)
	}
	if n, m := s.sets(); n != risks || m != back {
		s.t.Errorf("%d Sets came after the ledger was restored", n+m-risks-back)
	}
}

// verifyWith is verify, by whoever is restored: what the test itself has read of the ledger is no more.
func (s *stage) verifyWith(r *replica, args ...string) (v verdict, a answer) {
	s.t.Helper()
	args = append([]string{"ledger", "verify", "-o", "json", "--server", r.url, "--token-file", filepath.Join(s.dir, "token-carol")}, args...)
	a = run(s.t, "", args...)
	return readVerdict(s.t, a), a
}
