package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
)

// raw publishes an event past the bus's own detection of duplicates, as a second publisher or a replay would.
func (s *stage) raw(e events.Event) {
	s.t.Helper()
	msg := &nats.Msg{Subject: events.AnomalySubject(domain, e.Data), Data: encoded(s, e)}
	if _, err := s.conn.JetStream().PublishMsg(s.within(), msg); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fired[e.ID] = e.Source
}

// dispositions counts what was made of events.
func (s *stage) dispositions() map[events.Disposition]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[events.Disposition]int{}
	for _, c := range s.commits {
		for _, r := range c.Records {
			if o, ok := r.Body.(*events.Observed); ok {
				n[o.Disposition]++
			}
		}
	}
	return n
}

// TestArrivals sends events in every order and number in which a bus delivers them.
func TestArrivals(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 3, proven: true, rules: rules{Autonomy: "approve", MaxAge: 10 * time.Minute}})
	want := func(what events.Disposition, n int) {
		t.Helper()
		s.wait("events to be "+string(what), func() bool { return s.dispositions()[what] == n })
	}
	incidents := func(n int) {
		t.Helper()
		got := 0
		s.look(func(b *incident.Board) bool { got = len(b.Open()) + len(b.Closed()); return true })
		if got != n {
			t.Errorf("%d incidents, want %d", got, n)
		}
	}

	// Duplicates by source and id, over three replicas; the same id of another source is another event.
	first := s.event(linkPlain, identified("twin"))
	for range 20 {
		s.raw(first)
	}
	want(events.WasDuplicate, 19)
	other := first
	other.Source = "/telemetry/other"
	s.raw(other)
	want(events.DidJoin, 1)
	incidents(1)

	// Both ends alarm, and the link by its name: one suspected fault.
	s.publish(s.event(linkPlain, s.atB(linkPlain)), s.event(linkPlain, about(events.Resource{Link: linkPlain})))
	want(events.DidJoin, 3)
	incidents(1)

	// A worse event escalates, and is asked about anew; a milder one joins.
	i := s.reaches(linkPlain, incident.Asking)
	s.publish(s.event(linkPlain, severity(events.Critical)))
	want(events.DidEscalate, 1)
	s.publish(s.event(linkPlain, severity(events.Minor)))
	want(events.DidJoin, 4)
	s.wait("it to be critical", func() bool { i = s.latest(linkPlain); return i.Severity == events.Critical })
	incidents(1)

	// Re-ordered: that it is over arrives before that it began.
	at := time.Now()
	s.publish(s.event(linkSingle, state(events.Resolved), observed(at.Add(time.Millisecond))))
	want(events.WasResolved, 1)
	s.publish(s.event(linkSingle, observed(at)), s.event(linkPlain, observed(first.Data.ObservedAt.Add(-time.Second))))
	want(events.WasSuperseded, 2)
	incidents(1)

	// Flapping: on and off as fast as it goes, and off in the end.
	for range 30 {
		s.publish(s.event(linkPlain, kind(events.LinkFlap)), s.event(linkPlain, kind(events.LinkFlap), state(events.Resolved)))
	}
	incidents(1)
	for _, c := range [][]change{{identified(uuid.NewString())}, {s.atB(linkPlain)}, {about(events.Resource{Link: linkPlain})}} {
		s.publish(s.event(linkPlain, append(c, state(events.Resolved))...))
	}
	other.ID, other.Data.State, other.Data.ObservedAt = "twin-over", events.Resolved, time.Now().UTC()
	s.raw(other)
	s.ends(linkPlain, events.WasCleared)
	s.untouched()
	s.account()
}

// TestKilledBeforeAck kills replicas with anomalies in their hands, some of them recorded and none acknowledged: every one
// is recorded in the end, as new exactly once.
func TestKilledBeforeAck(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Mode: "dry-run"}})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil && n < 60; n++ {
			var list []events.Event
			for range 50 {
				list = append(list, s.event(pairs[n%len(pairs)][n%2]))
			}
			s.publish(list...)
		}
	}()
	for n := range 4 {
		at := s.last()
		s.until("records to be written", func(b *incident.Board) bool { return b.Position > at+2 })
		s.replicas[n%2].kill()
		s.replicas[n%2].start()
	}
	<-done
	s.recorded()
	s.untouched()
	s.verifies()
}

// TestStalledOwner stops the replica that owns a step with its Set on the wire: another takes over and looks; what the
// first sends or believes when it wakes changes nothing.
func TestStalledOwner(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true})
	for _, link := range []string{linkPlain, linkUnfenced} {
		_, b := s.routersOf(link)
		hold := b.OnSet(backbone.First(1, backbone.Do), backbone.CommitLate(0))
		s.sicken(link)
		s.wait("the Set to be on the wire", func() bool { return hold.Hits() > 0 })
		i := s.reaches(link, incident.Acting)
		owner := s.owner(i.Intent.Owner)
		owner.stop()
		hold.Release() // committed, and nobody hears of it
		s.wait("the other to take over", func() bool {
			i = s.latest(link)
			return i.Phase != incident.Acting || i.Intent.Owner != owner.name
		})
		owner.cont()
		hold.Remove()
		s.reaches(link, incident.Holding, incident.Closed)
		s.heal(link)
		s.reaches(link, incident.Closed)
	}
	s.account()
}
