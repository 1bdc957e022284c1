package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

// onProspect is a check of what a drain would lead to; where nothing was computed it has nothing to say.
func onProspect(limit func(ProspectLimits) string, judge func(ProspectLimits, *events.Prospect) answer) func(*Policy, Question) answer {
	return func(p *Policy, q Question) answer {
		if q.Facts.Prospect == nil {
			return notComputed(limit(p.file.Prospect))
		}
		return judge(p.file.Prospect, q.Facts.Prospect)
	}
}

// survivesOneMore is survives of a plan.
func survivesOneMore(p *Policy, q Question) answer {
	if q.Facts.Prospect == nil {
		return notComputed(limitSurvives(p.file.Prospect))
	}
	return q.survives(p.file.Prospect, q.Facts.Prospect)
}

// loopFree is loops of a plan, which may go by other steps than the what-if does.
func loopFree(p *Policy, q Question) answer {
	if q.Facts.Prospect == nil {
		return notComputed(limitLoops(p.file.Prospect))
	}
	a := q.loops(p.file.Prospect, q.Facts.Prospect, q.jump())
	a.value = steps(len(q.Plan.Steps)) + ", " + a.value
	return a
}

func steps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

// jump says where the plan raises a metric past the next step that the loop-free way has for its end; "" when it never does.
// Smaller steps are as good: what lies between two metrics cannot make a loop that going from one to the other does not. And
// each end may go at its own pace, since no destination is reached over both directions of a link.
func (q Question) jump() (where string) {
	way, link := q.Facts.Prospect.Way, q.Plan.Target.Name
	if len(way) == 0 {
		return ""
	}
	at := map[routerLeaf]uint64{}
	settings(q.Plan, func(device string, s events.Setting) {
		leaf := routerLeaf{device, s.LeafRef}
		from, seen := at[leaf]
		if !seen {
			from, _ = s.Before.Uint()
			if is, ok := leaf.in(q.Facts); ok && s.Before.Absent() {
				from, _ = effective(is)
			}
		}
		to, _ := s.After.Uint()
		at[leaf] = to
		next, ok := events.Next(way, link, device, s.Family, from)
		switch {
		case where != "":
		case ok && to > uint64(next):
			where = fmt.Sprintf("%s on %s goes from %d to %d in one step, and only to %d without a loop", s.LeafRef, device, from, to, next)
		case !events.Sets(way, link, device, s.Family):
			where = fmt.Sprintf("nothing is known of %s on %s", s.LeafRef, device)
		}
	})
	return where
}

// worthIt holds what the drain saves against what it is expected to cost over the time of a repair.
func worthIt(p *Policy, q Question) answer {
	worth, f := p.file.Prospect.Worth, q.Facts.Prospect
	limit := fmt.Sprintf("saves %d times what it costs", worth)
	if f == nil {
		return notComputed(limit)
	}
	const most = 1 << 62
	saves := max(f.Benefit, int64(min(q.Subject.lost(f)*float64(f.Moved), most)))
	a := answer{value: fmt.Sprintf("saves %s, costs %s", events.Rate(saves), events.Rate(f.Harm)), limit: limit, detail: "the drain is expected to save more than it costs"}
	if f.Harm == 0 || worth == 0 || saves/int64(worth) >= f.Harm {
		a.ok = true
		return a
	}
	a.detail = fmt.Sprintf("the link loses %s now, and the drain is expected to cost %s over the time of a repair", events.Rate(saves), events.Rate(f.Harm))
	a.remedy = "it goes on by itself when the fault gets worse or load falls"
	return q.treated(TreatAsk, a)
}

// selfDependence keeps what Detour itself needs reachable: without its bus and collectors it could not see what it did, nor
// undo it. The ends of the link itself must not be cut off in any case, which is connectivity's to say.
func selfDependence(p *Policy, q Question) answer {
	needs, f := p.file.Keep.DependsOn, q.Facts.Prospect
	a := answer{ok: true, value: "none cut off", limit: "none of keep.depends_on is cut off", detail: "Detour's own way to its bus and collectors stays"}
	switch {
	case len(needs) == 0:
		a.value, a.detail = "nothing listed", "keep.depends_on of the policy names no router"
		return a
	case f == nil:
		a.ok, a.value, a.detail, a.remedy = false, "not computed", "it is not known whether Detour's own way stays", "it is computed by itself once telemetry of every link is there"
		return q.treated(TreatAsk, a)
	}
	for _, cut := range f.NewlyCut() {
		from, to, _ := strings.Cut(cut, " > ")
		for _, router := range needs {
			if router == from || router == to {
				return answer{
					value: router, limit: a.limit, detail: fmt.Sprintf("%s would be cut off (%s), and Detour depends on it", router, cut),
					remedy: "leave it to a person: Detour could not see what it did, nor undo it",
				}
			}
		}
	}
	return a
}

// neverTouched keeps the links that the policy names out of every plan.
func neverTouched(p *Policy, q Question) answer {
	a := answer{ok: true, value: q.Plan.Target.Name, limit: "no link of keep.never", detail: "the link is not one that must never be touched"}
	if slices.Contains(p.file.Keep.Never, q.Plan.Target.Name) {
		a.ok, a.detail, a.remedy = false, fmt.Sprintf("%s is on the list of links that are never touched", q.Plan.Target.Name), "leave it to a person, or take it off keep.never of the policy"
	}
	return a
}

// on names a link, or a direction of one as "den-kcy, den to kcy", where there is one.
func on(link string) string {
	name, direction, _ := strings.Cut(link, ", ")
	switch {
	case name == "":
		return ""
	case direction == "":
		return " on " + name
	}
	return fmt.Sprintf(" on %s (%s)", name, direction)
}
