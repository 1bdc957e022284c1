package events

import "time"

// Intended stands on the ledger before any router is touched. Whoever appended it owns the changes until Deadline; its
// position is the fence of every Set that it leads to. With a step it authorises the step's undo, should the step or its
// verification fail.
type Intended struct {
	Step     int       `json:"step"`
	Undo     bool      `json:"undo,omitempty"`
	Changes  []int     `json:"changes"` // indices of the step's changes that are set
	Owner    string    `json:"owner"`
	Attempt  int       `json:"attempt"` // from 1, of this step in this direction
	Deadline time.Time `json:"deadline"`
	Margin   Duration  `json:"margin"`             // waited after Deadline before anyone else looks
	Arm      Duration  `json:"arm,omitempty"`      // rollback time of commit-confirmed where it is proven, 0 when not used
	Why      string    `json:"why,omitempty"`      // of an undo
	Verify   time.Time `json:"verify_by,omitzero"` // not of an undo: by then the next step must be begun, or the last one be verified; else it is taken back
}

// Act names one change of one step in one direction, and the fence under which it was sent.
type Act struct {
	Step   int    `json:"step"`
	Change int    `json:"change"`
	Undo   bool   `json:"undo,omitempty"`
	Fence  uint64 `json:"fence"` // ledger position of the intent
}

// Applied says that the router took the change, or that in dry-run it would have been sent.
type Applied struct {
	Act
	Bars   []Bar    `json:"bars,omitempty"` // what kept a late Set from doing harm
	Took   Duration `json:"took,omitempty"`
	Sets   int      `json:"sets"`            // Set requests sent: 0 in dry-run and where the router already stood so
	Armed  bool     `json:"armed,omitempty"` // commit-confirmed runs: must be confirmed after verification
	Detail string   `json:"detail,omitempty"`
}

// RefusalClass says why a change was certainly not applied.
type RefusalClass string

// The classes of refusal.
const (
	RefusedByRouter  RefusalClass = "router"    // the router answered no
	RefusedByFence   RefusalClass = "fence"     // the router has seen a newer election id
	RefusedByPermit  RefusalClass = "permit"    // right before the Set: frozen, or the intent was not the newest word on the ledger
	RefusedInSilence RefusalClass = "silence"   // right before the Set the ledger did not say whether that is so: nothing was sent
	RefusedUnsent    RefusalClass = "not-sent"  // the router could not be reached, so nothing was sent
	RefusedByChanged RefusalClass = "changed"   // somebody else changed the leaf: the pre-image no longer holds
	RefusedInvalid   RefusalClass = "invalid"   // the change does not fit the router's schema
	RefusedLate      RefusalClass = "too-late"  // the intent's deadline had passed before it was sent
	RefusedByForeign RefusalClass = "contended" // another writer holds the router's configuration
)

// Refused says that the change was certainly not applied, and why.
type Refused struct {
	Act
	Class  RefusalClass `json:"class"`
	Code   string       `json:"code,omitempty"` // gRPC status code
	Sets   int          `json:"sets"`
	Detail string       `json:"detail,omitempty"`
}

// Unknown says that nobody can tell whether the change was applied. It is resolved by looking.
type Unknown struct {
	Act
	Code   string `json:"code,omitempty"`
	Sets   int    `json:"sets"`
	Detail string `json:"detail,omitempty"`
}

// Found is what a read-back showed of one change.
type Found struct {
	Step   int       `json:"step"`
	Change int       `json:"change"`
	Seen   Seen      `json:"seen"`
	Fence  uint64    `json:"fence"`             // election id that the router was raised to before it was read, 0 if it has no proven arbitration
	Doubt  uint64    `json:"settles,omitempty"` // ledger position of the doubt that it settles, 0 when none stood
	At     time.Time `json:"at,omitzero"`       // when reading began
	Detail string    `json:"detail,omitempty"`
}

// Verified is what was seen after the last step, and whether it is what the plan asked for.
type Verified struct {
	Pass    bool    `json:"pass"`
	Decided string  `json:"decided,omitempty"` // name of the check that made it fail; others that are not OK only say more
	Checks  []Check `json:"checks"`
	Facts   Facts   `json:"facts"`
}

// Confirmed says how the commit-confirmed window of one change ended.
type Confirmed struct {
	Step   int    `json:"step"`
	Change int    `json:"change"`
	OK     bool   `json:"ok"` // false: the router may roll back by itself; it is looked at again
	Detail string `json:"detail,omitempty"`
}

// Held says that the mitigation stands: at the earliest released at Until, renewed while the fault lasts, and at
// Expires a person is called or it is released, as the policy says.
type Held struct {
	Until   time.Time `json:"until"`
	Expires time.Time `json:"expires"`
	Cycle   int       `json:"cycle"` // how often this incident has been drained, from 1; the hold doubles with each
}

// Renewed extends a hold: the fault still fires or has not been clear for long enough. It carries what was computed of the
// drain since, if anything was.
type Renewed struct {
	Until    time.Time `json:"until"`
	Why      string    `json:"why"`
	Prospect *Prospect `json:"prospect,omitempty"`
}

// Released says that the mitigation is to be taken back, with the checks that allow it.
type Released struct {
	Why    string  `json:"why"`
	By     *Person `json:"by,omitempty"` // when a person asked
	Checks []Check `json:"checks,omitempty"`
}

// Reverted says that every change is back at its pre-image. After a release the link is watched until Probation.
type Reverted struct {
	Probation time.Time `json:"probation,omitzero"`
	Why       string    `json:"why"`
}

// Relapsed says that an incident is decided anew: the fault came back while the link was on probation, a dry run is no longer
// one, or of what was admitted nothing reached a router.
type Relapsed struct {
	Why string `json:"why"`
	// Gathering is what it waits for before it is decided anew, nil for nothing.
	Gathering *Gathering `json:"gathering,omitempty"`
}

// Aborted is a person's order to stop an incident and take back what was applied; or, AsIs, to leave the routers as they
// are and let go of it.
type Aborted struct {
	By     Person `json:"by"`
	Reason string `json:"reason,omitempty"`
	AsIs   bool   `json:"as_is,omitempty"`
}

// Stuck calls a person: what is wrong, and what would help.
type Stuck struct {
	Why    string `json:"why"`
	Remedy string `json:"remedy"`
	// Checks are what it was decided on, where that was a check of what is seen.
	Checks []Check `json:"checks,omitempty"`
}

// Outcome is how an incident ended.
type Outcome string

// The outcomes.
const (
	Restored    Outcome = "restored"    // drained, held, and put back after the fault had cleared
	RolledBack  Outcome = "rolled-back" // taken back because it failed or did not help
	WasDryRun   Outcome = "dry-run"     // carried through without a Set
	WasRefused  Outcome = "refused"     // policy or the routers said no, nothing stands
	WasRejected Outcome = "rejected"    // a person said no
	HasLapsed   Outcome = "lapsed"      // nobody decided in time
	WasAborted  Outcome = "aborted"     // a person stopped it, nothing stands
	WasCleared  Outcome = "cleared"     // the fault went away before anything was done
	LetGo       Outcome = "let-go"      // too old to act on
	WasLost     Outcome = "lost"        // the mitigation vanished from a router; the rest was taken back
	LeftAlone   Outcome = "left-to-person"
)

// Closed ends an incident. Until CoolDown events of the same fault are recorded and do not open another, unless they
// are worse.
type Closed struct {
	Outcome  Outcome   `json:"outcome"`
	Reason   string    `json:"reason"`
	CoolDown time.Time `json:"cool_down,omitzero"`
}

// Kind names the record.
func (Intended) Kind() Kind  { return KindIntended }
func (Applied) Kind() Kind   { return KindApplied }
func (Refused) Kind() Kind   { return KindRefused }
func (Unknown) Kind() Kind   { return KindUnknown }
func (Found) Kind() Kind     { return KindFound }
func (Verified) Kind() Kind  { return KindVerified }
func (Confirmed) Kind() Kind { return KindConfirmed }
func (Held) Kind() Kind      { return KindHeld }
func (Renewed) Kind() Kind   { return KindRenewed }
func (Released) Kind() Kind  { return KindReleased }
func (Reverted) Kind() Kind  { return KindReverted }
func (Relapsed) Kind() Kind  { return KindRelapsed }
func (Aborted) Kind() Kind   { return KindAborted }
func (Stuck) Kind() Kind     { return KindStuck }
func (Closed) Kind() Kind    { return KindClosed }
