package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// drained is what is seen when everything went well.
func drained() events.Facts {
	f := facts(LastMetric)
	for i := range f.Ends {
		f.Ends[i].Traffic = &events.Traffic{OutBPS: 1000, InBPS: 1000}
	}
	f.Network.DrainedLinks = []string{"den-kcy"}
	f.Network.WorstPermil = 500
	return f
}

// TestDecided wants the check that made a verification what it is to be named, whatever else is not OK.
func TestDecided(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(after *events.Facts)
		want  string
	}{
		"passed":                   {func(*events.Facts) {}, ""},
		"the first that is unseen": {func(a *events.Facts) { a.Ends[0].Traffic.OutBPS, a.Ends[0].Traffic.InErrors = 2e9, 50 }, events.CheckTrafficLeft},
		"damage behind a delay":    {func(a *events.Facts) { a.Ends[0].Traffic.OutBPS, a.Network.WorstPermil = 2e9, 999 }, events.CheckNothingBroke},
		"the first damage of two":  {func(a *events.Facts) { a.Ends[1].Leaves[0], a.Network.WorstPermil = leaf("e2", 10, 10), 999 }, events.CheckAsConfigured},
	} {
		t.Run(name, func(t *testing.T) {
			after := drained()
			c.spoil(&after)
			if got := parse(t, "").Verify(drain(LastMetric), facts(10), after); got.Decided != c.want {
				t.Errorf("decided by %q, want %q: %+v", got.Decided, c.want, got)
			}
		})
	}
}

func TestVerifyUndo(t *testing.T) {
	absent := events.Value{}
	untold := []string{"the state shows nothing", "an end is unreadable", "the leaf is not read", "an end is not told of", "it is not told whether it is up"}
	for _, tt := range []struct {
		name  string
		spoil func(changes []events.Change, before, after *events.Facts)
		want  Outcome
		says  string
	}{
		{"all is back", func([]events.Change, *events.Facts, *events.Facts) {}, Pass, "as it did before"},
		{"the state still shows the drain", func(_ []events.Change, _, a *events.Facts) { a.Ends[1].Leaves[0] = leaf("e2", 10, LastMetric) }, Wait, "isis-metric e2 L2 ipv4 on kcy shows 16777214, not yet 10"},
		{"the state shows nothing", func(_ []events.Change, _, a *events.Facts) { a.Ends[0].Leaves[0].State = absent }, Wait, "shows absent, not yet 10"},
		{"the state never showed anything", func(_ []events.Change, b, a *events.Facts) {
			b.Ends[0].Leaves[0].State, a.Ends[0].Leaves[0].State = absent, absent
		}, Wait, "shows absent"},
		{"the configuration is another", func(_ []events.Change, _, a *events.Facts) { a.Ends[0].Leaves[0] = leaf("e1", LastMetric, 10) }, Wait, "is configured as 16777214, not as 10"},
		{"an end is unreadable", func(_ []events.Change, _, a *events.Facts) { a.Ends[0].Unreadable = "no answer" }, Wait, "was not read"},
		{"the leaf is not read", func(_ []events.Change, _, a *events.Facts) { a.Ends[0].Leaves = nil }, Wait, "was not read"},
		{"an end is not told of", func(_ []events.Change, _, a *events.Facts) { a.Ends = a.Ends[:1] }, Wait, "was not read"},
		{"it is not told whether it is up", func(_ []events.Change, _, a *events.Facts) {
			a.Ends[0].Oper, a.Ends[1].Leaves[0] = "", leaf("e2", 10, LastMetric)
		}, Wait, "not yet 10"},
		{"a link that is down is undone all the same", func(_ []events.Change, _, a *events.Facts) { a.Ends[0].Oper, a.Ends[0].Adjacencies = "DOWN", 0 }, Pass, ""},

		{"it was absent, and the router shows its default as before", func(c []events.Change, b, a *events.Facts) {
			c[0].Settings[0].Before, a.Ends[0].Leaves[0].Config = absent, absent
		}, Pass, ""},
		{"it was absent, and the router shows the drain", func(c []events.Change, b, a *events.Facts) {
			c[0].Settings[0].Before, a.Ends[0].Leaves[0].Config, a.Ends[0].Leaves[0].State = absent, absent, events.UintValue(LastMetric)
		}, Wait, "shows 16777214"},
		{"it was absent and not shown, and is not", func(c []events.Change, b, a *events.Facts) {
			c[0].Settings[0].Before, a.Ends[0].Leaves[0] = absent, events.LeafFacts{LeafRef: a.Ends[0].Leaves[0].LeafRef}
			b.Ends[0].Leaves[0].State = absent
		}, Pass, ""},
		{"it was absent and not shown, and the drain is", func(c []events.Change, b, a *events.Facts) {
			c[0].Settings[0].Before, a.Ends[0].Leaves[0].Config, a.Ends[0].Leaves[0].State = absent, absent, events.UintValue(LastMetric)
			b.Ends[0].Leaves[0].State = absent
		}, Wait, "shows 16777214"},
		{"it was a word, and the router shows a number", func(c []events.Change, b, a *events.Facts) {
			word := events.JSONValue(`"GLOBAL_METRIC"`)
			c[0].Settings[0].Before, a.Ends[0].Leaves[0].Config = word, word
		}, Pass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changes, before, after := drain(LastMetric).Steps[0].Changes, facts(10), facts(10)
			tt.spoil(changes, &before, &after)
			got := VerifyUndo(changes, before, after)
			if got.Outcome != tt.want || len(got.Checks) != 1 || got.Checks[0].OK != (tt.want == Pass) || !strings.Contains(got.Checks[0].Detail, tt.says) {
				t.Errorf("got %+v, want %s, %q", got, tt.want, tt.says)
			}
			if got.Untold != slices.Contains(untold, tt.name) {
				t.Errorf("untold: %t", got.Untold)
			}
			if decided := tt.want != Pass; decided != (got.Decided == events.CheckAsBefore) {
				t.Errorf("decided by %q", got.Decided)
			}
		})
	}
	t.Run("of two steps the first has the pre-image", func(t *testing.T) {
		low, high := drain(500).Steps[0].Changes, drain(LastMetric).Steps[0].Changes
		for n := range high {
			high[n].Settings[0].Before = events.UintValue(500)
		}
		all := append(low, high...)
		if got := VerifyUndo(all, facts(10), facts(10)); got.Outcome != Pass {
			t.Errorf("back at the first pre-image: %+v", got)
		}
		if got := VerifyUndo(all, facts(10), facts(500)); got.Outcome != Wait {
			t.Errorf("half-way: %+v", got)
		}
	})
}

func TestVerifyReturn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(before, after *events.Facts)
		want  string // the check that is not passed
		says  string
	}{
		{"in service", func(*events.Facts, *events.Facts) {}, "", ""},
		{"the state still shows the drain", func(_, a *events.Facts) { a.Ends[0].Leaves[0] = leaf("e1", 10, LastMetric) }, events.CheckAsBefore, "not yet 10"},
		{"it is down", func(_, a *events.Facts) { a.Ends[1].Oper = "DOWN" }, events.CheckInService, "kcy e2 has gone DOWN"},
		{"its adjacency is not up", func(_, a *events.Facts) { a.Ends[1].Adjacencies = 0 }, events.CheckInService, "had 1 adjacencies up and has 0"},
		{"it had none before", func(b, a *events.Facts) { b.Ends[1].Adjacencies, a.Ends[1].Adjacencies = 0, 0 }, "", ""},
		{"it is not seen", func(_, a *events.Facts) { a.Ends[1].Oper = "" }, events.CheckInService, "not seen yet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, after := facts(10), facts(10)
			tt.spoil(&before, &after)
			got := VerifyReturn(drain(LastMetric), before, after)
			want := Pass
			if tt.want != "" {
				want = Wait
			}
			if got.Outcome != want || got.Decided != tt.want || len(got.Checks) != 2 || got.Untold != (tt.name == "it is not seen") {
				t.Fatalf("got %+v, want %s by %q", got, want, tt.want)
			}
			for _, c := range got.Checks {
				if c.OK == (c.Name == tt.want) || c.Name == tt.want && !strings.Contains(c.Detail, tt.says) {
					t.Errorf("check %+v, want %q", c, tt.says)
				}
			}
		})
	}
}

func TestVerify(t *testing.T) {
	tests := []struct {
		name   string
		policy string
		spoil  func(plan *events.Plan, before, after *events.Facts)
		want   Outcome
		checks string // that are not OK
		says   string
	}{
		{"all is well", "", func(*events.Plan, *events.Facts, *events.Facts) {}, Pass, "", ""},

		{"one direction still carries", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[1].Traffic.OutBPS = 2e9 }, Wait, events.CheckTrafficLeft, "still crosses"},
		{"at one per cent of line rate", "", func(_ *events.Plan, b, a *events.Facts) {
			b.Ends[0].Traffic.OutBPS, a.Ends[0].Traffic.OutBPS = 0, 1e8
		}, Pass, "", ""},
		{"just above it", "", func(_ *events.Plan, b, a *events.Facts) {
			b.Ends[0].Traffic.OutBPS, a.Ends[0].Traffic.OutBPS = 0, 1e8+1
		}, Wait, events.CheckTrafficLeft, ""},
		{"at five per cent of before", "", func(_ *events.Plan, b, a *events.Facts) {
			b.Ends[0].Traffic.OutBPS, a.Ends[0].Traffic.OutBPS = 8e9, 4e8
		}, Pass, "", ""},
		{"just above that", "", func(_ *events.Plan, b, a *events.Facts) {
			b.Ends[0].Traffic.OutBPS, a.Ends[0].Traffic.OutBPS = 8e9, 4e8+1
		}, Wait, events.CheckTrafficLeft, ""},
		{"before is not known", "", func(_ *events.Plan, b, a *events.Facts) { b.Ends = nil; a.Ends[0].Traffic.OutBPS = 2e8 }, Wait, events.CheckTrafficLeft, ""},
		{"no counters yet", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[0].Traffic = nil }, Wait, events.CheckTrafficLeft + " " + events.CheckSymptomGone, "counters of den e1 are not seen yet"},

		{"errors without traffic harm nobody", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[0].Traffic.InErrors = 50 }, Pass, "", ""},
		{"errors with traffic", "", func(_ *events.Plan, _, a *events.Facts) {
			a.Ends[0].Traffic.InErrors, a.Ends[0].Traffic.OutBPS = 50, 2e9
		}, Wait, events.CheckTrafficLeft + " " + events.CheckSymptomGone, "still meets errors"},
		{"few enough errors with traffic", "verify: {errors_per_second: 50}", func(_ *events.Plan, _, a *events.Facts) {
			a.Ends[0].Traffic.InErrors, a.Ends[0].Traffic.OutBPS = 50, 2e9
		}, Wait, events.CheckTrafficLeft, ""},

		{"the adjacency is lost", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[0].Adjacencies = 0 }, Fail, events.CheckNothingBroke, "had 1 adjacencies up and has 0"},
		{"the link went down", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[1].Oper = "DOWN" }, Fail, events.CheckNothingBroke, "kcy e2 has gone DOWN"},
		{"its state is not seen", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[1].Oper, a.Ends[1].Adjacencies = "", 0 }, Wait, events.CheckNothingBroke, "not seen yet"},
		{"another link went down", "", func(_ *events.Plan, _, a *events.Facts) { a.Network.DownLinks = []string{"chi-nyc"} }, Fail, events.CheckNothingBroke, "chi-nyc has gone down"},
		{"another link was down before", "", func(_ *events.Plan, b, a *events.Facts) {
			a.Network.DownLinks, b.Network.DownLinks = []string{"chi-nyc"}, []string{"chi-nyc"}
		}, Pass, "", ""},
		{"another link is overloaded", "", func(_ *events.Plan, _, a *events.Facts) { a.Network.WorstPermil = 801 }, Fail, events.CheckNothingBroke, "chi-nyc is overloaded"},
		{"another link at its limit", "", func(_ *events.Plan, _, a *events.Facts) { a.Network.WorstPermil = 800 }, Pass, "", ""},
		{"overloaded before, and a little more", "", func(_ *events.Plan, b, a *events.Facts) { b.Network.WorstPermil, a.Network.WorstPermil = 900, 950 }, Pass, "", ""},
		{"overloaded before, and much more", "", func(_ *events.Plan, b, a *events.Facts) { b.Network.WorstPermil, a.Network.WorstPermil = 900, 951 }, Fail, events.CheckNothingBroke, ""},
		{"load is not known", "", func(_ *events.Plan, _, a *events.Facts) { a.Network.WorstPermil = -1 }, Wait, events.CheckNothingBroke, "not known yet"},
		{"half blind", "", func(_ *events.Plan, _, a *events.Facts) { a.Network.Seen = 7 }, Wait, events.CheckNothingBroke, "only 7 of 10"},
		{"half blind and overloaded", "", func(_ *events.Plan, _, a *events.Facts) { a.Network.Seen, a.Network.WorstPermil = 7, 999 }, Fail, events.CheckNothingBroke, ""},

		{"the state lags", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[0].Leaves[0] = leaf("e1", LastMetric, 10) }, Wait, events.CheckAsConfigured, "shows 10, not yet 16777214"},
		{"the state is absent", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[0].Leaves[0].State = events.Value{} }, Wait, events.CheckAsConfigured, "shows absent"},
		{"the configuration is another", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[0].Leaves[0] = leaf("e1", 10, 10) }, Fail, events.CheckAsConfigured, "is configured as 10, not as 16777214"},
		{"the leaf is not read", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[0].Leaves = nil }, Wait, events.CheckAsConfigured, "was not read"},
		{"an end is unreadable", "", func(_ *events.Plan, _, a *events.Facts) { a.Ends[0].Unreadable = "Internal" }, Wait, events.CheckAsConfigured, "was not read"},
		{"nothing is seen", "", func(_ *events.Plan, _, a *events.Facts) { *a = events.Facts{} }, Wait,
			events.CheckAsConfigured + " " + events.CheckTrafficLeft + " " + events.CheckSymptomGone + " " + events.CheckNothingBroke, ""},

		{"the state alone, configuration another", "", func(p *events.Plan, _, a *events.Facts) {
			p.Checks = []string{events.CheckMetricRaised}
			a.Ends[0].Leaves[0] = leaf("e1", 10, LastMetric)
		}, Pass, "", ""},
		{"the state alone, not yet", "", func(p *events.Plan, _, a *events.Facts) {
			p.Checks = []string{events.CheckMetricRaised}
			a.Ends[0].Leaves[0] = leaf("e1", LastMetric, 10)
		}, Wait, events.CheckMetricRaised, ""},
		{"only what the plan asks", "", func(p *events.Plan, _, a *events.Facts) {
			p.Checks = []string{events.CheckAsConfigured}
			a.Ends[0].Traffic, a.Network.WorstPermil = nil, 999
		}, Pass, "", ""},
		{"the last of several steps counts", "", func(p *events.Plan, _, _ *events.Facts) {
			p.Steps = append(drain(500).Steps, p.Steps...)
		}, Pass, "", ""},
		{"an unheard-of check", "", func(p *events.Plan, _, _ *events.Facts) { p.Checks = []string{"prayer"} }, Fail, "prayer", "not known"},
		{"no checks", "", func(p *events.Plan, _, _ *events.Facts) { p.Checks = nil }, Fail, "verification", "does not say"},
		{"damage weighs more than delay", "", func(_ *events.Plan, _, a *events.Facts) {
			a.Ends[0].Traffic.OutBPS, a.Ends[1].Adjacencies = 2e9, 0
		}, Fail, events.CheckTrafficLeft + " " + events.CheckNothingBroke, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, before, after := drain(LastMetric), facts(10), drained()
			tt.spoil(&plan, &before, &after)
			v := parse(t, tt.policy).Verify(plan, before, after)
			if v.Outcome != tt.want {
				t.Errorf("outcome %s, want %s: %+v", v.Outcome, tt.want, v.Checks)
			}
			failed, said := map[string]bool{}, ""
			for _, c := range v.Checks {
				if !c.OK {
					failed[c.Name], said = true, said+c.Detail+"\n"
				}
				if c.Detail == "" {
					t.Errorf("check without a sentence: %+v", c)
				}
			}
			want := map[string]bool{}
			for _, name := range strings.Fields(tt.checks) {
				want[name] = true
			}
			if diff := cmp.Diff(want, failed); diff != "" {
				t.Errorf("checks that are not OK (-want +got):\n%s", diff)
			}
			if !strings.Contains(said, tt.says) {
				t.Errorf("said %q, want %q", said, tt.says)
			}
		})
	}
}
