// Package duty says who is on call when.
//
// A Roster is what one source says: a Rota, which is a YAML file of turns, or a Calendar in iCalendar form (RFC 5545). A Keeper
// reads its sources again and again, so that a rotation, a swap or an illness needs no restart, and puts them together: whom to
// call first, whom next. A source that cannot be read, or says what cannot be true, changes nothing: what it said last stays
// in force, and that is said as an error in the log, in detour_on_call_age_seconds, and to whoever asks by Trouble.
//
// Whoever is called here is only called. Who may decide is asked elsewhere, by name, when somebody decides; a name that nobody
// bears makes a source bad, since the next shift would be nobody's.
package duty

import (
	"slices"
	"time"
)

// Roster is who is on call, by name: whom to call first, then next.
type Roster interface {
	OnCall(at time.Time) []string
}

// Names are those that a source may name.
type Names func(name string) bool

// Shift is one person's, From (inclusive) until Until (exclusive).
type Shift struct {
	Person      string
	From, Until time.Time
}

func (s Shift) covers(at time.Time) bool { return !at.Before(s.From) && at.Before(s.Until) }

// once is list without what has come before.
func once(list []string) (names []string) {
	for _, name := range list {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
