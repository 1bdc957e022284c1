package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/incident"
)

var (
	flagKills = flag.Int("kills", 6, "processes that the short campaign kills")
	flagSeed  = flag.Uint64("seed", 1, "of the short campaign")
)

// scratch is where binaries lie; TestMain removes it.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "detour-chaos-") })

func TestMain(m *testing.M) {
	if bustest.Serve() {
		return
	}
	flag.Parse()
	// Sites wait far more than they work, so more of them run at once than there are processors.
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "4"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if dir, err := scratch(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// ordinary is the binary that is deployed, built once a run.
var ordinary = sync.OnceValues(func() (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "detour")
	return path, build(context.Background(), path)
})

// skewable is the same with a clock that can be off.
var skewable = sync.OnceValues(func() (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp(dir, "skewed-"); err != nil {
		return "", err
	}
	return skewed.build(context.Background(), dir)
})

// long leaves a test that starts processes out of a short run.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out of a short run")
	}
}

// raised is a site that ends with the test.
func raised(t *testing.T, p plan) *site {
	t.Helper()
	long(t)
	if p.binary == "" {
		var err error
		if p.binary, err = ordinary(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := raise(t.Context(), t.TempDir(), p)
	t.Cleanup(s.end)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// patient is a context for one thing that must come.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// sickens lets the first n links that share no router fall sick, until the test ends.
func (s *site) sickens(t *testing.T, n int) (faults []*fault) {
	t.Helper()
	used := map[string]bool{}
	for _, l := range s.net.Topology().Links {
		if len(faults) == n || used[l.A.Device] || used[l.B.Device] {
			continue
		}
		used[l.A.Device], used[l.B.Device] = true, true
		f, err := s.sicken(l)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.end)
		faults = append(faults, f)
	}
	return faults
}

// reaches waits for the link's newest incident to be in one of phases.
func (f *fault) reaches(t *testing.T, phases ...incident.Phase) {
	t.Helper()
	err := f.s.watch.wait(patient(t), fmt.Sprintf("%s to be %v", f.link.Name, phases), func() bool {
		i, ok := f.s.latest(f.link.Name)
		return ok && i.Epoch > f.epochs && slices.Contains(phases, i.Phase)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// heals mends a link and waits for its incident to end.
func (f *fault) heals(t *testing.T) {
	t.Helper()
	if err := f.heal(); err != nil {
		t.Fatal(err)
	}
	f.reaches(t, incident.Closed)
	f.end()
}

// accounts wants no rule to be violated, and returns the evidence.
func (s *site) accounts(t *testing.T) evidence {
	t.Helper()
	found, e, err := s.account(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Errorf("%s: %s", v.Rule, v.Detail)
	}
	return e
}

// TestCluster has three replicas drain and restore two links over a cluster of three servers, on which every stream, and the
// consumer that the replicas share, is kept three times.
func TestCluster(t *testing.T) {
	t.Parallel()
	s := raised(t, plan{servers: 3, replicas: 3})
	js := s.conn.JetStream()
	for _, name := range []string{events.StreamLedger, events.StreamAnomalies, events.StreamRejected} {
		stream, err := js.Stream(patient(t), name)
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.CachedInfo().Config.Replicas; got != 3 {
			t.Errorf("stream %s is kept %d times", name, got)
		}
		if name != events.StreamAnomalies {
			continue
		}
		for c := range stream.ListConsumers(patient(t)).Info() {
			if c.Cluster == nil || len(c.Cluster.Replicas) != 2 {
				t.Errorf("consumer %s is on %+v", c.Name, c.Cluster)
			}
		}
	}
	for _, r := range s.replicas {
		if pid := r.now().Process.Pid; r.group(t) != pid {
			t.Errorf("replica %d, process %d, is of group %d: what interrupts the harness ends it", r.n, pid, r.group(t))
		}
	}
	faults := s.sickens(t, 2)
	for _, f := range faults {
		f.reaches(t, incident.Holding)
	}
	for _, f := range faults {
		f.heals(t)
	}
	e := s.accounts(t)
	sets := 0
	for _, set := range e.sets {
		if set.Effective() {
			sets++
		}
	}
	if sets != 8 {
		t.Errorf("%d Sets changed something, want one at each end of two links, there and back", sets)
	}
}

// group is the process group of the replica.
func (r *replica) group(t *testing.T) int {
	t.Helper()
	group, err := syscall.Getpgid(r.now().Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return group
}

// interrupted is what a campaign certifies that is told to end once it has said so much: what was done, judged, and kept.
func (c campaign) interrupted(t *testing.T, said int32, words string) *certificate {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var lines atomic.Int32
	c.log = func(format string, args ...any) {
		t.Logf(format, args...)
		if lines.Add(1) == said {
			stop()
		}
	}
	cert, err := c.run(ctx)
	var early interrupted
	if !errors.As(err, &early) || !strings.Contains(err.Error(), words) {
		t.Fatalf("it ends with %v, want %q", err, words)
	}
	for _, v := range cert.Violations {
		t.Errorf("%s: %s", v.Rule, v.Detail)
	}
	kept := newCertificate()
	if raw, err := os.ReadFile(c.file); err != nil || json.Unmarshal(raw, kept) != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	if diff := cmp.Diff(cert, kept); diff != "" {
		t.Errorf("the certificate that was kept (-returned +kept):\n%s", diff)
	}
	return cert
}

// hurtOnce is what a campaign certifies that is told to end once it has hurt somebody a few times.
func (c campaign) hurtOnce(t *testing.T) *certificate {
	t.Helper()
	c.kills = math.MaxInt
	cert := c.interrupted(t, 3, fmt.Sprintf("of %d kills", c.kills))
	n := 0
	for _, of := range cert.ByState {
		n += of
	}
	if cert.Sites != 1 || n != cert.Kills || len(cert.Builds) != 1 || cert.Builds[0].Kills != n {
		t.Errorf("interrupted, it tells of %d sites and %d kills, %d of them at some state, of builds %+v", cert.Sites, cert.Kills, n, cert.Builds)
	}
	return cert
}

// TestCampaign is a short campaign, interrupted once: see the package comment for a long one.
func TestCampaign(t *testing.T) {
	t.Parallel()
	long(t)
	binary, err := ordinary()
	if err != nil {
		t.Fatal(err)
	}
	astray, err := skewable()
	if err != nil {
		t.Fatal(err)
	}
	c := campaign{skewed: astray, kills: *flagKills, seed: flagSeed, sites: 1, servers: 3, replicas: 3, binary: binary, dir: t.TempDir(), log: t.Logf}
	c.file = filepath.Join(c.dir, "certificate.json")
	first := c.hurtOnce(t)
	c.kills, c.seed, c.sites = max(c.kills, first.Kills+1), nil, 2
	cert, err := c.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint64{*flagSeed, *flagSeed + 1}, cert.Seeds); diff != "" || cert.Sites <= first.Sites {
		t.Errorf("it did not go on: %d sites, and seeds (-want +got):\n%s", cert.Sites, diff)
	}
	var b strings.Builder
	if err := cert.write(&b); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + b.String())
	for _, v := range cert.Violations {
		t.Errorf("%s: %s", v.Rule, v.Detail)
	}
	if cert.Kills < c.kills || cert.Sets == 0 || cert.Outcomes[events.Restored] == 0 {
		t.Errorf("nothing much was attacked: %d kills, %d Sets, incidents %s", cert.Kills, cert.Sets, counts(cert.Outcomes))
	}
}
