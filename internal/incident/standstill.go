package incident

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Standstill is a freeze in force with what it holds up: whoever thaws must know what begins then, and what is too late.
type Standstill struct {
	events.Frozen
	Since   time.Time `json:"since"`
	Waiting Names     `json:"waiting"` // incidents in its scope of which nothing is begun, or no further step
	Expired Names     `json:"expired"` // those in its scope that became too old, lapsed, or outlasted their hold meanwhile
}

// maxNames bounds the list in Names.
const maxNames = 20

// Names are the first of some incidents, and how many there are.
type Names struct {
	Count int      `json:"count"`
	First []string `json:"first"` // at most maxNames
}

func (n *Names) add(id string) {
	if n.Count++; n.Count <= maxNames {
		n.First = append(n.First, id)
	}
}

// freeze notes a freeze. One that is in force already is in force since then.
func (b *Board) freeze(f events.Frozen) {
	if _, already := b.freezes[f.Scope]; !already {
		b.frozen[f.Scope] = b.Now
	}
	b.freezes[f.Scope] = f
}

// Frozen returns how many freezes are in force, and since when the oldest is, the zero time without one.
func (b *Board) Frozen() (n int, since time.Time) {
	for _, at := range b.frozen {
		if since.IsZero() || at.Before(since) {
			since = at
		}
	}
	return len(b.frozen), since
}

// Standstills returns the freezes in force, by scope, each with what waits, the most severe first, and what has expired
// since, the newest first.
func (b *Board) Standstills() []Standstill {
	list := make([]Standstill, 0, len(b.freezes))
	for scope, f := range b.freezes {
		list = append(list, Standstill{Frozen: f, Since: b.frozen[scope], Waiting: Names{First: []string{}}, Expired: Names{First: []string{}}})
	}
	if len(list) == 0 {
		return list
	}
	slices.SortFunc(list, func(x, y Standstill) int { return cmp.Compare(x.Scope, y.Scope) })
	open := b.Open()
	for n := range list {
		s := &list[n]
		before := s.Since.Add(-1)
		for _, i := range open {
			if i.within(s.Scope) && i.heldUp() {
				s.Waiting.add(i.ID)
			}
			if i.within(s.Scope) && i.expired(before, b.Now) {
				s.Expired.add(i.ID)
			}
		}
		for i := range b.endedAfter(before) {
			if i.within(s.Scope) && i.expired(before, b.Now) {
				s.Expired.add(i.ID)
			}
		}
	}
	return list
}

// within reports whether a scope covers the incident's target.
func (i *Incident) within(scope events.Scope) bool {
	return scope == events.Network || slices.Contains(i.Target.Scopes, scope)
}

// heldUp reports whether the incident would go on if a check, or a person, said something else.
func (i *Incident) heldUp() bool {
	switch i.Phase {
	case Waiting, Asking:
		return true
	case Acting:
		return i.Ruling != nil && i.Ruling.Verdict == events.Defer
	}
	return false
}

// outlast notes that a live hold has ended because its time was over.
func (i *Incident) outlast(at time.Time) {
	if i.Phase == Holding && i.Live() && i.Hold != nil && !at.Before(i.Hold.Expires) {
		i.Outlasted = at
	}
}

// expiredAt is when the incident became too old to act on, lapsed, or outlasted its hold; the zero time if it did not.
func (i *Incident) expiredAt() time.Time {
	if i.End != nil && i.overdue() {
		return i.Changed
	}
	return i.Outlasted
}

// expired reports whether it did so after since and not after at.
func (i *Incident) expired(since, at time.Time) bool {
	when := i.expiredAt()
	return when.After(since) && !when.After(at)
}

// endedAfter yields the incidents that ended after since, the newest first, as far as the Board remembers.
func (b *Board) endedAfter(since time.Time) iter.Seq[*Incident] {
	return func(yield func(*Incident) bool) {
		for _, id := range slices.Backward(b.closed) {
			i, ok := b.Incident(id)
			if ok && (!i.Changed.After(since) || !yield(i)) {
				return
			}
		}
	}
}
