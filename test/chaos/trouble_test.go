package main

import (
	"context"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
	"github.com/detour-net/detour/test/sets"
)

var flagOutage = flag.Duration("outage", 5*time.Second, "how long the bus is away in each of its troubles")

// TestNoBus has the bus go away in the middle of an act: with all servers, or with two of three, killed or stopped; while both ends
// have a Set and have not committed it, behind that, and while a drain is held. What had left is committed, nothing that adds risk
// leaves any more until the bus is back, and then everything comes to its end.
func TestNoBus(t *testing.T) {
	t.Parallel()
	s := raised(t, plan{servers: 3, replicas: 3})
	away := []struct {
		name string
		go_  func()
		back func() error
	}{
		{"all servers killed", s.servers.KillAll, s.servers.StartAll},
		{"two servers killed", func() { s.servers.Kill(0); s.servers.Kill(2) }, s.servers.StartAll},
		{"two servers stopped", func() { s.signalServers(t, syscall.SIGSTOP, 0, 1) }, func() error { s.signalServers(t, syscall.SIGCONT, 0, 1); return nil }},
	}
	for n, phase := range []incident.Phase{incident.Acting, incident.Verifying, incident.Holding} {
		f := s.sickens(t, 1)[0]
		release := func() {}
		if phase == incident.Acting {
			release = f.waylay(t)
		} else {
			f.reaches(t, phase, incident.Confirming, incident.Holding)
		}
		t.Logf("%s while %s is %s", away[n].name, f.link.Name, phase)
		away[n].go_()
		before := len(s.net.Sets())
		release()
		outage := time.NewTimer(*flagOutage)
		select {
		case <-outage.C:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
		for _, set := range s.net.Sets()[before:] {
			if set.Effective() && sets.Risky(&set) && set.Injected == "" {
				t.Errorf("%s: %s took a Set that adds risk at %s, which had not left when the bus was there", away[n].name, set.Router, set.At.Format("15:04:05.000"))
			}
		}
		if err := away[n].back(); err != nil {
			t.Fatal(err)
		}
		f.reaches(t, incident.Holding)
		f.heals(t)
	}
	s.accounts(t)
}

// waylay has both ends of a link keep the Set that drains it from being committed until release, and waits until both have it.
func (f *fault) waylay(t *testing.T) (release func()) {
	t.Helper()
	var held []*backbone.Injection
	for _, end := range []string{f.link.A.Device, f.link.B.Device} {
		held = append(held, f.s.net.Router(end).OnSet(backbone.First(1, backbone.Do), backbone.CommitLate(0)))
	}
	release = sync.OnceFunc(func() {
		for _, in := range held {
			in.Release()
			in.Remove()
		}
	})
	t.Cleanup(release)
	err := f.s.watch.wait(patient(t), "both ends to have a Set", func() bool {
		return !slices.ContainsFunc(held, func(in *backbone.Injection) bool { return in.Hits() == 0 })
	})
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// asked counts the Sets that asked for something, whatever became of them.
func (s *site) asked() (n int) {
	for _, set := range s.net.Sets() {
		if sets.Asks(&set) {
			n++
		}
	}
	return n
}

// risks counts the Sets that added risk.
func (s *site) risks() (n int) {
	for _, set := range s.net.Sets() {
		if set.Effective() && sets.Risky(&set) {
			n++
		}
	}
	return n
}

func (s *site) signalServers(t *testing.T, sig syscall.Signal, list ...int) {
	t.Helper()
	for _, n := range list {
		if err := s.servers.Signal(n, sig); err != nil {
			t.Error(err)
		}
	}
}

// TestDeliveredAgain has the bus forget what was acknowledged and deliver every anomaly once more, those of a fault that is long
// over among them: each is recorded as a duplicate, and nothing is set.
func TestDeliveredAgain(t *testing.T) {
	t.Parallel()
	s := raised(t, plan{servers: 1, replicas: 2})
	f := s.sickens(t, 1)[0]
	f.reaches(t, incident.Holding)
	f.heals(t)
	s.accounts(t)
	asked := s.asked()
	c, err := s.consumer(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.conn.JetStream().DeleteConsumer(patient(t), events.StreamAnomalies, c.Name); err != nil {
		t.Fatal(err)
	}
	err = s.watch.wait(patient(t), "every anomaly to be recorded once more", func() bool {
		again := map[string]bool{}
		for _, c := range s.watch.history() {
			for _, r := range c.Records {
				if o, ok := r.Body.(*events.Observed); ok && o.Disposition == events.WasDuplicate {
					again[o.Event] = true
				}
			}
		}
		// What was stored while its publisher gave up is delivered as well.
		return !slices.ContainsFunc(slices.Collect(maps.Keys(s.published)), func(id string) bool { return !again[id] })
	})
	if err != nil {
		t.Fatal(err)
	}
	if now := s.asked(); now != asked {
		t.Errorf("%d Sets came of it", now-asked)
	}
	s.accounts(t)
}

// TestOlderLedger restores a backup of the bus that is older than the routers: a drain stands of which it knows nothing. That is
// noticed from the routers, nothing is begun, and nothing that stands is touched, until a person has looked and thaws.
func TestOlderLedger(t *testing.T) {
	t.Parallel()
	s := raised(t, plan{servers: 1, replicas: 2})
	s.servers.KillAll()
	backup := filepath.Join(t.TempDir(), "nats")
	if err := os.CopyFS(backup, os.DirFS(s.path("nats"))); err != nil {
		t.Fatal(err)
	}
	if err := s.servers.StartAll(); err != nil {
		t.Fatal(err)
	}
	f := s.sickens(t, 1)[0]
	f.reaches(t, incident.Holding)
	f.end()
	s.restore(t, backup)
	drained, far := f.link, s.net.Topology().Links[len(s.net.Topology().Links)-1]

	reason := ""
	s.asks(t, "the network to be frozen", func(ctx context.Context, cl *client.Client) bool {
		list, err := cl.Freezes(ctx)
		if err == nil && len(list.Freezes) == 1 {
			reason = list.Freezes[0].Reason
		}
		return reason != ""
	})
	for _, part := range []string{"older than the routers", drained.A.Device, drained.Name, "thaw"} {
		if !strings.Contains(reason, part) {
			t.Errorf("the reason does not say %q: %s", part, reason)
		}
	}
	sets := len(s.net.Sets())
	stale := firing(drained)
	stale.Data.ObservedAt = stale.Data.ObservedAt.Add(-time.Hour)
	if err := s.publish(patient(t), stale); err != nil {
		t.Fatal(err)
	}
	another, err := s.sicken(far)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(another.end)
	phase := func(want incident.Phase) func(context.Context, *client.Client) bool {
		return func(ctx context.Context, cl *client.Client) bool {
			list, err := cl.Incidents(ctx, client.Filter{})
			return err == nil && slices.ContainsFunc(list.Incidents, func(i api.Summary) bool { return i.Target == "link/"+far.Name && i.Phase == want })
		}
	}
	s.asks(t, "another fault to wait", phase(incident.Waiting))
	s.asks(t, "what is too old to be listed", func(ctx context.Context, _ *client.Client) bool {
		rejected, err := s.conn.JetStream().Stream(ctx, events.StreamRejected)
		return err == nil && rejected.CachedInfo().State.Msgs == 1
	})
	for _, set := range s.net.Sets()[sets:] {
		if set.Effective() {
			t.Errorf("%s took a Set of a service whose ledger is older than it", set.Router)
		}
	}
	// The other replica may find it out only now, and freeze once more. The routers may refuse a Set or two: they have seen intents
	// up to a position that the ledger has yet to pass.
	drains := phase(incident.Holding)
	s.asks(t, "another fault to be drained once the freeze is ended", func(ctx context.Context, cl *client.Client) bool {
		if list, err := cl.Freezes(ctx); err == nil && len(list.Freezes) > 0 {
			_, _ = cl.Thaw(ctx, string(events.Network)) // it shows above whether it was
		}
		return drains(ctx, cl)
	})
}

// restore kills everything, replaces what the bus has stored, and starts everything again.
func (s *site) restore(t *testing.T, backup string) {
	t.Helper()
	for _, r := range s.replicas {
		r.kill()
	}
	s.servers.KillAll()
	if err := errors.Join(os.RemoveAll(s.path("nats")), os.CopyFS(s.path("nats"), os.DirFS(backup)), s.servers.StartAll()); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.replicas {
		if err := r.start(); err != nil {
			t.Fatal(err)
		}
	}
}

// asks asks the first replica: the harness cannot follow a ledger that has become shorter.
func (s *site) asks(t *testing.T, what string, f func(context.Context, *client.Client) bool) {
	t.Helper()
	s.replicas[0].asks(t, what, f)
}

// asks asks a replica until it answers so.
func (r *replica) asks(t *testing.T, what string, f func(context.Context, *client.Client) bool) {
	t.Helper()
	for ctx := patient(t); ; {
		done := false
		err := r.call(ctx, func(ctx context.Context, cl *client.Client) error { done = f(ctx, cl); return nil })
		switch {
		case done:
			return
		case err != nil || ctx.Err() != nil:
			t.Fatalf("waited in vain for %s: %v\n%s", what, err, r.tail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestLeaderKilled kills the server that leads the ledger while replicas write to it. They go on, and nothing is lost; how long
// nothing was written, and for how long nobody could have, is logged.
func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	s := raised(t, plan{servers: 3, replicas: 3})
	g, err := s.measureGaps(patient(t), 1, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("not written to: %s", g.Writes)
	t.Logf("no anomaly recorded: %s", g.Anomalies)
	f := s.sickens(t, 1)[0]
	f.reaches(t, incident.Holding)
	f.heals(t)
	s.accounts(t)
}
