package main

import (
	"fmt"
	"strings"

	"github.com/detour-net/detour/events"
)

// sentence says in a line what a record says. With the plan that it is about, if any, it names routers.
func sentence(body events.Body, plan *events.Plan) string {
	if text, ok := aboutAct(body, plan); ok {
		return text
	}
	if text, ok := aboutDecision(body); ok {
		return text
	}
	return aboutBoard(body)
}

// aboutAct is about what routers were asked and what they answered.
func aboutAct(body events.Body, plan *events.Plan) (string, bool) {
	where := func(step, change int) string { return place(plan, step, change) }
	switch r := body.(type) {
	case events.Intended:
		what := "set"
		if r.Undo {
			what = "undo"
		}
		return join(fmt.Sprintf("%s step %d, attempt %d, by %s until %s", what, r.Step+1, r.Attempt, r.Owner, stamp(r.Deadline)), r.Why), true
	case events.Applied:
		return join(fmt.Sprintf("%s taken in %s, Sets sent: %d%s", act(r.Act, where), r.Took, r.Sets, bars(r.Bars)), r.Detail), true
	case events.Refused:
		return join(fmt.Sprintf("%s refused (%s %s)", act(r.Act, where), r.Class, r.Code), r.Detail), true
	case events.Unknown:
		return join(fmt.Sprintf("%s nobody can tell whether it was taken (%s)", act(r.Act, where), r.Code), r.Detail), true
	case events.Found:
		return join(fmt.Sprintf("%s read back: it stands as %s the change", where(r.Step, r.Change), r.Seen), r.Detail), true
	case events.Confirmed:
		return join(fmt.Sprintf("%s told to stay: %t", where(r.Step, r.Change), r.OK), r.Detail), true
	case events.Verified:
		return map[bool]string{true: "passed", false: "failed"}[r.Pass] + failed(r.Checks), true
	case events.Held:
		return fmt.Sprintf("until %s at the earliest, %s at the latest", stamp(r.Until), stamp(r.Expires)), true
	case events.Renewed:
		return fmt.Sprintf("until %s: %s", stamp(r.Until), r.Why), true
	case events.Released:
		return r.Why, true
	case events.Reverted:
		return r.Why, true
	case events.Relapsed:
		return r.Why, true
	case events.Stuck:
		return fmt.Sprintf("%s; %s", r.Why, r.Remedy), true
	}
	return "", false
}

// aboutDecision is about what was decided, by the policy or by people.
func aboutDecision(body events.Body) (string, bool) {
	switch r := body.(type) {
	case *events.Observed:
		return join(fmt.Sprintf("%s: %s %s %s on %s, event %s", r.Disposition, r.Anomaly.Severity, r.Anomaly.Kind, r.Anomaly.State, r.Anomaly.Resource, r.Event), r.Detail), true
	case events.DeadLettered:
		return fmt.Sprintf("%d bytes on %s: %s", r.Bytes, r.Subject, r.Reason), true
	case events.Opened:
		text := fmt.Sprintf("%s %s on %s, incident %d of it", r.Severity, r.Symptom, r.Target.Key(), r.Epoch)
		if g := r.Gathering; g != nil {
			text += fmt.Sprintf("; waits until %s for others in %v", stamp(g.Until), g.Scopes)
		}
		return text, true
	case events.Planned:
		return fmt.Sprintf("%s; plan %s, %s", r.Plan.Sentence, r.Digest.Short(), r.Mode), true
	case events.Ruled:
		return string(r.Verdict) + failed(r.Checks), true
	case events.Asked:
		return fmt.Sprintf("%d of %v until %s, plan %s%s", r.Quorum, r.Roles, stamp(r.Expires), r.Plan.Short(), forChecks(r.Checks)), true
	case events.Approved:
		return fmt.Sprintf("by %s, plan %s", who(r.By), r.Plan.Short()), true
	case events.Rejected:
		return join("by "+who(r.By), r.Reason), true
	case events.Lapsed:
		return "nobody decided until " + stamp(r.Expired), true
	case events.Admitted:
		return fmt.Sprintf("plan %s, counts against %v", r.Plan.Short(), r.Claims), true
	case events.Aborted:
		return join("by "+who(r.By), r.Reason), true
	case events.Closed:
		return fmt.Sprintf("%s: %s", r.Outcome, r.Reason), true
	}
	return "", false
}

// aboutBoard is about what concerns every incident.
func aboutBoard(body events.Body) string {
	switch r := body.(type) {
	case events.Frozen:
		return fmt.Sprintf("%s by %s: %s", r.Scope, who(r.By), r.Reason)
	case events.Thawed:
		return fmt.Sprintf("%s by %s", r.Scope, who(r.By))
	case events.MaintenanceBegun:
		return fmt.Sprintf("%s in %s until %s by %s: %s", r.Window, r.Scope, stamp(r.Until), who(r.By), r.Reason)
	case events.MaintenanceEnded:
		return fmt.Sprintf("%s by %s", r.Window, who(r.By))
	case events.PolicyLoaded:
		return fmt.Sprintf("%s from %s, mode %s", r.Digest.Short(), r.Source, r.Mode)
	case events.PolicyRefused:
		complaint, _, _ := strings.Cut(r.Why, "\n")
		return fmt.Sprintf("%s, %s stays in force: %s", r.Source, r.InForce.Short(), complaint)
	case events.Proved:
		return join(fmt.Sprintf("%s (%s)%s", r.Device, dash(r.Software), bars(r.Bars)), r.Detail)
	case events.RebootTrial:
		return fmt.Sprintf("%s (%s): %s, by %s", r.Device, dash(r.Software), r.Sentence(), who(r.By))
	case events.SignedOut:
		if r.Session == "" {
			return fmt.Sprintf("%s everywhere, by %s", r.Person, who(r.By))
		}
		return fmt.Sprintf("%s by %s", r.Person, who(r.By))
	case events.Linked:
		return fmt.Sprintf("%s of %s in %s is %s, by %s", r.Account, r.Team, r.Chat, r.Person, who(r.By))
	case events.Unlinked:
		return fmt.Sprintf("%s of %s in %s is %s no more, by %s", r.Account, r.Team, r.Chat, r.Person, who(r.By))
	case events.Told:
		return fmt.Sprintf("%s of %s in %s by %s: %s", r.What, r.Incident, r.Chat, r.Owner, map[bool]string{true: "shown", false: "about to be shown"}[r.Shown != ""])
	}
	return "a kind that this version does not know"
}

// place names a change by its router if the plan is known.
func place(plan *events.Plan, step, change int) string {
	if plan != nil && step < len(plan.Steps) && change < len(plan.Steps[step].Changes) {
		return fmt.Sprintf("step %d on %s", step+1, plan.Steps[step].Changes[change].Device)
	}
	return fmt.Sprintf("step %d change %d", step+1, change+1)
}

func act(a events.Act, where func(step, change int) string) string {
	what := where(a.Step, a.Change)
	if a.Undo {
		what = "undo of " + what
	}
	return fmt.Sprintf("%s, fence %d:", what, a.Fence)
}

func bars(list []events.Bar) string {
	if len(list) == 0 {
		return ""
	}
	return ", barred by " + joined(list)
}

func joined[S ~string](list []S) string {
	parts := make([]string, len(list))
	for n, s := range list {
		parts[n] = string(s)
	}
	return strings.Join(parts, ", ")
}

// failed names the checks that failed.
func failed(checks []events.Check) string {
	if names := events.Failing(checks); len(names) > 0 {
		return fmt.Sprintf(", held by %s of %d checks", strings.Join(names, ", "), len(checks))
	}
	return fmt.Sprintf(", %d checks", len(checks))
}

func join(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}
