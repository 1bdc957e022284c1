package incident

import (
	"time"

	"github.com/detour-net/detour/events"
)

// foldTold keeps what people were shown. It is no part of an incident's life: it is lawful in every phase, the last
// included, and changes none.
func (b *Board) foldTold(t events.Told) string {
	i, ok := b.change(t.Incident)
	if !ok {
		return "" // it was ended so long ago that it is forgotten
	}
	for n := range i.Told {
		if i.Told[n].Chat == t.Chat && i.Told[n].What == t.What {
			i.Told[n] = t
			return ""
		}
	}
	if len(i.Told) < maxTold {
		i.Told = append(i.Told, t)
	}
	return ""
}

// Shown returns what was told of the incident in a chat under a name; the zero Told if nothing was.
func (i *Incident) Shown(chat, what string) events.Told {
	for _, t := range i.Told {
		if t.Chat == chat && t.What == what {
			return t
		}
	}
	return events.Told{}
}

// Tell puts t in the place of was, which is what the replica that asks has seen there: the zero Told for nothing. Of two
// that would show the same thing, one is refused.
func Tell(t, was events.Told) Order {
	return func(b *Board, _ time.Time) ([]events.Record, error) {
		i, err := b.find(t.Incident)
		if err != nil {
			return nil, err
		}
		if now := i.Shown(t.Chat, t.What); now != was {
			return nil, refuse("%s of %s is shown by %s", t.What, t.Incident, now.Owner)
		}
		if len(i.Told) == maxTold && was == (events.Told{}) {
			return nil, refuse("%d things have been told of %s, and no more are kept", maxTold, t.Incident)
		}
		return []events.Record{{Body: t}}, nil
	}
}
