package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
)

// TestRestoreByWhom restores a backup onto the bus as it is deployed: the service's own identity may, once the streams were made, and
// nobody else can, nor hangs: each is told who may, and the ledger stays empty.
func TestRestoreByWhom(t *testing.T) {
	if testing.Short() {
		t.Skip("left out of a short run: processes come up")
	}
	dir := t.TempDir()
	b, err := raiseTrunk(dir, deployments)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	binary, err := compile(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	export := b.path("backup.ndjson")
	if err := os.WriteFile(export, lawful(t, "default", 12), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"inventory.yaml", "topology.yaml", "policy.yaml"} {
		raw, err := os.ReadFile(filepath.Join(deployments, "example", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.path(name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := b.as(t, setup)
	if _, err := ledger.Open(within(t), made.JetStream(), ledger.Config{Domain: "default", Replicas: 3, SyncAlways: true}); err != nil {
		t.Fatal(err)
	}
	stream, err := b.as(t, auditor).JetStream().Stream(within(t), events.StreamLedger)
	if err != nil {
		t.Fatal(err)
	}
	last := func() uint64 {
		info, err := stream.Info(within(t))
		if err != nil {
			t.Fatal(err)
		}
		return info.State.LastSeq
	}
	var trying sync.WaitGroup
	for _, who := range []string{publisher, auditor, setup} {
		trying.Go(func() {
			if code, said := b.restore(t, binary, export, who, "3s"); code == 0 || !strings.Contains(said, "whoever restores must be allowed what a replica is") {
				t.Errorf("%s: exit %d: %s", who, code, said)
			}
		})
	}
	if trying.Wait(); last() != 0 {
		t.Errorf("one of them has written up to position %d", last())
	}
	for _, want := range []string{"12 commits were restored, up to position 12", "0 commits were restored, up to position 12"} {
		if code, said := b.restore(t, binary, export, service, "1m"); code != 0 || !strings.Contains(said, want) || last() != 12 {
			t.Errorf("exit %d, the ledger ends at position %d: %s; want %q", code, last(), said, want)
		}
	}
}

// restore runs the verb as somebody, and returns its exit code and what it says.
func (b *trunk) restore(t *testing.T, binary, export, who, within string) (code int, said string) {
	t.Helper()
	files, err := b.identity(who)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	config := b.path("restore-" + who + ".yaml")
	text := fmt.Sprintf(`mode: dry-run
replica: {name: r1, rank: 0}
nats: {urls: ["%s"], sync_always: true, replicas: 3, api_prefix: %s, streams: check, tls: {ca: %s, cert: %s, key: %s}}
listen: {http: "127.0.0.1:0"}
inventory: inventory.yaml
topology: topology.yaml
policy: policy.yaml
`, strings.Join(b.servers.URLs(), `", "`), apiPrefix, files.CA, files.Cert, files.Key)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Error(err)
		return 0, ""
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "ledger", "restore", "--file", export, "--config", config, "--timeout", within)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Errorf("%s: it hangs: %v", who, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// lawful is the export of a ledger of n commits that folds.
func lawful(t *testing.T, domain string, n int) (out []byte) {
	t.Helper()
	alice := events.Person{Name: "alice"}
	var prev events.Commit
	for i := range n {
		body := events.Body(events.Frozen{Scope: "site:x", By: alice, Reason: "works"})
		if i%2 == 1 {
			body = events.Thawed{Scope: "site:x", By: alice}
		}
		c := events.Commit{ID: fmt.Sprint(i + 1), Prev: prev.Digest, At: time.Date(2026, 11, 20, 12, 0, i, 0, time.UTC), By: "r0/1", Records: []events.Record{{Body: body}}}
		e, err := ledger.Seal(domain, &c, prev.Position)
		if err == nil {
			out, err = ledger.AppendLine(out, e)
		}
		if err != nil {
			t.Fatal(err)
		}
		prev = c
	}
	return out
}
