package incident

import (
	"fmt"
	"strings"

	"github.com/detour-net/detour/events"
)

// Phase is where an incident stands.
type Phase string

// The phases, in the order in which an incident that goes well meets them.
const (
	None       Phase = ""           // before it is opened
	Open       Phase = "open"       // to be planned and ruled on
	Waiting    Phase = "waiting"    // allowed but for a check that can change: a budget, a freeze, an unreadable router
	Asking     Phase = "asking"     // people were asked
	Acting     Phase = "acting"     // steps are being set
	Verifying  Phase = "verifying"  // all steps stand; did it help, did anything break
	Confirming Phase = "confirming" // routers that would roll back by themselves are told to keep the change
	Holding    Phase = "holding"    // the mitigation stands
	Reverting  Phase = "reverting"  // steps are being taken back
	Probation  Phase = "probation"  // back in service, watched
	Stuck      Phase = "stuck"      // a person is needed
	Closed     Phase = "closed"     // over
)

// Transition is one row of the table: in From, a record of Kind may lead to To.
type Transition struct {
	From Phase
	Kind events.Kind
	To   Phase
	When string // what makes it lead there; shown in the diagram
}

// Transitions is the only place that says what may follow what. A record that leads anywhere else is unlawful.
func Transitions() []Transition { return table }

var table = []Transition{
	{None, events.KindOpened, Open, "the first alarm of a suspected fault"},

	{Open, events.KindPlanned, Open, ""},
	{Open, events.KindRuled, Open, "allow, ask or deny"},
	{Open, events.KindRuled, Waiting, "defer"},
	{Open, events.KindAsked, Asking, "a person must approve"},
	{Open, events.KindAdmitted, Acting, "every check passed"},
	{Open, events.KindAborted, Open, ""},
	{Open, events.KindClosed, Closed, "denied, cleared or let go"},

	{Waiting, events.KindObserved, Open, "worse than before, so planned anew"},
	{Waiting, events.KindPlanned, Waiting, ""},
	{Waiting, events.KindRuled, Waiting, "still held, or free to go"},
	{Waiting, events.KindAsked, Asking, "free, and a person must approve"},
	{Waiting, events.KindAdmitted, Acting, "what held it is gone"},
	{Waiting, events.KindAborted, Waiting, ""},
	{Waiting, events.KindClosed, Closed, "cleared, let go or aborted"},

	{Asking, events.KindObserved, Open, "worse than before, so planned anew"},
	{Asking, events.KindApproved, Asking, "until the quorum is there"},
	{Asking, events.KindRejected, Asking, ""},
	{Asking, events.KindLapsed, Asking, ""},
	{Asking, events.KindPlanned, Open, "the plan has changed, so approvals are void"},
	{Asking, events.KindRuled, Asking, "allow, deny or ask"},
	{Asking, events.KindAsked, Asking, "approved, and another check wants a person"},
	{Asking, events.KindRuled, Waiting, "approved, but held"},
	{Asking, events.KindAdmitted, Acting, "approved, and every check passed again"},
	{Asking, events.KindAborted, Asking, ""},
	{Asking, events.KindClosed, Closed, "rejected, lapsed, cleared or aborted"},

	{Acting, events.KindRuled, Acting, "the next step may be taken, is held up, or may not"},
	{Acting, events.KindIntended, Acting, "the next step"},
	{Acting, events.KindApplied, Acting, ""},
	{Acting, events.KindApplied, Verifying, "the last step stands"},
	{Acting, events.KindRefused, Acting, ""},
	{Acting, events.KindUnknown, Acting, "to be looked up"},
	{Acting, events.KindFound, Acting, ""},
	{Acting, events.KindFound, Verifying, "the last step stands"},
	{Acting, events.KindIntended, Reverting, "one end refused, or aborted"},
	{Acting, events.KindRelapsed, Open, "nothing of it reached a router, so decided anew"},
	{Acting, events.KindAborted, Acting, ""},
	{Acting, events.KindStuck, Stuck, "the outcome cannot be learnt"},
	{Acting, events.KindClosed, Closed, "refused, nothing stands"},

	{Verifying, events.KindVerified, Verifying, "passed, or failed and to be undone"},
	{Verifying, events.KindVerified, Confirming, "passed, and a router waits for its confirmation"},
	{Verifying, events.KindFound, Verifying, "a router has lost it"},
	{Verifying, events.KindHeld, Holding, "verified"},
	{Verifying, events.KindIntended, Reverting, "verification failed"},
	{Verifying, events.KindAborted, Verifying, ""},
	{Verifying, events.KindStuck, Stuck, "somebody else changed it"},
	{Verifying, events.KindClosed, Closed, "lost, nothing stands"},

	{Confirming, events.KindConfirmed, Confirming, ""},
	{Confirming, events.KindFound, Confirming, ""},
	{Confirming, events.KindHeld, Holding, "confirmed"},
	{Confirming, events.KindIntended, Reverting, "a router rolled back, so the rest is undone"},
	{Confirming, events.KindAborted, Confirming, ""},
	{Confirming, events.KindStuck, Stuck, "the outcome cannot be learnt"},
	{Confirming, events.KindClosed, Closed, "rolled back by itself, nothing stands"},

	{Holding, events.KindRuled, Holding, "not to be released yet, or the network no longer bears it"},
	{Holding, events.KindRenewed, Holding, "not clear for long enough"},
	{Holding, events.KindFound, Holding, "a router has lost it"},
	{Holding, events.KindReleased, Holding, ""},
	{Holding, events.KindIntended, Reverting, "released, aborted or lost"},
	{Holding, events.KindRelapsed, Open, "a dry run is decided anew"},
	{Holding, events.KindAborted, Holding, ""},
	{Holding, events.KindStuck, Stuck, "the hold has expired, the network no longer bears it, or somebody else changed it"},
	{Holding, events.KindClosed, Closed, "a dry run ends, or nothing stands"},

	{Reverting, events.KindIntended, Reverting, "again, or the step before"},
	{Reverting, events.KindApplied, Reverting, ""},
	{Reverting, events.KindRefused, Reverting, ""},
	{Reverting, events.KindUnknown, Reverting, "to be looked up"},
	{Reverting, events.KindFound, Reverting, ""},
	{Reverting, events.KindReverted, Reverting, "not released"},
	{Reverting, events.KindReverted, Probation, "released, so watched"},
	{Reverting, events.KindAborted, Reverting, ""},
	{Reverting, events.KindStuck, Stuck, "it cannot be taken back, or is not seen to be"},
	{Reverting, events.KindClosed, Closed, "rolled back"},

	{Probation, events.KindRelapsed, Open, "the fault is back, drained again and held twice as long"},
	{Probation, events.KindAborted, Probation, ""},
	{Probation, events.KindStuck, Stuck, "it is not seen to be in service again"},
	{Probation, events.KindClosed, Closed, "restored, or put back with its fault"},

	{Stuck, events.KindFound, Stuck, ""},
	{Stuck, events.KindUnknown, Stuck, ""},
	{Stuck, events.KindRuled, Stuck, "the network no longer bears it, or does again"},
	{Stuck, events.KindReleased, Stuck, "a person orders the undrain, or the network no longer bears it"},
	{Stuck, events.KindAborted, Stuck, "a person orders the undo"},
	{Stuck, events.KindStuck, Stuck, "what was ordered cannot be carried out, or the network no longer bears it"},
	{Stuck, events.KindIntended, Reverting, "ordered by a person, or released"},
	{Stuck, events.KindClosed, Closed, "nothing stands any more"},
}

// lawful reports whether the table has a row. An event that changes nothing may be observed in every phase.
func lawful(from Phase, kind events.Kind, to Phase) bool {
	if kind == events.KindObserved && from == to && from != None {
		return true
	}
	for _, t := range table {
		if t.From == from && t.Kind == kind && t.To == to {
			return true
		}
	}
	return false
}

// Diagram draws the table as a Mermaid state diagram. Records that leave the phase as it is are left out.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for _, t := range table {
		if t.From == t.To {
			continue
		}
		from := string(t.From)
		if t.From == None {
			from = "[*]"
		}
		fmt.Fprintf(&b, "    %s --> %s: %s (%s)\n", from, t.To, t.Kind, t.When)
	}
	b.WriteString("    closed --> [*]\n")
	return b.String()
}
