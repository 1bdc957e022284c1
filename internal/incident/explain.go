package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Trace says what became of one event.
type Trace struct {
	Event       string             `json:"event"`
	Incident    string             `json:"incident,omitempty"`
	Disposition events.Disposition `json:"disposition"`
	Detail      string             `json:"detail,omitempty"`
	Position    uint64             `json:"position"` // of the commit that recorded it
}

// Remedy says what would have an event like it acted on, and who can; "" where its incident says so.
func (t Trace) Remedy() string {
	switch t.Disposition {
	case events.DidHoldDown:
		return "by itself: one that is worse is taken at once, one as bad when the cool-down is over"
	case events.WasDuplicate:
		return "whoever keeps its source: what is news has an id of its own; this one was acted on, or not, when it first came"
	case events.WasSuperseded:
		return "whoever keeps its source: what it observed later has come already, and counts"
	case events.WasStale:
		return "whoever keeps its source or the bus: have it arrive earlier; whoever keeps the policy: max_age says how old it may be"
	case events.WasFuture:
		return "whoever keeps its source: set its clock, or that of this replica"
	case events.WasResolved:
		return "nobody needs to: no incident of that fault was open"
	case events.WasUnknown:
		return "a person: look at it; no rule can answer a kind that this version does not know"
	case events.WasNowhere:
		return "whoever keeps the inventory: enter what it names; or whoever keeps its source: name what is entered"
	}
	return ""
}

// Explanation answers why an incident stands where it stands.
type Explanation struct {
	Incident string         `json:"incident"`
	Phase    Phase          `json:"phase"`
	Sentence string         `json:"sentence"`              // where it stands and why
	Verdict  *Verdict       `json:"verdict,omitempty"`     // on the drain, as it was decided on
	Now      *Verdict       `json:"verdict_now,omitempty"` // the newest on record of the drain since
	Cause    *events.Cause  `json:"cause,omitempty"`       // what it was decided together with others for
	Children []string       `json:"children,omitempty"`    // the incidents for which it speaks
	Held     []events.Check `json:"held,omitempty"`        // the checks that hold it, with value and limit
	Unblock  []string       `json:"unblock,omitempty"`     // what would change it, and who can
}

// Why explains an incident; ok is false when the Board does not know it.
func (b *Board) Why(id string) (e Explanation, ok bool) {
	i, ok := b.Incident(id)
	if !ok {
		return Explanation{}, false
	}
	e = Explanation{Incident: id, Phase: i.Phase, Sentence: i.sentence() + b.kin(i), Cause: i.Cause, Children: b.Children(i)}
	if v, ok := i.Verdict(); ok {
		e.Verdict = &v
	}
	if v, ok := i.VerdictNow(); ok {
		e.Now = &v
	}
	if i.Ruling != nil {
		for _, c := range i.Ruling.Checks {
			if !c.OK {
				e.Held = append(e.Held, c)
				if c.Remedy != "" && i.IsOpen() && !slices.Contains(e.Unblock, c.Remedy) {
					e.Unblock = append(e.Unblock, c.Remedy)
				}
			}
		}
	}
	if i.Verified != nil && !i.Verified.Pass {
		for _, decided := range []bool{true, false} { // the check that decided comes first
			for _, c := range i.Verified.Checks {
				if !c.OK && decided == (c.Name == i.Verified.Decided) {
					e.Held = append(e.Held, c)
				}
			}
		}
	}
	switch i.Phase {
	case Asking:
		e.Unblock = append(e.Unblock, fmt.Sprintf("anyone with one of the roles %v: detour approve %s --plan %s", i.Ask.Roles, id, i.Ask.Plan.Short()))
	case Stuck:
		e.Unblock = append(e.Unblock, i.Trouble.Remedy)
	case Holding:
		e.Unblock = append(e.Unblock, fmt.Sprintf("an operator: detour undrain %s", id))
	case Closed:
		e.Unblock = i.afterwards()
	}
	if f, frozen := b.FrozenBy(i.Target.Scopes); frozen && i.IsOpen() {
		e.Unblock = append(e.Unblock, fmt.Sprintf("%s is frozen by %s (%s); an operator: detour thaw --scope %s", f.Scope, f.By.Name, f.Reason, f.Scope))
	}
	return e, true
}

// declined reports whether the incident has ended because policy, routers or people said no to it.
func (i *Incident) declined() bool {
	switch i.End.Outcome {
	case events.WasRefused, events.WasRejected:
		return true
	}
	return i.End.Outcome == events.LeftAlone && i.Abort == nil
}

// overdue reports whether the incident has ended because nobody or nothing let it act in time.
func (i *Incident) overdue() bool {
	return i.End.Outcome == events.HasLapsed || i.End.Outcome == events.LetGo
}

// afterwards says what would have a fault acted on of which an incident has ended without an act.
func (i *Incident) afterwards() []string {
	if !i.declined() && !i.overdue() {
		return nil
	}
	list := []string{"it is over; the next alarm of this fault is decided anew"}
	if !i.End.CoolDown.IsZero() {
		list[0] += fmt.Sprintf(": from %s on, or at once if it is worse", i.End.CoolDown.Format(time.RFC3339))
	}
	if i.declined() && i.Ruling != nil && i.End.Outcome != events.WasRejected {
		for _, c := range i.Ruling.Checks {
			if !c.OK && c.Remedy != "" && !slices.Contains(list, c.Remedy) {
				list = append(list, c.Remedy)
			}
		}
	}
	return list
}

// Children returns the incidents that a lead speaks for: those that were decided together with it, for one cause.
func (b *Board) Children(lead *Incident) []string {
	var ids []string
	for _, id := range lead.Children {
		if i, ok := b.Incident(id); ok && i.Cause != nil && i.Cause.Lead == lead.ID {
			ids = append(ids, id)
		}
	}
	return ids
}

// kin says what an incident was decided on together with, where its sentence does not.
func (b *Board) kin(i *Incident) string {
	switch {
	case i.Cause == nil || i.Phase == Waiting:
		return ""
	case i.Cause.Lead != i.ID:
		return fmt.Sprintf("; one cause with %s: %s", i.Cause.Lead, i.Cause.Scope)
	}
	text := fmt.Sprintf("; one cause: %s, %d of %d links alarmed", i.Cause.Scope, i.Cause.Alarmed, i.Cause.Links)
	if children := b.Children(i); children != nil {
		text += ", and it speaks for " + few(children)
	}
	return text
}

// sentence says in one line where the incident stands and why.
func (i *Incident) sentence() string {
	at := func(t time.Time) string { return t.Format(time.RFC3339) }
	switch i.Phase {
	case Open:
		if i.Gathering != nil {
			return i.awaits()
		}
		return "it is being planned; the routers' present configuration is being read"
	case Waiting:
		return "it would act, but is held by " + firstFailed(i.Ruling.Checks)
	case Asking:
		return fmt.Sprintf("%d of %d approvals are there; without the rest by %s the answer is no", len(i.Approvals), i.Ask.Quorum, at(i.Ask.Expires))
	case Acting:
		if i.Ruling != nil && i.Ruling.Verdict == events.Defer {
			return fmt.Sprintf("step %d of %d stands, and the next is held up by %s; it is taken back at %s", i.Intent.Step+1, len(i.Steps), firstFailed(i.Ruling.Checks), at(i.Intent.Verify))
		}
		return fmt.Sprintf("%s is setting step %d of %d, until %s", i.Intent.Owner, i.Intent.Step+1, len(i.Steps), at(i.Intent.Deadline))
	case Verifying:
		return fmt.Sprintf("it stands on the routers; what it promised must be seen by %s, or it is taken back", at(i.Intent.Verify))
	case Confirming:
		return "it helped; routers that would roll back by themselves are being told to keep it"
	case Holding:
		if !i.Live() {
			return "dry run (" + i.Plan.ModeWhy + "): nothing was set; it stays open while the fault lasts"
		}
		s := fmt.Sprintf("drained, held until %s at the earliest and %s at the latest (drain %d of this incident)", at(i.Hold.Until), at(i.Hold.Expires), i.Cycle)
		if !i.Unbearable.IsZero() {
			s += "; since " + at(i.Unbearable) + " the network no longer bears it"
		}
		return s
	case Reverting:
		if !i.Stands() {
			return "it was taken back, and its routers must show it: " + i.Intent.Why
		}
		return "it is being taken back: " + i.Intent.Why
	case Probation:
		return fmt.Sprintf("back in service, and watched until %s", at(i.Watch))
	case Stuck:
		s := "it needs a person: " + i.Trouble.Why
		if !i.Unbearable.IsZero() && !i.Called {
			s += "; since " + at(i.Unbearable) + " the network no longer bears it"
		}
		return s
	case Closed:
		return fmt.Sprintf("it ended as %s: %s", i.End.Outcome, i.End.Reason)
	}
	return string(i.Phase)
}
