package incident

import (
	"time"

	"github.com/detour-net/detour/events"
)

// Verdict is what was computed of an incident's drain, whole, and in a sentence.
type Verdict struct {
	At       time.Time        `json:"at"` // of what it was computed from
	Sentence string           `json:"sentence"`
	Prospect *events.Prospect `json:"prospect"`
}

// Verdict is the one that the plan was decided on; ok is false where there is none.
func (i *Incident) Verdict() (v Verdict, ok bool) {
	if i.Plan == nil || i.Plan.Facts.Prospect == nil {
		return Verdict{}, false
	}
	return i.verdict(i.Plan.Facts.Prospect), true
}

// VerdictNow is the newest on record: of the look after the drain, or of its newest renewal; ok is false where there is none
// after the one that the plan was decided on.
func (i *Incident) VerdictNow() (v Verdict, ok bool) {
	if i.Foreseen == nil {
		return Verdict{}, false
	}
	return i.verdict(i.Foreseen), true
}

// Newest is the newest verdict on record, be it the one that the plan was decided on.
func (i *Incident) Newest() (v Verdict, ok bool) {
	if v, ok = i.VerdictNow(); ok {
		return v, ok
	}
	return i.Verdict()
}

func (i *Incident) verdict(f *events.Prospect) Verdict {
	return Verdict{At: f.At, Sentence: f.Sentence(len(i.Plan.Plan.Steps)), Prospect: f}
}

// foresee keeps what was computed of the drain since it was decided on; that nothing could be computed is nothing newer.
func (i *Incident) foresee(f *events.Prospect) {
	if f != nil && f.Missing == "" {
		i.Foreseen = f
	}
}
