package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

func sortedScopes(m map[events.Scope]events.Frozen) []events.Scope {
	return slices.SortedFunc(maps.Keys(m), cmp.Compare[events.Scope])
}

// describe shows a record in one line, without what changes with every edit of a text: digests.
func (s *stage) describe(body events.Body) string {
	kind := string(body.Kind())
	act := func(a events.Act, more string) string {
		undo := ""
		if a.Undo {
			undo = " undo"
		}
		return fmt.Sprintf("%s%s %d.%d %s", kind, undo, a.Step, a.Change, more)
	}
	switch b := body.(type) {
	case *events.Observed:
		return strings.TrimSpace(fmt.Sprintf("observed %s: %s %s", b.Event, b.Disposition, paren(b.Detail)))
	case events.Opened:
		return fmt.Sprintf("opened: %s %s", b.Severity, b.Symptom)
	case events.Planned:
		return fmt.Sprintf("planned %s: %s", b.Mode, b.Plan.Sentence)
	case events.Ruled:
		return strings.TrimSpace(fmt.Sprintf("ruled %s %s", b.Verdict, paren(notOK(b.Checks))))
	case events.Asked:
		return fmt.Sprintf("asked for %s: %d of %v until %s", strings.Join(b.Checks, ", "), b.Quorum, b.Roles, s.since(b.Expires))
	case events.Approved:
		return "approved by " + b.By.Name
	case events.Rejected:
		return fmt.Sprintf("rejected by %s: %s", b.By.Name, b.Reason)
	case events.Intended:
		return s.intended(b)
	case events.Applied:
		return strings.TrimSpace(act(b.Act, map[bool]string{true: "armed"}[b.Armed]))
	case events.Refused:
		return act(b.Act, fmt.Sprintf("(%s): %s", b.Class, b.Detail))
	case events.Unknown:
		return act(b.Act, "("+b.Detail+")")
	case events.Found:
		return strings.TrimSpace(fmt.Sprintf("found %d.%d %s %s", b.Step, b.Change, b.Seen, paren(b.Detail)))
	case events.Verified:
		if b.Pass {
			return "verified"
		}
		return fmt.Sprintf("verified: it failed by %s %s", b.Decided, paren(notOK(b.Checks)))
	case events.Confirmed:
		return strings.TrimSpace(fmt.Sprintf("confirmed %d.%d %t %s", b.Step, b.Change, b.OK, paren(b.Detail)))
	case events.Held:
		return fmt.Sprintf("held until %s, expires %s, drain %d", s.since(b.Until), s.since(b.Expires), b.Cycle)
	case events.Renewed:
		return fmt.Sprintf("renewed until %s (%s)", s.since(b.Until), b.Why)
	}
	return s.describeEnd(body)
}

func (s *stage) describeEnd(body events.Body) string {
	kind := string(body.Kind())
	switch b := body.(type) {
	case events.Released:
		return kind + ": " + b.Why
	case events.Reverted:
		if b.Probation.IsZero() {
			return kind
		}
		return kind + ", watched until " + s.since(b.Probation)
	case events.Relapsed:
		return kind + ": " + b.Why
	case events.Aborted:
		return fmt.Sprintf("aborted by %s: %s %s", b.By.Name, b.Reason, map[bool]string{true: "(as it is)"}[b.AsIs])
	case events.Stuck:
		return kind + ": " + b.Why + "; " + b.Remedy
	case events.Closed:
		if b.CoolDown.IsZero() {
			return fmt.Sprintf("closed %s: %s", b.Outcome, b.Reason)
		}
		return fmt.Sprintf("closed %s: %s; cools down until %s", b.Outcome, b.Reason, s.since(b.CoolDown))
	case events.Frozen:
		return fmt.Sprintf("frozen %s by %s: %s", b.Scope, b.By.Name, b.Reason)
	case events.Thawed:
		return fmt.Sprintf("thawed %s by %s", b.Scope, b.By.Name)
	case events.MaintenanceBegun:
		return fmt.Sprintf("maintenance %s begun in %s by %s until %s", b.Window, b.Scope, b.By.Name, s.since(b.Until))
	case events.MaintenanceEnded:
		return fmt.Sprintf("maintenance %s ended by %s", b.Window, b.By.Name)
	}
	return kind
}

func (s *stage) intended(b events.Intended) string {
	what := "step"
	if b.Undo {
		what = "undo of step"
	}
	text := fmt.Sprintf("intended %s %d, changes %v, attempt %d, until %s", what, b.Step, b.Changes, b.Attempt, s.since(b.Deadline))
	if b.Arm > 0 {
		text += fmt.Sprintf(", armed for %s", b.Arm)
	}
	return text + strings.TrimRight(" "+paren(b.Why), " ")
}

func paren(text string) string {
	if text == "" {
		return ""
	}
	return "(" + text + ")"
}

// notOK names the checks that fail, with value and limit.
func notOK(checks []events.Check) string {
	var list []string
	for _, c := range checks {
		if !c.OK {
			list = append(list, fmt.Sprintf("%s: %s, limit %s", c.Name, c.Value, c.Limit))
		}
	}
	return strings.Join(list, "; ")
}
