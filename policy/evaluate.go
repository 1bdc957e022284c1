package policy

import (
	"slices"

	"github.com/detour-net/detour/events"
)

// Evaluate says whether the plan may be carried out now. Every check is asked and recorded. A check that nothing but
// another plan can satisfy denies; one that time or a person can satisfy defers; then a person is asked if the rule, the
// platform or the act wants one; only then the answer is allow.
func (p *Policy) Evaluate(q Question) events.Ruled { return p.rule(q, p.asked(q.Rule)) }

// EvaluateStep says whether a mitigation that is under way may go on by the steps that are left, which are the plan's. It
// asks what Evaluate asks, but for what concerns beginning: the rates, which count it already; what it is worth, for
// traffic may have left; and whether the link is drained already, or its metrics differ, for that is its own doing.
func (p *Policy) EvaluateStep(q Question) events.Ruled {
	checks := slices.DeleteFunc(slices.Clone(p.asked(q.Rule)), func(c check) bool {
		switch c.name {
		case CheckRate, CheckCeilRate, CheckWorth, CheckUndrained:
			return true
		}
		return false
	})
	q.underWay = true
	return p.rule(q, checks)
}

// EvaluateRelease says whether the plan's mitigation may be taken back now. Only what concerns putting back is asked:
// freeze, breaker, budgets, rates and approvals stop what adds risk, and never keep a drain in place.
func (p *Policy) EvaluateRelease(q Question) events.Ruled { return p.rule(q, releaseChecks) }

// Names of the checks of Evaluate, EvaluateStep and EvaluateRelease.
const (
	CheckPlan       = "plan-sane"
	CheckCure       = "right-cure"
	CheckFresh      = "facts-fresh"
	CheckReadable   = "pre-image-readable"
	CheckUnchanged  = "pre-image-unchanged"
	CheckEnds       = "ends-agree"
	CheckPlatform   = "platform-qualified"
	CheckUndrained  = "not-yet-drained"
	CheckCoverage   = "telemetry-coverage"
	CheckCalm       = "network-calm"
	CheckHeadroom   = "headroom"
	CheckNever      = "never-touched"
	CheckModel      = "model-known"
	CheckMatrix     = "matrix-fresh"
	CheckCounters   = "counters-agree"
	CheckConserved  = "flow-conserved"
	CheckFit        = "model-fits"
	CheckConnected  = "connectivity"
	CheckCapacity   = "capacity"
	CheckSurvives   = "survives"
	CheckLoopFree   = "loop-free"
	CheckStop       = "stop-threshold"
	CheckShare      = "capacity-share"
	CheckWorth      = "worth-it"
	CheckSelf       = "self-dependence"
	CheckFreeze     = "freeze"
	CheckBreaker    = "breaker"
	CheckBusy       = "device-free"
	CheckRate       = "rate"
	CheckCeiling    = "ceiling-links"
	CheckCeilDevice = "ceiling-device"
	CheckCeilPlane  = "ceiling-plane"
	CheckCeilRate   = "ceiling-rate"
	CheckCeilPlan   = "ceiling-plan"
	CheckHard       = "hard-drain"
	CheckApproval   = "approval"
	checkBudget     = "budget-" // with the kind of scope
)

// CheckCause is the check of whether what is allowed may be begun now, of a fault that is one of several with one cause. The
// core asks it: it is about other incidents.
const CheckCause = "one-cause"

// actChecks are the checks of an act that adds risk, in the order in which they stand on the record.
var actChecks = []check{
	{CheckPlan, events.Deny, planSane},
	{CheckCeilPlan, events.Deny, ceilingPlan},
	{CheckNever, events.Deny, neverTouched},
	{CheckCure, events.Deny, rightCure},
	{CheckFresh, events.Defer, factsFresh},
	{CheckReadable, events.Defer, preImageReadable},
	{CheckUnchanged, events.Defer, preImageHolds},
	{CheckEnds, events.Defer, endsAgree},
	{CheckPlatform, events.Defer, platformQualified},
	{CheckUndrained, events.Deny, notYetDrained},
	{CheckCoverage, events.Defer, telemetryCoverage},
	{CheckCalm, events.Defer, networkCalm},
	{CheckModel, events.Defer, modelKnown},
	{CheckMatrix, events.Defer, matrixFresh},
	{CheckCounters, events.Defer, countersAgree},
	{CheckConserved, events.Defer, flowConserved},
	{CheckFit, events.Defer, modelFits},
	{CheckConnected, events.Deny, onProspect(limitConnected, ProspectLimits.connectivity)},
	{CheckCapacity, events.Defer, onProspect(limitCapacity, ProspectLimits.capacity)},
	{CheckHeadroom, events.Defer, headroom},
	{CheckSurvives, events.Defer, survivesOneMore},
	{CheckLoopFree, events.Defer, loopFree},
	{CheckFreeze, events.Defer, notFrozen},
	{CheckBreaker, events.Defer, breakerClosed},
	{CheckBusy, events.Defer, devicesFree},
	{checkBudget + "network", events.Defer, budget("network")},
	{checkBudget + "level", events.Defer, budget("level")},
	{checkBudget + "plane", events.Defer, budget("plane")},
	{checkBudget + "site", events.Defer, budget("site")},
	{checkBudget + "site-pair", events.Defer, budget("site-pair")},
	{checkBudget + "srlg", events.Defer, budget("srlg")},
	{checkBudget + "bundle", events.Defer, budget("bundle")},
	{checkBudget + "device", events.Defer, budget("device")},
	{checkBudget + "link", events.Defer, budget("link")},
	{CheckStop, events.Defer, stop},
	{CheckShare, events.Defer, share},
	{CheckRate, events.Defer, rate},
	{CheckCeiling, events.Defer, ceilingLinks},
	{CheckCeilDevice, events.Defer, ceilingDevice},
	{CheckCeilPlane, events.Defer, ceilingPlane},
	{CheckCeilRate, events.Defer, ceilingRate},
	{CheckWorth, events.Ask, worthIt},
	{CheckSelf, events.Deny, selfDependence},
	{CheckHard, events.Ask, hardDrain},
	{CheckApproval, events.Ask, approval},
}

// releaseChecks are the checks of putting back, in the order in which they stand on the record.
var releaseChecks = []check{
	{CheckPlan, events.Deny, planSane},
	{CheckFresh, events.Defer, factsFresh},
	{CheckReadable, events.Defer, preImageReadable},
	{CheckBusy, events.Defer, devicesFree},
	{CheckCapacity, events.Defer, returnCapacity},
	{CheckSurvives, events.Defer, returnSurvives},
}

// OnBoard reports whether a check rests on the Board and the clock alone: asking it again needs no new look at routers.
func OnBoard(name string) bool {
	switch name {
	case CheckFreeze, CheckBreaker, CheckBusy, CheckRate, CheckCeilRate:
		return true
	}
	return false
}

// check is one question: its name, what the verdict is at least when the answer is no, and how it is answered.
type check struct {
	name string
	no   events.Verdict
	ask  func(*Policy, Question) answer
}

// answer is what a check found.
type answer struct {
	ok     bool
	value  string
	limit  string
	detail string // a sentence
	remedy string // when not ok: what would unblock it, and who can
	no     events.Verdict
}

// check is the answer as it stands on the record.
func (a answer) check(name string) events.Check {
	c := events.Check{Name: name, OK: a.ok, Value: a.value, Limit: a.limit, Detail: a.detail}
	if !a.ok {
		c.Remedy = a.remedy
	}
	return c
}

// rule asks every check and takes the worst answer.
func (p *Policy) rule(q Question, checks []check) events.Ruled {
	r := events.Ruled{Verdict: events.Allow, Rule: q.Rule.Name, Plan: q.digest(), Policy: p.digest, Checks: make([]events.Check, len(checks))}
	q.claimed = q.claims()
	q.Facts.Prospect, q.unforeseen = p.foresee(q)
	q.lap("")
	for i, c := range checks {
		q.approved = q.Approved && (q.Mode != events.Live || slices.Contains(q.ApprovedFor, c.name))
		a := c.ask(p, q)
		q.lap(c.name)
		r.Checks[i] = a.check(c.name)
		if a.ok {
			continue
		}
		no := c.no
		if a.no != "" {
			no = a.no
		}
		if gravity(no) > gravity(r.Verdict) {
			r.Verdict = no
		}
	}
	return r
}

func (q Question) lap(check string) {
	if q.Lap != nil {
		q.Lap(check)
	}
}

// gravity orders verdicts.
func gravity(v events.Verdict) int {
	switch v {
	case events.Allow:
		return 0
	case events.Ask:
		return 1
	case events.Defer:
		return 2
	}
	return 3
}
