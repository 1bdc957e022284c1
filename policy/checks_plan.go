package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

// planSane holds the plan against its target: it sets both ends of one link and nothing else, and says what must be
// seen afterwards. What must be set is not taken from the plan: every metric that the ends were seen to have, so that
// neither a leaf too many nor one too few goes unseen.
func planSane(_ *Policy, q Question) answer {
	a := answer{value: fmt.Sprintf("%s sets %s", q.Plan.Remediator, strings.Join(q.Plan.Devices(), ", ")), limit: "every metric of both ends of the target, nothing else", remedy: "this is left to a person: the plan does not fit its target"}
	for _, why := range []string{insane(q.Plan), incoherent(q.Plan), gap(q)} {
		if why != "" {
			a.detail = why
			return a
		}
	}
	a.ok, a.detail = true, "the plan sets both ends of the link and nothing else"
	return a
}

func insane(plan events.Plan) (why string) {
	t := plan.Target
	switch {
	case t.Kind != events.TargetLink:
		return fmt.Sprintf("the target %s is not a link", t.Key())
	case len(t.Ends) != 2:
		return fmt.Sprintf("%s has %d known ends, want 2", t.Key(), len(t.Ends))
	case len(plan.Steps) == 0:
		return "the plan has no step"
	case len(plan.Checks) == 0:
		return "the plan does not say what must be seen afterwards"
	}
	for _, name := range plan.Checks {
		if _, ok := verifications[name]; !ok {
			return fmt.Sprintf("the plan wants the verification %q, which is not known", name)
		}
	}
	for n, step := range plan.Steps {
		var set []string
		for _, c := range step.Changes {
			if slices.Contains(set, c.Device) {
				return fmt.Sprintf("step %d sets %s twice", n+1, c.Device)
			}
			if len(c.Settings) == 0 {
				return fmt.Sprintf("step %d sets nothing on %s", n+1, c.Device)
			}
			set = append(set, c.Device)
		}
		for _, end := range t.Ends {
			if !slices.Contains(set, end.Device) {
				return fmt.Sprintf("step %d does not set %s: a metric is one-directional, the link would be left asymmetric", n+1, end.Device)
			}
		}
	}
	settings(plan, func(device string, s events.Setting) {
		if why == "" && !slices.Contains(t.Ends, events.End{Device: device, Interface: s.Interface}) {
			why = fmt.Sprintf("%s %s is not an end of %s", device, s.Interface, t.Key())
		}
	})
	return why
}

// incoherent says where a step does not go on from what the one before it has set, or sets a leaf twice.
func incoherent(plan events.Plan) (why string) {
	at := map[routerLeaf]events.Value{}
	for n, step := range plan.Steps {
		set := map[routerLeaf]bool{}
		for _, c := range step.Changes {
			for _, s := range c.Settings {
				leaf := routerLeaf{c.Device, s.LeafRef}
				before, known := at[leaf]
				switch {
				case set[leaf]:
					return fmt.Sprintf("step %d sets %s on %s twice", n+1, s.LeafRef, c.Device)
				case known && before != s.Before:
					return fmt.Sprintf("step %d takes %s on %s to be %s, and the step before sets it to %s", n+1, s.LeafRef, c.Device, s.Before, before)
				}
				set[leaf], at[leaf] = true, s.After
			}
		}
	}
	return ""
}

// gap says which metric of the target's ends the plan leaves behind: its level or family would stay on the link.
func gap(q Question) string {
	set := map[routerLeaf]bool{}
	settings(q.Plan, func(device string, s events.Setting) { set[routerLeaf{device, s.LeafRef}] = true })
	for _, e := range q.Plan.Target.Ends {
		end, _ := endOf(q.Facts, e.Device, e.Interface)
		for _, leaf := range end.Leaves {
			if leaf.Leaf == events.ISISMetric && leaf.Interface == e.Interface && !set[routerLeaf{e.Device, leaf.LeafRef}] {
				return fmt.Sprintf("the plan does not set %s on %s, which would keep its traffic on the link", leaf.LeafRef, e.Device)
			}
		}
	}
	return ""
}

// ceilingPlan holds what the plan sets against the compiled ceiling.
func ceilingPlan(_ *Policy, q Question) answer {
	a := answer{ok: true, limit: fmt.Sprintf("at most %d routers, metrics %d to %d", CeilingDevices, MinMetric, MaxMetric), remedy: "nothing raises the ceiling of this binary; change the rule"}
	a.value = fmt.Sprintf("%d routers", len(q.Plan.Devices()))
	a.detail = "the plan stays below the ceiling of this binary"
	if n := len(q.Plan.Devices()); n > CeilingDevices {
		a.ok, a.detail = false, fmt.Sprintf("the plan sets %d routers", n)
	}
	settings(q.Plan, func(device string, s events.Setting) {
		n, ok := s.After.Uint()
		if s.Leaf == events.ISISMetric && (!ok || n < MinMetric || n > MaxMetric) {
			a.ok, a.value, a.detail = false, s.After.String(), fmt.Sprintf("%s on %s would be set to %s, which is no wide metric", s.LeafRef, device, s.After)
		}
		if s.Leaf != events.ISISMetric {
			a.ok, a.value, a.detail = false, string(s.Leaf), fmt.Sprintf("%s on %s is not on the list of leaves that may be set", s.LeafRef, device)
		}
	})
	return a
}

// rightCure refuses what draining makes worse or does not help: load follows traffic wherever it goes, a link that is
// down carries none, and a sick card, router or peer is not cured at one link.
func rightCure(_ *Policy, q Question) answer {
	a := answer{value: string(q.Symptom), limit: "a fault of the link that moving traffic cures", remedy: "leave it to a person"}
	for _, end := range q.Facts.Ends {
		if end.Oper != "" && end.Oper != operUp {
			a.value = fmt.Sprintf("%s %s is %s", end.Device, end.Interface, end.Oper)
			a.detail = fmt.Sprintf("%s %s is %s: routing has left the link already, a drain adds nothing", end.Device, end.Interface, end.Oper)
			return a
		}
	}
	switch q.Symptom {
	case events.LinkErrors, events.LinkFlap, events.OpticalDegrade, events.SilentLoss, events.AdjacencyFlap:
		a.ok, a.detail = true, fmt.Sprintf("%s harms only what crosses the link, and moving traffic off it cures that", q.Symptom)
	case events.Congestion:
		a.ok, a.detail = !q.drains(), "congestion follows traffic: a drain would move it and take the link's capacity away"
		a.remedy = "add capacity, or let a rule raise the metric by a small amount (isis-metric)"
		if a.ok {
			a.detail = "the plan raises a metric without draining the link"
		}
	case events.LinkDown:
		a.detail = "a link that is down carries no traffic: routing has left it already"
	default:
		a.detail = fmt.Sprintf("%s is not cured at one link", q.Symptom)
	}
	return a
}

const operUp = "UP"

// notYetDrained refuses a link that is already a last resort, whoever made it one: its present metric is not one to come
// back to, and whoever drained it owns it.
func notYetDrained(_ *Policy, q Question) answer {
	a := answer{ok: true, value: "in use", limit: "metric below the drain value at both ends", detail: "the link is in normal use at both ends"}
	for _, end := range q.Facts.Ends {
		for _, leaf := range end.Leaves {
			if n, ok := effective(leaf); ok && n >= softest(end) {
				return answer{
					value: fmt.Sprint(n), limit: fmt.Sprintf("below %d", softest(end)),
					detail: fmt.Sprintf("%s L%d %s on %s already stands at %d: somebody has drained the link", leaf.Interface, leaf.Level, leaf.Family, end.Device, n),
					remedy: "whoever drained it puts it back; Detour never undoes others' drains",
				}
			}
		}
	}
	if slices.Contains(q.Facts.Network.DrainedLinks, q.Plan.Target.Name) {
		a.ok, a.value, a.detail, a.remedy = false, "drained", "the network's state shows the link drained already", "whoever drained it puts it back; Detour never undoes others' drains"
	}
	return a
}

// effective is the metric that SPF sees: the state's where it is known, else the configured one.
func effective(l events.LeafFacts) (uint64, bool) {
	if n, ok := l.State.Uint(); ok {
		return n, true
	}
	return l.Config.Uint()
}
