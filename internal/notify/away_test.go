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
			s.trouble = func(Notice) (error, bool) {
				if time.Now().Before(back) {
					return errors.New("away"), false
				}
				return nil, true
			}
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
