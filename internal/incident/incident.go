package incident

import (
	"maps"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Incident is one suspected fault and what is being done about it, folded from its records.
type Incident struct {
	ID       string             `json:"id"`
	Epoch    uint64             `json:"epoch"`
	Target   events.Target      `json:"target"`
	Phase    Phase              `json:"phase"`
	Symptom  events.AnomalyKind `json:"symptom"`  // of the worst event
	Severity events.Severity    `json:"severity"` // the worst seen
	Value    float64            `json:"value"`    // of the newest firing event
	Alarm    events.Anomaly     `json:"alarm"`    // that event, as far as it was recorded
	Opened   time.Time          `json:"opened"`
	Alarmed  time.Time          `json:"alarmed"`          // when its fault began, or came back
	Changed  time.Time          `json:"changed"`          // when the phase last changed
	Touched  time.Time          `json:"touched,omitzero"` // when it was last learnt how a change stands on its router
	Events   int                `json:"events"`           // taken into it
	Symptoms map[string]Symptom `json:"symptoms"`
	AskedBy  string             `json:"asked_by,omitempty"` // the person who asked for it, who may not approve it

	Gathering *events.Gathering `json:"gathering,omitempty"` // what it waits for before it is decided
	Cause     *events.Cause     `json:"cause,omitempty"`     // what it was decided together with others for
	Children  []string          `json:"children,omitempty"`  // the incidents that it was decided together with as their lead, at most maxChildren

	Plan      *events.Planned   `json:"plan,omitempty"`
	Ruling    *events.Ruled     `json:"ruling,omitempty"`
	Ask       *events.Asked     `json:"ask,omitempty"`
	Terms     events.Digest     `json:"terms,omitempty"` // the policy under which people were asked
	Approvals []events.Approved `json:"approvals,omitempty"`
	Rejection *events.Rejected  `json:"rejection,omitempty"`
	Lapsed    bool              `json:"lapsed,omitempty"`
	Asked     time.Time         `json:"asked,omitzero"`   // when people were last asked
	Decided   time.Time         `json:"decided,omitzero"` // when the newest approval or rejection was recorded
	Claims    []events.Scope    `json:"claims,omitempty"`

	Steps    [][]ChangeState  `json:"steps,omitempty"` // one for each change of each step of the plan
	Intent   *Intent          `json:"intent,omitempty"`
	Refusal  *events.Refused  `json:"refusal,omitempty"` // the newest
	Verified *events.Verified `json:"verified,omitempty"`
	Hold     *events.Held     `json:"hold,omitempty"`
	Cycle    int              `json:"cycle"`          // how often it was drained, from 1
	Lost     int              `json:"lost,omitempty"` // how often it was decided anew because nothing had reached a router
	Watch    time.Time        `json:"watch_until,omitzero"`

	Outlasted time.Time `json:"outlasted,omitzero"` // when its hold was found to have expired

	Foreseen   *events.Prospect `json:"foreseen,omitempty"`        // the newest that is on record of the drain, after the plan's
	Unbearable time.Time        `json:"unbearable_since,omitzero"` // since when looks have found that the network no longer bears the drain
	Called     bool             `json:"called,omitempty"`          // a person was called for that

	Release *events.Released `json:"release,omitempty"`
	Abort   *events.Aborted  `json:"abort,omitempty"`
	Trouble *events.Stuck    `json:"stuck,omitempty"`
	End     *events.Closed   `json:"end,omitempty"`

	Told      []Telling `json:"told,omitempty"` // what people were shown of it in chats, at most maxTold; see overtaken
	Sets      int       `json:"sets"`           // Set requests that left for routers
	Positions []uint64  `json:"positions"`      // of its commits: the first and the newest, at most maxPositions
}

// Bounds on what one incident remembers.
const (
	maxSymptoms  = 64
	maxPositions = 512
	maxChildren  = 256
	maxTold      = 64
)

// Symptom is what one source last said about one resource of the target.
type Symptom struct {
	Firing   bool               `json:"firing"`
	Kind     events.AnomalyKind `json:"kind"`
	Observed time.Time          `json:"observed"`
	Since    time.Time          `json:"since"` // observed first with what it says now
}

// ChangeState is what the ledger knows of one change on its router.
type ChangeState struct {
	Seen    events.Seen `json:"seen"`              // as last applied or found
	Stood   bool        `json:"stood,omitempty"`   // all or some of it has been known to stand
	Pending bool        `json:"pending,omitempty"` // an intent's outcome is outstanding
	Doubt   uint64      `json:"doubt,omitempty"`   // position since which nobody can tell how it stands, 0: it is known
	Since   time.Time   `json:"since,omitzero"`    // of the doubt
	Wait    time.Time   `json:"wait,omitzero"`     // no look before: a router may still roll back by itself
	Armed   bool        `json:"armed,omitempty"`   // commit-confirmed runs on the router
	Raised  uint64      `json:"raised,omitempty"`  // election id that a look may have raised the router to
}

// Intent is the newest intent of the incident.
type Intent struct {
	events.Intended
	Position uint64    `json:"position"` // the fence
	At       time.Time `json:"at"`
}

// Live reports whether the incident's plan may touch routers.
func (i *Incident) Live() bool { return i.Plan != nil && i.Plan.Mode == events.Live }

// IsOpen reports whether the incident has not ended.
func (i *Incident) IsOpen() bool { return i.Phase != Closed && i.Phase != None }

// Firing reports whether any symptom still fires, and when one was last observed to.
func (i *Incident) Firing() (bool, time.Time) {
	var firing bool
	var last time.Time
	for _, s := range i.Symptoms {
		if s.Firing {
			firing = true
			if s.Observed.After(last) {
				last = s.Observed
			}
		}
	}
	return firing, last
}

// ClearSince returns since when every symptom is resolved; ok is false while one fires. A source that says so once more does
// not begin anew.
func (i *Incident) ClearSince() (since time.Time, ok bool) {
	for _, s := range i.Symptoms {
		if s.Firing {
			return time.Time{}, false
		}
		if s.Since.After(since) {
			since = s.Since
		}
	}
	return since, len(i.Symptoms) > 0
}

// Holds reports whether the incident counts against its scopes: it acts, may have acted, or waits for approval to act. What
// was put back counts no more, should it need a person later.
func (i *Incident) Holds() bool {
	if !i.Live() {
		return false
	}
	switch i.Phase {
	case Asking, Acting, Verifying, Confirming, Holding, Reverting:
		return true
	case Stuck:
		return i.Claims != nil || i.Stands()
	}
	return false
}

// Stands reports whether any change stands, or may stand, on a router.
func (i *Incident) Stands() bool {
	return slices.ContainsFunc(i.Steps, func(step []ChangeState) bool {
		return slices.ContainsFunc(step, func(c ChangeState) bool { return c.Seen != events.SeenBefore || c.Doubt > 0 || c.Pending })
	})
}

// stood returns the changes that are known to have stood, in the order in which they were made.
func (i *Incident) stood() []events.Change {
	var list []events.Change
	for s, step := range i.Steps {
		for c, state := range step {
			if state.Stood {
				list = append(list, i.Plan.Plan.Steps[s].Changes[c])
			}
		}
	}
	return list
}

// Drained reports whether all of the plan stands on the routers.
func (i *Incident) Drained() bool {
	if !i.Live() || len(i.Steps) == 0 {
		return false
	}
	for _, step := range i.Steps {
		for _, c := range step {
			if c.Seen != events.SeenAfter {
				return false
			}
		}
	}
	return true
}

// Quorum reports whether enough distinct people have approved what they were asked about last.
func (i *Incident) Quorum() bool {
	if i.Ask == nil {
		return false
	}
	people := map[string]bool{}
	for _, a := range i.Approvals {
		if a.Plan == i.Ask.Plan {
			people[a.By.Name] = true
		}
	}
	return len(people) >= i.Ask.Quorum
}

// approvedFor reports whether a quorum has approved the plan for a check.
func (i *Incident) approvedFor(check string) bool {
	return i.Quorum() && slices.Contains(i.Ask.Checks, check)
}

func (i *Incident) clone() *Incident {
	c := i.revise()
	c.Symptoms = maps.Clone(i.Symptoms)
	c.Positions = slices.Clone(i.Positions)
	return c
}

// revise is a copy to take the place of i, should the record be lawful that changes it. Of what only grows from one to
// the other, it takes over the memory.
func (i *Incident) revise() *Incident {
	c := *i
	c.Approvals = slices.Clone(i.Approvals)
	c.Told = slices.Clone(i.Told)
	c.Steps = make([][]ChangeState, len(i.Steps))
	for n := range i.Steps {
		c.Steps[n] = slices.Clone(i.Steps[n])
	}
	return &c
}

func (i *Incident) note(position uint64) {
	if n := len(i.Positions); n > 0 && i.Positions[n-1] == position {
		return
	}
	if len(i.Positions) == maxPositions {
		copy(i.Positions[maxPositions/2:], i.Positions[maxPositions/2+1:])
		i.Positions = i.Positions[:maxPositions-1]
	}
	i.Positions = append(i.Positions, position)
}

// fence is the election id under which a change of the newest intent, or of a step before it, can still be spoken of: a look
// that settled a doubt has raised its router above the intent's position, and what is sent under that would be refused.
func (i *Incident) fence(step, change int) uint64 {
	fence, device := i.Intent.Position, i.Plan.Plan.Steps[step].Changes[change].Device
	for s, states := range i.Steps {
		for c, state := range states {
			if i.Plan.Plan.Steps[s].Changes[c].Device == device {
				fence = max(fence, state.Raised)
			}
		}
	}
	return fence
}

// order is what a router is asked for one change of the newest intent.
func (i *Incident) order(step, change int, undo bool, fence uint64) events.Order {
	c := i.Plan.Plan.Steps[step].Changes[change]
	if undo {
		c = c.Undo()
	}
	o := events.Order{
		Incident: i.ID, Mode: i.Plan.Mode, Act: events.Act{Step: step, Change: change, Undo: undo, Fence: fence},
		Change: c,
	}
	if !i.Plan.Facts.Told {
		o.ReadAt = i.Plan.Facts.At
	}
	if i.Intent != nil {
		o.Deadline, o.Arm = i.Intent.Deadline, i.Intent.Arm
	}
	if undo {
		o.Arm, o.Pending = 0, i.Steps[step][change].Armed
	}
	return o
}
