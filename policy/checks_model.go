package policy

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
)

// treated is a no that the policy may wave through or leave to a person. An approval is of exactly this plan, and a dry run
// touches nothing.
func (q Question) treated(how Treatment, a answer) answer {
	switch {
	case how == TreatAllow:
		a.ok, a.detail = true, a.detail+"; the policy allows it"
	case how == TreatAsk && q.approved:
		a.ok, a.detail = true, a.detail+"; exactly this plan was approved"
	case how == TreatAsk && q.Mode != events.Live:
		a.ok, a.detail = true, a.detail+"; a dry run touches nothing, live a person would be asked"
	case how == TreatAsk:
		a.no, a.remedy = events.Ask, "an approver decides; or "+a.remedy
	}
	return a
}

// notComputed is the answer of a check on a what-if where there is none: modelKnown says what becomes of the plan then.
func notComputed(limit string) answer {
	return answer{ok: true, value: "not computed", limit: limit, detail: "there is nothing to judge: see " + CheckModel}
}

// modelKnown wants the what-if: what the plan would do to the rest of the network, computed on what is seen now. A drain
// that leaves the link as last resort and one that does not are two, so the what-if must be of the plan's.
func modelKnown(p *Policy, q Question) answer {
	how := p.file.Prospect.Missing
	a := answer{limit: fmt.Sprintf("a what-if at most %s old, missing: %s", p.file.Clocks.Fresh, how)}
	if f := q.Facts.Prospect; f != nil {
		a.ok, a.value = true, fmt.Sprintf("%s, %s old, inputs %s", f.Method, q.Now.Sub(f.At).Round(time.Millisecond), f.Inputs.Short())
		a.detail = "what the plan would do to the network was computed"
		if f.Method == events.MethodBound {
			a.detail = "what the plan would do to the network was bounded from measured loads: there is no traffic matrix"
		}
		return a
	}
	a.value, a.detail = "not computed", "what the plan would do to the network is not known: "+q.unforeseen
	a.remedy = "it is computed by itself once telemetry of every link is there"
	return q.treated(how, a)
}

// matrixFresh holds the age of the traffic matrix against the policy: traffic of an hour ago is not the traffic that moves.
func matrixFresh(p *Policy, q Question) answer {
	alone, approved := p.file.Prospect.MatrixAge, p.file.Prospect.MatrixAgeApproved
	limit := fmt.Sprintf("at most %s, %s with an approval", alone, approved)
	f := q.Facts.Prospect
	switch {
	case f == nil:
		return notComputed(limit)
	case f.Method != events.MethodExact:
		return answer{ok: true, value: "no matrix", limit: limit, detail: "no traffic matrix is used: a bound from measured loads needs none"}
	case f.MatrixAt.IsZero():
		return q.treated(TreatAsk, answer{value: "unknown", limit: limit, detail: fmt.Sprintf("matrix %s does not say when it was measured", f.Matrix), remedy: "give a matrix with its time"})
	}
	age := q.Now.Sub(f.MatrixAt)
	a := answer{value: age.Round(time.Millisecond).String(), limit: limit, detail: fmt.Sprintf("matrix %s was measured %s ago", f.Matrix, age.Round(time.Second)), remedy: "a newer matrix is measured or given"}
	switch {
	case -age > p.file.Clocks.Fresh.Std():
		a.detail, a.remedy = fmt.Sprintf("matrix %s is %s ahead of this clock", f.Matrix, -age), "synchronise the clocks"
	case age <= alone.Std():
		a.ok = true
	case age <= approved.Std():
		return q.treated(TreatAsk, a)
	}
	return a
}

// modelFits wants prediction and measurement to agree: a model that does not explain the loads of now says nothing of
// those after a drain.
func modelFits(p *Policy, q Question) answer {
	least := p.file.Prospect.FitPermil
	limit := fmt.Sprintf("at least %s of links within 5 %%", events.Percent(least))
	f := q.Facts.Prospect
	switch {
	case f == nil:
		return notComputed(limit)
	case f.Method != events.MethodExact:
		return answer{ok: true, value: "no prediction", limit: limit, detail: "the bound rests on measured loads alone"}
	}
	const fewest = 2 // directions: those of one link
	a := answer{
		value: fmt.Sprintf("%d of %d", f.Fit.Close, f.Fit.Links), limit: limit, detail: "the model explains the loads that are measured",
		remedy: "correct the topology or the traffic matrix; it goes on by itself when they agree",
	}
	switch {
	case f.Fit.Links < fewest:
		a.detail, a.remedy = "too few links' loads are measured to tell whether the model is right", "it goes on by itself when counters of every link are seen"
	case int64(f.Fit.Close)*1000 < int64(least)*int64(f.Fit.Links):
		a.detail = fmt.Sprintf("prediction and measurement agree on %d of %d directions of links only, the worst is %s by %s of capacity", f.Fit.Close, f.Fit.Links, or(f.Fit.OnLink, "unnamed"), events.Percent(f.Fit.Worst))
	default:
		a.ok = true
	}
	return a
}

// countersAgree wants what is sent into links to come out of them: where the two ends of many links tell different stories,
// no load that is measured can be relied on.
func countersAgree(p *Policy, q Question) answer {
	least := p.file.Prospect.CountersPermil
	limit := fmt.Sprintf("at least %s of links within 2 %%", events.Percent(least))
	f := q.Facts.Prospect
	switch {
	case f == nil:
		return notComputed(limit)
	case f.Counters.Links == 0:
		return answer{ok: true, value: "nothing to compare", limit: limit, detail: "no other link is counted at both of its ends"}
	}
	a := answer{
		value: fmt.Sprintf("%d of %d", f.Counters.Close, f.Counters.Links), limit: limit, detail: "what is sent into links comes out of them",
		remedy: "look at the counters of the link that is named; it goes on by itself when they agree",
	}
	if int64(f.Counters.Close)*1000 >= int64(least)*int64(f.Counters.Links) {
		a.ok = true
		return a
	}
	a.detail = fmt.Sprintf("both ends agree on %d of %d directions of links only, the worst is %s by %s of capacity",
		f.Counters.Close, f.Counters.Links, or(f.Counters.OnLink, "unnamed"), events.Percent(f.Counters.Worst))
	return a
}

// flowConserved wants what comes into routers to go out of them. It forgives less than countersAgree: there are fewer routers
// than links, and a router that does not balance is one whose loads nothing can rest on.
func flowConserved(p *Policy, q Question) answer {
	least := p.file.Prospect.ConservedPermil
	limit := fmt.Sprintf("at least %s of routers within 5 %%", events.Percent(least))
	f := q.Facts.Prospect
	if f == nil {
		return notComputed(limit)
	}
	c := f.Conserved
	if c.Routers == 0 {
		return answer{ok: true, value: "not checked", limit: limit, detail: "at no router all that comes in and goes out is counted" + unchecked(c)}
	}
	a := answer{
		value: fmt.Sprintf("%d of %d", c.Balanced, c.Routers), limit: limit, detail: "what comes into routers goes out of them",
		remedy: "look at the counters of the router that is named, and at its edge_ports in the inventory; it goes on by itself when they agree",
	}
	if c.Balanced < c.Routers {
		a.detail = fmt.Sprintf("what comes in goes out at %d of %d routers only, the worst is %s by %s: %s in and %s out",
			c.Balanced, c.Routers, or(c.Router, "unnamed"), events.Percent(c.Worst), events.Rate(c.In), events.Rate(c.Out))
	}
	a.ok = int64(c.Balanced)*1000 >= int64(least)*int64(c.Routers)
	a.detail += unchecked(c)
	return a
}

// unchecked says of how many routers nothing can be said, and why.
func unchecked(c events.Conservation) string {
	if c.Unchecked == 0 {
		return ""
	}
	return fmt.Sprintf("; not checked: %d (%s)", c.Unchecked, or(c.Why, "no reason given"))
}

// or is text, or what stands in for it where there is none.
func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}
