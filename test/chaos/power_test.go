package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/disk"
)

// disked leaves a test out, loudly, where no disks with a power switch can be had.
func disked(t *testing.T) {
	t.Helper()
	if what := disk.Missing(); what != "" {
		t.Skipf("NOT TESTED: a disk with a power switch wants %s", what)
	}
}

// loaded has telemetry speak to the bus all the time, until stop.
func (s *site) loaded(t *testing.T) (stop func()) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	var telling sync.WaitGroup
	for range 4 {
		telling.Go(func() { s.tellOfNothing(ctx) })
	}
	stop = func() { end(); telling.Wait() }
	s.onEnd(stop)
	return stop
}

// acknowledged is how many anomalies the bus has acknowledged.
func (s *site) acknowledged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.published)
}

// strikes cuts the power a few anomalies after a link's incident has come to a phase, and starts the servers again.
func (f *fault) strikes(t *testing.T, rng *rand.Rand, phases ...incident.Phase) {
	t.Helper()
	f.reaches(t, phases...)
	enough := f.s.acknowledged() + rng.IntN(20)
	if err := f.s.watch.wait(patient(t), "some more anomalies", func() bool { return f.s.acknowledged() >= enough }); err != nil {
		t.Fatal(err)
	}
	if err := f.s.cutPower(rng); err != nil {
		t.Fatal(err)
	}
	f.s.servers.KillAll()
	if err := f.s.servers.StartAll(); err != nil {
		t.Fatal(err)
	}
	t.Logf("the power was cut when the bus had acknowledged %d anomalies", f.s.acknowledged())
}

// TestPowerCut cuts the power of every server and replica at once while telemetry speaks: when Sets that drain a link may be under way,
// and when those may be that put it back. What was acknowledged is there, and everything comes to its end.
func TestPowerCut(t *testing.T) {
	disked(t)
	for _, c := range []struct {
		name    string
		servers int
		back    bool // when the drain is put back
	}{{"one server, draining", 1, false}, {"one server, undraining", 1, true}, {"three servers", 3, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := raised(t, plan{servers: c.servers, replicas: 2, disks: true})
			quiet := s.loaded(t)
			f := s.sickens(t, 1)[0]
			moment := []incident.Phase{incident.Acting, incident.Verifying, incident.Confirming, incident.Holding} // it may pass unseen
			if c.back {
				f.reaches(t, incident.Holding)
				if err := f.heal(); err != nil {
					t.Fatal(err)
				}
				moment = []incident.Phase{incident.Reverting, incident.Probation, incident.Closed}
			}
			f.strikes(t, rand.New(rand.NewPCG(*flagSeed, uint64(c.servers))), moment...)
			err := s.watch.wait(patient(t), "all that was acknowledged to be there", func() bool {
				commits, anomalies, err := s.missing(t.Context())
				return err == nil && commits+anomalies == 0
			})
			if err != nil {
				commits, anomalies, why := s.missing(t.Context())
				t.Fatalf("%v: %d commits and %d anomalies are gone (%v)", err, commits, anomalies, why)
			}
			for _, r := range s.replicas {
				if err := r.begin(patient(t)); err != nil {
					t.Fatal(err)
				}
			}
			if !c.back {
				f.reaches(t, incident.Holding)
			}
			f.heals(t)
			quiet()
			s.accounts(t)
		})
	}
}

// TestPowerCutUnsynced shows what becomes of a bus that acknowledges what it has not synced, as NATS does unless it is told otherwise.
func TestPowerCutUnsynced(t *testing.T) {
	disked(t)
	t.Parallel()
	s := raised(t, plan{servers: 1, replicas: 1, disks: true, unsynced: true})
	s.loaded(t)
	s.sickens(t, 1)[0].strikes(t, rand.New(rand.NewPCG(*flagSeed, 0)), incident.Holding)
	var commits, anomalies int
	err := s.watch.wait(patient(t), "the bus to answer", func() (done bool) {
		var err error
		commits, anomalies, err = s.missing(t.Context())
		return err == nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if commits == 0 || anomalies == 0 {
		t.Errorf("%d commits and %d anomalies are gone, want some of both", commits, anomalies)
	}
}
