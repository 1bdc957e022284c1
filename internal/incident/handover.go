package incident

import (
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Handover is what those who go off duty tell those who come on. It is a view of the Board and of two moments, and of
// nothing else: every replica that has read as far says the same, and so does whoever folds the ledger up to Position again.
type Handover struct {
	Position uint64    `json:"position"`
	Since    time.Time `json:"since"` // what ended is told from after this moment
	At       time.Time `json:"at"`    // up to this one, so that in a row of hand-overs it is told once
	Whole    bool      `json:"whole"` // false: the Board no longer remembers all that ended; the ledger does

	Freezes  []Standstill `json:"freezes"`
	Stuck    Section      `json:"stuck"`    // a person is needed
	Asking   Section      `json:"asking"`   // people are asked
	Standing Section      `json:"standing"` // of which something stands on routers, or may; the first to expire first
	Ready    Section      `json:"ready"`    // of those, where the fault is over: they may be undrained
	Waiting  Section      `json:"waiting"`  // held by a check
	Refused  Section      `json:"refused"`  // ended without an act because somebody or something said no
	Expired  Section      `json:"expired"`  // became too old, lapsed, or outlasted the longest hold

	Ended map[events.Outcome]int `json:"ended"` // all that ended, by how
}

// maxLines bounds the list in a Section.
const maxLines = 200

// Section is some incidents, and how many there are.
type Section struct {
	Count int    `json:"count"`
	Lines []Line `json:"lines"` // at most maxLines
}

// Line is one incident in a hand-over.
type Line struct {
	Incident string          `json:"incident"`
	Target   string          `json:"target"` // for example "link/den-kcy"
	Severity events.Severity `json:"severity"`
	Phase    Phase           `json:"phase"`
	Mode     events.Mode     `json:"mode,omitempty"`   // of its plan
	Since    time.Time       `json:"since"`            // in this phase
	Until    time.Time       `json:"until,omitzero"`   // of a hold: not released before
	Expires  time.Time       `json:"expires,omitzero"` // of a hold or a question: what nobody has done by then is not done, or a person is called
	Clear    time.Time       `json:"clear,omitzero"`   // of what stands: since when the fault is over
	Expired  time.Time       `json:"expired,omitzero"` // of what has: when
	Sentence string          `json:"sentence"`         // where it stands and why
	Held     []events.Check  `json:"held"`             // the checks that hold it, with value and limit
	Unblock  []string        `json:"unblock"`          // what would change it, and who can
}

// Handover tells of what is open now, and of what ended after since and not after at.
func (b *Board) Handover(since, at time.Time) Handover {
	h := Handover{Position: b.Position, Since: since.UTC(), At: at.UTC(), Whole: b.Remembers(since), Freezes: b.Standstills(), Ended: map[events.Outcome]int{}}
	for _, s := range []*Section{&h.Stuck, &h.Asking, &h.Standing, &h.Ready, &h.Waiting, &h.Refused, &h.Expired} {
		s.Lines = []Line{}
	}
	var standing []*Incident
	for _, i := range b.Open() {
		h.open(b, i)
		h.expired(b, i)
		if i.Live() && i.Stands() {
			standing = append(standing, i)
		}
	}
	slices.SortStableFunc(standing, func(x, y *Incident) int { return x.mustEnd().Compare(y.mustEnd()) })
	for _, i := range standing {
		h.Standing.add(b, i)
		if _, clear := i.ClearSince(); clear && (i.Phase == Holding || i.Phase == Stuck) {
			h.Ready.add(b, i)
		}
	}
	for i := range b.endedAfter(since) {
		if i.Changed.After(at) {
			continue
		}
		h.Ended[i.End.Outcome]++
		if i.declined() {
			h.Refused.add(b, i)
		}
		h.expired(b, i)
	}
	return h
}

// open puts an open incident where it belongs by its phase.
func (h *Handover) open(b *Board, i *Incident) {
	switch i.Phase {
	case Stuck:
		h.Stuck.add(b, i)
	case Asking:
		h.Asking.add(b, i)
	case Waiting:
		h.Waiting.add(b, i)
	}
}

func (h *Handover) expired(b *Board, i *Incident) {
	if i.expired(h.Since, h.At) {
		h.Expired.add(b, i)
	}
}

// mustEnd is when a drain that stands expires; of one that is not held yet, or no more, long after all others.
func (i *Incident) mustEnd() time.Time {
	if i.Hold == nil {
		return i.Changed.AddDate(100, 0, 0)
	}
	return i.Hold.Expires
}

// add counts an incident, and writes its line while there is room.
func (s *Section) add(b *Board, i *Incident) {
	if s.Count++; s.Count <= maxLines {
		s.Lines = append(s.Lines, b.line(i))
	}
}

func (b *Board) line(i *Incident) Line {
	why, _ := b.Why(i.ID)
	l := Line{
		Incident: i.ID, Target: i.Target.Key(), Severity: i.Severity, Phase: i.Phase, Since: i.Changed, Expired: i.expiredAt(), Sentence: why.Sentence,
		Held: append([]events.Check{}, why.Held...), Unblock: append([]string{}, why.Unblock...),
	}
	if i.Plan != nil {
		l.Mode = i.Plan.Mode
	}
	switch {
	case i.Phase == Asking:
		l.Expires = i.Ask.Expires
	case i.Hold != nil && i.Live() && i.Stands():
		l.Until, l.Expires = i.Hold.Until, i.Hold.Expires
	}
	if i.Live() && i.Stands() {
		l.Clear, _ = i.ClearSince()
	}
	return l
}
