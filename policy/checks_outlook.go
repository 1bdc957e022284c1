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

// connectivity wants the drain to cut off nothing that has a path now.
func (l ProspectLimits) connectivity(f *events.Prospect) answer {
	more := f.Drained.CutOff - f.InService.CutOff
	names := newNames(f)
	a := answer{
		ok:    more <= 0 && len(f.Drained.CutOffNames) <= len(f.InService.CutOffNames),
		value: fmt.Sprintf("%s newly cut off", rateOf(max(more, 0))), limit: limitConnected(l), detail: "nothing is cut off that has a path now",
	}
	if !a.ok {
		what := rateOf(more)
		if more <= 0 {
			what = "traffic that is not measured"
		}
		a.detail = what + " has no path but the link"
		if len(names) > 0 {
			a.detail += ": " + some(names)
		}
		a.remedy = "leave it to a person: there is no way around the link"
	}
	return a
}

func limitConnected(ProspectLimits) string { return "nothing newly cut off" }

// newNames are what the drain cuts off and is not cut off now, as far as it is named.
func newNames(f *events.Prospect) []string {
	var names []string
	for _, n := range f.Drained.CutOffNames {
		if !slices.Contains(f.InService.CutOffNames, n) {
			names = append(names, n)
		}
	}
	return names
}

// capacity wants room on the fullest link, or the drain to leave it no fuller than it is.
func (l ProspectLimits) capacity(f *events.Prospect) answer {
	a := l.room(f.Drained, f.InService, "with the link drained")
	a.limit = limitCapacity(l)
	return a
}

func limitCapacity(l ProspectLimits) string {
	return fmt.Sprintf("at most %s, or no fuller than in service", percent(l.WorstPermil))
}

// room wants no link over the limit in one outlook, unless it is as full in the other.
func (l ProspectLimits) room(is, other events.Outlook, when string) answer {
	a := answer{
		ok: is.WorstPermil <= max(l.WorstPermil, other.WorstPermil), value: percent(is.WorstPermil) + on(is.WorstLink),
		detail: fmt.Sprintf("%s the fullest link is at %s", when, percent(is.WorstPermil)+on(is.WorstLink)),
	}
	if !a.ok {
		a.detail += fmt.Sprintf(", and otherwise the fullest is at %s", percent(other.WorstPermil))
		a.remedy = "it goes on by itself when load falls; or add capacity"
	}
	return a
}

// survives wants the drain to leave the network about as able to lose one link, risk group or router more as it is now.
// What the network does not survive today is not the drain's doing, so the limits are relative.
func (l ProspectLimits) survives(f *events.Prospect) (a answer, edge bool) {
	is := f.Drained
	full := is.SurvivePermil > max(l.SurvivePermil, f.InService.SurvivePermil+l.WorseByPermil)
	fails := f.NewViolations > l.NewViolations
	a = answer{
		ok: !full && !fails, value: fmt.Sprintf("%s, %d new of %d failures", percent(is.SurvivePermil), f.NewViolations, is.Failures), limit: limitSurvives(l),
		detail: oneMore(is),
	}
	switch {
	case fails:
		a.detail += fmt.Sprintf("; failures that are survived now and would not be: %d", f.NewViolations)
		if f.Worst != "" {
			a.detail += ", the worst: " + f.Worst
		}
	case full:
		a.detail += fmt.Sprintf("; now it is %s", percent(f.InService.SurvivePermil))
	}
	if !a.ok {
		a.remedy = "it goes on by itself when load falls or other links are back; or add capacity"
	}
	// Where no failure fills a link, what is not survived is not survived for want of a path.
	const line = 1000
	return a, fails && !full && is.SurvivePermil <= line
}

// oneMore is the worst failure more, for people.
func oneMore(is events.Outlook) string {
	detail := "one more failure: worst " + percent(is.SurvivePermil) + on(is.Link)
	if is.Failure != "" {
		detail += fmt.Sprintf(" if %s fails", is.Failure)
	}
	return detail
}

func limitSurvives(l ProspectLimits) string {
	return fmt.Sprintf("at most %s or %s points more than now, at most %d new", percent(l.SurvivePermil), strings.TrimSuffix(percent(l.WorseByPermil), " %"), l.NewViolations)
}

func (l ProspectLimits) nothingFailed() answer {
	return answer{
		value: "no failure was looked at", limit: limitSurvives(l), detail: "it is not known what one more failure would do",
		remedy: "it is computed by itself once telemetry of every link is there",
	}
}

// survivesOneMore is survives of a plan. That no failure was looked at is a what-if that is missing in part.
func survivesOneMore(p *Policy, q Question) answer {
	l, f := p.file.Prospect, q.Facts.Prospect
	if f == nil {
		return notComputed(limitSurvives(l))
	}
	if f.Drained.Failures == 0 {
		return q.treated(l.Missing, l.nothingFailed())
	}
	a, edge := l.survives(f)
	if a.ok || !edge {
		return a
	}
	a.detail += "; no link would be full then, but traffic would have no path left"
	return q.treated(l.Edge, a)
}

// loopFree wants a way into the drain on which packets cannot loop, whatever the order in which routers learn of it. A link
// that loses more than a loop of a moment costs is drained all the same.
func loopFree(p *Policy, q Question) answer {
	l, f := p.file.Prospect, q.Facts.Prospect
	limit := fmt.Sprintf("no transient loop, unless the link loses %g or more; else: %s", l.SkipStepsLoss, l.Loops)
	if f == nil {
		return notComputed(limit)
	}
	a := answer{ok: true, value: steps(len(q.Plan.Steps)), limit: limit, detail: "no packet loops on the way, whatever the order in which routers learn of it"}
	switch jump := q.jump(); {
	case f.Loops:
		a.ok, a.detail = false, "packets may loop for a moment: a way without loops would take more steps than are allowed"
	case jump != "":
		a.ok, a.detail = false, "packets may loop for a moment: "+jump
	}
	if a.ok {
		return a
	}
	a.value += ", may loop"
	if lost := q.lost(); lost >= l.SkipStepsLoss {
		a.ok, a.detail = true, fmt.Sprintf("%s; the link loses %.2g of its packets, which is worse", a.detail, lost)
		return a
	}
	a.remedy = "leave it to a person, who chooses a quiet moment"
	return q.treated(l.Loops, a)
}

func steps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

// jump says where the plan raises a metric past the next step of the loop-free way; "" when it never does. Smaller steps
// are as good: what lies between two metrics cannot make a loop that going from one to the other does not.
func (q Question) jump() (where string) {
	way := q.Facts.Prospect.Steps
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
		next := slices.IndexFunc(way, func(m uint32) bool { return uint64(m) > from })
		if next >= 0 && to > uint64(way[next]) && where == "" {
			where = fmt.Sprintf("%s on %s goes from %d to %d in one step, and only to %d without a loop", s.LeafRef, device, from, to, way[next])
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
	saves := max(f.Benefit, int64(min(q.lost()*float64(f.Moved), most)))
	a := answer{value: fmt.Sprintf("saves %s, costs %s", rateOf(saves), rateOf(f.Harm)), limit: limit, detail: "the drain is expected to save more than it costs"}
	if f.Harm == 0 || worth == 0 || saves/int64(worth) >= f.Harm {
		a.ok = true
		return a
	}
	a.detail = fmt.Sprintf("the link loses %s now, and the drain is expected to cost %s over the time of a repair", rateOf(saves), rateOf(f.Harm))
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
	for _, cut := range newNames(f) {
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

// some names a few of many.
func some(names []string) string {
	const shown = 3
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// rateOf is a rate of traffic for people.
func rateOf(bps int64) string {
	units := []string{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"}
	n, unit := float64(bps), 0
	for ; n >= 1000 && unit < len(units)-1; unit++ {
		n /= 1000
	}
	return fmt.Sprintf("%.4g %s", n, units[unit])
}
