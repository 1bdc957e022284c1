package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// tone says how a line of the story is coloured.
type tone int

const (
	plain tone = iota
	good
	bad
	waits
	quiet
)

// line is one line of the story.
type line struct {
	word string // the record kind, or who speaks
	text string
	tone tone
}

// tell turns a record into a line for people; ok is false for records that add nothing to the story.
func tell(r events.Record) (l line, ok bool) {
	l.word = string(r.Body.Kind())
	switch b := r.Body.(type) {
	case *events.Observed:
		return tellObserved(b)
	case events.Opened:
		l.text = fmt.Sprintf("incident %s: %s suspected on %s", r.Incident, b.Symptom, b.Target.Key())
		if b.Gathering != nil {
			l.text += fmt.Sprintf("; is it all of %s? it waits for others", b.Gathering.Scopes[0])
		}
	case events.Planned:
		l.text = b.Plan.Sentence
		if b.Mode != events.Live {
			l.text += "  (dry run: " + b.ModeWhy + ")"
		}
	case events.Ruled:
		return tellRuled(b), true
	case events.Asked:
		l.text, l.tone = fmt.Sprintf("plan %s needs %d approval until %s; no answer means no", b.Plan.Short(), b.Quorum, clock(b.Expires)), waits
	case events.Approved:
		l.text, l.tone = fmt.Sprintf("%s approved plan %s", b.By.Name, b.Plan.Short()), good
	case events.Rejected:
		l.text, l.tone = fmt.Sprintf("%s said no: %s", b.By.Name, b.Reason), bad
	case events.Lapsed:
		l.text, l.tone = "nobody answered, which means no", bad
	case events.Admitted:
		l.text = fmt.Sprintf("counts against %d scopes until it is back", len(b.Claims))
	case events.Intended:
		l.text = tellIntended(b)
	case events.Applied:
		l.text, l.tone = tellApplied(b), good
	case events.Refused:
		l.text, l.tone = fmt.Sprintf("change %d was certainly not applied (%s %s): %s", b.Change+1, b.Class, b.Code, b.Detail), bad
	case events.Unknown:
		l.text, l.tone = fmt.Sprintf("nobody can tell whether change %d was applied (%s %s): it is looked up, not sent again", b.Change+1, b.Code, b.Detail), waits
	case events.Found:
		l.text = fmt.Sprintf("read back change %d: the router stands as %s it", b.Change+1, b.Seen)
		if b.Fence > 0 {
			l.text += fmt.Sprintf("; election id raised to %d first", b.Fence)
		}
	case events.Verified:
		return tellVerified(b), true
	case events.Confirmed:
		l.text, l.tone = fmt.Sprintf("change %d confirmed on its router: %t %s", b.Change+1, b.OK, b.Detail), good
	case events.Held:
		l.text = fmt.Sprintf("held until %s at the earliest (drain %d of this incident)", clock(b.Until), b.Cycle)
	case events.Renewed:
		l.text, l.tone = fmt.Sprintf("until %s: %s", clock(b.Until), b.Why), quiet
	case events.Released:
		l.text = b.Why
	case events.Reverted:
		l.text, l.tone = "every pre-image is back: "+b.Why, good
	case events.Relapsed:
		l.text, l.tone = b.Why, bad
	case events.Aborted:
		l.text, l.tone = fmt.Sprintf("%s ordered it: %s", b.By.Name, b.Reason), waits
	case events.Stuck:
		l.text, l.tone = b.Why+"; "+b.Remedy, bad
	case events.Closed:
		l.text, l.tone = fmt.Sprintf("%s: %s", b.Outcome, b.Reason), good
	default:
		return tellBoard(r)
	}
	return l, true
}

// tellBoard tells what concerns more than one incident.
func tellBoard(r events.Record) (l line, ok bool) {
	l.word = string(r.Body.Kind())
	switch b := r.Body.(type) {
	case events.Frozen:
		l.text, l.tone = fmt.Sprintf("%s frozen by %s: %s", b.Scope, b.By.Name, b.Reason), waits
	case events.Thawed:
		l.text = fmt.Sprintf("%s thawed by %s", b.Scope, b.By.Name)
	case events.MaintenanceBegun:
		l.text, l.tone = fmt.Sprintf("window %s in %s until %s: %s", b.Window, b.Scope, clock(b.Until), b.Reason), waits
	case events.MaintenanceEnded:
		l.text = "window " + b.Window
	case events.PolicyLoaded:
		l.text, l.tone = fmt.Sprintf("policy %s, mode %s", b.Digest.Short(), b.Mode), quiet
	case events.PolicyRefused:
		l.text, l.tone = fmt.Sprintf("%s, %s stays in force: %s", b.Source, b.InForce.Short(), b.Why), bad
	case events.Proved:
		l.text = fmt.Sprintf("%s honours %s", b.Device, bars(b.Bars))
	case events.RebootTrial:
		l.text = fmt.Sprintf("%s: %s", b.Device, b.Sentence())
	case events.DeadLettered:
		l.text, l.tone = "put on the rejected stream: "+b.Reason, bad
	default:
		return l, false
	}
	return l, true
}

func tellObserved(b *events.Observed) (line, bool) {
	l := line{word: string(events.KindObserved)}
	a := b.Anomaly
	switch b.Disposition {
	case events.DidOpen, events.DidEscalate:
		l.text, l.tone = fmt.Sprintf("%s %s on %s", a.Severity, a.Kind, a.Resource), bad
		if a.Unit != "" {
			l.text += fmt.Sprintf(": %.1e %s, limit %.1e", a.Value, a.Unit, a.Threshold)
		}
	case events.DidJoin:
		if a.State == events.Firing {
			return l, false
		}
		l.text, l.tone = fmt.Sprintf("%s on %s is over, says its source", a.Kind, a.Resource), good
	case events.WasDuplicate:
		return l, false
	default:
		l.text, l.tone = fmt.Sprintf("%s: %s", b.Disposition, b.Detail), quiet
	}
	return l, true
}

func tellRuled(b events.Ruled) line {
	passed := 0
	var held []string
	for _, c := range b.Checks {
		if c.OK {
			passed++
			continue
		}
		held = append(held, fmt.Sprintf("%s is %s, limit %s", c.Name, c.Value, c.Limit))
	}
	l := line{word: string(events.KindRuled), text: fmt.Sprintf("%s: %d of %d checks passed", b.Verdict, passed, len(b.Checks)), tone: good}
	if len(held) > 0 {
		l.text += "; " + strings.Join(held, "; ")
	}
	switch b.Verdict {
	case events.Ask, events.Defer:
		l.tone = waits
	case events.Deny:
		l.tone = bad
	}
	return l
}

func tellIntended(b events.Intended) string {
	what := fmt.Sprintf("step %d", b.Step+1)
	if b.Undo {
		what = fmt.Sprintf("undo of step %d", b.Step+1)
	}
	text := fmt.Sprintf("%s on %d routers, by %s until %s", what, len(b.Changes), b.Owner, clock(b.Deadline))
	if b.Arm > 0 {
		text += fmt.Sprintf("; the routers roll back by themselves after %s unless told to keep it", b.Arm)
	}
	return text
}

func tellApplied(b events.Applied) string {
	if b.Sets == 0 {
		return fmt.Sprintf("change %d: no Set was sent. %s", b.Change+1, b.Detail)
	}
	return fmt.Sprintf("change %d stands on its router, read back, after %s; fenced by %s", b.Change+1, time.Duration(b.Took).Round(10*time.Microsecond), bars(b.Bars))
}

func tellVerified(b events.Verified) line {
	l := line{word: string(events.KindVerified), tone: good}
	var parts []string
	for _, c := range b.Checks {
		word := c.Name
		if !c.OK {
			word = fmt.Sprintf("%s FAILED (%s, limit %s)", c.Name, c.Value, c.Limit)
		}
		parts = append(parts, word)
	}
	l.text = "passed: " + strings.Join(parts, ", ")
	if !b.Pass {
		l.text, l.tone = "failed, so it is taken back: "+strings.Join(parts, ", "), bad
	}
	return l
}

func bars(list []events.Bar) string {
	names := make([]string, len(list))
	for i, b := range list {
		names[i] = string(b)
	}
	return strings.Join(names, ", ")
}

func clock(t time.Time) string { return t.Local().Format("15:04:05") }
