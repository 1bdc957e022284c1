package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/web/client"
)

// novelty is a record of a kind that only the newer build knows.
const novelty = events.Kind("levitated")

// newer is the service with one kind of record more, which to it says nothing that matters.
var newer = mutant{
	file: "internal/incident/apply.go",
	old:  "\tcase events.Foreign:\n",
	new:  "\tcase events.Foreign:\n\t\tif body.Name == \"" + string(novelty) + "\" {\n\t\t\treturn \"\"\n\t\t}\n",
}

// TestUpgrade has two older replicas, one of which holds a drain, and one of which is in the middle of another, find on the ledger what
// they do not know. They act no more, do not crash, and keep nobody from acting, whoever is killed in mid-act included: a newer
// replica that joins finishes the drain that was begun, takes over the one that is held and puts it back, and drains the next fault at
// once, while they run. Then they are ended as a service manager does, and upgraded.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	binary := newer.must(t)
	s := raised(t, plan{servers: 1, replicas: 3})
	olders, upgraded := s.replicas[:2], s.replicas[2]
	upgraded.kill()
	f := s.sickens(t, 1)[0]
	f.reaches(t, incident.Holding)
	g, halfway := s.halfway(t, f.link)
	if err := s.watch.wait(patient(t), "a Set to be on its way", func() bool { return halfway.Hits() == 1 }); err != nil {
		t.Fatal(err)
	}
	i, _ := s.latest(f.link.Name)
	if owner := i.Intent.Owner; owner != olders[0].named() && owner != olders[1].named() {
		t.Fatalf("%s holds the drain, which does not live", owner)
	}
	if err := s.record(patient(t), events.Record{Body: events.Foreign{Name: novelty, Raw: json.RawMessage(`{"height":3}`)}}); err != nil {
		t.Fatal(err)
	}
	for _, r := range olders {
		r.asks(t, "to say that it does not act", func(ctx context.Context, cl *client.Client) bool {
			st, err := cl.Status(ctx)
			return err == nil && strings.Contains(st.Halted, string(novelty))
		})
	}
	begun, _ := s.latest(g.link.Name)
	for _, r := range olders {
		if r.named() == begun.Intent.Owner {
			r.kill()
		}
	}
	upgraded.becomes(t, binary)
	g.reaches(t, incident.Holding)
	g.heals(t)
	if i, _ = s.latest(g.link.Name); i.Intent.Owner != upgraded.named() {
		t.Errorf("%s has finished what %s had begun on %s", i.Intent.Owner, begun.Intent.Owner, g.link.Name)
	}
	// One word that the fault is over, and no more: what follows from it is the newer replica's to see to, whoever intended the drain.
	f.end()
	if err := errors.Join(f.heal(), s.publish(patient(t), f.event())); err != nil {
		t.Fatal(err)
	}
	f.reaches(t, incident.Closed)
	f = s.sickens(t, 1)[0]
	f.reaches(t, incident.Holding)
	f.heals(t)
	if i, _ = s.latest(f.link.Name); i.Intent.Owner != upgraded.named() {
		t.Errorf("%s has drained and restored %s", i.Intent.Owner, f.link.Name)
	}
	for _, r := range olders {
		if r.named() == begun.Intent.Owner {
			r.becomes(t, binary)
			continue
		}
		if !r.alive() {
			t.Fatalf("replica %d did not live to be upgraded\n%s", r.n, r.tail())
		}
		r.signal(syscall.SIGTERM)
		r.now().Ended()
		if code := r.now().ProcessState.ExitCode(); code != 0 {
			t.Errorf("replica %d ended with code %d\n%s", r.n, code, r.tail())
		}
		r.becomes(t, binary)
	}
	s.violates(t, ruleChain) // the harness is of the older build, and says that it does not know the record
}

// halfway lets a link apart from another fall sick, and has the first Set at its end A, which drains it, neither be done nor answered.
func (s *site) halfway(t *testing.T, from network.Link) (*fault, *backbone.Injection) {
	t.Helper()
	ends := []string{from.A.Device, from.B.Device}
	links := s.net.Topology().Links
	n := slices.IndexFunc(links, func(l network.Link) bool {
		return !slices.Contains(ends, l.A.Device) && !slices.Contains(ends, l.B.Device)
	})
	in := s.net.Router(links[n].A.Device).OnSet(backbone.First(1, backbone.Do), backbone.Hang())
	g, err := s.sicken(links[n])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.end)
	return g, in
}

// becomes has the replica, which may live, begin its next life as another build.
func (r *replica) becomes(t *testing.T, binary string) {
	t.Helper()
	r.kill()
	r.binary, r.env = binary, ""
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.s.watch.wait(patient(t), "", func() bool { err = r.ready(t.Context()); return err == nil }) != nil {
		t.Fatalf("replica %d is not ready: %v\n%s", r.n, err, r.tail())
	}
}
