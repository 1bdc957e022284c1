package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

// partnerKind is the kind of the scope "srlg-partner:x" that a link has when its own risk group and the group x are declared to
// be diverse: what fails in x leans on this link. Nothing is claimed in it; links of srlg:x are counted.
const partnerKind = "srlg-partner"

// levelKind is the kind of the scope "level:2" of links with adjacencies of that IS-IS level: one flooding domain, which
// converges as one.
const levelKind = "level"

// budgetKinds are the kinds of scope that may have a cap on what is in flight.
func budgetKinds() []string {
	kinds := append([]string{string(events.Network), levelKind}, events.ScopeKinds()...)
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// stopKinds are the kinds of scope that may have a stop threshold: those that hold more than one link.
func stopKinds() []string {
	kinds := slices.DeleteFunc(budgetKinds(), func(kind string) bool { return kind == "link" })
	return append(kinds, partnerKind)
}

// stop begins nothing where too many links are out of use already, be they down or drained, by Detour or by anybody else.
// It is not a cap on what Detour does: a scope may have room for another mitigation and still be too sick for it. The
// target itself is not counted.
func stop(p *Policy, q Question) answer {
	out := q.outOfUse()
	var values, limits []string
	a := answer{ok: true, detail: "few enough links around the target are out of use"}
	for _, scope := range q.Plan.Target.Scopes {
		limit, ok := p.file.Budgets.StopAt[scope.Kind()]
		if !ok {
			continue
		}
		n, by := counted(counts(scope), out)
		values = append(values, fmt.Sprintf("%d in %s", n, scope))
		if l := fmt.Sprintf("%s %d", scope.Kind(), limit); !slices.Contains(limits, l) {
			limits = append(limits, l)
		}
		if n >= limit && a.ok {
			a.ok, a.detail = false, fmt.Sprintf("%s out of use in %s (%s), and at %d nothing is begun there", links(n), counts(scope), by, limit)
			if scope.Kind() == partnerKind {
				a.detail = fmt.Sprintf("%s out of use in %s (%s), which is there to survive the target's own risk group", links(n), counts(scope), by)
			}
			a.remedy = fmt.Sprintf("%s; or raise the policy's budgets.stop_at.%s", back(counts(scope), out), scope.Kind())
		}
	}
	a.value, a.limit = or(strings.Join(values, ", "), "nothing counted"), or("fewer than "+strings.Join(limits, ", "), "none")
	return a
}

// counts is the scope in which links are counted for one of the target's.
func counts(scope events.Scope) events.Scope {
	if name, ok := strings.CutPrefix(string(scope), partnerKind+":"); ok {
		return events.ScopeOf("srlg", name)
	}
	return scope
}

func links(n int) string {
	if n == 1 {
		return "1 link is"
	}
	return fmt.Sprintf("%d links are", n)
}

// outOfUse are the links that are claimed, drained or down, each once, and without the target.
func (q Question) outOfUse() []Claim { return q.withLinks(q.claimed, q.Facts.Network.DownLinks, true) }
