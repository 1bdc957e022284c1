package chatops

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/internal/incident"
)

// notice is something to be said in a thread once.
type notice struct {
	what string // its name on the ledger
	card Card
}

// noticesOf is what should have been said by now of an incident, and when the next one is due, the zero time for never.
// duty gives the accounts on call of those with a role, in the order in which they are called.
func noticesOf(i *incident.Incident, now time.Time, duty func(roles []string) []string) (list []notice, next time.Time) {
	say := func(what, title string, call []string) {
		list = append(list, notice{what: what, card: Card{Title: Clean(title), Call: call}})
	}
	if a := i.Ask; a != nil {
		name := fmt.Sprintf(" %s %d", a.Plan.Short(), a.Expires.Unix())
		half := i.Asked.Add(a.Expires.Sub(i.Asked) / 2)
		switch {
		case i.Lapsed:
			say("lapsed"+name, fmt.Sprintf("Nobody decided until %s, which means no.", stamp(a.Expires)), nil)
		case !waits(i):
		case !now.Before(half):
			say("half"+name, fmt.Sprintf("Half of the time is over. %d of %d approvals are there; without the rest by %s the answer is no.%s",
				len(i.Approvals), a.Quorum, stamp(a.Expires), how(i)), nth(duty(a.Roles), 1))
		default:
			say("asked"+name, fmt.Sprintf("A decision is needed by %s: %d of %d approvals, from anyone with one of the roles %s.%s",
				stamp(a.Expires), len(i.Approvals), a.Quorum, strings.Join(a.Roles, ", "), how(i)), nth(duty(a.Roles), 0))
			next = half
		}
	}
	if i.Phase == incident.Stuck {
		say(fmt.Sprintf("stuck %d", i.Changed.Unix()), "A person is needed: "+i.Trouble.Why+". "+i.Trouble.Remedy, nth(duty([]string{roleOperator}), 0))
	}
	if i.End != nil {
		say("ended", fmt.Sprintf("Ended as %s: %s", i.End.Outcome, i.End.Reason), nil)
	}
	return list, next
}

// nth is one of accounts, counted from 0 and over again, as a list.
func nth(accounts []string, n int) []string {
	if len(accounts) == 0 {
		return nil
	}
	return slices.Clone(accounts[n%len(accounts) : n%len(accounts)+1])
}

// how says where to decide what a click is not enough for.
func how(i *incident.Incident) string {
	if i.Ask.ByClick {
		return ""
	}
	return fmt.Sprintf(" Its rule takes more than a click; with a token: detour approve %s --plan %s", i.ID, i.Ask.Plan.Short())
}
