package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
)

// offline is an attack on a site that has nothing but a Board.
func offline(seed uint64) *attack {
	s := &site{}
	s.watch.board, s.watch.moved = incident.NewBoard(), make(chan struct{})
	return &attack{site: s, rng: rand.New(rand.NewPCG(seed, 0)), cert: newCertificate(), counts: func() {}, hits: map[moment]int{}, log: func(string, ...any) {}}
}

// TestRare waits for the moments that were hit least every time, for the others the less the more often they were, and for none that is no
// more than an anomaly that was told again.
func TestRare(t *testing.T) {
	a := offline(1)
	never, some, often, fresh := moment{kind: events.KindHeld}, moment{kind: events.KindApplied}, moment{set: setsDrain}, moment{kind: events.KindStuck}
	a.hits = map[moment]int{never: 0, some: 40, often: 400}
	const draws = 3000
	got := map[moment]int{}
	for range draws {
		awaits := a.rare()
		for _, m := range []moment{never, some, often, fresh, {kind: events.KindObserved}} {
			if awaits(m) {
				got[m]++
			}
		}
	}
	if got[never] != draws || got[fresh] != draws {
		t.Errorf("of %d times those that were never hit are waited for %d and %d", draws, got[never], got[fresh])
	}
	if got[some] <= got[often] || got[often] == 0 || got[some] == draws {
		t.Errorf("what was hit 40 times is waited for %d times, what was hit 400 times %d times", got[some], got[often])
	}
	if n := got[moment{kind: events.KindObserved}]; n > 0 {
		t.Errorf("an anomaly is waited for %d times", n)
	}
}

// TestOutage wants short ones mostly, and long ones as well.
func TestOutage(t *testing.T) {
	a := offline(2)
	short, long := 0, 0
	for range 1000 {
		switch d := a.outage(); {
		case d < 0 || d > 4*time.Second:
			t.Fatalf("for %s", d)
		case d < time.Second/2:
			short++
		case d > setDeadline+setMargin:
			long++
		}
	}
	if short < 400 || long < 100 {
		t.Errorf("of 1000 outages %d are short, and %d longer than a Set may take", short, long)
	}
}

// TestStrikeInterrupted leaves no trap behind that would kill somebody when all has been made good.
func TestStrikeInterrupted(t *testing.T) {
	a := offline(5)
	a.harms = harms(false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a.strike(ctx); a.trap != nil {
		t.Error("a trap is left armed")
	}
}

// TestNeglected has a round come to its time with nothing on the ledger: links that are sick are told, those that are healed are not.
func TestNeglected(t *testing.T) {
	a := offline(3)
	well := &fault{s: a.site, link: network.Link{Name: "well"}, healed: true}
	sick := &fault{s: a.site, link: network.Link{Name: "sick"}, since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if err := a.settle(t.Context(), time.Minute, []*fault{well}); err != nil || len(a.neglected) > 0 {
		t.Errorf("all is well, and %v, %v", err, a.neglected)
	}
	if err := a.settle(t.Context(), time.Millisecond, []*fault{well, sick}); err != nil {
		t.Fatal(err)
	}
	want := verdict{{ruleSettled, "link sick has been sick since 03:04:05.000, and is not drained"}}
	if diff := cmp.Diff(want, a.neglected); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a.watch.ended = context.Canceled
	if err := a.settle(t.Context(), time.Minute, []*fault{sick}); err == nil || !strings.Contains(err.Error(), "following the ledger") {
		t.Errorf("the ledger cannot be followed, and %v", err)
	}
}

// TestLateFreeze has a freeze come to the ledger when all was made good already: what it holds up ends nevertheless.
func TestLateFreeze(t *testing.T) {
	s := raised(t, plan{servers: 1, replicas: 1})
	a := newAttack(s, "", rand.New(rand.NewPCG(4, 0)), func() {}, t.Logf)
	if err := s.record(t.Context(), events.Record{Body: events.Frozen{Scope: events.Network, By: events.Person{Name: "alice"}, Reason: "late"}}); err != nil {
		t.Fatal(err)
	}
	if err := a.settle(t.Context(), time.Minute, s.sickens(t, 1)); err != nil || len(a.neglected) > 0 {
		t.Errorf("%v, %v", err, a.neglected)
	}
}

// TestTakeOvers are told apart by what else was wrong, and by whether the owner died with a Set outstanding.
func TestTakeOvers(t *testing.T) {
	a := offline(4)
	pending := &incident.Incident{Steps: [][]incident.ChangeState{{{}, {Pending: true}}}}
	for _, w := range []wait{
		{incident: "amid", amid: outstanding(pending), alone: true}, {incident: "between", amid: outstanding(&incident.Incident{}), alone: true}, {incident: "hurt", amid: true},
	} {
		w.owner, w.since = "r0/1", time.Now()
		a.waits = append(a.waits, w)
	}
	over := events.Commit{By: "r1/1"}
	for _, id := range []string{"amid", "between", "hurt"} {
		over.Records = append(over.Records, events.Record{Incident: id, Body: events.Unknown{}})
	}
	own := over
	own.By = "r0/1"
	a.takenOver(own) // the owner's last word
	if len(a.waits) != 3 {
		t.Fatalf("%d are waited for", len(a.waits))
	}
	a.takenOver(over)
	got := map[string]int{}
	for how, times := range a.cert.TakeOver {
		got[how] = len(times)
	}
	if diff := cmp.Diff(map[string]int{"nothing else wrong": 2, midSet: 1, "amid other faults": 1}, got); diff != "" || len(a.waits) > 0 {
		t.Errorf("%d are waited for still (-want +got):\n%s", len(a.waits), diff)
	}
}
