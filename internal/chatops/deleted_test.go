package chatops

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/detour-net/detour/events"
)

// TestDeletedCard: somebody deletes the message. It is shown again, and a copy of the old one decides nothing.
func TestDeletedCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, p := s.ask("den-kcy", 2)
		s.settle(time.Second)
		old := s.found("U1", id, Approve)
		s.wall.mu.Lock()
		s.wall.messages[0].id = "deleted"
		s.wall.mu.Unlock()
		s.Say(id, events.Approved{By: events.Person{Name: "marc", Via: "cli"}, Plan: p.Digest})
		s.settle(time.Minute)
		if threads := s.threads(); len(threads) != 2 || !slices.Contains(threads[1].acts(), Approve) {
			t.Fatalf("%d threads", len(threads))
		}
		old.At = time.Now()
		d.Press(t.Context(), old)
		i := s.Incident(id)
		if len(i.Approvals) != 1 || !strings.Contains(s.heard("U1"), "not found") {
			t.Errorf("%d approvals, told %q", len(i.Approvals), s.heard("U1"))
		}
		s.press(d, "U1", id, Approve)
		if i = s.Incident(id); len(i.Approvals) != 2 {
			t.Errorf("%d approvals after a press of the new card: %s", len(i.Approvals), s.heard("U1"))
		}
	})
}

// TestDeletedThread: somebody deletes the card, and nothing changes but that half of the time is over. The thread begins anew,
// by whichever replica is left, and whoever is next on call is called there.
func TestDeletedThread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		_, kill := s.desk(0)
		s.desk(1)
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Minute)
		s.wall.mu.Lock()
		s.wall.messages[0].id = "deleted"
		s.wall.mu.Unlock()
		kill()
		was := s.told()
		s.settle(5 * time.Minute)
		i := s.Incident(id)
		card := i.Shown("slack", events.TheCard)
		replies := s.replies()
		if n := len(replies); n != 2 || replies[1].thread != card.Message || !strings.Contains(replies[1].text(), "Half of the time") || card.Message == "m1" {
			t.Errorf("%d replies, the card is %+v", n, card)
		}
		if n := s.told() - was; n > 8 { // the notice taken, the card lost, taken and shown, the notice taken again and shown
			t.Errorf("%d records", n)
		}
	})
}
