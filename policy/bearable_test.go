package policy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/detour-net/detour/events"
)

func TestBearable(t *testing.T) {
	for _, tt := range []struct {
		name, policy string
		spoil        func(f *events.Prospect)
		approved     bool
		ok           bool
		says         string
	}{
		{"as it was", "", func(*events.Prospect) {}, false, true, "nothing is cut off that has a path now; drained, the fullest link is at 50 % on chi-nyc; one more failure: worst 80 %"},
		{"just room", "", func(f *events.Prospect) { f.Drained.WorstPermil = 800 }, false, true, ""},
		{"just none", "", func(f *events.Prospect) { f.Drained.WorstPermil = 801 }, false, false, "no longer bears the drain: drained, the fullest link is at 80.1 %"},
		{"no fuller than in service", "", func(f *events.Prospect) { f.Drained.WorstPermil, f.InService.WorstPermil = 990, 990 }, false, true, ""},
		{"a link more has failed, and traffic is cut off", "", func(f *events.Prospect) { f.Drained.CutOff = 1 }, false, false, "no path but what is drained for 1 bit/s"},
		{"cut off with and without", "", func(f *events.Prospect) { f.Drained.CutOff, f.InService.CutOff = 9, 9 }, false, true, ""},
		{"it just survives", "", func(f *events.Prospect) { f.Drained.SurvivePermil = 1000 }, false, true, ""},
		{"it just does not", "", func(f *events.Prospect) { f.Drained.SurvivePermil = 1001 }, true, false, "one more failure: worst 100.1 %"},
		{"everything at once", "", func(f *events.Prospect) {
			f.Drained.CutOff, f.Drained.WorstPermil, f.Drained.SurvivePermil, f.NewViolations = 1, 1200, 1500, 3
		}, false, false, "no path but what is drained for 1 bit/s; drained, the fullest link is at 120 %"},
		{"reverted", "prospect: {when_unbearable: revert}", func(f *events.Prospect) { f.Drained.WorstPermil = 801 }, false, false, "the link is put back by itself"},
		{"paged", "", func(f *events.Prospect) { f.Drained.WorstPermil = 801 }, false, false, "a person decides"},
		{"no path left after a failure", "", func(f *events.Prospect) { f.NewViolations = 1 }, false, false, "failures that are survived now and would not be: 1"},
		{"no path left after a failure, and approved", "", func(f *events.Prospect) { f.NewViolations = 1 }, true, true, ""},
		{"no path left after a failure, and allowed", "prospect: {edge: allow}", func(f *events.Prospect) { f.NewViolations = 1 }, false, true, ""},
		{"no path left after a failure, and refused", "prospect: {edge: refuse}", func(f *events.Prospect) { f.NewViolations = 1 }, true, false, ""},
		{"no failure was looked at", "", func(f *events.Prospect) { f.Drained.Failures, f.Drained.SurvivePermil = 0, 5000 }, false, true, ""},

		{"missing", "", func(f *events.Prospect) { *f = events.Prospect{At: noon, Missing: "no counters"} }, false, true, "is not known: no counters"},
		{"old", "", func(f *events.Prospect) { f.At, f.Drained.CutOff = noon.Add(-time.Minute), 1 }, false, true, "it is of 1m0s ago"},
		{"of a matrix as old as may be", "", func(f *events.Prospect) { f.MatrixAt, f.Drained.CutOff = noon.Add(-time.Hour), 1 }, false, false, ""},
		{"of an old matrix", "", func(f *events.Prospect) { f.MatrixAt, f.Drained.CutOff = noon.Add(-time.Hour-1), 1 }, false, true, "is not known: matrix tm was measured 1h0m0s ago"},
		{"of a wrong model", "", func(f *events.Prospect) { f.Fit.Close, f.Drained.CutOff = 75, 1 }, false, true, "agree on 75 of 80"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := calm()
			tt.spoil(f)
			c := parse(t, tt.policy).Bearable(f, noon, tt.approved)
			if c.OK != tt.ok || c.Name != CheckBearable || c.Value == "" || c.Limit == "" || (c.Remedy == "") != c.OK {
				t.Errorf("check %+v", c)
			}
			if said := c.Detail + " | " + c.Remedy; !strings.Contains(said, tt.says) {
				t.Errorf("said %q, want %q", said, tt.says)
			}
		})
	}
	if c := parse(t, "").Bearable(nil, noon, false); !c.OK || !strings.Contains(c.Detail, "nothing was computed") {
		t.Errorf("nothing at all: %+v", c)
	}
}

// TestUnbearableMeansThatPuttingBackHelps: a drain is never called unbearable for what putting the link back would not cure.
func TestUnbearableMeansThatPuttingBackHelps(t *testing.T) {
	unbearable := 0
	rapid.Check(t, func(t *rapid.T) {
		f := drawProspect(t)
		c := parseRapid(t, "prospect: {edge: allow}").Bearable(f, noon, false)
		is, other := f.Drained, f.InService
		if c.OK {
			return
		}
		unbearable++
		if is.CutOff <= other.CutOff && len(is.CutOffNames) <= len(other.CutOffNames) && is.WorstPermil <= other.WorstPermil && is.SurvivePermil <= other.SurvivePermil && f.NewViolations == 0 {
			t.Fatalf("%+v is said to be unbearable: %+v", f, c)
		}
	})
	if unbearable == 0 {
		t.Error("nothing was ever unbearable: the property says nothing")
	}
}

func TestReleaseChecks(t *testing.T) {
	for _, tt := range []struct {
		name, policy string
		spoil        func(q *Question)
		verdict      events.Verdict
		check, says  string
	}{
		{"as it was", "", func(*Question) {}, events.Allow, "", ""},
		{"just room", "", foresees(func(f *events.Prospect) { f.InService.WorstPermil = 800 }), events.Allow, "", ""},
		{"just none", "", foresees(func(f *events.Prospect) { f.InService.WorstPermil = 801 }), events.Defer, CheckCapacity, "in service, the fullest link is at 80.1 % on chi-nyc; otherwise the fullest is at 50 %"},
		{"as full as with the drain", "", foresees(func(f *events.Prospect) { f.InService.WorstPermil, f.Drained.WorstPermil = 950, 950 }), events.Allow, "", ""},
		{"a little fuller than with the drain", "", foresees(func(f *events.Prospect) { f.InService.WorstPermil, f.Drained.WorstPermil = 951, 950 }), events.Defer, CheckCapacity, ""},
		{"it just survives", "", foresees(func(f *events.Prospect) { f.InService.SurvivePermil = 1000 }), events.Allow, "", ""},
		{"it just does not", "", foresees(func(f *events.Prospect) { f.InService.SurvivePermil = 1001 }), events.Defer, CheckSurvives, "; drained it is 80 %"},
		{"it survives as little as with the drain", "", foresees(func(f *events.Prospect) { f.InService.SurvivePermil, f.Drained.SurvivePermil = 1300, 1300 }), events.Allow, "", ""},
		{"by another policy", "prospect: {worst_permil: 300}", foresees(func(f *events.Prospect) { f.Drained.WorstPermil = 300 }), events.Defer, CheckCapacity, ""},
		{"no failure was looked at", "", foresees(func(f *events.Prospect) { f.InService.Failures, f.InService.SurvivePermil = 0, 9999 }), events.Allow, "", ""},
		{"the drain cuts something off", "", foresees(func(f *events.Prospect) {
			f.InService.WorstPermil, f.InService.SurvivePermil, f.Drained.CutOff = 990, 1900, 1
		}), events.Allow, "", ""},

		{"what is not known keeps no drain in place", "prospect: {missing: refuse}", func(q *Question) { q.Facts.Prospect = nil }, events.Allow, "", ""},
		{"nor what is old", "prospect: {missing: refuse}", foresees(func(f *events.Prospect) { f.At, f.InService.WorstPermil = noon.Add(-time.Minute), 2000 }), events.Allow, "", ""},
		{"nor an old matrix", "", foresees(func(f *events.Prospect) { f.MatrixAt, f.InService.WorstPermil = noon.Add(-61*time.Minute), 2000 }), events.Allow, "", ""},
		{"nor a wrong model", "", foresees(func(f *events.Prospect) { f.Fit.Close, f.InService.WorstPermil = 1, 2000 }), events.Allow, "", ""},
		{"nor what a drain costs", "keep: {never: [den-kcy], depends_on: [tul]}", foresees(func(f *events.Prospect) {
			f.Harm, f.Loops, f.NewViolations, f.Drained.CutOff, f.Drained.CutOffNames = 1e9, true, 9, 1, []string{"tul"}
		}), events.Allow, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := good()
			tt.spoil(&q)
			r := parse(t, tt.policy).EvaluateRelease(q)
			if r.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s: %+v", r.Verdict, tt.verdict, r.Checks)
			}
			for _, c := range r.Checks {
				if c.OK == (c.Name == tt.check) || c.Value == "" || c.Limit == "" || !c.OK && (c.Remedy == "" || !strings.Contains(c.Detail, tt.says)) {
					t.Errorf("check %+v", c)
				}
			}
		})
	}
}

// TestReleaseNeverStricterThanTheDrain: where the drain is at least as bad in every respect the link goes back.
func TestReleaseNeverStricterThanTheDrain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := good()
		q.Facts.Prospect = drawProspect(t)
		is, other := q.Facts.Prospect.InService, q.Facts.Prospect.Drained
		r := parseRapid(t, "").EvaluateRelease(q)
		if is.WorstPermil <= other.WorstPermil && is.SurvivePermil <= other.SurvivePermil && r.Verdict != events.Allow {
			t.Fatalf("%+v: %+v", q.Facts.Prospect, r.Checks)
		}
		if r.Verdict == events.Ask {
			t.Fatal("somebody is asked whether a drain may end")
		}
	})
}
