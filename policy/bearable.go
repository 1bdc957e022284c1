package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// CheckBearable is the name of what Bearable finds.
const CheckBearable = "bearable"

// Bearable says whether a drain that stands may go on standing: it cuts off nothing, and leaves the room that a new one must
// leave. It is to be asked at every look, for a drain that was safe when it was made need not stay so. Where it is not
// bearable, ProspectLimits.WhenUnbearable says what happens. approved is whether a person approved the plan for CheckSurvives.
//
// What is not known is no reason to take a drain back: the answer is then yes, and says so.
func (p *Policy) Bearable(f *events.Prospect, now time.Time, approved bool) events.Check {
	l := p.file.Prospect
	c := events.Check{Name: CheckBearable, OK: true, Limit: fmt.Sprintf("%s; %s; %s", limitConnected(l), limitCapacity(l), limitSurvives(l))}
	if why := p.doubtful(f, now); why != "" {
		c.Value, c.Detail = "not computed", "whether the network bears the drain is not known: "+why
		return c
	}
	answers := []answer{l.connectivity(f), l.capacity(f)}
	if f.Drained.Failures > 0 {
		answers = append(answers, Question{Mode: events.Live, approved: approved}.survives(l, f))
	}
	var values, said, wrong []string
	for _, a := range answers {
		values, said = append(values, a.value), append(said, a.detail)
		if !a.ok {
			wrong = append(wrong, a.detail)
		}
	}
	c.Value, c.Detail = strings.Join(values, "; "), strings.Join(said, "; ")
	if len(wrong) > 0 {
		c.OK, c.Detail, c.Remedy = false, "the network no longer bears the drain: "+strings.Join(wrong, "; "), "a person decides whether the sick link is put back"
		if l.WhenUnbearable == UnbearableRevert {
			c.Remedy = "the link is put back by itself"
		}
	}
	return c
}

// doubtful says why a what-if is none to change anything that stands for; "" when it is one. It is held to the limits of
// what is acted on with a person: so much doubt is no reason.
func (p *Policy) doubtful(f *events.Prospect, now time.Time) string {
	if why := p.usable(f, now); why != "" {
		return why
	}
	q := Question{Now: now, Facts: events.Facts{Prospect: f}, approved: true}
	for _, ask := range []func(*Policy, Question) answer{matrixFresh, modelFits} {
		if a := ask(p, q); !a.ok {
			return a.detail
		}
	}
	return ""
}

// returnCapacity wants room for the link to come back: shortest paths over it may fill others. It never asks more than the
// drain leaves, and what is not known keeps no drain in place.
func returnCapacity(p *Policy, q Question) answer {
	return p.putBack(q, func(l ProspectLimits, f *events.Prospect) answer {
		return l.room(f.InService, f.Drained, "in service")
	})
}

// returnSurvives is the same of one failure more.
func returnSurvives(p *Policy, q Question) answer {
	return p.putBack(q, func(l ProspectLimits, f *events.Prospect) answer {
		is, other := f.InService, f.Drained
		a := answer{
			ok:    is.Failures == 0 || is.SurvivePermil <= max(l.SurvivePermil, other.SurvivePermil),
			value: fmt.Sprintf("%s of %d failures", events.Percent(is.SurvivePermil), is.Failures), detail: oneMore(is),
		}
		if !a.ok {
			a.detail += fmt.Sprintf("; drained it is %s", events.Percent(other.SurvivePermil))
			a.remedy = "it goes on by itself when load falls; an operator can undrain it all the same"
		}
		return a
	})
}

// putBack judges the network with the link in service.
func (p *Policy) putBack(q Question, judge func(ProspectLimits, *events.Prospect) answer) answer {
	const limit = "within the limits of a drain, or no worse than drained"
	f := q.Facts.Prospect
	if why := q.unforeseen; f == nil || p.doubtful(f, q.Now) != "" {
		if f != nil {
			why = p.doubtful(f, q.Now)
		}
		return answer{ok: true, value: "not computed", limit: limit, detail: "what putting back would do is not known, which keeps no drain in place: " + why}
	}
	a := judge(p.file.Prospect, f)
	a.limit = limit
	if c := p.file.Prospect.connectivity(f); !a.ok && !c.ok {
		a.ok, a.detail = true, a.detail+"; but "+c.detail
	}
	return a
}
