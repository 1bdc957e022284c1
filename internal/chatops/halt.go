package chatops

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// A freeze has a thread of its own: a card that says what waits because of it and what has become too late, and a call of who
// could thaw it. It is loud until it is over.

// calm is how long a freeze's card stays as it is, so that a storm of incidents that it holds up is none of messages.
const calm = 5 * time.Second

// Notice is something that is told of no incident, once, in a thread of its own.
type Notice struct {
	What string      // its name on the ledger, which no freeze's card has
	Card func() Card // asked for until it is told, while the Board stands still; its buttons are given its key
}

// behindOfAll finds what is not shown as it should be that is of no incident, and when there may be more.
func (d *Desk) behindOfAll(b *incident.Board, now time.Time) (standing, fresh []item, next time.Time) {
	later := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	show := func(what string, card func(key string) Card) {
		told := b.Telling(d.Chat, what)
		it := item{name: name{"", what}, told: told, key: told.Key}
		if it.key == "" {
			it.key = d.NewKey()
		}
		if it.card = card(it.key); told.Shown == events.DigestOf(it.card) {
			return
		}
		if again := d.shown[it.name].Add(calm); told.Shown != "" && now.Before(again) {
			later(again)
		} else if told.Message == "" {
			fresh = append(fresh, it)
		} else {
			standing = append(standing, it)
		}
	}
	for _, s := range b.Foremost() {
		what := incident.FreezeName(s.Scope, s.Since)
		show(what, func(key string) Card { return freezeCard(s, key) })
		if it, ok := d.callFor(b, what, s); ok {
			standing = append(standing, it)
		}
	}
	for _, told := range b.ToldOfAll(d.Chat) {
		scope, since, ok := incident.ReadFreezeName(told.What)
		if over, thawed := b.ThawOf(scope, since); ok && thawed && told.Message != "" {
			show(told.What, func(string) Card { return thawedCard(over) })
		}
	}
	if d.Notices != nil {
		notices, due := d.Notices(b, now)
		for _, n := range notices {
			if b.Shown(d.Chat, n.What).Message == "" {
				show(n.What, func(key string) Card { return withKey(n.Card(), key) })
			}
		}
		later(due)
	}
	return standing, fresh, next
}

// withKey is a card whose buttons carry a key.
func withKey(c Card, key string) Card {
	c.Buttons = slices.Clone(c.Buttons)
	for n := range c.Buttons {
		c.Buttons[n].Value = key
	}
	return c
}

// callFor is the call of those on call in the thread of a freeze's card, if the card stands and they have not been called.
func (d *Desk) callFor(b *incident.Board, what string, s incident.Standstill) (item, bool) {
	call := incident.CallName(s.Scope, s.Since)
	card, called := b.Telling(d.Chat, what), b.Telling(d.Chat, call)
	if card.Message == "" || called.Message != "" {
		return item{}, false
	}
	it := item{name: name{"", call}, told: called, key: called.Key, begins: card}
	if it.key == "" {
		it.key = d.NewKey()
	}
	people, doubt := d.dutyOn(b)([]string{roleOperator})
	it.card, it.called = calling(fmt.Sprintf("%s is frozen by %s: %s", s.Scope, s.By.Name, s.Reason), first(people), doubt)
	return it, true
}

// freezeCard is a freeze in force.
func freezeCard(s incident.Standstill, key string) Card {
	c := Card{Title: Clean("FROZEN: " + string(s.Scope))}
	c.part("by whom and why", fmt.Sprintf("%s, since %s: %s", by(s.By), stamp(s.Since), s.Reason))
	c.part("what it does", "nothing that adds risk is begun there until somebody thaws it; taking back stays possible")
	c.part("what it holds up", heldUp(s)...)
	c.Buttons = []Button{{Act: Thaw, Label: "Thaw", Value: key}}
	return c
}

// thawedCard is a freeze that is over.
func thawedCard(f incident.PastFreeze) Card {
	c := Card{Title: Clean("Thawed: " + string(f.Scope))}
	c.part("by whom", fmt.Sprintf("%s, at %s", by(f.By), stamp(f.At)))
	c.part("what it was", fmt.Sprintf("frozen by %s, since %s: %s", by(f.Frozen.By), stamp(f.Since), f.Frozen.Reason))
	return c
}
