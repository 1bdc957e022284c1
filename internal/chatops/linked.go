package chatops

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// unlinked is why nobody may decide through an account of which nothing is known.
const unlinked = "your account is not on Detour's table of people. Whoever keeps chat.people can add it."

// person finds who has pressed, by the table of people or by a link that they have confirmed, and says why they may not. What
// they may do is on the table alone, so a link to somebody who is not there is worth nothing.
func (d *Desk) person(b *incident.Board, account events.ChatAccount, act Act) (Person, string) {
	person, listed := d.known.with(account.Account)
	link, linked := b.LinkOf(account)
	switch {
	case listed && linked && link.Person != person.Name:
		return Person{}, fmt.Sprintf("your account is %s on Detour's table of people, and is linked to %s. Take the link back, or have the table corrected.", person.Name, link.Person)
	case !listed && !linked:
		return Person{}, unlinked
	case !listed:
		if person, listed = d.known.named(link.Person, account.Account); !listed {
			return Person{}, fmt.Sprintf("your account is linked to %s, who is not on Detour's table of people. Whoever keeps chat.people can add them.", link.Person)
		}
	}
	if ok, role := person.may(act); role != "" && !ok {
		return Person{}, fmt.Sprintf("%s takes the role %s, which you do not have.", act, role)
	} else if !ok {
		return Person{}, "there is no such button."
	}
	return person, ""
}

// seems reports whether whoever has pressed is likely to be somebody who may: which of its workspaces an account belongs to has
// not been asked of the chat.
func (d *Desk) seems(p Press) (known bool) {
	d.Board.View(func(b *incident.Board) {
		account := events.ChatAccount{Chat: d.Chat, Account: p.Account}
		_, why := d.person(b, account, p.Act)
		known = why == ""
		for _, l := range b.Links() {
			if account.Team = l.Team; l.ChatAccount == account {
				_, why := d.person(b, account, p.Act)
				known = known || why == ""
			}
		}
	})
	return known
}

// invite hands whoever has pressed the address at which they link their account. It is told to nobody else.
func (d *Desk) invite(account events.ChatAccount, member Member) string {
	address, err := d.Invite(account, member.Name)
	if err != nil {
		d.Log.Error("make a link to the console", zap.String("account", account.Account), zap.Error(err))
		return "Nothing was recorded: " + unlinked
	}
	return "Nothing was recorded: nobody knows here who you are. Sign in at the console to link this account to you, and press again: " +
		address + " Give the address to nobody: it works once and not for long, and whoever uses it links this account to themselves."
}

// dutyOn is who is on call, with the accounts that they have linked.
func (d *Desk) dutyOn(b *incident.Board) duty {
	return func(roles []string) (people []Person, doubt string) {
		var names []string
		if d.OnCall != nil {
			names, doubt = d.OnCall()
		}
		return d.known.duty(roles, names, d.linkedOn(b)), doubt
	}
}

// namedOn finds the person of a name, with the account that they have linked.
func (d *Desk) namedOn(b *incident.Board) func(name string) []Person {
	return func(name string) []Person { return d.known.reached(name, d.linkedOn(b)) }
}

// linkedOn is the account that a person has linked, "" for none.
func (d *Desk) linkedOn(b *incident.Board) func(name string) string {
	return func(name string) string {
		for _, l := range b.Links() {
			if l.Person == name && l.Chat == d.Chat {
				return l.Account
			}
		}
		return ""
	}
}
