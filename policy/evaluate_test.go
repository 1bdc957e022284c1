package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func leaf(iface string, config, state uint64) events.LeafFacts {
	return events.LeafFacts{
		LeafRef: events.LeafRef{Leaf: events.ISISMetric, Interface: iface, Level: 2, Family: events.IPv4},
		Config:  events.UintValue(config), State: events.UintValue(state),
	}
}

func end(device, iface string, metric uint64) events.EndFacts {
	return events.EndFacts{
		End: events.End{Device: device, Interface: iface}, Leaves: []events.LeafFacts{leaf(iface, metric, metric)}, Oper: "UP", Adjacencies: 1,
		Traffic: &events.Traffic{OutBPS: 3e9, InBPS: 3e9, InErrors: 100},
		Profile: events.Profile{Name: "openconfig", SoftMetric: LastMetric, HardMetric: MaxMetric, Qualified: true},
	}
}

// drain is a plan that sets link den-kcy to metric at both ends.
func drain(metric uint64) events.Plan {
	change := func(device, iface string) events.Change {
		return events.Change{Device: device, Settings: []events.Setting{{
			LeafRef: events.LeafRef{Leaf: events.ISISMetric, Interface: iface, Level: 2, Family: events.IPv4},
			Before:  events.UintValue(10), After: events.UintValue(metric),
		}}}
	}
	return events.Plan{
		Remediator: "link-drain",
		Target: events.Target{
			Kind: events.TargetLink, Name: "den-kcy", Capacity: 10e9,
			Ends:   []events.End{{Device: "den", Interface: "e1"}, {Device: "kcy", Interface: "e2"}},
			Scopes: []events.Scope{events.Network, "link:den-kcy", "bundle:b", "device:den", "device:kcy", "site:den", "site:kcy", "site-pair:den-kcy", "plane:1", "srlg:s"},
		},
		Steps:  []events.Step{{Changes: []events.Change{change("den", "e1"), change("kcy", "e2")}}},
		Checks: []string{events.CheckAsConfigured, events.CheckTrafficLeft, events.CheckSymptomGone, events.CheckNothingBroke},
	}
}

// inSteps is a plan that sets the metric step by step.
func inSteps(metrics ...uint64) events.Plan {
	p := drain(metrics[0])
	for i, m := range metrics[1:] {
		next := drain(m).Steps[0]
		for n := range next.Changes {
			next.Changes[n].Settings[0].Before = events.UintValue(metrics[i])
		}
		p.Steps = append(p.Steps, next)
	}
	return p
}

// adjacent gives an end its router's system identifier, which is its name, and a neighbour.
func adjacent(e events.EndFacts, to string) events.EndFacts {
	e.System, e.Neighbours, e.Speed = e.Device, []string{to}, 10e9
	return e
}

func facts(metric uint64) events.Facts {
	return events.Facts{
		At: noon.Add(-time.Second), Ends: []events.EndFacts{adjacent(end("den", "e1", metric), "kcy"), adjacent(end("kcy", "e2", metric), "den")},
		Network:  events.NetworkFacts{Routers: 10, Seen: 10, Links: 40, WorstLink: "chi-nyc", WorstPermil: 400},
		Prospect: calm(),
	}
}

// good is a question that every check of a policy without particulars answers with yes. Should it be approved, then for
// everything.
func good() Question {
	q := Question{
		Now: noon, Rule: Rule{Name: "r", Autonomy: Auto}, Symptom: events.LinkErrors, Subject: Subject{Kind: events.LinkErrors}, Plan: drain(LastMetric), Mode: events.Live, Facts: facts(10),
		ApprovedFor: []string{"own"}, Situation: Situation{Capacity: map[events.Scope]int64{}},
	}
	for _, scope := range q.Plan.Target.Scopes {
		q.Situation.Capacity[scope] = 10e12
	}
	for _, c := range actChecks {
		q.ApprovedFor = append(q.ApprovedFor, c.name)
	}
	return q
}

func claim(incident string, scopes ...events.Scope) Claim {
	return Claim{Incident: incident, Scopes: append([]events.Scope{events.Network}, scopes...), Capacity: 10e9}
}

func times(n int, step time.Duration) []time.Time {
	list := make([]time.Time, n)
	for i := range list {
		list[i] = noon.Add(-time.Duration(n-i) * step)
	}
	return list
}

func admissions(n int, step time.Duration) []Admission {
	var list []Admission
	for _, t := range times(n, step) {
		list = append(list, Admission{At: t, Scopes: []events.Scope{events.Network}})
	}
	return list
}

func TestEvaluateAllows(t *testing.T) {
	p := parse(t, "")
	r := p.Evaluate(good())
	if r.Verdict != events.Allow {
		t.Errorf("verdict %s", r.Verdict)
	}
	if r.Policy != p.Digest() || r.Plan != good().Plan.Digest() || r.Rule != "r" {
		t.Errorf("ruling names %s %s %q", r.Policy, r.Plan, r.Rule)
	}
	var names, want []string
	for _, c := range r.Checks {
		names = append(names, c.Name)
		if !c.OK || c.Value == "" || c.Limit == "" || c.Detail == "" || c.Remedy != "" {
			t.Errorf("check %+v", c)
		}
	}
	for _, c := range actChecks {
		want = append(want, c.name)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

// A spoiling changes one thing of a good question: exactly the checks that are for it say no, with a sentence and a remedy.
type spoiling struct {
	name    string
	policy  string
	spoil   func(*Question)
	verdict events.Verdict
	checks  string // that say no
	says    string // a part of what they say
}

func (s spoiling) test(t *testing.T) {
	q := good()
	s.spoil(&q)
	r := parse(t, s.policy).Evaluate(q)
	failed, want, said := map[string]bool{}, map[string]bool{}, ""
	for _, c := range r.Checks {
		if c.OK {
			continue
		}
		failed[c.Name] = true
		if said += c.Detail + " | " + c.Remedy + "\n"; c.Detail == "" || c.Remedy == "" || c.Value == "" || c.Limit == "" {
			t.Errorf("check without value, limit, detail or remedy: %+v", c)
		}
	}
	for _, name := range strings.Fields(s.checks) {
		want[name] = true
	}
	if diff := cmp.Diff(want, failed); diff != "" {
		t.Errorf("checks that say no (-want +got):\n%s", diff)
	}
	if r.Verdict != s.verdict {
		t.Errorf("verdict %s, want %s", r.Verdict, s.verdict)
	}
	if !strings.Contains(said, s.says) {
		t.Errorf("said %q, want %q", said, s.says)
	}
}

func TestEvaluateOnPlanAndFacts(t *testing.T) {
	for _, tt := range []spoiling{
		{"target is a device", "", func(q *Question) { q.Plan.Target.Kind = events.TargetDevice }, events.Deny, CheckPlan, "is not a link"},
		{"target with one end", "", func(q *Question) { q.Plan.Target.Ends = q.Plan.Target.Ends[:1] }, events.Deny, CheckPlan, "has 1 known ends"},
		{"one end only", "", func(q *Question) { q.Plan.Steps[0].Changes = q.Plan.Steps[0].Changes[:1] }, events.Deny, CheckPlan, "does not set kcy: a metric is one-directional"},
		{"no steps", "", func(q *Question) { q.Plan.Steps = nil }, events.Deny, CheckPlan, "has no step"},
		{"nothing to see afterwards", "", func(q *Question) { q.Plan.Checks = nil }, events.Deny, CheckPlan, "what must be seen afterwards"},
		{"an unheard-of verification", "", func(q *Question) { q.Plan.Checks = []string{"prayer"} }, events.Deny, CheckPlan, `"prayer"`},
		{"an empty change", "", func(q *Question) { q.Plan.Steps[0].Changes[1].Settings = nil }, events.Deny, CheckPlan, "sets nothing on kcy"},
		{"one router twice", "", func(q *Question) {
			c := q.Plan.Steps[0].Changes
			q.Plan.Steps[0].Changes = append(c, c[0])
		}, events.Deny, CheckPlan, "sets den twice"},
		{"a metric is left behind", "", func(q *Question) {
			second := q.Facts.Ends[0].Leaves[0]
			second.Family = events.IPv6
			q.Facts.Ends[0].Leaves = append(q.Facts.Ends[0].Leaves, second)
		}, events.Deny, CheckPlan, "does not set isis-metric e1 L2 ipv6 on den, which would keep its traffic on the link"},
		{"a leaf of another interface is not the plan's", "", func(q *Question) {
			q.Facts.Ends[0].Leaves = append(q.Facts.Ends[0].Leaves, leaf("e9", 10, 10))
		}, events.Allow, "", ""},
		{"a leaf twice", "", func(q *Question) {
			c := &q.Plan.Steps[0].Changes[0]
			c.Settings = append(c.Settings, c.Settings[0])
		}, events.Deny, CheckPlan, "step 1 sets isis-metric e1 L2 ipv4 on den twice"},
		{"two steps", "", func(q *Question) { q.Plan = inSteps(500, LastMetric) }, events.Allow, "", ""},
		{"a step that does not go on", "", func(q *Question) {
			q.Plan = inSteps(500, LastMetric)
			q.Plan.Steps[1].Changes[1].Settings[0].Before = events.UintValue(499)
		}, events.Deny, CheckPlan, "step 2 takes isis-metric e2 L2 ipv4 on kcy to be 499, and the step before sets it to 500"},
		{"the second step is at one end only", "", func(q *Question) {
			q.Plan = inSteps(500, LastMetric)
			q.Plan.Steps[1].Changes = q.Plan.Steps[1].Changes[:1]
		}, events.Deny, CheckPlan, "step 2 does not set kcy"},
		{"never to be touched", "keep: {never: [sea-den, den-kcy]}", func(*Question) {}, events.Deny, CheckNever, "den-kcy is on the list"},
		{"another is never to be touched", "keep: {never: [den-kc, sea-den]}", func(*Question) {}, events.Allow, "", ""},
		{"another interface", "", func(q *Question) { q.Plan.Steps[0].Changes[0].Settings[0].Interface = "e9" }, events.Deny, CheckPlan + " " + CheckReadable, "den e9 is not an end of link/den-kcy"},
		{"a third router", "", func(q *Question) {
			q.Plan.Steps[0].Changes = append(q.Plan.Steps[0].Changes, events.Change{Device: "nyc", Settings: q.Plan.Steps[0].Changes[0].Settings})
		}, events.Deny, CheckPlan + " " + CheckCeilPlan + " " + CheckReadable, "nyc e1 is not an end"},

		{"no metric", "", func(q *Question) { q.Plan = drain(0) }, events.Deny, CheckCeilPlan, "no wide metric"},
		{"more than a metric", "", func(q *Question) { q.Plan = drain(MaxMetric + 1) }, events.Deny, CheckCeilPlan + " " + CheckHard + " " + CheckModel, "no wide metric"},
		{"another leaf", "", func(q *Question) {
			q.Plan.Steps[0].Changes[0].Settings[0].Leaf = "enabled"
		}, events.Deny, CheckPlan + " " + CheckCeilPlan + " " + CheckReadable, "not on the list of leaves"},

		{"congestion is not drained", "", func(q *Question) { q.Symptom = events.Congestion }, events.Deny, CheckCure, "congestion follows traffic"},
		{"congestion may raise a metric", "", func(q *Question) { q.Symptom, q.Plan = events.Congestion, drain(500) }, events.Allow, "", ""},
		{"a link that is down", "", func(q *Question) { q.Symptom = events.LinkDown }, events.Deny, CheckCure, "carries no traffic"},
		{"a sick card", "", func(q *Question) { q.Symptom = events.LinecardFault }, events.Deny, CheckCure, "not cured at one link"},
		{"a link seen down", "", func(q *Question) { q.Facts.Ends[1].Oper = "LOWER_LAYER_DOWN" }, events.Deny, CheckCure, "kcy e2 is LOWER_LAYER_DOWN"},

		{"never looked", "", func(q *Question) { q.Facts.At = time.Time{} }, events.Defer, CheckFresh, "has not been looked at"},
		{"old facts", "", func(q *Question) { q.Facts.At = noon.Add(-5001 * time.Millisecond) }, events.Defer, CheckFresh, "5.001s old"},
		{"facts as old as may be", "", func(q *Question) { q.Facts.At = noon.Add(-5 * time.Second) }, events.Allow, "", ""},
		{"facts from the future", "", func(q *Question) { q.Facts.At = noon.Add(6 * time.Second) }, events.Defer, CheckFresh, "6s ahead"},

		{"unreadable", "", func(q *Question) { q.Facts.Ends[0].Unreadable, q.Facts.Ends[0].Leaves = "Internal", nil }, events.Defer, CheckReadable, "pre-image of den e1 is unreadable: Internal"},
		{"not looked at", "", func(q *Question) { q.Facts.Ends = q.Facts.Ends[:1] }, events.Defer, CheckReadable, "kcy e2 was not looked at"},
		{"leaf not read", "", func(q *Question) { q.Facts.Ends[0].Leaves = nil }, events.Defer, CheckReadable, "on den was not read"},
		{"somebody changed it since", "", func(q *Question) {
			q.Facts.Ends[0].Leaves[0], q.Facts.Ends[1].Leaves[0] = leaf("e1", 11, 11), leaf("e2", 11, 11)
		}, events.Defer, CheckUnchanged, "is 11, and the plan was made when it was 10"},

		{"unproven, refused", "", func(q *Question) { q.Facts.Ends[0].Profile.Qualified = false }, events.Defer, CheckPlatform, "no proof of den with its present software"},
		{"unproven, asked", "facts: {unproven: ask}", func(q *Question) { q.Facts.Ends[0].Profile.Qualified = false }, events.Ask, CheckPlatform, "no proof of den with its present software"},
		{"unproven, approved", "facts: {unproven: ask}", func(q *Question) { q.Facts.Ends[0].Profile.Qualified, q.Approved = false, true }, events.Allow, "", ""},
		{"unproven, refused though approved", "", func(q *Question) { q.Facts.Ends[0].Profile.Qualified, q.Approved = false, true }, events.Defer, CheckPlatform, ""},
		{"unproven, allowed", "facts: {unproven: allow}", func(q *Question) { q.Facts.Ends[0].Profile.Qualified = false }, events.Allow, "", ""},

		{"drained by state", "", func(q *Question) { q.Facts.Ends[1].Leaves[0].State = events.UintValue(LastMetric) }, events.Deny, CheckUndrained, "on kcy already stands at 16777214"},
		{"drained as the network sees it", "", func(q *Question) { q.Facts.Network.DrainedLinks = []string{"den-kcy"} }, events.Deny, CheckUndrained, "drained already"},

		{"half blind", "", func(q *Question) { q.Facts.Network.Seen = 7 }, events.Defer, CheckCoverage, "only 7 of 10"},
		{"just enough seen", "", func(q *Question) { q.Facts.Network.Seen = 8 }, events.Allow, "", ""},
		{"an empty network", "", func(q *Question) { q.Facts.Network.Routers, q.Facts.Network.Seen = 0, 0 }, events.Defer, CheckCoverage, "only 0 of 0"},
		{"many links down", "", func(q *Question) { q.Facts.Network.DownLinks = []string{"a", "b", "den-kcy", "c"} }, events.Defer, CheckCalm, "3 other links are down"},
		{"two links down", "", func(q *Question) { q.Facts.Network.DownLinks = []string{"a", "b", "den-kcy"} }, events.Allow, "", ""},
		{"no headroom", "prospect: {missing: allow}", func(q *Question) { q.Facts.Network.WorstPermil, q.Facts.Prospect = 801, nil }, events.Defer, CheckHeadroom, "chi-nyc is loaded to 801 per mille"},
		{"headroom is not asked where the drain's outcome is known", "", func(q *Question) { q.Facts.Network.WorstPermil = 801 }, events.Allow, "", ""},
		{"load unknown", "prospect: {missing: allow}", func(q *Question) { q.Facts.Network.WorstPermil, q.Facts.Prospect = -1, nil }, events.Defer, CheckHeadroom, "not known yet"},
	} {
		t.Run(tt.name, tt.test)
	}
}

func TestEvaluateOnTheBoard(t *testing.T) {
	const roomy = "budgets: {in_flight: {network: 9, site: 9, device: 2, bundle: 9, link: 9, site-pair: 9, plane: 9, srlg: 9}, rates: []}"
	for _, tt := range []spoiling{
		{"everything frozen", "", func(q *Question) {
			q.Situation.Freezes = map[events.Scope]events.Frozen{events.Network: {By: events.Person{Name: "ann"}, Reason: "storm"}}
		}, events.Defer, CheckFreeze, "network was frozen by ann: storm"},
		{"its site frozen", "", func(q *Question) {
			q.Situation.Freezes = map[events.Scope]events.Frozen{"site:kcy": {By: events.Person{Name: "ann"}, Reason: "x"}}
		}, events.Defer, CheckFreeze, "site:kcy was frozen"},
		{"another site frozen", "", func(q *Question) { q.Situation.Freezes = map[events.Scope]events.Frozen{"site:nyc": {}} }, events.Allow, "", ""},

		{"one failed", "", func(q *Question) { q.Situation.Failures = times(1, time.Minute) }, events.Allow, "", ""},
		{"two failed", "", func(q *Question) { q.Situation.Failures = times(2, time.Minute) }, events.Defer, CheckBreaker, "2 mitigations failed"},
		{"two failed, one long ago", "", func(q *Question) { q.Situation.Failures = times(2, 31*time.Minute) }, events.Allow, "", ""},
		{"device busy", "", func(q *Question) { q.Situation.Busy = map[string]string{"kcy": "other-1"} }, events.Defer, CheckBusy, "kcy has a change of incident other-1 in flight"},
		{"another device busy", "", func(q *Question) { q.Situation.Busy = map[string]string{"nyc": "other-1"} }, events.Allow, "", ""},

		{"network full", "", func(q *Question) { q.Situation.Claims = []Claim{claim("a-1", "link:a")} }, events.Defer, "budget-network", "used up by a-1"},
		{"a drain of somebody else counts", "", func(q *Question) { q.Facts.Network.DrainedLinks = []string{"a"} }, events.Defer, "budget-network", "a drain that is not ours of link:a"},
		{"a drain is counted once", "budgets: {in_flight: {network: 2}}", func(q *Question) {
			q.Situation.Claims, q.Facts.Network.DrainedLinks = []Claim{claim("a-1", "link:a")}, []string{"a"}
		}, events.Allow, "", ""},
		{"a drain of somebody else at the same site", "budgets: {in_flight: {network: 2}}", func(q *Question) {
			q.Facts.Network.DrainedLinks, q.Situation.Links = []string{"a"}, map[string]events.Target{"a": {Scopes: []events.Scope{events.Network, "link:a", "site:den"}}}
		}, events.Defer, "budget-site", "budget of site:den is used up by a drain that is not ours of link:a"},
		{"an overload bit of somebody else counts", "", func(q *Question) { q.Facts.Network.Overloaded = []string{"nyc"} }, events.Defer, "budget-network", "used up by the overload bit of nyc"},
		{"an overload bit is one drain", "budgets: {in_flight: {network: 2}}", func(q *Question) { q.Facts.Network.Overloaded = []string{"nyc"} }, events.Allow, "", ""},
		{"an overload bit at an end", "budgets: {in_flight: {network: 2}}", func(q *Question) { q.Facts.Network.Overloaded = []string{"kcy"} }, events.Defer, "budget-device", "device:kcy is used up by the overload bit of kcy"},
		{"an overload bit at the same site", "budgets: {in_flight: {network: 2}}", func(q *Question) {
			q.Facts.Network.Overloaded, q.Situation.Routers = []string{"nyc"}, map[string]events.Target{"nyc": {Scopes: []events.Scope{events.Network, "device:nyc", "site:den"}}}
		}, events.Defer, "budget-site", "site:den is used up by the overload bit of nyc"},
		{"an overload bit is for whoever set it", "", func(q *Question) { q.Facts.Network.Overloaded = []string{"chi", "nyc"} }, events.Defer, "budget-network",
			"it goes on by itself when one of them is back; the overload bit of chi, nyc is cleared on the router by whoever set it; or raise the policy's budgets.in_flight.network\n"},
		{"and a drain for whoever made it", "", func(q *Question) {
			q.Facts.Network.DrainedLinks = []string{"a"}
		}, events.Defer, "budget-network", "when one of them is back; a drain that is not ours is taken back by whoever made it; or raise"},
		{"an operator undrains what is Detour's", "budgets: {in_flight: {network: 2}}", func(q *Question) {
			q.Situation.Claims, q.Facts.Network.Overloaded = []Claim{claim("a-1", "link:a")}, []string{"nyc"}
		}, events.Defer, "budget-network", "an operator can undrain one that is Detour's; the overload bit of nyc is cleared"},
		{"what is drained elsewhere makes no room", "budgets: {in_flight: {network: 3}}", func(q *Question) {
			q.Situation.Claims, q.Facts.Network.Overloaded = []Claim{claim("a-1", "link:a")}, []string{"kcy"}
		}, events.Defer, "budget-device", "it goes on by itself when one of them is back; the overload bit of kcy is cleared"},
		{"nobody can make room where there is none", "budgets: {in_flight: {plane: 0}}", func(*Question) {}, events.Defer, "budget-plane", "| nothing may begin until the policy's budgets.in_flight.plane is raised\n"},
		{"bundle full", "budgets: {in_flight: {network: 2}}", func(q *Question) { q.Situation.Claims = []Claim{claim("a-1", "link:a", "bundle:b")} }, events.Defer, "budget-bundle", "bundle:b is used up by a-1"},
		{"one of two devices full", "budgets: {in_flight: {network: 2}}", func(q *Question) { q.Situation.Claims = []Claim{claim("a-1", "link:a", "device:kcy")} }, events.Defer, "budget-device", "device:kcy"},
		{"the conduit is taken", "budgets: {in_flight: {network: 2}}", func(q *Question) { q.Situation.Claims = []Claim{claim("a-1", "srlg:s")} }, events.Defer, "budget-srlg", "srlg:s"},
		{"none allowed", "budgets: {in_flight: {plane: 0}}", func(q *Question) {}, events.Defer, "budget-plane", "the policy, which allows none"},

		{"rate used up", "", func(q *Question) { q.Situation.Admissions = admissions(3, time.Minute) }, events.Defer, CheckRate, "it goes on by itself at 2026-11-20T12:07:00Z"},
		{"rate of long ago", "", func(q *Question) { q.Situation.Admissions = admissions(3, 5*time.Minute) }, events.Allow, "", ""},
		{"hourly rate used up", "", func(q *Question) { q.Situation.Admissions = admissions(10, 6*time.Minute-time.Second) }, events.Defer, CheckRate, "10 mitigations were begun within 1h0m0s"},
		{"no rate", "budgets: {rates: [{per: 1h, at_most: 0}]}", func(q *Question) {}, events.Defer, CheckRate, "until the policy's budgets.rates are raised"},

		{"above the ceiling of links", roomy, func(q *Question) {
			for i := range 4 {
				q.Situation.Claims = append(q.Situation.Claims, claim(fmt.Sprintf("i-%d", i), events.ScopeOf("link", fmt.Sprint(i))))
			}
		}, events.Defer, CheckCeiling, "4 links are out of normal use"},
		{"two links of a small network", roomy, func(q *Question) {
			q.Facts.Network.Links = 5
			q.Facts.Network.DrainedLinks = []string{"a", "b"}
		}, events.Defer, CheckCeiling, "2 links are out of normal use"},
		{"above the ceiling of a device", roomy, func(q *Question) {
			q.Situation.Claims = []Claim{claim("a-1", "device:den"), claim("b-1", "device:den")}
		}, events.Defer, CheckCeilDevice + " budget-device", "device:den has 2 links out of normal use"},
		{"another plane", roomy, func(q *Question) { q.Situation.Claims = []Claim{claim("a-1", "plane:2")} }, events.Defer, CheckCeilPlane, "2 planes at once"},
		{"the same plane", roomy, func(q *Question) { q.Situation.Claims = []Claim{claim("a-1", "plane:1")} }, events.Allow, "", ""},
		{"between two planes, alone", roomy, func(q *Question) { q.Plan.Target.Scopes = append(q.Plan.Target.Scopes, "plane:2") }, events.Allow, "", ""},
		{"above the ceiling of an hour", roomy, func(q *Question) { q.Situation.Admissions = admissions(60, 50*time.Second) }, events.Defer, CheckCeilRate, "60 mitigations were begun within the hour"},

		{"hard, automatic", "", func(q *Question) {
			q.Plan, q.Facts.Prospect.Way = drain(MaxMetric), events.Uniform("den-kcy", MaxMetric)
		}, events.Ask, CheckHard, "out of SPF"},
		{"hard, approved", "", func(q *Question) { q.Plan, q.Approved = drain(MaxMetric), true }, events.Allow, "", ""},
		{"hard, dry", "", func(q *Question) { q.Plan, q.Mode = drain(MaxMetric), events.DryRun }, events.Allow, "", ""},
		{"approval wanted", "", func(q *Question) { q.Rule.Autonomy = Approve }, events.Ask, CheckApproval, "acts only with approval"},
		{"approval given", "", func(q *Question) { q.Rule.Autonomy, q.Approved = Approve, true }, events.Allow, "", ""},
		{"nobody is asked for a dry run", "", func(q *Question) { q.Rule.Autonomy, q.Mode = Approve, events.DryRun }, events.Allow, "", ""},
		{"an unknown autonomy acts only with approval", "", func(q *Question) { q.Rule.Autonomy = "" }, events.Ask, CheckApproval, ""},
		{"no for good weighs more than not now", "", func(q *Question) { q.Symptom, q.Facts.At = events.LinkDown, time.Time{} }, events.Deny, CheckCure + " " + CheckFresh, ""},
		{"not now weighs more than a person", "", func(q *Question) { q.Rule.Autonomy, q.Facts.At = Approve, time.Time{} }, events.Defer, CheckFresh + " " + CheckApproval, ""},
	} {
		t.Run(tt.name, tt.test)
	}
}

// TestEvaluateRelease: what stops an act never keeps a drain in place.
func TestEvaluateRelease(t *testing.T) {
	stormy := func(q *Question) {
		q.Facts = facts(LastMetric)
		q.Facts.Network = events.NetworkFacts{Routers: 10, Seen: 1, Links: 40, DrainedLinks: []string{"a", "b", "c", "d", "e", "den-kcy"}, DownLinks: []string{"x", "y", "z"}, WorstPermil: 1000}
		q.Facts.Ends[0].Oper = "DOWN"
		q.Rule.Autonomy = Approve
		q.Situation = Situation{
			Freezes: map[events.Scope]events.Frozen{events.Network: {}}, Failures: times(9, time.Minute),
			Admissions: admissions(100, time.Second), Claims: []Claim{claim("a-1", "device:den", "bundle:b", "plane:2")},
		}
	}
	tests := []struct {
		name    string
		spoil   func(*Question)
		verdict events.Verdict
		check   string
	}{
		{"in any storm", func(*Question) {}, events.Allow, ""},
		{"not on old facts", func(q *Question) { q.Facts.At = noon.Add(-time.Minute) }, events.Defer, CheckFresh},
		{"not unread", func(q *Question) { q.Facts.Ends[0].Unreadable = "x" }, events.Defer, CheckReadable},
		{"not while its router is busy", func(q *Question) { q.Situation.Busy = map[string]string{"den": "a-1"} }, events.Defer, CheckBusy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := good()
			stormy(&q)
			tt.spoil(&q)
			r := parse(t, "").EvaluateRelease(q)
			if r.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s: %+v", r.Verdict, tt.verdict, r.Checks)
			}
			for _, c := range r.Checks {
				if c.OK == (c.Name == tt.check) {
					t.Errorf("check %+v", c)
				}
			}
		})
	}
}

func TestOnBoard(t *testing.T) {
	for _, c := range actChecks {
		q := good()
		q.Facts = events.Facts{}
		a, b := c.ask(parse(t, ""), q), c.ask(parse(t, ""), good())
		if OnBoard(c.name) && cmp.Diff(a, b, cmp.AllowUnexported(answer{})) != "" {
			t.Errorf("%s is said to rest on the Board, and changes with the facts", c.name)
		}
	}
}
