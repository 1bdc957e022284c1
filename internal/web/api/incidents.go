package api

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Summary is one incident in a list.
type Summary struct {
	ID       string             `json:"id"`
	Target   string             `json:"target"` // for example "link/den-kcy"
	Phase    incident.Phase     `json:"phase"`
	Symptom  events.AnomalyKind `json:"symptom"`
	Severity events.Severity    `json:"severity"`
	Firing   bool               `json:"firing"`
	Mode     events.Mode        `json:"mode,omitempty"` // of its plan; empty before there is one
	Drained  bool               `json:"drained"`        // all of its plan stands on the routers
	Opened   time.Time          `json:"opened"`
	Changed  time.Time          `json:"changed"`
	Sets     int                `json:"sets"`
	Outcome  events.Outcome     `json:"outcome,omitempty"` // of one that has ended
	Sentence string             `json:"sentence"`          // where it stands and why
	Position uint64             `json:"position"`          // of its newest commit
	Cause    events.Scope       `json:"cause,omitempty"`   // what it has in common with others that were decided together with it
	Lead     string             `json:"lead,omitempty"`    // the incident that speaks for all of them, itself included

	Rule     string    `json:"rule,omitempty"`     // that answers it
	Plan     string    `json:"plan,omitempty"`     // what its plan does, in one sentence
	Question *Question `json:"question,omitempty"` // what people are asked now
	Until    time.Time `json:"until,omitzero"`     // of a standing drain: not released before
	Expires  time.Time `json:"expires,omitzero"`   // of a standing drain: a person is called, or it is released
	Unblock  []string  `json:"unblock,omitempty"`  // of one that is open: what would change where it stands, and who can
}

// Question is what people are asked: whether exactly one plan may be carried out.
type Question struct {
	Plan     events.Digest `json:"plan"` // what an approval names
	Quorum   int           `json:"quorum"`
	Approved []string      `json:"approved"` // who has said yes
	Roles    []string      `json:"roles"`    // one of which an approver has
	Asked    time.Time     `json:"asked"`
	Expires  time.Time     `json:"expires"` // without an answer by then it is no
	Checks   []string      `json:"checks"`  // that want a person
}

// Incidents is a list of incidents: the open ones, most severe first, then the ended ones, newest first.
type Incidents struct {
	Position  uint64    `json:"position"` // of the Board that was asked
	Incidents []Summary `json:"incidents"`
	More      int       `json:"more"` // that match and were left off
}

// Incident is one incident, whole: everything that the Board holds of it and where it stands.
type Incident struct {
	incident.Incident

	Firing   bool   `json:"firing"`
	Drained  bool   `json:"drained"`
	Sentence string `json:"sentence"`

	Verdict *incident.Verdict `json:"verdict,omitempty"`     // on the drain, as it was decided on
	Now     *incident.Verdict `json:"verdict_now,omitempty"` // the newest on record of the drain since

	Held    []events.Check `json:"held"`    // the checks that hold it
	Unblock []string       `json:"unblock"` // what would change it, and who can
}

// Why answers why an incident, or the one that an event went into, stands where it stands.
type Why struct {
	Event    *incident.Trace       `json:"event,omitempty"`
	Remedy   string                `json:"remedy,omitempty"` // of an event that no incident took: what would have one like it acted on, and who can
	Incident *incident.Explanation `json:"incident,omitempty"`
}

// Entry is one record of an incident with the commit it stands in.
type Entry struct {
	Position uint64          `json:"position"`
	Digest   events.Digest   `json:"digest"` // of the commit
	At       time.Time       `json:"at"`
	By       string          `json:"by"` // the replica that wrote it
	Kind     events.Kind     `json:"kind"`
	Body     json.RawMessage `json:"body"`
}

// Record is what the entry says, as the vocabulary's type. A kind that this version does not know is events.Foreign.
func (e Entry) Record() (events.Body, error) {
	raw, err := json.Marshal(map[string]any{"v": events.Version, "records": []any{map[string]any{"kind": e.Kind, "body": e.Body}}})
	if err != nil {
		return nil, fmt.Errorf("position %d: %w", e.Position, err)
	}
	c, err := events.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("position %d: %w", e.Position, err)
	}
	return c.Records[0].Body, nil
}

// History is what the ledger says of one incident, oldest first.
type History struct {
	Incident string  `json:"incident"`
	Entries  []Entry `json:"entries"`
	Earlier  int     `json:"earlier"` // commits before these that were left off
}

// Decision is the newest verdict of the policy on one incident.
type Decision struct {
	Incident string         `json:"incident"`
	Phase    incident.Phase `json:"phase"`
	Verdict  events.Verdict `json:"verdict"`
	Rule     string         `json:"rule,omitempty"`
	Plan     events.Digest  `json:"plan,omitempty"`
	Policy   events.Digest  `json:"policy"`
	Checks   []events.Check `json:"checks"`
}

// Decisions is the newest verdict on each incident, in the order of Incidents.
type Decisions struct {
	Position  uint64     `json:"position"`
	Decisions []Decision `json:"decisions"`
	More      int        `json:"more"`
}

// Change is one message of the event stream: what is different since the position that the reader knew. One that only says
// that the stream is alive, a beat, has a time and a position and nothing else.
type Change struct {
	Position  uint64                `json:"position"`
	At        time.Time             `json:"at"`        // by the server's clock
	Incidents []Summary             `json:"incidents"` // that have changed
	Freezes   []incident.Standstill `json:"freezes"`   // every freeze in force
	Windows   []Window              `json:"windows"`   // every maintenance window in force that people began
	Status    Status                `json:"status"`
}
