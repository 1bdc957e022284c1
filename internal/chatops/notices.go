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
	what   string // its name on the ledger
	card   Card
	called string // whom it notifies, as events.Told has it
}

// duty gives those on call with one of roles, in the order in which they are called, and why others may be.
type duty func(roles []string) (people []Person, doubt string)

// noticesOf is what should have been said by now of an incident, and when the next one is due, the zero time for never.
// Whoever was called first is known from the ledger: at half time the next one is, and nobody twice while there is another.
// Whoever asked for it is told what became of the question; named gives the person of a name, as a list.
func noticesOf(i *incident.Incident, now time.Time, onCall duty, named func(string) []Person, console string) (list []notice, next time.Time) {
	say := func(what, title string, call []Person, doubt string) {
		n := notice{what: what}
		n.card, n.called = calling(title, call, doubt)
		list = append(list, n)
	}
	if a := i.Ask; a != nil {
		name := fmt.Sprintf(" %s %d", a.Plan.Short(), a.Expires.Unix())
		half := i.Asked.Add(a.Expires.Sub(i.Asked) / 2)
		switch {
		case i.Lapsed:
			say("lapsed"+name, fmt.Sprintf("Nobody decided until %s, which means no.", stamp(a.Expires)), named(i.AskedBy), "")
		case !waits(i):
			if people := named(i.AskedBy); len(people) > 0 && (i.Quorum() || i.Rejection != nil) {
				say("answer"+name, "What "+i.AskedBy+" asked for was "+strings.Join(decisions(i), "; ")+".", people, "")
			}
		case !now.Before(half):
			people, doubt := onCall(a.Roles)
			say("half"+name, fmt.Sprintf("Half of the time is over. %d of %d approvals are there; without the rest by %s the answer is no.%s",
				len(i.Approvals), a.Quorum, stamp(a.Expires), how(i, console)), escalate(people, calledBy(i, "asked"+name)), doubt)
		default:
			people, doubt := onCall(a.Roles)
			say("asked"+name, fmt.Sprintf("A decision is needed by %s: %d of %d approvals, from anyone with one of the roles %s.%s",
				stamp(a.Expires), len(i.Approvals), a.Quorum, strings.Join(a.Roles, ", "), how(i, console)), first(people), doubt)
			next = half
		}
	}
	if i.Phase == incident.Stuck {
		people, doubt := onCall([]string{roleOperator})
		say(fmt.Sprintf("stuck %d", i.Changed.Unix()), "A person is needed: "+i.Trouble.Why+". "+i.Trouble.Remedy, first(people), doubt)
	}
	if i.End != nil {
		say("ended", fmt.Sprintf("Ended as %s: %s", i.End.Outcome, i.End.Reason), nil, "")
	}
	return list, next
}

// first is who is called first, as a list.
func first(people []Person) []Person { return people[:min(len(people), 1)] }

// escalate is who is called at half time: the next after those who were called before. If nobody was, the chat being away,
// it is the first two; if everybody has been, the second once more.
func escalate(people []Person, called []string) []Person {
	rest := slices.DeleteFunc(slices.Clone(people), func(p Person) bool { return slices.Contains(called, p.Name) })
	switch {
	case len(people) == 0:
		return nil
	case len(called) == 0:
		return people[:min(len(people), 2)]
	case len(rest) > 0:
		return rest[:1]
	}
	return people[1%len(people):][:1]
}

// calledBy are the names of those whom a notice has called, in whichever chat.
func calledBy(i *incident.Incident, what string) (names []string) {
	for _, t := range i.Told {
		if t.What == what && t.Called != "" {
			names = append(names, strings.Split(t.Called, ",")...)
		}
	}
	return names
}

// calling is a notice that calls people, and their names for the record.
func calling(title string, people []Person, doubt string) (c Card, names string) {
	if len(people) > 0 && doubt != "" {
		title += " Others may be on call by now: " + doubt + "."
	}
	c.Title = Clean(title)
	var list []string
	for _, p := range people {
		c.Call, list = append(c.Call, p.Account), append(list, p.Name)
	}
	return c, strings.Join(list, ",")
}

// how says where, the console being at the given address, to decide what a click is not enough for.
func how(i *incident.Incident, console string) string {
	if i.Ask.ByClick {
		return ""
	}
	at := ""
	if console != "" {
		at = fmt.Sprintf(" at %s/incidents/%s, or", console, i.ID)
	}
	return fmt.Sprintf(" Its rule takes more than a click;%s with a token: detour approve %s --plan %s", at, i.ID, i.Ask.Plan.Short())
}
