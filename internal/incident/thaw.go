package incident

import (
	"time"

	"github.com/detour-net/detour/events"
)

// PastFreeze is a freeze that is over, and how it ended.
type PastFreeze struct {
	events.Thawed
	At     time.Time
	Frozen events.Frozen
	Since  time.Time // it was in force
}

// maxThaws bounds how many are remembered.
const maxThaws = 64

// thaw ends a freeze. That of one that is not in force changes nothing but when somebody last thawed.
func (b *Board) thaw(t events.Thawed, at time.Time) {
	b.thawed = at
	if f, ok := b.freezes[t.Scope]; ok {
		list := b.thaws[max(0, len(b.thaws)-maxThaws+1):]
		b.thaws = append(list[:len(list):len(list)], PastFreeze{Thawed: t, At: at, Frozen: f, Since: b.frozen[t.Scope]}) // a fork's is its own
	}
	delete(b.freezes, t.Scope)
	delete(b.frozen, t.Scope)
}

// ThawOf returns how the freeze of a scope ended that was in force since a moment; ok is false if it has not, or so long ago
// that it is forgotten.
func (b *Board) ThawOf(scope events.Scope, since time.Time) (f PastFreeze, ok bool) {
	for _, f := range b.thaws {
		if f.Scope == scope && f.Since.Equal(since) {
			return f, true
		}
	}
	return PastFreeze{}, false
}
