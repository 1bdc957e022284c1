package incident

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// ledgerOf folds what orders ask for, one commit each.
type ledgerOf struct {
	t     *testing.T
	board *Board
}

func newLedgerOf(t *testing.T) *ledgerOf { return &ledgerOf{t, NewBoard()} }

func (l *ledgerOf) give(now time.Time, order Order) {
	l.t.Helper()
	records, err := order(l.board, now)
	if err != nil {
		l.t.Fatal(err)
	}
	l.fold(now, records...)
}

func (l *ledgerOf) fold(at time.Time, records ...events.Record) {
	l.t.Helper()
	if err := l.board.Apply(events.Commit{Position: l.board.Position + 1, At: at, By: "r1/1", Records: records}); err != nil {
		l.t.Fatal(err)
	}
	if len(l.board.Freezes()) > 0 {
		l.t.Fatalf("it was not lawful: %v", l.board.Freezes())
	}
}

// TestSignOut: one session ends and no other; everywhere ends all that were begun, also on a replica whose clock is ahead,
// and none that is begun afterwards.
func TestSignOut(t *testing.T) {
	l := newLedgerOf(t)
	ann := events.Person{Name: "ann"}
	begun := testStart.Add(-time.Hour)
	ended := func(want bool, person, session string, begun time.Time) {
		t.Helper()
		if got := l.board.SignedOut(person, session, begun); got != want {
			t.Errorf("%s's session %s of %s: ended %t, want %t", person, session, begun, got, want)
		}
	}
	ended(false, "ann", "one", begun)
	l.give(testStart, SignOut("ann", "one", begun.Add(8*time.Hour), ann))
	ended(true, "ann", "one", begun)
	ended(false, "ann", "two", begun)
	ended(false, "bob", "one", begun)

	l.give(testStart, SignOutEverywhere("ann", ann))
	ended(true, "ann", "two", begun)
	ended(true, "ann", "ahead", testStart.Add(clocksApart))
	ended(false, "bob", "one", begun)
	after := l.board.AllSignedOut("ann").Add(time.Microsecond)
	ended(false, "ann", "new", after)
	l.give(testStart, SignOutEverywhere("ann", ann)) // in the same moment
	ended(true, "ann", "new", after)

	if _, err := SignOut("ann", "", begun, ann)(l.board, testStart); !errors.Is(err, ErrRefused) {
		t.Errorf("a session without an id: %v", err)
	}
	l.fold(testStart, events.Record{Body: events.SignedOut{Person: "ann", Until: begun}}) // of an order that came late
	ended(true, "ann", "new", after)
}

// TestSignOutIsBounded: what is over by itself is forgotten, and whoever signs out too often signs out of everything.
func TestSignOutIsBounded(t *testing.T) {
	l := newLedgerOf(t)
	ann := events.Person{Name: "ann"}
	expires := testStart.Add(8 * time.Hour)
	for n := range maxSignedOut {
		l.give(testStart, SignOut("ann", fmt.Sprint(n), expires, ann))
	}
	l.give(testStart, SignOut("ann", "one more", expires, ann))
	if len(l.board.signedOut) != 1 || !l.board.SignedOut("ann", "one more", testStart) || !l.board.SignedOut("ann", "7", testStart) || !l.board.SignedOut("ann", "never ended", testStart) {
		t.Errorf("%d are remembered", len(l.board.signedOut))
	}
	l.give(testStart.Add(8*time.Hour+history+time.Second), SignOut("bob", "1", expires.Add(48*time.Hour), events.Person{Name: "bob"}))
	if len(l.board.signedOut) != 1 {
		t.Errorf("what is long over is remembered: %v", l.board.signedOut)
	}
}

// TestSignOutInFork: what a fork is told of the Board below is not.
func TestSignOutInFork(t *testing.T) {
	l := newLedgerOf(t)
	f := l.board.Fork()
	if err := f.Apply(events.Commit{Position: 1, At: testStart, Records: []events.Record{{Body: events.SignedOut{Person: "ann", Session: "one", Until: testStart}}}}); err != nil {
		t.Fatal(err)
	}
	if !f.SignedOut("ann", "one", testStart) || l.board.SignedOut("ann", "one", testStart) {
		t.Error("a fork and its Board share what they remember")
	}
}
