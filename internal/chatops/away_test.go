package chatops

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// TestOwnerWithoutAWay has the replica that shows an incident lose the chat: another sees that nothing moves, and shows it.
func TestOwnerWithoutAWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		cutOff := &severed{wall: &s.wall}
		s.desk(0, func(c *Config) { c.Room = cutOff })
		id, p := s.ask("den-kcy", 1)
		s.settle(time.Second)
		cutOff.off.Store(true)
		s.desk(1)
		s.Say(id, events.Rejected{By: events.Person{Name: "marc", Via: "cli"}, Plan: p.Digest, Reason: "no"})
		s.settle(takeAfter / 2)
		if len(s.threads()[0].acts()) != 4 {
			t.Error("another replica has not waited")
		}
		s.settle(takeAfter)
		i := s.Incident(id)
		if card := s.threads()[0]; slices.Contains(card.acts(), Approve) || i.Shown("slack", events.TheCard).Owner != "r1/2" {
			t.Errorf("shown by %s with %v", i.Shown("slack", events.TheCard).Owner, card.acts())
		}
		if len(s.threads()) != 1 {
			t.Errorf("%d threads", len(s.threads()))
		}
	})
}

// slow is a room that answers nothing for a while, and then takes its time.
type slow struct {
	*wall
	until time.Time
	takes time.Duration
}

func (s *slow) Post(ctx context.Context, thread Place, key string, c Card) (Place, error) {
	if time.Now().Before(s.until) {
		return Place{}, errSevered
	}
	<-time.After(s.takes)
	return s.wall.Post(ctx, thread, key, c)
}

// TestSlowAfterAway: after the chat was away for all replicas it comes back, and is slow. None takes what another is just about
// to post, so nothing is posted twice.
func TestSlowAfterAway(t *testing.T) {
	for away := 30 * time.Second; away < 2*time.Minute; away += 21 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			room := &slow{wall: &s.wall, until: time.Now().Add(away), takes: callWithin - time.Second}
			for rank := range 3 {
				s.desk(rank, func(c *Config) { c.Room = room })
			}
			for n := range 3 {
				s.ask(fmt.Sprintf("a%d-b%d", n, n), 1)
				s.settle(3 * time.Second)
			}
			s.settle(away + 2*time.Minute)
			if a, b := len(s.threads()), len(s.replies()); a != 3 || b != 3 {
				t.Errorf("away for %s: %d threads and %d replies, want 3 and 3", away, a, b)
			}
		})
	}
}

// TestRateLimit: while the chat wants no requests, it gets none.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		limited := 0
		s.hinder(func(call string) (error, bool) {
			if limited < 2 {
				limited++
				return fmt.Errorf("post: %w", &Refusal{Reason: "too many", After: 20 * time.Second}), false
			}
			return nil, true
		})
		s.desk(0)
		for n := range 5 {
			s.ask(fmt.Sprintf("a%d-b%d", n, n), 1)
		}
		s.settle(39 * time.Second)
		if s.made("post") != 2 || len(s.threads()) != 0 {
			t.Errorf("%d posts within two limits of 20 s, want 2", s.made("post"))
		}
		s.settle(5 * time.Second)
		if len(s.threads()) != 5 || len(s.replies()) != 5 {
			t.Errorf("after them %d threads and %d replies, want 5 and 5", len(s.threads()), len(s.replies()))
		}
	})
}

// TestNeverLawful: what the ledger never takes is not shown, and that is said, though seldom.
func TestNeverLawful(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		core, logs := observer.New(zap.WarnLevel)
		s.Before(func() error { return incident.ErrRefused })
		s.desk(0, func(c *Config) { c.Log = zap.New(core) })
		s.ask("den-kcy", 1)
		s.settle(time.Minute)
		if n := logs.FilterMessage("record what is shown in the chat").Len(); n < 1 || n > 3 || len(s.threads()) > 0 {
			t.Errorf("said %d times within a minute; %d threads", n, len(s.threads()))
		}
	})
}

// TestDayAway: a chat that is away for a day costs the ledger few records, of an incident's card as of a freeze's. What was to be
// shown is shown soon after it is back, once. The desks' clock is fast, so that they look less often in that day.
func TestDayAway(t *testing.T) {
	const fast = 24
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		start := time.Now()
		now := func() time.Time { return start.Add(fast * time.Since(start)) }
		back := start.Add(24 * time.Hour)
		s.hinder(func(call string) (error, bool) {
			if now().Before(back) {
				return errSevered, false
			}
			return nil, true
		})
		for rank := range 2 {
			s.desk(rank, func(c *Config) { c.Log, c.Now = zap.NewNop(), now })
		}
		s.ask("den-kcy", 1, func(_ *events.Observed, a *events.Asked) { a.Expires = a.Expires.Add(480 * time.Hour) })
		s.freeze("site:den")
		s.settle((24*time.Hour - time.Minute) / fast)
		told, tries := s.told(), s.made("post")+s.made("find")
		t.Logf("%d records, %d tries", told, tries)
		if most := 2 * 110; told > most || tries < 24*60 {
			t.Errorf("%d records of two cards, %d tries; want at most %d, and a try a minute", told, tries, most)
		}
		for _, later := range []time.Duration{3 * time.Minute, time.Hour} {
			s.settle(later / fast)
			if a, b := len(s.threads()), len(s.replies()); a != 2 || b != 2 {
				t.Errorf("back for %s: %d threads and %d replies, want 2 and 2", later, a, b)
			}
		}
	})
}
