package incident

import (
	"time"

	"github.com/detour-net/detour/events"
)

// maxEndings bounds how many of them are remembered.
const maxEndings = 1 << 14

// endings are the newest words that a fault is over, by symptom. The bus does not keep order, and a replica that dies gives back
// what it held much later: an alarm older than its own end must neither open an incident that nobody will ever clear, nor join
// one that was opened for something else since.
type endings struct {
	at    map[eventID]time.Time // when its source observed that it is over
	order []eventID
}

func (e *endings) add(id eventID, at time.Time) {
	if e.at == nil {
		e.at = map[eventID]time.Time{}
	}
	before, known := e.at[id]
	if !known {
		e.order = append(e.order, id)
	}
	if at.After(before) {
		e.at[id] = at
	}
	if len(e.order) > maxEndings {
		delete(e.at, e.order[0])
		e.order = e.order[1:]
	}
}

// noteEnding keeps an event that said that a fault is over, if it was taken for that.
func (b *Board) noteEnding(incident string, o *events.Observed) {
	if o.Anomaly.State == events.Resolved && (incident != "" || o.Disposition == events.WasResolved) {
		b.endings.add(idOf(b.symptoms.of(o), ""), o.Anomaly.ObservedAt)
	}
}

// endedSince reports whether the source of an alarm of a symptom has said since that the fault is over, and when.
func (b *Board) endedSince(key string, o *events.Observed) (at time.Time, ok bool) {
	for id := idOf(key, ""); b != nil; b = b.base {
		if said := b.endings.at[id]; said.After(at) {
			at = said
		}
	}
	return at, o.Anomaly.State == events.Firing && at.After(o.Anomaly.ObservedAt)
}
