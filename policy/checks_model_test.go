package policy

import (
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

func TestModelKnown(t *testing.T) {
	const allow, refuse = "prospect: {missing: allow}", "prospect: {missing: refuse}"
	none := func(q *Question) { q.Facts.Prospect = nil }
	of := func(spoil func(f *events.Prospect)) func(*Question) {
		return func(q *Question) { spoil(q.Facts.Prospect) }
	}
	for _, tt := range []spoiling{
		{"none, asked", "", none, events.Ask, CheckModel, "is not known: nothing was computed of it"},
		{"none, approved", "", func(q *Question) { none(q); q.Approved = true }, events.Allow, "", ""},
		{"none, dry", "", func(q *Question) { none(q); q.Mode = events.DryRun }, events.Allow, "", ""},
		{"none, allowed", allow, none, events.Allow, "", ""},
		{"none, refused", refuse, none, events.Defer, CheckModel, "computed by itself once telemetry"},
		{"none, refused though approved", refuse, func(q *Question) { none(q); q.Approved = true }, events.Defer, CheckModel, ""},

		{"missing", "", of(func(f *events.Prospect) { f.Missing = "counters of 3 links are not seen" }), events.Ask, CheckModel, "counters of 3 links are not seen"},
		{"as old as may be", "", of(func(f *events.Prospect) { f.At = noon.Add(-5 * time.Second) }), events.Allow, "", ""},
		{"too old", "", of(func(f *events.Prospect) { f.At = noon.Add(-5001 * time.Millisecond) }), events.Ask, CheckModel, "it is of 5.001s ago"},
		{"too old for another policy", "clocks: {fresh: 500ms}", of(func(f *events.Prospect) { f.At = noon.Add(-time.Second) }), events.Defer, CheckModel + " " + CheckFresh, "it is of 1s ago"},
		{"a little ahead", "", of(func(f *events.Prospect) { f.At = noon.Add(5 * time.Second) }), events.Allow, "", ""},
		{"from the future", "", of(func(f *events.Prospect) { f.At = noon.Add(6 * time.Second) }), events.Ask, CheckModel, "6s ahead of this clock"},
		{"of no time", "", of(func(f *events.Prospect) { f.At = time.Time{} }), events.Ask, CheckModel, "does not say of when"},
		{"of no method", "", of(func(f *events.Prospect) { f.Method = "" }), events.Ask, CheckModel, `the method "" is not known`},
		{"a negative load", "", of(func(f *events.Prospect) { f.Drained.WorstPermil = -1 }), events.Ask, CheckModel, "is negative"},
		{"a negative rate", "", of(func(f *events.Prospect) { f.InService.CutOff = -1 }), events.Ask, CheckModel, "is negative"},
		{"more agree than there are", "", of(func(f *events.Prospect) { f.Fit.Close = 81 }), events.Ask, CheckModel, "more links than are known"},
		{"what is missing is not judged", allow, of(func(f *events.Prospect) {
			*f = events.Prospect{At: noon, Missing: "x", Drained: events.Outlook{WorstPermil: 5000, CutOff: 1e9}, NewViolations: 9, Loops: true, Harm: 1}
		}), events.Allow, "", ""},

		{"of a soft drain, and the plan is hard", "", func(q *Question) { q.Plan = drain(MaxMetric) }, events.Ask, CheckModel + " " + CheckHard, "leaves the link as a last resort"},
		{"of no steps, and the plan is hard", "", func(q *Question) { q.Plan, q.Facts.Prospect.Way = drain(MaxMetric), nil }, events.Ask, CheckModel + " " + CheckHard, "takes it out of SPF"},
		{"of a hard drain", "", func(q *Question) {
			q.Plan, q.Facts.Prospect.Way = drain(MaxMetric), events.Uniform("den-kcy", MaxMetric)
		}, events.Ask, CheckHard, ""},
		{"of a hard drain, and the plan is soft", "", func(q *Question) { q.Facts.Prospect.Way = events.Uniform("den-kcy", MaxMetric) }, events.Allow, "", ""},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestMatrixFresh(t *testing.T) {
	aged := func(age time.Duration) func(*Question) {
		return func(q *Question) { q.Facts.Prospect.MatrixAt = noon.Add(-age) }
	}
	approved := func(age time.Duration) func(*Question) {
		return func(q *Question) { aged(age)(q); q.Approved = true }
	}
	for _, tt := range []spoiling{
		{"as old as may be", "", aged(15 * time.Minute), events.Allow, "", ""},
		{"older", "", aged(15*time.Minute + time.Millisecond), events.Ask, CheckMatrix, "matrix tm was measured 15m0s ago"},
		{"older, approved", "", approved(15*time.Minute + time.Millisecond), events.Allow, "", ""},
		{"as old as may be with an approval", "", approved(time.Hour), events.Allow, "", ""},
		{"as old as may be with an approval, and there is none", "", aged(time.Hour), events.Ask, CheckMatrix, "an approver decides"},
		{"too old for anybody", "", approved(time.Hour + time.Millisecond), events.Defer, CheckMatrix, "a newer matrix is measured or given"},
		{"a little ahead", "", aged(-5 * time.Second), events.Allow, "", ""},
		{"from the future", "", approved(-6 * time.Second), events.Defer, CheckMatrix, "6s ahead of this clock"},
		{"of no time", "", func(q *Question) { q.Facts.Prospect.MatrixAt = time.Time{} }, events.Ask, CheckMatrix, "does not say when it was measured"},
		{"of no time, approved", "", func(q *Question) { q.Facts.Prospect.MatrixAt, q.Approved = time.Time{}, true }, events.Allow, "", ""},
		{"by another policy, inside", "prospect: {matrix_age: 1m}", aged(time.Minute), events.Allow, "", ""},
		{"by another policy, outside", "prospect: {matrix_age: 59s}", aged(time.Minute), events.Ask, CheckMatrix, ""},
		{"a bound needs none", "", func(q *Question) {
			q.Facts.Prospect.Method, q.Facts.Prospect.MatrixAt = events.MethodBound, time.Time{}
		}, events.Allow, "", ""},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestCountersAgree(t *testing.T) {
	counted := func(near, links int) func(*Question) {
		return func(q *Question) {
			q.Facts.Prospect.Counters = events.Fit{Links: links, Close: near, Worst: 123, OnLink: "sea-den, sea to den"}
		}
	}
	for _, tt := range []spoiling{
		{"on just enough links", "", counted(90, 100), events.Allow, "", ""},
		{"on one too few", "", counted(89, 100), events.Defer, CheckCounters, "on 89 of 100 directions of links only, the worst is sea-den, sea to den by 12.3 %"},
		{"nothing is rounded up", "", counted(899_999, 1_000_000), events.Defer, CheckCounters, ""},
		{"on none", "", counted(0, 2), events.Defer, CheckCounters, ""},
		{"nothing to compare", "", counted(0, 0), events.Allow, "", ""},
		{"by another policy, inside", "prospect: {counters_permil: 800}", counted(80, 100), events.Allow, "", ""},
		{"by another policy, outside", "prospect: {counters_permil: 1000}", counted(99, 100), events.Defer, CheckCounters, ""},
		{"no approval makes counters right", "", func(q *Question) { counted(1, 100)(q); q.Approved = true }, events.Defer, CheckCounters, ""},
		{"more than there are", "", counted(101, 100), events.Ask, CheckModel, "agree on more links than are known"},
		{"less than none", "", counted(-1, 100), events.Ask, CheckModel, "negative"},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestFlowConserved(t *testing.T) {
	counted := func(near, routers int) func(*Question) {
		return func(q *Question) {
			q.Facts.Prospect.Conserved = events.Conservation{Routers: routers, Balanced: near, Worst: 123, Router: "kcy", In: 9e9, Out: 7.5e9}
		}
	}
	for _, tt := range []spoiling{
		{"at just enough routers", "", counted(95, 100), events.Allow, "", ""},
		{"at one too few", "", counted(94, 100), events.Defer, CheckConserved, "at 94 of 100 routers only, the worst is kcy by 12.3 %: 9 Gbit/s in and 7.5 Gbit/s out"},
		{"one of few lies", "", counted(10, 11), events.Defer, CheckConserved, "the worst is kcy"},
		{"nothing is rounded up", "", counted(949_999, 1_000_000), events.Defer, CheckConserved, ""},
		{"at none", "", counted(0, 1), events.Defer, CheckConserved, ""},
		{"none is counted whole", "", counted(0, 0), events.Allow, "", ""},
		{"by another policy, inside", "prospect: {conserved_permil: 900}", counted(10, 11), events.Allow, "", ""},
		{"by another policy, outside", "prospect: {conserved_permil: 1000}", counted(99, 100), events.Defer, CheckConserved, ""},
		{"no approval makes counters right", "", func(q *Question) { counted(1, 100)(q); q.Approved = true }, events.Defer, CheckConserved, ""},
		{"some are not checked", "", func(q *Question) {
			counted(1, 2)(q)
			q.Facts.Prospect.Conserved.Unchecked, q.Facts.Prospect.Conserved.Why = 9, "den: edge0 is not counted"
		}, events.Defer, CheckConserved, "; not checked: 9 (den: edge0 is not counted)"},
		{"more than there are", "", counted(101, 100), events.Ask, CheckModel, "more routers are said to balance"},
		{"less than none", "", counted(-1, 100), events.Ask, CheckModel, "negative"},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestModelFits(t *testing.T) {
	fit := func(near, links int) func(*Question) {
		return func(q *Question) {
			q.Facts.Prospect.Fit = events.Fit{Links: links, Close: near, Worst: 400, OnLink: "sea-den"}
		}
	}
	for _, tt := range []spoiling{
		{"on just enough links", "", fit(95, 100), events.Allow, "", ""},
		{"on one too few", "", fit(94, 100), events.Defer, CheckFit, "on 94 of 100 directions of links only, the worst is sea-den by 40 %"},
		{"nothing is rounded up", "", fit(949_999, 1_000_000), events.Defer, CheckFit, ""},
		{"on none", "", fit(0, 100), events.Defer, CheckFit, ""},
		{"one link", "", fit(2, 2), events.Allow, "", ""},
		{"one direction says nothing", "", fit(1, 1), events.Defer, CheckFit, "too few links' loads are measured"},
		{"no link", "", fit(0, 0), events.Defer, CheckFit, "too few"},
		{"by another policy", "prospect: {fit_permil: 940}", fit(94, 100), events.Allow, "", ""},
		{"no approval makes a wrong model right", "", func(q *Question) { fit(94, 100)(q); q.Approved = true }, events.Defer, CheckFit, ""},
		{"a bound predicts nothing", "", func(q *Question) { fit(0, 0)(q); q.Facts.Prospect.Method = events.MethodBound }, events.Allow, "", ""},
	} {
		t.Run(tt.name, tt.test)
	}
}
