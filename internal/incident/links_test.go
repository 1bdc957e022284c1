package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

func linkOf(account, person, ticket string) events.Linked {
	return events.Linked{
		ChatAccount: events.ChatAccount{Chat: "slack", Team: "T1", Account: account}, Person: person, By: events.Person{Name: person, Via: "console"},
		Ticket: ticket, Until: testStart.Add(10 * time.Minute),
	}
}

func (l *ledgerOf) refused(now time.Time, order Order, want error, words string) {
	l.t.Helper()
	if records, err := order(l.board, now); !errors.Is(err, want) || !strings.Contains(err.Error(), words) {
		l.t.Errorf("%v, %v, want %v with %q", records, err, want, words)
	}
}

// TestLinks: an account is one person's, until it is taken back; what let somebody link it counts once, and for a while.
func TestLinks(t *testing.T) {
	l := newLedgerOf(t)
	first := linkOf("U1", "ann", "t1")
	l.refused(first.Until, LinkAccount(first), ErrRefused, "was good until")
	l.give(testStart, LinkAccount(first))
	got, ok := l.board.LinkOf(first.ChatAccount)
	if !ok || got.Person != "ann" || !got.At.Equal(testStart) {
		t.Errorf("%+v %t", got, ok)
	}
	for _, other := range []events.ChatAccount{{Chat: "mattermost", Team: "T1", Account: "U1"}, {Chat: "slack", Team: "T2", Account: "U1"}, {Chat: "slack", Team: "T1", Account: "U2"}} {
		if l, ok := l.board.LinkOf(other); ok {
			t.Errorf("%+v is linked to %s", other, l.Person)
		}
	}
	l.refused(testStart, LinkAccount(linkOf("U2", "ann", "t1")), ErrRefused, "used already")
	l.refused(testStart, LinkAccount(linkOf("U1", "mallory", "t2")), ErrRefused, "linked to ann since")
	l.refused(testStart, LinkAccount(linkOf("U1", "ann", "t3")), ErrRefused, "linked to ann since")
	l.refused(testStart, LinkAccount(linkOf("U3", "ann", "")), ErrRefused, "names no account")
	l.refused(testStart, UnlinkAccount(linkOf("U2", "", "").ChatAccount, events.Person{}), ErrNotFound, "U2")
	l.give(testStart, LinkAccount(linkOf("U2", "ann", "t4")))
	l.give(testStart, LinkAccount(linkOf("U0", "bob", "t5")))
	var list []string
	for _, link := range l.board.Links() {
		list = append(list, link.Person+" "+link.Account)
	}
	if got := strings.Join(list, ", "); got != "ann U1, ann U2, bob U0" {
		t.Errorf("%s", got)
	}

	l.give(testStart, UnlinkAccount(first.ChatAccount, events.Person{Name: "ann"}))
	if _, ok := l.board.LinkOf(first.ChatAccount); ok {
		t.Error("it is linked still")
	}
	l.refused(testStart, LinkAccount(first), ErrRefused, "used already")
	l.give(testStart, LinkAccount(linkOf("U1", "bob", "t6")))
}

// TestLinksInFork: what a fork is told of the Board below is not.
func TestLinksInFork(t *testing.T) {
	l := newLedgerOf(t)
	f := l.board.Fork()
	if err := f.Apply(events.Commit{Position: 1, At: testStart, Records: []events.Record{{Body: linkOf("U1", "ann", "t1")}}}); err != nil {
		t.Fatal(err)
	}
	if len(f.Links()) != 1 || len(l.board.Links()) != 0 || len(l.board.tickets) != 0 {
		t.Error("a fork and its Board share what they remember")
	}
}

// TestLinksAreBounded: no more are kept than so many, and what was used up is forgotten once nobody can try it again.
func TestLinksAreBounded(t *testing.T) {
	l := newLedgerOf(t)
	for n := range maxLinks {
		l.give(testStart, LinkAccount(linkOf(fmt.Sprint("U", n), "ann", fmt.Sprint("t", n))))
	}
	l.refused(testStart, LinkAccount(linkOf("one more", "ann", "one more")), ErrRefused, "no more are kept")
	l.give(testStart, UnlinkAccount(linkOf("U1", "", "").ChatAccount, events.Person{Name: "ann"}))
	late := linkOf("U1", "ann", "late")
	late.Until = late.Until.Add(2 * history)
	l.give(testStart.Add(2*history), LinkAccount(late))
	if len(l.board.tickets) != 1 || len(l.board.links) != maxLinks {
		t.Errorf("%d tickets and %d links", len(l.board.tickets), len(l.board.links))
	}
}
