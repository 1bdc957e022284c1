package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// maxLinks bounds how many accounts of chats are linked.
const maxLinks = 4096

// Link is an account of a chat that is a person.
type Link struct {
	events.Linked
	At time.Time // when they confirmed it
}

// foldLinked links an account, and remembers what let somebody do that for as long as it could be tried again.
func (b *Board) foldLinked(at time.Time, l events.Linked) {
	maps.DeleteFunc(b.tickets, func(_ string, until time.Time) bool { return until.Before(b.Now.Add(-history)) })
	b.links[l.ChatAccount], b.tickets[l.Ticket] = Link{l, at}, l.Until
}

// LinkOf returns the link of an account.
func (b *Board) LinkOf(a events.ChatAccount) (Link, bool) {
	l, ok := b.links[a]
	return l, ok
}

// Links returns every link, by person and account.
func (b *Board) Links() []Link {
	return slices.SortedFunc(maps.Values(b.links), func(x, y Link) int {
		return cmp.Or(cmp.Compare(x.Person, y.Person), cmp.Compare(x.Chat, y.Chat), cmp.Compare(x.Team, y.Team), cmp.Compare(x.Account, y.Account))
	})
}

// LinkAccount makes an account a person's, who has been let do that once, until l.Until. The order is the only judge of
// both: replicas race for it on the ledger.
func LinkAccount(l events.Linked) Order {
	return func(b *Board, now time.Time) ([]events.Record, error) {
		_, used := b.tickets[l.Ticket]
		was, linked := b.links[l.ChatAccount]
		switch {
		case l.Ticket == "" || l.Account == "" || l.Chat == "" || l.Person == "":
			return nil, refuse("the link names no account, or nobody")
		case used:
			return nil, refuse("this link to the console has been used already; each is good for once")
		case !now.Before(l.Until):
			return nil, refuse("this link to the console was good until %s", l.Until.Format(time.RFC3339))
		case linked:
			return nil, refuse("the account %s is linked to %s since %s; they or an admin can take that back", l.Account, was.Person, was.At.Format(time.RFC3339))
		case len(b.links) >= maxLinks:
			return nil, refuse("%d accounts are linked, and no more are kept", maxLinks)
		}
		return []events.Record{{Body: l}}, nil
	}
}

// UnlinkAccount takes a link back.
func UnlinkAccount(a events.ChatAccount, by events.Person) Order {
	return func(b *Board, _ time.Time) ([]events.Record, error) {
		l, ok := b.links[a]
		if !ok {
			return nil, fmt.Errorf("link of the account %q of %q in %q: %w", a.Account, a.Team, a.Chat, ErrNotFound)
		}
		return []events.Record{{Body: events.Unlinked{ChatAccount: a, Person: l.Person, By: by}}}, nil
	}
}
