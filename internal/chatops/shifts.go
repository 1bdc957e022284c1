package chatops

import (
	"slices"
	"time"
)

// Shifts is when people go off duty and others come on: every day at the same times of a zone's clock. The zero Shifts has none.
type Shifts struct {
	At   []Clock
	Zone *time.Location
}

// Clock is a time of day.
type Clock struct{ Hour, Minute int }

// Around returns the newest beginning of a shift that is not after now, the one before that, and the next; ok is false if
// there are no shifts. On a day on which the zone's clock leaves a time out, its shift begins as much later; of a time that
// comes twice one counts.
func (s Shifts) Around(now time.Time) (before, last, next time.Time, ok bool) {
	if len(s.At) == 0 {
		return before, last, next, false
	}
	day := now.In(s.Zone)
	var all []time.Time
	for d := -2; d <= 2; d++ { // a shift may last for a day, and a bit more where the clock is changed
		for _, at := range s.At {
			all = append(all, time.Date(day.Year(), day.Month(), day.Day()+d, at.Hour, at.Minute, 0, 0, s.Zone))
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	n := slices.IndexFunc(all, func(t time.Time) bool { return t.After(now) })
	return all[n-2], all[n-1], all[n], true
}
