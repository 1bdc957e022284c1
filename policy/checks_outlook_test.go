package policy

import (
	"math"
	"testing"

	"github.com/detour-net/detour/events"
)

// foresees spoils what was computed.
func foresees(spoil func(f *events.Prospect)) func(*Question) {
	return func(q *Question) { spoil(q.Facts.Prospect) }
}

func TestConnectivity(t *testing.T) {
	for _, tt := range []spoiling{
		{"one bit", "", foresees(func(f *events.Prospect) { f.Drained.CutOff = 1 }), events.Deny, CheckConnected, "no path but what is drained for 1 bit/s"},
		{"named", "", foresees(func(f *events.Prospect) {
			f.Drained.CutOff, f.Drained.CutOffNames = 2_500_000_000, []string{"a > b", "c > d", "e > f", "g > h"}
		}), events.Deny, CheckConnected, "no path but what is drained for 2.5 Gbit/s: a > b, c > d, e > f and 1 more"},
		{"no approval helps", "", func(q *Question) { q.Facts.Prospect.Drained.CutOff, q.Approved = 1, true }, events.Deny, CheckConnected, "no way around the link"},
		{"as much as is cut off now", "", foresees(func(f *events.Prospect) {
			f.InService.CutOff, f.InService.CutOffNames = 5, []string{"a > b"}
			f.Drained.CutOff, f.Drained.CutOffNames = 5, []string{"a > b"}
		}), events.Allow, "", ""},
		{"one bit more than is cut off now", "", foresees(func(f *events.Prospect) { f.InService.CutOff, f.Drained.CutOff = 5, 6 }), events.Deny, CheckConnected, "no path but what is drained for 1 bit/s"},
		{"less", "", foresees(func(f *events.Prospect) { f.InService.CutOff = 5 }), events.Allow, "", ""},
		{"a router whose traffic is not known", "", foresees(func(f *events.Prospect) { f.Drained.CutOffNames = []string{"tul"} }), events.Deny, CheckConnected, "no path but what is drained for traffic that is not measured: tul"},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestCapacity(t *testing.T) {
	full := func(before, after int) func(*Question) {
		return foresees(func(f *events.Prospect) { f.InService.WorstPermil, f.Drained.WorstPermil = before, after })
	}
	for _, tt := range []spoiling{
		{"just room", "", full(400, 800), events.Allow, "", ""},
		{"just none", "", full(400, 801), events.Defer, CheckCapacity, "drained, the fullest link is at 80.1 % on chi-nyc; otherwise the fullest is at 40 %"},
		{"as full as now", "", full(950, 950), events.Allow, "", ""},
		{"a little fuller than now", "", full(950, 951), events.Defer, CheckCapacity, ""},
		{"less full than now", "", full(1200, 900), events.Allow, "", ""},
		{"by another policy, inside", "prospect: {worst_permil: 700}", full(400, 700), events.Allow, "", ""},
		{"by another policy, outside", "prospect: {worst_permil: 700}", full(400, 701), events.Defer, CheckCapacity, "or add capacity"},
		{"no approval makes room", "", func(q *Question) { full(400, 801)(q); q.Approved = true }, events.Defer, CheckCapacity, ""},
		{"by the bound", "", func(q *Question) { full(400, 801)(q); q.Facts.Prospect.Method = events.MethodBound }, events.Defer, CheckCapacity, ""},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestSurvives(t *testing.T) {
	one := func(before, after, violations int) func(*Question) {
		return foresees(func(f *events.Prospect) {
			f.InService.SurvivePermil, f.Drained.SurvivePermil, f.NewViolations, f.Worst = before, after, violations, "if sea-den fails, 2 demands are cut off"
		})
	}
	for _, tt := range []spoiling{
		{"just full", "", one(700, 1000, 0), events.Allow, "", ""},
		{"just too full", "", one(700, 1001, 0), events.Defer, CheckSurvives, "one more failure: worst 100.1 % on chi-nyc if sea-den fails; now it is 70 %"},
		{"five points worse than now", "", one(1100, 1150, 0), events.Allow, "", ""},
		{"a little more", "", one(1100, 1151, 0), events.Defer, CheckSurvives, "now it is 110 %"},
		{"the limit is the larger of both", "", one(940, 1000, 0), events.Allow, "", ""},
		{"a new violation", "", one(1100, 1150, 1), events.Defer, CheckSurvives, "failures that are survived now and would not be: 1, the worst: if sea-den fails, 2 demands"},
		{"as many as are allowed", "prospect: {new_violations: 2}", one(1100, 1150, 2), events.Allow, "", ""},
		{"one more than are allowed", "prospect: {new_violations: 2}", one(1100, 1150, 3), events.Defer, CheckSurvives, ""},
		{"by another policy, inside", "prospect: {survive_permil: 900, worse_by_permil: 0}", one(700, 900, 0), events.Allow, "", ""},
		{"by another policy, outside", "prospect: {survive_permil: 900, worse_by_permil: 0}", one(900, 901, 0), events.Defer, CheckSurvives, ""},
		{"no approval helps", "", func(q *Question) { one(700, 1001, 1)(q); q.Approved = true }, events.Defer, CheckSurvives, ""},

		{"no path left, asked", "", one(700, 1000, 1), events.Ask, CheckSurvives, "no link would be full then, but traffic would have no path left"},
		{"no path left, approved", "", func(q *Question) { one(700, 1000, 1)(q); q.Approved = true }, events.Allow, "", ""},
		{"no path left, refused", "prospect: {edge: refuse}", func(q *Question) { one(700, 1000, 1)(q); q.Approved = true }, events.Defer, CheckSurvives, ""},
		{"no path left, allowed", "prospect: {edge: allow}", one(700, 1000, 7), events.Allow, "", ""},
		{"it may be a full link that is not survived", "prospect: {edge: allow}", one(1000, 1001, 1), events.Defer, CheckSurvives, ""},
		{"a limit of the policy is no path", "prospect: {edge: allow, survive_permil: 900}", one(700, 901, 1), events.Defer, CheckSurvives, ""},

		{"no failure was looked at", "", foresees(func(f *events.Prospect) { f.Drained.Failures = 0 }), events.Ask, CheckSurvives, "not known what one more failure would do"},
		{"no failure was looked at, refused", "prospect: {missing: refuse}", foresees(func(f *events.Prospect) { f.Drained.Failures = 0 }), events.Defer, CheckSurvives, ""},
		{"no failure was looked at, allowed", "prospect: {missing: allow}", foresees(func(f *events.Prospect) { f.Drained.Failures = 0 }), events.Allow, "", ""},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestLoopFree(t *testing.T) {
	loops := foresees(func(f *events.Prospect) { f.Loops = true })
	way := func(steps ...uint32) func(*Question) {
		return foresees(func(f *events.Prospect) { f.Way = events.Uniform("den-kcy", steps...) })
	}
	own := func(den, kcy uint32) func(*Question) {
		return foresees(func(f *events.Prospect) {
			f.Way = []events.Push{{{Link: "den-kcy", Device: "den", Metric: den}, {Link: "den-kcy", Device: "kcy", Metric: kcy}}, {{Link: "den-kcy", Metric: LastMetric}}}
		})
	}
	planned := func(way func(*Question), metrics ...uint64) func(*Question) {
		return func(q *Question) { way(q); q.Plan = inSteps(metrics...) }
	}
	loses := func(then func(*Question), share float64) func(*Question) {
		return func(q *Question) { then(q); q.Subject.Value = share }
	}
	counted := func(then func(*Question), benefit int64) func(*Question) {
		return func(q *Question) { then(q); q.Facts.Prospect.Moved, q.Facts.Prospect.Benefit = 1_000_000, benefit }
	}
	for _, tt := range []spoiling{
		{"loops, asked", "", loops, events.Ask, CheckLoopFree, "more steps than are allowed"},
		{"loops, approved", "", func(q *Question) { loops(q); q.Approved = true }, events.Allow, "", ""},
		{"loops, refused", "prospect: {loops: refuse}", loops, events.Defer, CheckLoopFree, "a quiet moment"},
		{"loops, allowed", "prospect: {loops: allow}", loops, events.Allow, "", ""},

		{"the plan takes the way", "", planned(way(500, LastMetric), 500, LastMetric), events.Allow, "", ""},
		{"the plan jumps", "", way(500, LastMetric), events.Ask, CheckLoopFree, "isis-metric e1 L2 ipv4 on den goes from 10 to 16777214 in one step, and only to 500 without a loop"},
		{"each end takes its own", "", func(q *Question) {
			planned(own(500, 800), 500, LastMetric)(q)
			q.Plan.Steps[0].Changes[1].Settings[0].After = events.UintValue(800)
			q.Plan.Steps[1].Changes[1].Settings[0].Before = events.UintValue(800)
		}, events.Allow, "", ""},
		{"one end jumps", "", planned(own(500, 400), 500, LastMetric), events.Ask, CheckLoopFree, "on kcy goes from 10 to 500 in one step, and only to 400 without a loop"},
		{"one end is not on the way", "", planned(foresees(func(f *events.Prospect) {
			f.Way = []events.Push{{{Link: "den-kcy", Device: "den", Metric: LastMetric}}}
		}), LastMetric), events.Ask, CheckLoopFree, "nothing is known of isis-metric e2 L2 ipv4 on kcy"},
		{"the way is another link's", "", planned(foresees(func(f *events.Prospect) { f.Way = events.Uniform("chi-nyc", LastMetric) }), LastMetric),
			events.Ask, CheckLoopFree, "nothing is known of isis-metric e1 L2 ipv4 on den"},
		{"another family is raised further", "", planned(foresees(func(f *events.Prospect) {
			f.Way = []events.Push{{{Link: "den-kcy", Family: events.IPv6, Metric: 900}, {Link: "den-kcy", Family: events.IPv4, Metric: 500}}, {{Link: "den-kcy", Metric: LastMetric}}}
		}), 501, LastMetric), events.Ask, CheckLoopFree, "from 10 to 501"},
		{"its first step is too large by one", "", planned(way(500, LastMetric), 501, LastMetric), events.Ask, CheckLoopFree, "from 10 to 501"},
		{"its last step begins too early by one", "", planned(way(500, LastMetric), 499, LastMetric), events.Ask, CheckLoopFree, "from 499 to 16777214"},
		{"smaller steps", "", planned(way(500, LastMetric), 100, 500, 9000, LastMetric), events.Allow, "", ""},
		{"a step is left out", "", planned(way(100, 500, LastMetric), 100, LastMetric), events.Ask, CheckLoopFree, "from 100 to 16777214"},
		{"no way is told", "", way(), events.Allow, "", ""},
		{"a metric within the first step", "", planned(way(500, LastMetric), 500), events.Allow, "", ""},
		{"a metric beyond it", "", planned(way(500, LastMetric), 501), events.Ask, CheckLoopFree, ""},
		{"an end that stands higher already", "", func(q *Question) {
			way(500, LastMetric)(q)
			q.Plan = inSteps(500, LastMetric)
			q.Facts.Ends[1].Leaves[0], q.Facts.Asymmetric = leaf("e2", 700, 700), true
			q.Plan.Steps[0].Changes[1].Settings[0].Before, q.Plan.Steps[0].Changes[1].Settings[0].After = events.UintValue(700), events.UintValue(700)
			q.Plan.Steps[1].Changes[1].Settings[0].Before = events.UintValue(700)
		}, events.Allow, "", ""},
		{"what is not configured stands at what the router shows", "", func(q *Question) {
			way(500, LastMetric)(q)
			q.Facts.Ends[0].Leaves[0].Config, q.Plan.Steps[0].Changes[0].Settings[0].Before = events.Value{}, events.Value{}
		}, events.Ask, CheckLoopFree, "on den goes from 10 to"},

		{"the loss is worse", "", loses(loops, 1e-3), events.Allow, "", ""},
		{"the loss is just not worse", "", loses(loops, 0.00099), events.Ask, CheckLoopFree, ""},
		{"the loss is worse than a jump", "", loses(way(500, LastMetric), 1e-3), events.Allow, "", ""},
		{"an alarm of another kind says nothing of loss", "", func(q *Question) { loses(loops, 5)(q); q.Subject.Kind = events.LinkFlap }, events.Ask, CheckLoopFree, ""},
		{"an alarm in another unit says nothing of loss", "", func(q *Question) {
			loses(loops, 5)(q)
			q.Subject.Anomaly = &events.Anomaly{Unit: "frames"}
		}, events.Ask, CheckLoopFree, ""},
		{"an alarm as a ratio", "", func(q *Question) { loses(loops, 0.5)(q); q.Subject.Anomaly = &events.Anomaly{Unit: "ratio"} }, events.Allow, "", ""},
		{"no number", "", loses(loops, math.NaN()), events.Ask, CheckLoopFree, ""},
		{"all is lost", "", loses(loops, 1), events.Allow, "", ""},
		{"no share is more than all", "", loses(loops, 1.0001), events.Ask, CheckLoopFree, ""},
		{"no loss is infinite", "", loses(loops, math.Inf(1)), events.Ask, CheckLoopFree, ""},
		{"the counters say it", "", counted(loops, 1000), events.Allow, "", ""},
		{"the counters just do not", "", counted(loops, 999), events.Ask, CheckLoopFree, ""},
		{"by another policy, inside", "prospect: {skip_steps_loss: 0.5}", loses(loops, 0.5), events.Allow, "", ""},
		{"by another policy, outside", "prospect: {skip_steps_loss: 0.5}", loses(loops, 0.49), events.Ask, CheckLoopFree, ""},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestWorthIt(t *testing.T) {
	worth := func(benefit, harm int64) func(*Question) {
		return foresees(func(f *events.Prospect) { f.Benefit, f.Harm = benefit, harm })
	}
	for _, tt := range []spoiling{
		{"it costs nothing and saves nothing", "", worth(0, 0), events.Allow, "", ""},
		{"ten times", "", worth(1000, 100), events.Allow, "", ""},
		{"not quite", "", worth(999, 100), events.Ask, CheckWorth, "loses 999 bit/s now, and the drain is expected to cost 100 bit/s"},
		{"it saves nothing", "", worth(0, 1), events.Ask, CheckWorth, ""},
		{"not quite, approved", "", func(q *Question) { worth(999, 100)(q); q.Approved = true }, events.Allow, "", ""},
		{"by another policy, inside", "prospect: {worth: 3}", worth(300, 100), events.Allow, "", ""},
		{"by another policy, outside", "prospect: {worth: 3}", worth(299, 100), events.Ask, CheckWorth, ""},
		{"not asked", "prospect: {worth: 0}", worth(0, math.MaxInt64), events.Allow, "", ""},
		{"large figures", "", worth(math.MaxInt64, math.MaxInt64/10+1), events.Ask, CheckWorth, ""},
		{"the alarm says more than the counters", "", func(q *Question) { worth(0, 100)(q); q.Subject.Value = 1000 / 3e9 }, events.Allow, "", ""},
		{"and not enough", "", func(q *Question) { worth(0, 101)(q); q.Subject.Value = 1000 / 3e9 }, events.Ask, CheckWorth, ""},
		{"all of very much", "", func(q *Question) {
			worth(0, 1)(q)
			q.Facts.Prospect.Moved, q.Subject.Value = math.MaxInt64, 1
		}, events.Allow, "", ""},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestSelfDependence(t *testing.T) {
	const keep = "keep: {depends_on: [bus, tul]}"
	cuts := func(names ...string) func(*Question) {
		return foresees(func(f *events.Prospect) { f.Drained.CutOffNames = names })
	}
	for _, tt := range []spoiling{
		{"nothing listed", "", func(*Question) {}, events.Allow, "", ""},
		{"nothing cut off", keep, func(*Question) {}, events.Allow, "", ""},
		{"another", keep, cuts("den"), events.Deny, CheckConnected, ""},
		{"a router", keep, cuts("den", "tul"), events.Deny, CheckConnected + " " + CheckSelf, "tul would be cut off (tul), and Detour depends on it"},
		{"what comes from it", keep, cuts("bus > den"), events.Deny, CheckConnected + " " + CheckSelf, "bus would be cut off (bus > den)"},
		{"what goes to it", keep, cuts("den > tul"), events.Deny, CheckConnected + " " + CheckSelf, "tul would be cut off"},
		{"a name within a name", keep, cuts("busan", "x > tulsa"), events.Deny, CheckConnected, ""},
		{"cut off already", keep, foresees(func(f *events.Prospect) {
			f.Drained.CutOffNames, f.InService.CutOffNames = []string{"tul"}, []string{"tul"}
		}), events.Allow, "", ""},
		{"not known, asked in any case", keep + "\nprospect: {missing: allow}", func(q *Question) { q.Facts.Prospect = nil }, events.Ask, CheckSelf, "not known whether Detour's own way stays"},
		{"not known, approved", keep + "\nprospect: {missing: allow}", func(q *Question) { q.Facts.Prospect, q.Approved = nil, true }, events.Allow, "", ""},
	} {
		t.Run(tt.name, tt.test)
	}
}

// TestEvidence wants the record to tell the whole story of a drain that is allowed, in the words that people read.
func TestEvidence(t *testing.T) {
	q := good()
	f := q.Facts.Prospect
	f.Drained = events.Outlook{WorstPermil: 710, WorstLink: "den-kcy", SurvivePermil: 930, Failure: "sea-den", Link: "chi-nyc", Failures: 52}
	f.Way = events.Uniform("den-kcy", 500, LastMetric)
	f.Benefit, f.Harm = 1_500_000_000, 2_000_000
	q.Plan = inSteps(500, LastMetric)
	r := parse(t, "").Evaluate(q)
	for name, want := range map[string][3]string{
		CheckModel:     {"exact, 1s old, inputs 3fa9c1d2e4f5", "a what-if at most 5s old, missing: ask", "what the plan would do to the network was computed"},
		CheckMatrix:    {"1m0s", "at most 15m0s, 1h0m0s with an approval", "matrix tm was measured 1m0s ago"},
		CheckFit:       {"80 of 80", "at least 95 % of links within 5 %", "the model explains the loads that are measured"},
		CheckConnected: {"0 bit/s newly cut off", "nothing newly cut off", "nothing is cut off that has a path now"},
		CheckCapacity:  {"71 % on den-kcy", "at most 80 %, or no fuller than in service", "drained, the fullest link is at 71 % on den-kcy"},
		CheckSurvives:  {"93 %, 0 new of 52 failures", "at most 100 % or 5 points more than now, at most 0 new", "one more failure: worst 93 % on chi-nyc if sea-den fails"},
		CheckLoopFree:  {"2 steps, no loop", "no transient loop, unless the link loses 0.001 or more; else: ask", "no packet loops on the way, whatever the order in which routers learn of it"},
		CheckWorth:     {"saves 1.5 Gbit/s, costs 2 Mbit/s", "saves 10 times what it costs", "the drain is expected to save more than it costs"},
	} {
		c := found(t, r, name)
		if got := [3]string{c.Value, c.Limit, c.Detail}; got != want || !c.OK {
			t.Errorf("%s says\n %q, want\n %q", name, got, want)
		}
	}
	if r.Verdict != events.Allow {
		t.Errorf("verdict %s", r.Verdict)
	}
}

func TestOn(t *testing.T) {
	for link, want := range map[string]string{"": "", "den-kcy": " on den-kcy", "den-kcy, den to kcy": " on den-kcy (den to kcy)"} {
		if got := on(link); got != want {
			t.Errorf("on(%q) = %q, want %q", link, got, want)
		}
	}
}
