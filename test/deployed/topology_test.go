package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/ledger"
)

// TestTopology brings the composition up as processes and has it drain and restore a link: the publisher tells of it, the
// replicas act, the auditor reads what was recorded. Nobody has more than their own key. Replicas leave nothing behind on this
// machine, and say when they are ready and that they end.
func TestTopology(t *testing.T) {
	if testing.Short() {
		t.Skip("left out of a short run: nine processes come up")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // so that nobody gets to the binary
		t.Fatal(err)
	}
	binary, err := compile(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	top, err := raise(within(t), dir, deployments, binary)
	t.Cleanup(top.end)
	if err != nil {
		t.Fatal(err)
	}
	before := owned(t, dir)
	probed(t, top)
	link := top.net.Topology().Links[0]
	if err := top.net.SetLoss(link.Name, 3e-3); err != nil {
		t.Fatal(err)
	}
	telemetry := top.bus.as(t, publisher).JetStream()
	tell := func(state events.AnomalyState, value float64) {
		t.Helper()
		at := time.Now().UTC()
		if err := intake.Publish(within(t), telemetry, "default", []events.Event{{
			SpecVersion: "1.0", Type: events.TypeAnomaly, ID: uuid.NewString(), Source: "/telemetry", Time: at, DataContentType: events.ContentTypeJSON,
			Data: events.Anomaly{
				Kind: events.LinkErrors, State: state, Severity: events.Major, Resource: events.Resource{Device: link.A.Device, Interface: link.A.Interface},
				ObservedAt: at, Value: value, Unit: "ratio", Threshold: 1e-4, Window: "30s",
			},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	reading := newAudit(t, top.bus)
	tell(events.Firing, 3e-3)
	reading.until(t, "the link to be drained", func(i *incident.Incident) bool { return i.Phase == incident.Holding })
	if err := top.net.Heal(link.Name); err != nil {
		t.Fatal(err)
	}
	tell(events.Resolved, 0)
	reading.until(t, "the link to be restored", func(i *incident.Incident) bool {
		return i.Phase == incident.Closed && i.End.Outcome == events.Restored
	})
	for _, r := range top.replicas {
		if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := r.await("STOPPING=1"); err != nil {
			t.Error(err)
		}
		err := <-r.done
		if r.done <- err; err != nil {
			t.Errorf("%s ended with %v\n%s", r.name, err, r.tail())
		}
	}
	if diff := cmp.Diff(before, owned(t, dir)); diff != "" {
		t.Errorf("replicas have written (-before +after):\n%s", diff)
	}
}

// probed asks replicas what Kubernetes asks them, without a token.
func probed(t *testing.T, top *topology) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(top.bus.auth.PEM())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		path := text(list(pods(manifests(t))["StatefulSet/detour"], "spec", "containers")[0], probe, "httpGet", "path")
		for _, r := range top.replicas {
			answer, err := client.Get(r.url + path)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Errorf("%s of %s at %s: %s", probe, r.name, path, answer.Status)
			}
		}
	}
}

// owned are the files of nobody below dir with their sizes, and all when this process may not give files away.
func owned(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if os.Getuid() == 0 && info.Sys().(*syscall.Stat_t).Uid == nobody {
			all[path] = info.Size()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// audit is the ledger as the auditor reads it: message by message, each checked and folded.
type audit struct {
	stream jetstream.Stream
	next   uint64
	chain  ledger.Chain
	board  *incident.Board
}

func newAudit(t *testing.T, b *trunk) *audit {
	t.Helper()
	stream, err := b.as(t, auditor).JetStream().Stream(within(t), events.StreamLedger)
	if err != nil {
		t.Fatal(err)
	}
	return &audit{stream: stream, next: 1, board: incident.NewBoard()}
}

// until reads on until there is an incident of which done holds.
func (a *audit) until(t *testing.T, what string, done func(*incident.Incident) bool) {
	t.Helper()
	for ctx := within(t); ; {
		for _, i := range append(a.board.Open(), a.board.Closed()...) {
			if done(i) {
				return
			}
		}
		if err := a.read(ctx); err != nil {
			t.Fatalf("waiting for %s: %v", what, err)
		}
	}
}

// read takes the next record, which may not be there yet.
func (a *audit) read(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		asked, cancel := context.WithTimeout(ctx, patience)
		msg, err := a.stream.GetMsg(asked, a.next)
		cancel()
		if err == nil {
			commit, err := a.chain.Next(ledger.Entry{Position: msg.Sequence, Subject: msg.Subject, Stated: events.Digest(msg.Header.Get(ledger.DigestHeader)), Raw: msg.Data})
			if err != nil {
				return err
			}
			a.next++
			return a.board.Apply(commit)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
