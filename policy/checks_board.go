package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// notFrozen wants no freeze on any scope of the target.
func notFrozen(_ *Policy, q Question) answer {
	for _, scope := range append([]events.Scope{events.Network}, q.Plan.Target.Scopes...) {
		if f, ok := q.Situation.Freezes[scope]; ok {
			return answer{
				value: string(scope), limit: "no freeze",
				detail: fmt.Sprintf("%s was frozen by %s: %s", scope, f.By.Name, f.Reason),
				remedy: fmt.Sprintf("an operator thaws it: detour thaw --scope %s", scope),
			}
		}
	}
	return answer{ok: true, value: "none", limit: "no freeze", detail: "nothing of the target is frozen"}
}

// breakerClosed stops after failed verifications: mitigations that do not help point at a wrong belief, not at bad luck.
func breakerClosed(p *Policy, q Question) answer {
	b := p.file.Breaker
	var recent []time.Time
	for _, t := range q.Situation.Failures {
		if q.Now.Sub(t) < b.Within.Std() {
			recent = append(recent, t)
		}
	}
	a := answer{
		ok: len(recent) < b.FailedVerifications, value: fmt.Sprintf("%d failed in %s", len(recent), b.Within), limit: fmt.Sprintf("fewer than %d", b.FailedVerifications),
		detail: "mitigations have not been failing",
	}
	if !a.ok {
		slices.SortFunc(recent, time.Time.Compare)
		closes := recent[len(recent)-b.FailedVerifications].Add(b.Within.Std())
		a.detail = fmt.Sprintf("%d mitigations failed their verification within %s", len(recent), b.Within)
		a.remedy = fmt.Sprintf("it closes by itself at %s; find out first why they failed", closes.UTC().Format(time.RFC3339))
	}
	return a
}

// devicesFree wants at most one change in flight per router: two at once could not be told apart afterwards.
func devicesFree(_ *Policy, q Question) answer {
	for _, device := range q.Plan.Devices() {
		if by, ok := q.Situation.Busy[device]; ok {
			return answer{
				value: device, limit: "one change in flight per router",
				detail: fmt.Sprintf("%s has a change of incident %s in flight", device, by), remedy: "it goes on by itself when that outcome is known",
			}
		}
	}
	return answer{ok: true, value: "none in flight", limit: "one change in flight per router", detail: "no other change is in flight on these routers"}
}

// budget counts what is under mitigation in each of the target's scopes of one kind.
func budget(kind string) func(*Policy, Question) answer {
	return func(p *Policy, q Question) answer {
		limit := p.file.Budgets.InFlight[kind]
		a := answer{ok: true, value: "not in one", limit: fmt.Sprintf("at most %d at once", limit), detail: fmt.Sprintf("the target lies in no %s", kind)}
		worst := -1
		for _, scope := range q.Plan.Target.Scopes {
			if scope.Kind() != kind {
				continue
			}
			n, by := counted(scope, q.claimed)
			if n <= worst {
				continue
			}
			worst = n
			a.ok, a.value = n < limit, fmt.Sprintf("%d of %d in %s", n, limit, scope)
			a.detail, a.remedy = fmt.Sprintf("%s has room for another mitigation", scope), ""
			if !a.ok {
				a.detail = fmt.Sprintf("the budget of %s is used up by %s", scope, by)
				a.remedy = fmt.Sprintf("%s; or raise the policy's budgets.in_flight.%s", back(scope, q.claimed), kind)
				if n == 0 {
					a.remedy = fmt.Sprintf("nothing may begin until the policy's budgets.in_flight.%s is raised", kind)
				}
			}
		}
		return a
	}
}

// counted says how many claims lie in scope, and whose they are.
func counted(scope events.Scope, claims []Claim) (n int, by string) {
	var names []string
	for _, c := range claims {
		if within(scope, c.Scopes) {
			n++
			names = append(names, c.String())
		}
	}
	if len(names) == 0 {
		return n, "the policy, which allows none"
	}
	return n, some(names)
}

// back says how room comes about in scope: what Detour drained an operator can undrain, what others did Detour leaves to them.
func back(scope events.Scope, claims []Claim) string {
	ours, routers, foreign := false, []string(nil), false
	for _, c := range claims {
		switch {
		case !within(scope, c.Scopes):
		case c.Incident != "":
			ours = true
		case c.Router != "":
			routers = append(routers, c.Router)
		default:
			foreign = foreign || !c.Down
		}
	}
	says := "it goes on by itself when one of them is back"
	if ours {
		says += "; an operator can undrain one that is Detour's"
	}
	if len(routers) > 0 {
		says += "; the overload bit of " + some(routers) + " is cleared on the router by whoever set it"
	}
	if foreign {
		says += "; a drain that is not ours is taken back by whoever made it"
	}
	return says
}

// some are the first few names, and how many more there are.
func some(names []string) string {
	const shown = 5
	if len(names) > shown {
		names = append(names[:shown:shown], fmt.Sprintf("%d more", len(names)-shown))
	}
	return strings.Join(names, ", ")
}

// String names who holds the claim.
func (c Claim) String() string {
	if c.Incident != "" {
		return c.Incident
	}
	if c.Router != "" {
		return "the overload bit of " + c.Router
	}
	what := "a drain that is not ours"
	if c.Down {
		what = "an outage"
	}
	for _, s := range c.Scopes {
		if s.Kind() == "link" {
			return what + " of " + string(s)
		}
	}
	return what
}

// rate holds how much was begun lately against every rate of the policy.
func rate(p *Policy, q Question) answer {
	a := answer{ok: true, value: "no rate", limit: "none", detail: "not too much was begun lately"}
	var values, limits []string
	for _, r := range p.file.Budgets.Rates {
		n, next := begun(q, r.Per.Std(), r.AtMost)
		values = append(values, fmt.Sprintf("%d in %s", n, r.Per))
		limits = append(limits, fmt.Sprintf("at most %d in %s", r.AtMost, r.Per))
		if n >= r.AtMost && a.ok {
			a.ok = false
			a.detail = fmt.Sprintf("%d mitigations were begun within %s, at most %d may be", n, r.Per, r.AtMost)
			a.remedy = "nothing may begin until the policy's budgets.rates are raised"
			if !next.IsZero() {
				a.remedy = fmt.Sprintf("it goes on by itself at %s", next.UTC().Format(time.RFC3339))
			}
		}
	}
	if len(values) > 0 {
		a.value, a.limit = strings.Join(values, ", "), strings.Join(limits, ", ")
	}
	return a
}

// begun counts the admissions within the last per, and says when fewer than limit will be left of them.
func begun(q Question, per time.Duration, limit int) (n int, next time.Time) {
	var recent []time.Time
	for _, a := range q.Situation.Admissions {
		if q.Now.Sub(a.At) < per {
			recent = append(recent, a.At)
		}
	}
	slices.SortFunc(recent, time.Time.Compare)
	if n = len(recent); limit > 0 && n >= limit {
		next = recent[n-limit].Add(per)
	}
	return n, next
}

// ceilingLinks bounds the links out of normal use at once, whoever drained them.
func ceilingLinks(_ *Policy, q Question) answer {
	limit, n := ceilingDrained(q.Facts.Network.Links), len(q.claimed)
	a := answer{ok: n < limit, value: fmt.Sprintf("%d drained or claimed", n), limit: fmt.Sprintf("at most %d of %d links, compiled in", limit, q.Facts.Network.Links)}
	a.detail = "few enough links are out of normal use"
	if !a.ok {
		a.detail, a.remedy = fmt.Sprintf("%d links are out of normal use already", n), "it goes on by itself when one is back; nothing raises the ceiling of this binary"
	}
	return a
}

// ceilingDevice bounds the links of one router under mitigation at once.
func ceilingDevice(_ *Policy, q Question) answer {
	a := answer{ok: true, value: "room", limit: fmt.Sprintf("at most %d links of one router, compiled in", CeilingPerDevice), detail: "no router has too many links out of normal use"}
	for _, scope := range q.Plan.Target.Scopes {
		if scope.Kind() != "device" {
			continue
		}
		if n, by := counted(scope, q.claimed); n >= CeilingPerDevice {
			return answer{
				value: fmt.Sprintf("%d of %s", n, scope), limit: a.limit, detail: fmt.Sprintf("%s has %d links out of normal use (%s)", scope, n, by),
				remedy: "it goes on by itself when one is back; nothing raises the ceiling of this binary",
			}
		}
	}
	return a
}

// ceilingPlane keeps mitigations in one plane at a time: the others are what the network stands on meanwhile.
func ceilingPlane(_ *Policy, q Question) answer {
	planes := map[events.Scope]bool{}
	others := 0
	for _, c := range q.claimed {
		for _, s := range c.Scopes {
			if s.Kind() == "plane" {
				planes[s] = true
				others++
			}
		}
	}
	for _, s := range q.Plan.Target.Scopes {
		if s.Kind() == "plane" {
			planes[s] = true
		}
	}
	a := answer{ok: others == 0 || len(planes) <= CeilingPlanes, value: fmt.Sprintf("%d planes", len(planes)), limit: fmt.Sprintf("at most %d at once, compiled in", CeilingPlanes)}
	a.detail = "no other plane holds a mitigation"
	if !a.ok {
		names := slices.Sorted(maps.Keys(planes))
		a.detail = fmt.Sprintf("mitigations would stand in %d planes at once: %v", len(planes), names)
		a.remedy = "it goes on by itself when the other plane is whole again; nothing raises the ceiling of this binary"
	}
	return a
}

// ceilingRate bounds what begins within any hour.
func ceilingRate(_ *Policy, q Question) answer {
	n, next := begun(q, time.Hour, CeilingActsPerHour)
	a := answer{ok: n < CeilingActsPerHour, value: fmt.Sprintf("%d in 1h0m0s", n), limit: fmt.Sprintf("at most %d, compiled in", CeilingActsPerHour), detail: "not too much was begun within the hour"}
	if !a.ok {
		a.detail = fmt.Sprintf("%d mitigations were begun within the hour", n)
		a.remedy = fmt.Sprintf("it goes on by itself at %s; nothing raises the ceiling of this binary", next.UTC().Format(time.RFC3339))
	}
	return a
}

// hardDrain wants a person for what takes a link out of SPF: a second failure would then lose traffic that the sick link
// could have carried.
func hardDrain(_ *Policy, q Question) answer {
	a := answer{ok: true, value: "soft", limit: "never without approval, compiled in", detail: "the link stays usable as a last resort"}
	if q.isolates() {
		a.value, a.ok, a.detail, a.remedy = "hard", q.approved || q.Mode != events.Live, "the plan takes the link out of SPF, also as a last resort", "an approver decides"
	}
	return a
}

// approval wants a person when the rule says so. A dry run touches nothing, so nobody is bothered for it.
func approval(p *Policy, q Question) answer {
	a := answer{ok: true, value: string(q.Rule.Autonomy), limit: "as the rule says", detail: "the rule acts without asking"}
	switch {
	case q.Rule.Autonomy == Auto:
	case q.approved:
		a.value, a.detail = "approved", "exactly this plan was approved"
	case q.Mode != events.Live:
		a.value, a.detail = "not asked", "a dry run touches nothing, so nobody is asked; live, an approver would be"
	default:
		a.ok, a.value = false, "not approved"
		a.detail = fmt.Sprintf("rule %q acts only with approval", q.Rule.Name)
		a.remedy = fmt.Sprintf("%d of the roles %s approve it", p.file.Approvals.Quorum, strings.Join(p.file.Approvals.Roles, ", "))
	}
	return a
}
