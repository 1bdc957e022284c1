package policy

import (
	"fmt"
	"strings"

	"github.com/detour-net/detour/events"
)

// Judge holds what a drain would do against the limits: connectivity, capacity, survives and loop-free, as Evaluate records
// them of a what-if that it trusts. No plan, person or loss on the link enters: what Evaluate would ask a person about is not
// OK.
func (l ProspectLimits) Judge(f *events.Prospect) []events.Check {
	nobody := Question{Mode: events.Live}
	return []events.Check{
		l.connectivity(f).check(CheckConnected),
		l.capacity(f).check(CheckCapacity),
		nobody.survives(l, f).check(CheckSurvives),
		nobody.loops(l, f, "").check(CheckLoopFree),
	}
}

// connectivity wants the drain to cut off nothing that has a path now.
func (l ProspectLimits) connectivity(f *events.Prospect) answer {
	more := f.Drained.CutOff - f.InService.CutOff
	names := f.NewlyCut()
	a := answer{
		ok:    more <= 0 && len(f.Drained.CutOffNames) <= len(f.InService.CutOffNames),
		value: fmt.Sprintf("%s newly cut off", f.Amount(max(more, 0))), limit: limitConnected(l), detail: "nothing is cut off that has a path now",
	}
	if !a.ok {
		what := f.Amount(more)
		if more <= 0 {
			what = "traffic that is not measured"
		}
		a.detail = "there is no path but what is drained for " + what
		if len(names) > 0 {
			a.detail += ": " + events.Some(names)
		}
		a.remedy = "leave it to a person: there is no way around the link"
	}
	return a
}

func limitConnected(ProspectLimits) string { return "nothing newly cut off" }

// capacity wants room on the fullest link, or the drain to leave it no fuller than it is.
func (l ProspectLimits) capacity(f *events.Prospect) answer {
	a := l.room(f.Drained, f.InService, "drained")
	a.limit = limitCapacity(l)
	return a
}

func limitCapacity(l ProspectLimits) string {
	return fmt.Sprintf("at most %s, or no fuller than in service", events.Percent(l.WorstPermil))
}

// room wants no link over the limit in one outlook, unless it is as full in the other.
func (l ProspectLimits) room(is, other events.Outlook, when string) answer {
	a := answer{
		ok: is.WorstPermil <= max(l.WorstPermil, other.WorstPermil), value: events.Percent(is.WorstPermil) + on(is.WorstLink),
		detail: fmt.Sprintf("%s, the fullest link is at %s", when, events.Percent(is.WorstPermil)+on(is.WorstLink)),
	}
	if !a.ok {
		a.detail += fmt.Sprintf("; otherwise the fullest is at %s", events.Percent(other.WorstPermil))
		a.remedy = "it goes on by itself when load falls; or add capacity"
	}
	return a
}

// survives wants the drain to leave the network about as able to lose one link, risk group or router more as it is now.
// What the network does not survive today is not the drain's doing, so the limits are relative. That no failure was looked
// at is a what-if that is missing in part.
func (q Question) survives(l ProspectLimits, f *events.Prospect) answer {
	is := f.Drained
	if is.Failures == 0 {
		return q.treated(l.Missing, answer{
			value: "no failure was looked at", limit: limitSurvives(l), detail: "it is not known what one more failure would do",
			remedy: "it is computed by itself once telemetry of every link is there",
		})
	}
	full := is.SurvivePermil > max(l.SurvivePermil, f.InService.SurvivePermil+l.WorseByPermil)
	fails := f.NewViolations > l.NewViolations
	a := answer{
		ok: !full && !fails, value: fmt.Sprintf("%s, %d new of %d failures", events.Percent(is.SurvivePermil), f.NewViolations, is.Failures),
		limit: limitSurvives(l), detail: oneMore(is),
	}
	switch {
	case fails:
		a.detail += fmt.Sprintf("; failures that are survived now and would not be: %d", f.NewViolations)
		if f.Worst != "" {
			a.detail += ", the worst: " + f.Worst
		}
	case full:
		a.detail += fmt.Sprintf("; now it is %s", events.Percent(f.InService.SurvivePermil))
	}
	if a.ok {
		return a
	}
	a.remedy = "it goes on by itself when load falls or other links are back; or add capacity"
	// Where no failure fills a link, what is not survived is not survived for want of a path.
	const line = 1000
	if full || is.SurvivePermil > line {
		return a
	}
	a.detail += "; no link would be full then, but traffic would have no path left"
	return q.treated(l.Edge, a)
}

// oneMore is the worst failure more, for people.
func oneMore(is events.Outlook) string {
	if is.AtMost {
		return "one more failure: worst at most " + events.Percent(is.SurvivePermil)
	}
	detail := "one more failure: worst " + events.Percent(is.SurvivePermil) + on(is.Link)
	if is.Failure != "" {
		detail += fmt.Sprintf(" if %s fails", is.Failure)
	}
	return detail
}

func limitSurvives(l ProspectLimits) string {
	return fmt.Sprintf("at most %s or %s points more than now, at most %d new", events.Percent(l.SurvivePermil), strings.TrimSuffix(events.Percent(l.WorseByPermil), " %"), l.NewViolations)
}

// loops wants a way into the drain on which packets cannot loop, whatever the order in which routers learn of it; jump says
// where a plan leaves that way, "" when it does not. A link that loses more than a loop of a moment costs is drained all the
// same.
func (q Question) loops(l ProspectLimits, f *events.Prospect, jump string) answer {
	a := answer{value: "may loop", limit: limitLoops(l), remedy: "leave it to a person, who chooses a quiet moment"}
	switch {
	case f.Loops:
		a.detail = "packets may loop for a moment: a way without loops would take more steps than are allowed"
	case jump != "":
		a.detail = "packets may loop for a moment: " + jump
	default:
		return answer{ok: true, value: "no loop", limit: a.limit, detail: "no packet loops on the way, whatever the order in which routers learn of it"}
	}
	if why := l.atOnce(q.Subject, f); why != "" {
		a.ok, a.detail = true, fmt.Sprintf("%s; %s, which is worse", a.detail, why)
		return a
	}
	return q.treated(l.Loops, a)
}

func limitLoops(l ProspectLimits) string {
	return fmt.Sprintf("no transient loop, unless the link loses %g or more; else: %s", l.SkipStepsLoss, l.Loops)
}
