package notify

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// TestSlowAfterAway: after the channel was away for all replicas it comes back, and is slow. None takes what another is just
// about to send, so nothing is sent twice.
func TestSlowAfterAway(t *testing.T) {
	for away := 30 * time.Second; away < 5*time.Minute; away += 23 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			back := time.Now().Add(away)
			s.slow = func() time.Duration {
				if time.Now().Before(back) {
					return 0
				}
				return sendWithin - time.Second
			}
			s.setTrouble(func(Notice) (error, bool) {
				if time.Now().Before(back) {
					return errors.New("away"), false
				}
				return nil, true
			})
			for rank := range 3 {
				s.sender(rank)
			}
			for n := range 3 {
				s.Ask(fmt.Sprintf("a%d-b%d", n, n), 1)
				s.settle(3 * time.Second)
			}
			s.settle(away + 10*time.Minute)
			if n := len(s.said()); n != 3 {
				t.Errorf("away for %s: said %d times, want 3: %q", away, n, s.said())
			}
		})
	}
}

// TestDayAway: a channel that is away for a day costs the ledger few records, of an incident as of a freeze. What was to be said is
// said soon after it is back, once. The senders' clock is fast, so that they look less often in that day.
func TestDayAway(t *testing.T) {
	const fast = 24
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		start := time.Now()
		now := func() time.Time { return start.Add(fast * time.Since(start)) }
		back := start.Add(24 * time.Hour)
		s.setTrouble(func(Notice) (error, bool) {
			if now().Before(back) {
				return errors.New("away"), false
			}
			return nil, true
		})
		for rank := range 3 {
			s.sender(rank, func(c *Config) { c.Now = now })
		}
		s.Ask("den-kcy", 1, func(_ *events.Observed, a *events.Asked) { a.Expires = a.Expires.Add(480 * time.Hour) })
		s.Record(events.Record{Body: events.Frozen{Scope: events.Network, By: events.Person{Name: "olga"}, Reason: "storm"}})
		s.settle((24*time.Hour - time.Minute) / fast)
		told, tries := s.Count(func(k events.Kind) bool { return k == events.KindTold }), s.tries()
		t.Logf("%d records, %d tries", told, tries)
		if most := 2 * 110; told > most || tries < 24*60/2 {
			t.Errorf("%d records of two notices, %d tries; want at most %d, and a try every two minutes", told, tries, most)
		}
		for _, later := range []time.Duration{5 * time.Minute, time.Hour} {
			s.settle(later / fast)
			if n := len(s.said()); n != 2 {
				t.Errorf("back for %s: said %q, want two", later, s.said())
			}
		}
	})
}

// TestAfterMuchElse: an incident of which much was told already, in chats, is called for all the same.
func TestAfterMuchElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		id, _ := s.Ask("den-kcy", 1)
		for n := range 200 {
			s.Say(id, events.Told{Incident: id, Chat: "slack", What: fmt.Sprint(n), Key: "k", Owner: "r0/1"})
		}
		s.sender(0)
		s.settle(15 * time.Second)
		if n := s.counted(); s.tries() != 1 || n["sent"] != 1 || n["waiting"] != 0 {
			t.Errorf("asked %d times, counted %v", s.tries(), n)
		}
	})
}

// TestNeverLawful: a notice whose record the ledger never takes is not sent, and that is counted.
func TestNeverLawful(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Ask("den-kcy", 1)
		s.Before(func() error { return incident.ErrRefused })
		s.sender(0)
		s.settle(15 * time.Second)
		if n := s.counted(); s.tries() != 0 || n["failed"] != 1 || n["waiting"] != 1 {
			t.Errorf("asked %d times, counted %v", s.tries(), n)
		}
	})
}

// TestLedgerAway: what was sent while nothing could be recorded is recorded later, and not sent again; and nothing is sent
// before it can be recorded that it is about to be.
func TestLedgerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		id, _ := s.Ask("den-kcy", 1)
		away := errors.New("no quorum")
		s.Before(func() error { return away })
		s.sender(0)
		s.settle(time.Minute)
		if s.tries() != 0 {
			t.Error("sent without a record")
		}
		s.setTrouble(func(Notice) (error, bool) {
			s.Before(func() error { return away })
			return nil, true
		})
		s.Before(nil)
		s.settle(time.Minute)
		s.Before(nil)
		s.settle(time.Minute)
		i := s.Incident(id)
		if told := i.Shown("pager", events.TheNotice); len(s.said()) != 1 || told.Message != "trigger asking error" || told.Shown == "" {
			t.Errorf("said %q, on the ledger %+v", s.said(), told)
		}
	})
}
