package policy

import (
	"fmt"
	"slices"

	"github.com/detour-net/detour/events"
)

// Outcome is how a verification stands.
type Outcome string

// The outcomes of a verification, best first.
const (
	Pass Outcome = "pass" // everything that the plan promised is seen
	Wait Outcome = "wait" // something is not seen yet and may still come true; at the deadline that is a fail
	Fail Outcome = "fail" // damage is seen: take it back now
)

// Verification is what was found after a plan was carried out.
type Verification struct {
	Outcome Outcome
	Decided string // name of the check that the outcome comes from: the first that shows damage, or else the first that is not seen; "" when it passed
	Checks  []events.Check
	Untold  bool // it waits, and something that was told before is not told now: nobody says that it is otherwise
}

// add weighs one more answer.
func (v *Verification) add(outcome Outcome, c events.Check) {
	c.OK = outcome == Pass
	v.Checks = append(v.Checks, c)
	if outcome == Fail && v.Outcome != Fail || outcome == Wait && v.Outcome == Pass {
		v.Outcome, v.Decided = outcome, c.Name
	}
}

// seen is what a verification may look at.
type seen struct {
	plan          events.Plan
	before, after events.Facts
}

// Verify asks each check that the plan names, of what was seen before it and is seen now. What is not known is never
// taken for good.
func (p *Policy) Verify(plan events.Plan, before, after events.Facts) Verification {
	v := Verification{Outcome: Pass}
	if len(plan.Checks) == 0 {
		v.add(Fail, events.Check{Name: "verification", Value: "none", Detail: "the plan does not say what must be seen afterwards"})
	}
	for _, name := range plan.Checks {
		ask, ok := verifications[name]
		outcome, c := Fail, events.Check{Detail: "this verification is not known"}
		if ok {
			outcome, c = ask(p, seen{plan, before, after})
		}
		c.Name = name
		v.add(outcome, c)
	}
	return v
}

// VerifyUndo asks of changes that were taken back, in the order in which they were made, whether every leaf of theirs is
// seen to read as before them. A router may take an undo into its configuration and not act on it: the state must agree.
// What is not seen yet may still come true, so the outcome is Pass or Wait.
func VerifyUndo(changes []events.Change, before, after events.Facts) Verification {
	v := Verification{Outcome: Pass}
	outcome, c := readsAsBefore(changes, before, after)
	c.Name = events.CheckAsBefore
	v.add(outcome, c)
	v.Untold = v.Outcome == Wait && !tells(changes, before, after)
	return v
}

// VerifyReturn asks of a plan that was taken back because its fault is gone whether the link is in service again: all of
// VerifyUndo, and that it is up with the adjacencies that it had before.
func VerifyReturn(plan events.Plan, before, after events.Facts) Verification {
	var changes []events.Change
	for _, step := range plan.Steps {
		changes = append(changes, step.Changes...)
	}
	v := VerifyUndo(changes, before, after)
	outcome, c := inService(plan.Target.Ends, before, after)
	c.Name = events.CheckInService
	v.add(outcome, c)
	v.Untold = v.Outcome == Wait && !tells(changes, before, after)
	return v
}

// tells reports whether after says as much as before of the ends and of what changes name: telemetry may be back in part, or have
// only begun.
func tells(changes []events.Change, before, after events.Facts) bool {
	for _, was := range before.Ends {
		if is, ok := endOf(after, was.Device, was.Interface); !ok || is.Oper == "" && was.Oper != "" {
			return false
		}
	}
	for _, change := range changes {
		for _, s := range change.Settings {
			l := routerLeaf{change.Device, s.LeafRef}
			was, _ := l.in(before)
			if is, ok := l.in(after); !ok || is.State.Absent() && !was.State.Absent() {
				return false
			}
		}
	}
	return true
}

var verifications = map[string]func(*Policy, seen) (Outcome, events.Check){
	events.CheckTrafficLeft:  trafficLeft,
	events.CheckSymptomGone:  symptomGone,
	events.CheckNothingBroke: nothingBroke,
	events.CheckAsConfigured: asConfigured,
	events.CheckMetricRaised: metricRaised,
}

// trafficLeft wants both directions of the link below a share of its line rate or of what they carried before.
func trafficLeft(p *Policy, s seen) (Outcome, events.Check) {
	left, c := p.empty(s)
	switch {
	case left == Pass:
		c.Detail = "traffic has left the link in both directions"
	case c.Detail == "":
		c.Detail = "traffic still crosses the link"
	}
	return left, c
}

// empty says whether both directions are empty, each by the counters of the router that sends.
func (p *Policy) empty(s seen) (Outcome, events.Check) {
	outcome, c := Pass, events.Check{}
	for _, e := range s.plan.Target.Ends {
		was, _ := endOf(s.before, e.Device, e.Interface)
		is, ok := endOf(s.after, e.Device, e.Interface)
		if !ok || is.Traffic == nil {
			return Wait, events.Check{Value: "unknown", Detail: fmt.Sprintf("the counters of %s %s are not seen yet", e.Device, e.Interface)}
		}
		limit := s.plan.Target.Capacity / 1000 * int64(p.file.Verify.TrafficPermilOfLine)
		if was.Traffic != nil {
			limit = max(limit, was.Traffic.OutBPS/1000*int64(p.file.Verify.TrafficPermilOfPrior))
		}
		c.Value = list(c.Value, fmt.Sprintf("%s sends %d bit/s", e.Device, is.Traffic.OutBPS))
		c.Limit = list(c.Limit, fmt.Sprintf("%d bit/s", limit))
		if is.Traffic.OutBPS > limit {
			outcome = Wait
		}
	}
	return outcome, c
}

func list(have, more string) string {
	if have == "" {
		return more
	}
	return have + ", " + more
}

// symptomGone wants the link to harm nothing any more: it has no errors, or nothing crosses it that they could hit.
func symptomGone(p *Policy, s seen) (Outcome, events.Check) {
	limit := p.file.Verify.ErrorsPerSecond
	c := events.Check{Limit: fmt.Sprintf("at most %d errors/s at each end, or no traffic", limit), Detail: "the link harms no traffic any more"}
	quiet := true
	for _, e := range s.plan.Target.Ends {
		end, ok := endOf(s.after, e.Device, e.Interface)
		if !ok || end.Traffic == nil {
			c.Value, c.Detail = "unknown", fmt.Sprintf("the counters of %s %s are not seen yet", e.Device, e.Interface)
			return Wait, c
		}
		c.Value = list(c.Value, fmt.Sprintf("%s %d errors/s", e.Device, end.Traffic.InErrors))
		quiet = quiet && end.Traffic.InErrors <= limit
	}
	if left, _ := p.empty(s); !quiet && left != Pass {
		c.Detail = "traffic that crosses the link still meets errors"
		return Wait, c
	}
	return Pass, c
}

// nothingBroke wants the link to be up with its adjacencies, no other link to have gone down, and none to be overloaded.
// Damage fails at once: waiting would only prolong it.
func nothingBroke(p *Policy, s seen) (Outcome, events.Check) {
	c := events.Check{Limit: fmt.Sprintf("adjacencies kept, no other link down, worst link at most %d per mille", p.worst(s))}
	if outcome, ends := endsUp(s.plan.Target.Ends, s.before, s.after); outcome != Pass {
		c.Value, c.Detail = ends.Value, ends.Detail
		return outcome, c
	}
	n := s.after.Network
	for _, name := range n.DownLinks {
		if name != s.plan.Target.Name && !slices.Contains(s.before.Network.DownLinks, name) {
			c.Value, c.Detail = name+" down", fmt.Sprintf("link %s has gone down since", name)
			return Fail, c
		}
	}
	if n.WorstPermil > p.worst(s) {
		c.Value, c.Detail = fmt.Sprintf("%s at %d per mille", n.WorstLink, n.WorstPermil), fmt.Sprintf("link %s is overloaded", n.WorstLink)
		return Fail, c
	}
	if ok, a := p.covered(n); !ok {
		c.Value, c.Detail, c.Remedy = a.value, a.detail, a.remedy
		return Wait, c
	}
	if n.WorstPermil < 0 {
		c.Value, c.Detail = "unknown", "the load of the other links is not known yet"
		return Wait, c
	}
	c.Value, c.Detail = fmt.Sprintf("worst link at %d per mille", n.WorstPermil), "nothing else has suffered"
	return Pass, c
}

// endsUp wants every end to be up with the adjacencies that it had before.
func endsUp(ends []events.End, before, after events.Facts) (Outcome, events.Check) {
	for _, e := range ends {
		was, _ := endOf(before, e.Device, e.Interface)
		is, ok := endOf(after, e.Device, e.Interface)
		switch {
		case !ok || is.Oper == "":
			return Wait, events.Check{Value: "unknown", Detail: fmt.Sprintf("the state of %s %s is not seen yet", e.Device, e.Interface)}
		case is.Oper != operUp:
			return Fail, events.Check{Value: is.Oper, Detail: fmt.Sprintf("%s %s has gone %s", e.Device, e.Interface, is.Oper)}
		case is.Adjacencies < was.Adjacencies:
			return Fail, events.Check{
				Value:  fmt.Sprintf("%d adjacencies", is.Adjacencies),
				Detail: fmt.Sprintf("%s %s had %d adjacencies up and has %d", e.Device, e.Interface, was.Adjacencies, is.Adjacencies),
			}
		}
	}
	return Pass, events.Check{}
}

// inService is endsUp of a link that was put back: an adjacency may need its time, so nothing is damage.
func inService(ends []events.End, before, after events.Facts) (Outcome, events.Check) {
	outcome, c := endsUp(ends, before, after)
	c.Limit = "up, with the adjacencies of before"
	if outcome == Pass {
		c.Value, c.Detail = "up", "the link is up with its adjacencies"
		return Pass, c
	}
	return Wait, c
}

// worst is the load that no other link may exceed: the policy's limit, or a little more than what it was before.
func (p *Policy) worst(s seen) int {
	limit := p.file.Verify.WorstLinkPermil
	if was := s.before.Network.WorstPermil; was >= 0 {
		limit = max(limit, was+p.file.Verify.WorseByPermil)
	}
	return limit
}

// asConfigured wants every leaf to read as the plan's last step left it, in the configuration and in the state.
func asConfigured(_ *Policy, s seen) (Outcome, events.Check) { return reads(s, true) }

// metricRaised wants the same of the state alone.
func metricRaised(_ *Policy, s seen) (Outcome, events.Check) { return reads(s, false) }

// routerLeaf is one leaf of one router.
type routerLeaf struct {
	device string
	events.LeafRef
}

// in is what facts say of the leaf; ok is false when it was not read.
func (l routerLeaf) in(f events.Facts) (is events.LeafFacts, ok bool) {
	end, _ := endOf(f, l.device, l.Interface)
	i := slices.IndexFunc(end.Leaves, func(f events.LeafFacts) bool { return f.LeafRef == l.LeafRef })
	if end.Unreadable != "" || i < 0 {
		return events.LeafFacts{}, false
	}
	return end.Leaves[i], true
}

func reads(s seen, config bool) (Outcome, events.Check) {
	want, order := map[routerLeaf]events.Value{}, []routerLeaf{}
	settings(s.plan, func(device string, set events.Setting) {
		l := routerLeaf{device, set.LeafRef}
		if _, ok := want[l]; !ok {
			order = append(order, l)
		}
		want[l] = set.After
	})
	c := events.Check{Limit: "every leaf as set", Value: fmt.Sprintf("%d leaves as set", len(order)), Detail: "every leaf reads as it was set"}
	for _, l := range order {
		is, ok := l.in(s.after)
		switch {
		case !ok:
			return Wait, unread(l)
		case config && is.Config != want[l]:
			return Fail, configured(l, is.Config, want[l])
		case is.State != want[l]:
			return Wait, shown(l, is.State, want[l])
		}
	}
	return Pass, c
}

// readsAsBefore wants every leaf that changes name to read as before the first of them. The state may show what it showed
// then instead: a router makes a number of what is absent, or a word. Where neither is known, it is anything but what was
// set.
func readsAsBefore(changes []events.Change, before, after events.Facts) (Outcome, events.Check) {
	want, set, order := map[routerLeaf]events.Value{}, map[routerLeaf][]events.Value{}, []routerLeaf{}
	for _, change := range changes {
		for _, s := range change.Settings {
			l := routerLeaf{change.Device, s.LeafRef}
			if _, ok := want[l]; !ok {
				want[l], order = s.Before, append(order, l)
			}
			set[l] = append(set[l], s.After)
		}
	}
	for _, l := range order {
		is, ok := l.in(after)
		was, _ := l.in(before)
		unknown := want[l].Absent() && was.State.Absent()
		switch {
		case !ok:
			return Wait, unread(l)
		case is.Config != want[l]:
			return Wait, configured(l, is.Config, want[l])
		case unknown && !slices.Contains(set[l], is.State):
		case unknown, is.State.Absent(), is.State != want[l] && is.State != was.State:
			return Wait, shown(l, is.State, want[l])
		}
	}
	return Pass, events.Check{Limit: "every leaf as before", Value: fmt.Sprintf("%d leaves as before", len(order)), Detail: "every leaf reads as it did before"}
}

func unread(l routerLeaf) events.Check {
	return events.Check{Value: "unread", Limit: "read", Detail: fmt.Sprintf("%s on %s was not read", l.LeafRef, l.device)}
}

func configured(l routerLeaf, is, want events.Value) events.Check {
	return events.Check{
		Value: is.String(), Limit: want.String(),
		Detail: fmt.Sprintf("%s on %s is configured as %s, not as %s", l.LeafRef, l.device, is, want),
	}
}

func shown(l routerLeaf, is, want events.Value) events.Check {
	return events.Check{
		Value: is.String(), Limit: want.String(),
		Detail: fmt.Sprintf("the state of %s on %s shows %s, not yet %s", l.LeafRef, l.device, is, want),
	}
}
