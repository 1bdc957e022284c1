package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/detour-net/detour/events"
)

// drawPolicy draws a policy as permissive or strict as Parse takes.
func drawPolicy(t *rapid.T) *Policy {
	n := func(label string, low, high int) int { return rapid.IntRange(low, high).Draw(t, label) }
	p, err := Parse("drawn", fmt.Appendf(nil, `
budgets:
  in_flight: {network: %d, site: %d, device: %d, bundle: %d, link: %d, site-pair: %d, plane: %d, srlg: %d}
  rates: [{per: 1h, at_most: %d}]
facts: {coverage_permil: %d, others_down: %d, unproven: %s}
breaker: {failed_verifications: %d, within: 1h}
verify: {worst_link_permil: %d}
`, n("network", 0, 1000), n("site", 0, 1000), n("device", 0, CeilingPerDevice), n("bundle", 0, 1000), n("link", 0, 1000), n("pair", 0, 1000), n("plane", 0, 1000), n("srlg", 0, 1000),
		n("rate", 0, CeilingActsPerHour), n("coverage", FloorCoveragePermil, 1000), n("down", 0, 1000),
		rapid.SampledFrom([]Treatment{TreatRefuse, TreatAsk, TreatAllow}).Draw(t, "unproven"), n("breaker", 1, 10), n("worst", 1, 1000)))
	if err != nil {
		t.Fatalf("drawn policy: %v", err)
	}
	return p
}

// drawQuestion spoils a good question in any number of ways.
func drawQuestion(t *rapid.T) Question {
	flip := func(label string) bool { return rapid.IntRange(0, 9).Draw(t, label) == 0 }
	q := good()
	q.Approved = rapid.Bool().Draw(t, "approved")
	q.Mode = rapid.SampledFrom([]events.Mode{events.Live, events.DryRun}).Draw(t, "mode")
	q.Rule.Autonomy = rapid.SampledFrom([]Autonomy{Auto, Approve, Shadow}).Draw(t, "autonomy")
	q.Symptom = rapid.SampledFrom([]events.AnomalyKind{events.LinkErrors, events.LinkErrors, events.LinkFlap, events.Congestion, events.LinkDown}).Draw(t, "symptom")
	q.Plan = drain(rapid.SampledFrom([]uint64{500, LastMetric, LastMetric, MaxMetric, 0, MaxMetric + 1}).Draw(t, "metric"))
	if flip("one end") {
		q.Plan.Steps[0].Changes = q.Plan.Steps[0].Changes[:1]
	}
	q.Facts.At = noon.Add(-time.Duration(rapid.IntRange(0, 6000).Draw(t, "age")) * time.Millisecond)
	if flip("unreadable") {
		q.Facts.Ends[0].Unreadable = "Internal"
	}
	q.Facts.Ends[1].Profile.Qualified = !flip("unqualified")
	q.Facts.Network.Links = rapid.IntRange(0, 200).Draw(t, "links")
	q.Facts.Network.Seen = rapid.IntRange(4, 10).Draw(t, "seen")
	q.Facts.Network.WorstPermil = rapid.IntRange(-1, 1000).Draw(t, "worst")
	for i := range rapid.IntRange(0, 6).Draw(t, "drained") {
		q.Facts.Network.DrainedLinks = append(q.Facts.Network.DrainedLinks, fmt.Sprintf("l%d", i))
	}
	scopes := rapid.SliceOfDistinct(rapid.SampledFrom([]events.Scope{"link:l0", "link:x", "device:den", "device:nyc", "site:den", "plane:1", "plane:2", "bundle:b", "srlg:s"}), func(s events.Scope) events.Scope { return s })
	for i := range rapid.IntRange(0, 20).Draw(t, "claims") {
		q.Situation.Claims = append(q.Situation.Claims, claim(fmt.Sprintf("i-%d", i), scopes.Draw(t, "scopes")...))
	}
	q.Situation.Admissions = admissions(rapid.IntRange(0, 80).Draw(t, "admissions"), time.Duration(rapid.IntRange(1, 120).Draw(t, "every"))*time.Second)
	q.Situation.Failures = times(rapid.IntRange(0, 3).Draw(t, "failures"), time.Minute)
	if flip("frozen") {
		q.Situation.Freezes = map[events.Scope]events.Frozen{"site:den": {Scope: "site:den"}}
	}
	if flip("busy") {
		q.Situation.Busy = map[string]string{"kcy": "other-1"}
	}
	return q
}

// TestNeverAboveTheCeiling states the ceiling a second time, independently of the checks that keep it.
func TestNeverAboveTheCeiling(t *testing.T) {
	allowed := 0
	roomy := parse(t, "budgets: {in_flight: {network: 1000, site: 1000, device: 2, bundle: 1000, link: 1000, site-pair: 1000, plane: 1000, srlg: 1000}, rates: []}")
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawPolicy(t), drawQuestion(t)
		if rapid.IntRange(0, 2).Draw(t, "calm") > 0 { // often enough nothing but the ceiling stands in the way
			p, q.Facts, q.Symptom = roomy, facts(10), events.LinkErrors
			q.Situation.Claims = q.Situation.Claims[:min(len(q.Situation.Claims), rapid.IntRange(0, 5).Draw(t, "few"))]
			q.Situation.Failures, q.Situation.Freezes, q.Situation.Busy = nil, nil, nil
		}
		r := p.Evaluate(q)
		if r.Verdict != events.Allow {
			return
		}
		allowed++
		links, lastHour, den, planes := 1+len(q.Situation.Claims), 0, 0, map[events.Scope]bool{"plane:1": true}
		for _, c := range q.Situation.Claims {
			if slices.Contains(c.Scopes, "device:den") {
				den++
			}
			for _, s := range c.Scopes {
				if s.Kind() == "plane" {
					planes[s] = true
				}
			}
		}
		for _, a := range q.Situation.Admissions {
			if q.Now.Sub(a.At) < time.Hour {
				lastHour++
			}
		}
		metric, _ := q.Plan.Steps[0].Changes[0].Settings[0].After.Uint()
		switch {
		case links > max(2, q.Facts.Network.Links/10):
			t.Fatalf("%d of %d links", links, q.Facts.Network.Links)
		case lastHour+1 > 60:
			t.Fatalf("%d acts in the hour", lastHour+1)
		case den+1 > 2:
			t.Fatalf("%d links of den", den+1)
		case len(planes) > 1:
			t.Fatalf("planes %v", planes)
		case metric < 1 || metric > 16777215:
			t.Fatalf("metric %d", metric)
		case metric == 16777215 && q.Mode == events.Live && !q.Approved:
			t.Fatal("a hard drain without approval")
		case q.Rule.Autonomy != Auto && q.Mode == events.Live && !q.Approved:
			t.Fatal("acted without the approval that the rule wants")
		case len(q.Plan.Devices()) != 2:
			t.Fatal("a link drained at one end")
		case len(q.Situation.Freezes) > 0:
			t.Fatal("acted while frozen")
		}
	})
	if allowed == 0 {
		t.Error("nothing was ever allowed: the property says nothing")
	}
}

// TestVerdictIsTheWorstAnswer: the verdict follows from the recorded checks alone, and every check is recorded.
func TestVerdictIsTheWorstAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawPolicy(t), drawQuestion(t)
		r := p.Evaluate(q)
		if len(r.Checks) != len(actChecks) {
			t.Fatalf("%d checks, want %d", len(r.Checks), len(actChecks))
		}
		want := events.Allow
		for i, c := range r.Checks {
			no := actChecks[i].no
			if strings.HasPrefix(c.Remedy, "an approver decides") {
				no = events.Ask
			}
			if !c.OK && gravity(no) > gravity(want) {
				want = no
			}
		}
		if r.Verdict != want {
			t.Fatalf("verdict %s, the checks say %s", r.Verdict, want)
		}
	})
}

// TestEvaluateIsPure: the same question has the same answer, and is not changed by asking.
func TestEvaluateIsPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawPolicy(t), drawQuestion(t)
		before := events.DigestOf(q.Facts)
		claims := slices.Clone(q.Situation.Claims)
		one, two := p.Evaluate(q), p.Evaluate(q)
		if diff := cmp.Diff(one, two); diff != "" {
			t.Fatalf("two answers differ:\n%s", diff)
		}
		if before != events.DigestOf(q.Facts) || cmp.Diff(claims, q.Situation.Claims) != "" {
			t.Fatal("asking changed the question")
		}
	})
}

// TestMoreClaimsNeverHelp: what is not allowed does not become allowed because more is under mitigation.
func TestMoreClaimsNeverHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawPolicy(t), drawQuestion(t)
		before := gravity(p.Evaluate(q).Verdict)
		q.Situation.Claims = append(q.Situation.Claims, claim("more-1", "device:den", "link:y", "plane:1"))
		q.Situation.Admissions = append(q.Situation.Admissions, Admission{At: noon})
		if after := gravity(p.Evaluate(q).Verdict); after < before {
			t.Fatalf("verdict went from %d to %d", before, after)
		}
	})
}

func parseRapid(t *rapid.T, text string) *Policy {
	p, err := Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// drawProspect draws figures around the limits, where their order matters.
func drawProspect(t *rapid.T) *events.Prospect {
	f := calm()
	of := func(label string, some ...int) int { return rapid.SampledFrom(some).Draw(t, label) }
	outlook := func(label string) events.Outlook {
		o := events.Outlook{
			WorstPermil: of(label+" worst", 0, 300, 799, 800, 801, 900, 1200), CutOff: int64(of(label+" cut off", 0, 0, 0, 1, 7)),
			SurvivePermil: of(label+" survive", 300, 900, 950, 1000, 1001, 1050, 1051, 2000), Failures: of(label+" failures", 9, 9, 9, 0),
		}
		o.CutOffNames = []string{"a > b", "c > d"}[:of(label+" names", 0, 0, 0, 1, 2)]
		return o
	}
	f.InService, f.Drained = outlook("in service"), outlook("drained")
	f.NewViolations, f.Loops = of("violations", 0, 0, 0, 1, 3), rapid.IntRange(0, 4).Draw(t, "loops") == 0
	f.Fit.Close, f.MatrixAt = of("fit", 80, 80, 76, 75, 0), noon.Add(-time.Duration(of("matrix", 1, 1, 15, 16, 60, 61))*time.Minute)
	f.Moved, f.Benefit, f.Harm = 3e9, int64(of("benefit", 0, 999, 1000)), int64(of("harm", 0, 0, 100))
	return f
}

// TestJudgedAsEvaluated: of one what-if both say the same, whatever the policy's limits and treatments, as long as no person
// has approved anything and the link loses nothing.
func TestJudgedAsEvaluated(t *testing.T) {
	count := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		treat := rapid.SampledFrom([]Treatment{TreatRefuse, TreatAsk, TreatAllow})
		p := parseRapid(t, fmt.Sprintf("prospect: {edge: %s, loops: %s, missing: %s, new_violations: %d}",
			treat.Draw(t, "edge"), treat.Draw(t, "loops"), treat.Draw(t, "missing"), rapid.IntRange(0, 2).Draw(t, "new")))
		q := good()
		q.Facts.Prospect = drawProspect(t)
		q.Facts.Prospect.Benefit = 0
		r := p.Evaluate(q)
		for _, c := range p.Prospects().Judge(q.Facts.Prospect) {
			i := slices.IndexFunc(r.Checks, func(o events.Check) bool { return o.Name == c.Name })
			if i < 0 {
				t.Fatalf("%s stands on no record", c.Name)
			}
			was := r.Checks[i]
			if c.Name == CheckLoopFree {
				was.Value = strings.TrimPrefix(was.Value, "1 step, ") // of the plan, which is not judged
			}
			if was != c {
				t.Fatalf("judged %+v, recorded %+v", c, was)
			}
			count[fmt.Sprint(c.Name, c.OK)]++
		}
	})
	for _, name := range []string{CheckConnected, CheckCapacity, CheckSurvives, CheckLoopFree} {
		if count[name+"true"] == 0 || count[name+"false"] == 0 {
			t.Errorf("%s was only ever judged one way: %v", name, count)
		}
	}
}

// TestApprovedForWhatAsked: a quorum that was asked for every check that wants a person lets the plan through; one that was
// not asked for one of them leaves exactly that one open.
func TestApprovedForWhatAsked(t *testing.T) {
	asked := 0
	rapid.Check(t, func(t *rapid.T) {
		p, q := parseRapid(t, "facts: {unproven: ask}\nchecks: [{name: own, require: verdict.new_violations == 0, message: no, otherwise: ask}]"), good()
		if rapid.Bool().Draw(t, "foreseen to be bad") { // of what is, most is refused and nobody asked
			q.Facts.Prospect = drawProspect(t)
		}
		q.Facts.Ends[0].Profile.Qualified = rapid.Bool().Draw(t, "qualified")
		q.Rule.Autonomy = rapid.SampledFrom([]Autonomy{Auto, Approve}).Draw(t, "autonomy")
		q.Plan = drain(rapid.SampledFrom([]uint64{LastMetric, MaxMetric}).Draw(t, "metric"))
		first := p.Evaluate(q)
		if first.Verdict != events.Ask {
			return
		}
		asked++
		q.Approved, q.ApprovedFor = true, events.Failing(first.Checks)
		if r := p.Evaluate(q); r.Verdict != events.Allow {
			t.Fatalf("approved for %v: %s for %v", q.ApprovedFor, r.Verdict, events.Failing(r.Checks))
		}
		forgotten := rapid.SampledFrom(q.ApprovedFor).Draw(t, "forgotten")
		q.ApprovedFor = slices.DeleteFunc(slices.Clone(q.ApprovedFor), func(name string) bool { return name == forgotten })
		if r := p.Evaluate(q); r.Verdict != events.Ask || !slices.Equal(events.Failing(r.Checks), []string{forgotten}) {
			t.Fatalf("approved for %v and not for %s: %s for %v", q.ApprovedFor, forgotten, r.Verdict, events.Failing(r.Checks))
		}
		q.Mode = events.DryRun
		if r := p.Evaluate(q); r.Verdict != events.Allow {
			t.Fatalf("a dry run: %s for %v", r.Verdict, events.Failing(r.Checks))
		}
	})
	if asked < 5 {
		t.Errorf("a person was asked %d times: the test shows less than it should", asked)
	}
}

// TestAWorseProspectIsNeverJudgedBetter makes one thing worse, which must not make a verdict milder.
func TestAWorseProspectIsNeverJudgedBetter(t *testing.T) {
	worse := map[string]func(f *events.Prospect, by int){
		"fuller":       func(f *events.Prospect, by int) { f.Drained.WorstPermil += by },
		"more cut off": func(f *events.Prospect, by int) { f.Drained.CutOff += int64(by) },
		"somebody cut off": func(f *events.Prospect, _ int) {
			f.Drained.CutOffNames = append(f.Drained.CutOffNames[:len(f.Drained.CutOffNames):len(f.Drained.CutOffNames)], "tul")
		},
		"survives less":   func(f *events.Prospect, by int) { f.Drained.SurvivePermil += by },
		"more violations": func(f *events.Prospect, by int) { f.NewViolations += by },
		"none looked at": func(f *events.Prospect, _ int) {
			f.Drained.Failures, f.Drained.SurvivePermil, f.NewViolations = 0, 0, 0
		},
		"loops":           func(f *events.Prospect, _ int) { f.Loops = true },
		"costs more":      func(f *events.Prospect, by int) { f.Harm += int64(by) },
		"saves less":      func(f *events.Prospect, by int) { f.Benefit = max(0, f.Benefit-int64(by)) },
		"fits less":       func(f *events.Prospect, by int) { f.Fit.Close = max(0, f.Fit.Close-by) },
		"an older matrix": func(f *events.Prospect, by int) { f.MatrixAt = f.MatrixAt.Add(-time.Duration(by) * time.Minute) },
		"a longer way":    func(f *events.Prospect, _ int) { f.Way = append(events.Uniform("den-kcy", 500), f.Way...) },
		"nothing in before": func(f *events.Prospect, _ int) {
			f.InService.WorstPermil, f.InService.SurvivePermil, f.InService.CutOff = 0, 0, 0
		},
	}
	names := slices.Sorted(maps.Keys(worse))
	harder := 0
	rapid.Check(t, func(t *rapid.T) {
		treat := rapid.SampledFrom([]Treatment{TreatRefuse, TreatAsk, TreatAllow})
		p := parseRapid(t, fmt.Sprintf("prospect: {edge: %s, loops: %s, missing: refuse, worth: %d}\nkeep: {depends_on: [tul]}", treat.Draw(t, "edge"), treat.Draw(t, "loops"), rapid.IntRange(0, 20).Draw(t, "worth")))
		q := good()
		q.Approved = rapid.Bool().Draw(t, "approved")
		q.Facts.Prospect = drawProspect(t)
		before := gravity(p.Evaluate(q).Verdict)
		name := rapid.SampledFrom(names).Draw(t, "worse")
		f := *q.Facts.Prospect
		worse[name](&f, rapid.IntRange(0, 300).Draw(t, "by"))
		q.Facts.Prospect = &f
		switch after := gravity(p.Evaluate(q).Verdict); {
		case after < before:
			t.Fatalf("%s: from %d to %d", name, before, after)
		case after > before:
			harder++
		}
	})
	if harder == 0 {
		t.Error("nothing was ever judged harder: the property says nothing")
	}
}
