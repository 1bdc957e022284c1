package main

import (
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// TestSlowDisk has the disks of the bus take longer for each flush than a Set may take to begin, all of them or that of the server that
// leads the ledger, while a link falls sick and while one is drained. What is recorded too late is not set: no Set comes after its
// deadline, none twice, and when the disks are as before everything comes to its end.
func TestSlowDisk(t *testing.T) {
	disked(t)
	for _, c := range []struct {
		name  string
		slow  []int // nil for the one that leads the ledger
		phase incident.Phase
	}{
		{"all, before a fault", []int{0, 1, 2}, ""},
		{"the leader's, while Sets are under way", nil, incident.Acting},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := raised(t, plan{servers: 3, replicas: 2, disks: true})
			list := c.slow
			if list == nil {
				list = []int{s.leads(t)}
			}
			var f *fault
			if c.phase != "" {
				f = s.sickens(t, 1)[0]
				f.reaches(t, c.phase, incident.Verifying, incident.Confirming, incident.Holding) // it may pass unseen
			}
			for _, n := range list {
				s.disks[n].Slow(setDeadline + setMargin)
			}
			if f == nil {
				f = s.sickens(t, 1)[0]
			}
			outage := time.NewTimer(*flagOutage)
			select {
			case <-outage.C:
			case <-t.Context().Done():
				t.Fatal(t.Context().Err())
			}
			if n := s.risks(); n > 0 && c.phase == "" {
				t.Errorf("%d Sets were taken, whose intents cannot have been recorded in time", n)
			}
			for _, n := range list {
				s.disks[n].Slow(0)
			}
			f.reaches(t, incident.Holding)
			f.heals(t)
			s.accounts(t)
		})
	}
}

// leads is the server that leads the ledger.
func (s *site) leads(t *testing.T) (n int) {
	t.Helper()
	err := s.watch.wait(patient(t), "somebody to lead the ledger", func() (led bool) {
		var err error
		n, err = s.servers.Leader(t.Context(), s.conn.JetStream(), events.StreamLedger)
		return err == nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
