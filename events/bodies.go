package events

import "time"

// The kinds of record, in the order in which an incident meets them, then those about the whole Board.
const (
	KindObserved     Kind = "observed"
	KindDeadLettered Kind = "dead-lettered"
	KindOpened       Kind = "opened"
	KindPlanned      Kind = "planned"
	KindRuled        Kind = "ruled"
	KindAsked        Kind = "asked"
	KindApproved     Kind = "approved"
	KindRejected     Kind = "rejected"
	KindLapsed       Kind = "lapsed"
	KindAdmitted     Kind = "admitted"
	KindIntended     Kind = "intended"
	KindApplied      Kind = "applied"
	KindRefused      Kind = "refused"
	KindUnknown      Kind = "unknown"
	KindFound        Kind = "found"
	KindVerified     Kind = "verified"
	KindConfirmed    Kind = "confirmed"
	KindHeld         Kind = "held"
	KindRenewed      Kind = "renewed"
	KindReleased     Kind = "released"
	KindReverted     Kind = "reverted"
	KindRelapsed     Kind = "relapsed"
	KindAborted      Kind = "aborted"
	KindStuck        Kind = "stuck"
	KindClosed       Kind = "closed"

	KindFrozen           Kind = "frozen"
	KindThawed           Kind = "thawed"
	KindMaintenanceBegun Kind = "maintenance-begun"
	KindMaintenanceEnded Kind = "maintenance-ended"
	KindPolicyLoaded     Kind = "policy-loaded"
	KindPolicyRefused    Kind = "policy-refused"
	KindProved           Kind = "proved"
	KindRebootTrial      Kind = "reboot-trial"
	KindTold             Kind = "told"
	KindSignedOut        Kind = "signed-out"
	KindLinked           Kind = "linked"
	KindUnlinked         Kind = "unlinked"
)

var bodies = map[Kind]codec{
	KindObserved: observedBody, KindDeadLettered: body[DeadLettered](), KindOpened: body[Opened](), KindPlanned: body[Planned](),
	KindRuled: body[Ruled](), KindAsked: body[Asked](), KindApproved: body[Approved](), KindRejected: body[Rejected](), KindLapsed: body[Lapsed](),
	KindAdmitted: body[Admitted](), KindIntended: body[Intended](), KindApplied: body[Applied](), KindRefused: body[Refused](),
	KindUnknown: body[Unknown](), KindFound: body[Found](), KindVerified: body[Verified](), KindConfirmed: body[Confirmed](),
	KindHeld: body[Held](), KindRenewed: body[Renewed](), KindReleased: body[Released](), KindReverted: body[Reverted](),
	KindRelapsed: body[Relapsed](), KindAborted: body[Aborted](), KindStuck: body[Stuck](), KindClosed: body[Closed](),
	KindFrozen: body[Frozen](), KindThawed: body[Thawed](), KindMaintenanceBegun: body[MaintenanceBegun](),
	KindMaintenanceEnded: body[MaintenanceEnded](), KindPolicyLoaded: body[PolicyLoaded](), KindPolicyRefused: body[PolicyRefused](), KindProved: body[Proved](),
	KindRebootTrial: body[RebootTrial](), KindTold: body[Told](), KindSignedOut: body[SignedOut](), KindLinked: body[Linked](), KindUnlinked: body[Unlinked](),
}

// Disposition says what was made of an observed event.
type Disposition string

// The dispositions.
const (
	DidOpen       Disposition = "opened"         // the first of its fault: an incident was opened
	DidJoin       Disposition = "joined"         // tells of a fault that an open incident is about
	DidEscalate   Disposition = "escalated"      // joined, and worse than anything the incident knew
	DidHoldDown   Disposition = "held-down"      // its incident has ended and the fault's cool-down runs
	WasDuplicate  Disposition = "duplicate"      // this event has been recorded before
	WasSuperseded Disposition = "superseded"     // older than what its source last said of the same fault
	WasStale      Disposition = "stale"          // older than its kind's maximum age
	WasFuture     Disposition = "future"         // from the future by more than the allowed skew
	WasResolved   Disposition = "nothing-open"   // says that a fault is over of which no incident is open
	WasUnknown    Disposition = "unknown-kind"   // a kind that this version does not know: left to a person
	WasNowhere    Disposition = "unknown-target" // names nothing in the inventory
)

// Taken reports whether the event became part of an incident.
func (d Disposition) Taken() bool {
	return d == DidOpen || d == DidJoin || d == DidEscalate || d == DidHoldDown
}

// Observed says that an event arrived and what was made of it. Evidence and labels are kept only with an event that
// opened or escalated an incident.
type Observed struct {
	Event       string      `json:"event"`
	Source      string      `json:"source"`
	Anomaly     Anomaly     `json:"anomaly"`
	Disposition Disposition `json:"disposition"`
	Detail      string      `json:"detail,omitempty"`
}

// DeadLettered says that a message could not be read as an event and was put on the rejected stream.
type DeadLettered struct {
	Subject string `json:"subject"`
	Bytes   int    `json:"bytes"`
	Digest  Digest `json:"digest"`
	Reason  string `json:"reason"`
}

// Opened begins an incident. Epoch counts the incidents of one target from 1; the incident's id is the target's slug,
// "-" and the epoch.
type Opened struct {
	Target   Target      `json:"target"`
	Epoch    uint64      `json:"epoch"`
	Symptom  AnomalyKind `json:"symptom"`
	Severity Severity    `json:"severity"`
	// Gathering is what it waits for before it is decided, nil for nothing.
	Gathering *Gathering `json:"gathering,omitempty"`
}

// Planned says what a remediator proposed, on which facts, and in which mode.
type Planned struct {
	Plan    Plan   `json:"plan"`
	Digest  Digest `json:"digest"`
	Rule    string `json:"rule"`
	Mode    Mode   `json:"mode"`
	ModeWhy string `json:"mode_why"`
	Facts   Facts  `json:"facts"`
}

// Verdict is what the policy says of a plan.
type Verdict string

// The verdicts.
const (
	Allow Verdict = "allow" // act now
	Ask   Verdict = "ask"   // a person must approve
	Defer Verdict = "defer" // not now: a check that can change holds it
	Deny  Verdict = "deny"  // no
)

// Ruled is the policy's verdict with every check, value and limit.
type Ruled struct {
	Verdict Verdict `json:"verdict"`
	Rule    string  `json:"rule,omitempty"`
	Plan    Digest  `json:"plan,omitempty"`
	Policy  Digest  `json:"policy"`
	Checks  []Check `json:"checks"`
	// Cause is what the incident has in common with others, nil for nothing.
	Cause *Cause `json:"cause,omitempty"`
}

// Asked says that people were asked to approve a plan, for the checks that want a person. What they say holds for these alone.
type Asked struct {
	// Plan is the digest that an approval names: the plan's own, or, where the same plan is asked about again because other checks
	// ask, one of plan and checks. So nobody approves what they were not shown.
	Plan    Digest    `json:"plan"`
	Checks  []string  `json:"checks,omitempty"` // sorted
	Quorum  int       `json:"quorum"`           // distinct people
	Roles   []string  `json:"roles"`
	Expires time.Time `json:"expires"`
	ByClick bool      `json:"by_click,omitempty"` // the rule says that a click in a chat is enough
}

// Person is who decided, and over which channel.
type Person struct {
	Name    string   `json:"name"`
	Role    []string `json:"roles,omitempty"`
	Via     string   `json:"via,omitempty"`     // "cli", "console", or the chat: "slack"
	Account string   `json:"account,omitempty"` // in the chat: who the chat says that it was; "" elsewhere
	Link    string   `json:"link,omitempty"`    // in the chat: of the message whose button was pressed
}

// Approved is one person's yes to exactly one plan.
type Approved struct {
	By   Person `json:"by"`
	Plan Digest `json:"plan"`
}

// Rejected is a person's no; one is enough.
type Rejected struct {
	By     Person `json:"by"`
	Plan   Digest `json:"plan"`
	Reason string `json:"reason,omitempty"`
}

// Lapsed says that nobody decided in time, which means no.
type Lapsed struct {
	Expired time.Time `json:"expired"`
}

// Admitted says that the plan may be carried out now, and against which scopes it counts until it is back.
type Admitted struct {
	Plan   Digest  `json:"plan"`
	Claims []Scope `json:"claims"`
}

// Policy and people, about the whole Board.

// Frozen stops every act that adds risk in Scope.
type Frozen struct {
	Scope  Scope  `json:"scope"`
	By     Person `json:"by"`
	Reason string `json:"reason"`
}

// Thawed ends the freeze of exactly Scope.
type Thawed struct {
	Scope Scope  `json:"scope"`
	By    Person `json:"by"`
}

// MaintenanceBegun opens a window in Scope inside which plans are dry-run.
type MaintenanceBegun struct {
	Window string    `json:"window"` // its id
	Scope  Scope     `json:"scope"`
	Until  time.Time `json:"until"`
	By     Person    `json:"by"`
	Reason string    `json:"reason"`
}

// MaintenanceEnded closes a window before its time.
type MaintenanceEnded struct {
	Window string `json:"window"`
	By     Person `json:"by"`
}

// PolicyLoaded says under which policy a replica decides from here on.
type PolicyLoaded struct {
	Digest Digest `json:"digest"`
	Mode   Mode   `json:"mode"`
	Source string `json:"source"`
}

// PolicyRefused says that what a replica's policy file holds now cannot be used, and that the replica goes on deciding by
// the policy that it has. The next PolicyLoaded of the replica says that the file is in order again.
type PolicyRefused struct {
	Source  string `json:"source"`
	Bytes   Digest `json:"bytes,omitempty"` // of the file's content; "" when it could not be read
	Why     string `json:"why"`             // every complaint with line, column and caret, or the first of them; at most MaxRefusal bytes
	InForce Digest `json:"in_force"`        // of the policy that the replica goes on with
}

// MaxRefusal bounds PolicyRefused.Why, in bytes.
const MaxRefusal = 2048

// Proved is the result of canaries on one router: which bars it was seen to honour, and which leaves to take, with which
// software.
type Proved struct {
	Device   string `json:"device"`
	Software string `json:"software,omitempty"`
	Bars     []Bar  `json:"bars"`
	Leaves   []Leaf `json:"leaves,omitempty"` // kinds of leaf that were written and deleted as asked
	// Unset is what the router shows of a metric that is not configured, absent when it shows nothing; Default is the metric
	// that is in force then, 0 when it does not tell. They mean something when Leaves has ISISMetric.
	Unset   Value  `json:"unset,omitzero"`
	Default uint32 `json:"default,omitempty"`
	By      Person `json:"by"`
	Detail  string `json:"detail,omitempty"`
}

// Told says which message in a chat shows something of an incident, and which replica sees to it: the others leave it
// alone as long as it does. It is recorded before the message is sent, with an empty Message, and after every change.
type Told struct {
	Incident string `json:"incident"` // "" of what is of none: a hand-over
	Chat     string `json:"chat"`     // "slack", "mattermost", or where nobody answers: "pagerduty", "teams"
	What     string `json:"what"`     // TheCard, TheNotice, or which message of its thread
	Key      string `json:"key"`      // unguessable: the message carries it, and its buttons
	Owner    string `json:"owner"`    // the replica's process
	Channel  string `json:"channel,omitempty"`
	Message  string `json:"message,omitempty"` // its id in Channel; "" until it is known to stand there
	Link     string `json:"link,omitempty"`
	Shown    Digest `json:"shown,omitempty"`  // of what it shows; "" until it is known to
	Called   string `json:"called,omitempty"` // names of those on call whom it notifies, with commas between them
}

// What Told is about: TheCard is what a thread begins with, the incident as it stands. TheNotice is what was said of it where
// nobody answers; Key is then what is to be said, and Message what was said last.
const (
	TheCard   = "card"
	TheNotice = "notice"
)

// Kind names the record.
func (*Observed) Kind() Kind        { return KindObserved }
func (DeadLettered) Kind() Kind     { return KindDeadLettered }
func (Opened) Kind() Kind           { return KindOpened }
func (Planned) Kind() Kind          { return KindPlanned }
func (Ruled) Kind() Kind            { return KindRuled }
func (Asked) Kind() Kind            { return KindAsked }
func (Approved) Kind() Kind         { return KindApproved }
func (Rejected) Kind() Kind         { return KindRejected }
func (Lapsed) Kind() Kind           { return KindLapsed }
func (Admitted) Kind() Kind         { return KindAdmitted }
func (Frozen) Kind() Kind           { return KindFrozen }
func (Thawed) Kind() Kind           { return KindThawed }
func (MaintenanceBegun) Kind() Kind { return KindMaintenanceBegun }
func (MaintenanceEnded) Kind() Kind { return KindMaintenanceEnded }
func (PolicyLoaded) Kind() Kind     { return KindPolicyLoaded }
func (PolicyRefused) Kind() Kind    { return KindPolicyRefused }
func (Proved) Kind() Kind           { return KindProved }
func (Told) Kind() Kind             { return KindTold }
