package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// Telling is what was told, and where the ledger says so.
type Telling struct {
	events.Told
	Position uint64 `json:"position"`       // of the newest record of it, though it may say the same as the one before
	Vain     int    `json:"vain,omitempty"` // how many records before that one, in a row, were about to show the same, and did not
}

// maxLease bounds Lease: so long at most something waits for a replica that is no more, after it was tried in vain for longer.
const maxLease = 15 * time.Minute

// Lease is for how long, from its newest record on, whoever has taken it has it for itself: first the first time, and twice
// as long after each that was in vain. So what nobody takes for a day costs the ledger some hundred records, and not one a try.
func (t Telling) Lease(first time.Duration) time.Duration {
	lease := first
	for range t.Vain {
		if lease *= 2; lease >= maxLease {
			return maxLease
		}
	}
	return lease
}

// after is t, as it stands once was stood in its place.
func (t Telling) after(was Telling) Telling {
	if t.Key == was.Key && t.Message == was.Message && t.Shown == was.Shown {
		t.Vain = was.Vain + 1
	}
	return t
}

// foldTold keeps what people were shown. It is no part of an incident's life: it is lawful in every phase, the last
// included, and changes none.
func (b *Board) foldTold(t Telling) string {
	if t.Incident == "" {
		b.toldOfAll(t)
		return ""
	}
	i, ok := b.change(t.Incident)
	if !ok {
		return "" // it was ended so long ago that it is forgotten
	}
	if n := placeOf(i.Told, t.Chat, t.What); n >= 0 {
		i.Told[n] = t.after(i.Told[n])
		return ""
	}
	if len(i.Told) >= maxTold {
		i.Told = slices.Delete(i.Told, overtaken(i.Told), overtaken(i.Told)+1)
	}
	i.Told = append(i.Told, t)
	return ""
}

// overtaken is where in list stands what gives way to something new: the oldest that is said once. What it was about is over
// by then, so nobody says it again; a card, and what a channel was told last, have to be known to the end.
func overtaken(list []Telling) int {
	n := slices.IndexFunc(list, func(t Telling) bool { return t.What != events.TheCard && t.What != events.TheNotice })
	return max(n, 0)
}

// maxToldOfAll bounds what is remembered that was told of no incident. It must be more than is told of all the freezes of which
// people are told at once, in all chats and channels.
const maxToldOfAll = 256

// toldOfAll keeps what was told that is of no incident. The oldest gives way that is of no freeze in force: nobody tells it
// again.
func (b *Board) toldOfAll(t Telling) {
	list := slices.Clone(b.told) // a fork's is its own
	if n := placeOf(list, t.Chat, t.What); n >= 0 {
		list[n] = t.after(list[n])
	} else {
		if len(list) >= maxToldOfAll {
			past := max(0, slices.IndexFunc(list, func(t Telling) bool { return !b.ofFreeze(t.What) }))
			list = slices.Delete(list, past, past+1)
		}
		list = append(list, t)
	}
	b.told = list
}

// ofFreeze reports whether something is told of a freeze that is in force.
func (b *Board) ofFreeze(what string) bool {
	scope, since, ok := ReadFreezeName(strings.TrimPrefix(what, callOf))
	at, frozen := b.frozen[scope]
	return ok && frozen && at.Equal(since)
}

// placeOf is where in list stands what was told in a chat under a name, -1 for nowhere.
func placeOf(list []Telling, chat, what string) int {
	return slices.IndexFunc(list, func(t Telling) bool { return t.Chat == chat && t.What == what })
}

func telling(list []Telling, chat, what string) Telling {
	if n := placeOf(list, chat, what); n >= 0 {
		return list[n]
	}
	return Telling{}
}

// Telling returns what was told of the incident in a chat under a name; the zero Telling if nothing was.
func (i *Incident) Telling(chat, what string) Telling { return telling(i.Told, chat, what) }

// Shown is Telling without its position.
func (i *Incident) Shown(chat, what string) events.Told { return i.Telling(chat, what).Told }

// Telling returns what was told in a chat under a name that is of no incident; the zero Telling if nothing was.
func (b *Board) Telling(chat, what string) Telling { return telling(b.told, chat, what) }

// Shown is Telling without its position.
func (b *Board) Shown(chat, what string) events.Told { return b.Telling(chat, what).Told }

// ToldOfAll returns all that was told in a chat that is of no incident, the oldest first.
func (b *Board) ToldOfAll(chat string) (list []events.Told) {
	for _, t := range b.told {
		if t.Chat == chat {
			list = append(list, t.Told)
		}
	}
	return list
}

// Tell puts t in the place of was, which is what the replica that asks has seen there: the zero Telling for nothing. Of two
// that would show the same thing, one is refused. t may be what stands there: whoever is at it says so once more.
func Tell(t events.Told, was Telling) Order {
	return func(b *Board, _ time.Time) ([]events.Record, error) {
		if t.Incident == "" {
			if now := b.Telling(t.Chat, t.What); now != was {
				return nil, refuse("%s is shown by %s", t.What, now.Owner)
			}
			return []events.Record{{Body: t}}, nil
		}
		i, err := b.find(t.Incident)
		if err != nil {
			return nil, err
		}
		if now := i.Telling(t.Chat, t.What); now != was {
			return nil, refuse("%s of %s is shown by %s", t.What, t.Incident, now.Owner)
		}
		return []events.Record{{Body: t}}, nil
	}
}
