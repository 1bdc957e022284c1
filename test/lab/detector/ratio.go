package detector

import (
	"math"
	"time"
)

// few is how many errors are needed for a ratio of them to mean anything.
const few = 3

// reading is how much had been counted at a moment.
type reading struct {
	at       time.Time
	all, bad uint64
}

// ratio watches how much of what is counted is bad, in a window that goes along, and how much in a row was not.
type ratio struct {
	window []reading // oldest first; all but the first are in the window
	clean  reading   // the last one at which something was bad
}

// add takes counts, which only grow. Counts that have shrunk begin anew.
func (r *ratio) add(now reading, window time.Duration) {
	if n := len(r.window); n > 0 {
		switch last := r.window[n-1]; {
		case now.all < last.all || now.bad < last.bad:
			r.forget()
		case now.bad > last.bad:
			r.clean = now
		}
	}
	if len(r.window) == 0 {
		r.clean = now
	}
	r.window = append(r.window, now)
	begins := now.at.Add(-window)
	for len(r.window) > 1 && !r.window[1].at.After(begins) {
		r.window = r.window[1:]
	}
}

// forget drops everything, so that nothing before counts.
func (r *ratio) forget() { *r = ratio{} }

// recent is what was counted in the window.
func (r *ratio) recent() (all, bad uint64) {
	if len(r.window) == 0 {
		return 0, 0
	}
	first, last := r.window[0], r.window[len(r.window)-1]
	return last.all - first.all, last.bad - first.bad
}

// full says whether there are readings of a whole window.
func (r *ratio) full(window time.Duration) bool {
	n := len(r.window)
	return n > 0 && r.window[n-1].at.Sub(r.window[0].at) >= window
}

// sick says whether the window's ratio is at a limit or above, and what it is.
func (r *ratio) sick(limit float64) (value float64, is bool) {
	all, bad := r.recent()
	if all == 0 {
		return 0, false
	}
	value = float64(bad) / float64(all)
	return value, bad >= few && value >= limit
}

// well says whether enough in a row was not bad for a ratio above a limit to be unlikely.
func (r *ratio) well(limit float64) bool {
	if len(r.window) == 0 {
		return false
	}
	return float64(r.window[len(r.window)-1].all-r.clean.all) >= math.Ceil(few/limit)
}
