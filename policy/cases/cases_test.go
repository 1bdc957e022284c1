package cases

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

const rules = `rules:
  - name: small
    match: {kinds: [link-errors], min_severity: major}
    when: link.capacity_bps < 10000000000 && device.exists(d, "core" in d.roles)
    remediation: link-drain
    autonomy: approve
  - name: errors
    match: {kinds: [link-errors, silent-loss]}
    remediation: link-drain
    autonomy: auto
  - name: rest
    match: {kinds: [link-flap]}
    remediation: link-drain
checks:
  - name: room
    when: verdict.known
    require: verdict.after_worst_permil <= 700
    message: a link would be loaded beyond what we like
    otherwise: defer
  - name: owner
    when: has(anomaly.labels.owner)
    require: anomaly.labels.owner != "lab"
    message: the lab looks after its own links
windows:
  - {name: night, scope: "site:den", every: thursday, at: "11:00", duration: 2h}
`

func ruled(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs one case, given as it stands in a file below its name.
func run(t *testing.T, text string) Result {
	t.Helper()
	f, err := Parse("cases.yaml", []byte("cases:\n  - name: c\n    "+strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return f.Run(ruled(t, rules))[0]
}

func TestRun(t *testing.T) {
	tests := []struct {
		name, in string
		rule     string
		verdict  events.Verdict
		failing  []string
	}{
		{"as a policy would like it", "anomaly: {kind: link-errors}", "errors", events.Allow, nil},
		{"a small link of the core", "anomaly: {kind: link-errors}\nlink: {capacity_bps: 1000000000}\ndevice: [{name: den, roles: [core]}, {name: kcy}]", "small", events.Ask, []string{"approval"}},
		{"approved", "anomaly: {kind: link-errors}\nlink: {capacity_bps: 1000000000}\ndevice: [{name: den, roles: [core]}, {name: kcy}]\napproved: true", "small", events.Allow, nil},
		{"a small link of nobody", "anomaly: {kind: link-errors}\nlink: {capacity_bps: 1000000000}", "errors", events.Allow, nil},
		{"not bad enough", "anomaly: {kind: link-errors, severity: minor}\nlink: {capacity_bps: 1000000000}\ndevice: [{name: den, roles: [core]}, {name: kcy}]", "errors", events.Allow, nil},
		{"no rule", "anomaly: {kind: congestion}", NoRule, "", nil},
		{"in shadow nobody is asked", "anomaly: {kind: link-flap}", "rest", events.Allow, nil},
		{"no room", "anomaly: {kind: silent-loss}\nverdict: {after_worst_permil: 701}", "errors", events.Defer, []string{"room"}},
		{"room", "anomaly: {kind: silent-loss}\nverdict: {after_worst_permil: 700}", "errors", events.Allow, nil},
		{"an outcome that is not known", "anomaly: {kind: silent-loss}\nverdict: {known: false, after_worst_permil: 999}", "errors", events.Ask, []string{"model-known"}},
		{"a label", "anomaly: {kind: silent-loss, labels: {owner: lab}}", "errors", events.Deny, []string{"owner"}},
		{"two of them", "anomaly: {kind: silent-loss, labels: {owner: lab}}\nverdict: {after_worst_permil: 799}", "errors", events.Deny, []string{"room", "owner"}},
		{"frozen", "anomaly: {kind: link-errors}\nboard: {frozen: [network]}", "errors", events.Defer, []string{"freeze"}},
		{"its SRLG is in use", "anomaly: {kind: link-errors}\nlink: {srlgs: [duct]}\nboard: {in_flight: [['srlg:duct', 'network']]}", "errors", events.Defer, []string{"budget-network", "budget-srlg"}},
		{"its site pair is in use", "anomaly: {kind: link-errors}\ndevice: [{name: a, site: y}, {name: b, site: x}]\nboard: {in_flight: [['site-pair:x-y']]}", "errors", events.Defer, []string{"budget-network", "budget-site-pair"}},
		{"much of its bundle is in use", "anomaly: {kind: link-errors}\nlink: {bundle: b, capacity_bps: 30000000000}\nnetwork: {capacity_bps: {'bundle:b': 159999999999}}\nboard: {in_flight: [['bundle:b']]}", "errors", events.Defer, []string{"budget-network", "budget-bundle", "capacity-share"}},
		{"little of its bundle is in use", "anomaly: {kind: link-errors}\nlink: {bundle: b, capacity_bps: 30000000000}\nnetwork: {capacity_bps: {'bundle:b': 160000000000}}\nboard: {in_flight: [['bundle:b']]}", "errors", events.Defer, []string{"budget-network", "budget-bundle"}},
		{"somebody else drained much of its plane", "anomaly: {kind: link-errors}\nlink: {capacity_bps: 10000000000}\nnetwork: {capacity_bps: {'plane:1': 999999999999}, drained: [x], scopes: {x: ['plane:1']}}\ndevice: [{name: a, plane: '1'}, {name: b, plane: '1'}]", "errors", events.Defer, []string{"budget-network", "budget-plane", "capacity-share"}},
		{"a small link, and its plane is in use", "anomaly: {kind: link-errors}\nlink: {capacity_bps: 1000}\ndevice: [{name: a, plane: '1'}, {name: b, plane: '1'}]\nboard: {in_flight: [['plane:1']]}", "errors", events.Defer, []string{"budget-network", "budget-plane"}},
		{"its plane is in use", "anomaly: {kind: link-errors}\nlink: {bundle: b}\ndevice: [{name: a, plane: '1'}, {name: b, plane: '1'}]\nboard: {in_flight: [['plane:1', 'bundle:b']]}", "errors", events.Defer, []string{"budget-network", "budget-plane", "budget-bundle"}},
		{"often", "anomaly: {kind: link-errors}\nboard: {begun: [1m, 2m, 3m]}", "errors", events.Defer, []string{"rate"}},
		{"in vain", "anomaly: {kind: link-errors}\nboard: {failed: [1m, 59m]}", "errors", events.Defer, []string{"breaker"}},
		{"busy", "anomaly: {kind: link-errors}\nboard: {busy: [a]}", "errors", events.Defer, []string{"device-free"}},
		{"half blind", "anomaly: {kind: link-errors}\nnetwork: {routers: 10, seen: 7, links: 20}", "errors", events.Defer, []string{"telemetry-coverage"}},
		{"a storm", "anomaly: {kind: link-errors}\nnetwork: {down: [x, y, z], worst_permil: 900, worst_link: w}\nverdict: {known: false}\napproved: true", "errors", events.Defer, []string{"network-calm", "headroom"}},
		{"drained by somebody", "anomaly: {kind: link-errors}\nnetwork: {drained: [x]}", "errors", events.Defer, []string{"budget-network"}},
		{"no what-if", "anomaly: {kind: link-errors}\nverdict: {known: false}", "errors", events.Ask, []string{"model-known"}},
		{"no what-if, approved", "anomaly: {kind: link-errors}\nverdict: {known: false}\napproved: true", "errors", events.Allow, nil},
		{"something is cut off", "anomaly: {kind: link-errors}\nverdict: {cut_off_bps: 5, cut_off: [z]}", "errors", events.Deny, []string{"connectivity"}},
		{"just room", "anomaly: {kind: link-errors}\nverdict: {after_worst_permil: 800}", "errors", events.Defer, []string{"room"}},
		{"no room", "anomaly: {kind: link-errors}\nverdict: {after_worst_permil: 801, base_worst_permil: 800}", "errors", events.Defer, []string{"room", "capacity"}},
		{"as full as now", "anomaly: {kind: link-errors}\nverdict: {after_worst_permil: 900, base_worst_permil: 900}", "errors", events.Defer, []string{"room"}},
		{"a failure more", "anomaly: {kind: link-errors}\nverdict: {survive_permil: 1151, base_survive_permil: 1100}", "errors", events.Defer, []string{"survives"}},
		{"a failure that is not survived now either", "anomaly: {kind: link-errors}\nverdict: {survive_permil: 1150, base_survive_permil: 1100}", "errors", events.Allow, nil},
		{"loops", "anomaly: {kind: link-errors, value: 9e-4}\nverdict: {micro_loops: true}", "errors", events.Ask, []string{"loop-free"}},
		{"loops, and the loss is worse", "anomaly: {kind: link-errors, value: 1e-3}\nverdict: {micro_loops: true}", "errors", events.Allow, nil},
		{"two steps are needed, and the plan has them", "anomaly: {kind: link-errors}\nverdict: {steps: 2}", "errors", events.Allow, nil},
		{"two steps are needed, and the plan has one", "anomaly: {kind: link-errors}\nverdict: {steps: 2}\nplan: {steps: 1}", "errors", events.Ask, []string{"loop-free"}},
		{"an old matrix", "anomaly: {kind: link-errors}\nverdict: {matrix_age: 16m}", "errors", events.Ask, []string{"matrix-fresh"}},
		{"a bound has no matrix", "anomaly: {kind: link-errors}\nverdict: {method: bound, matrix_age: 16h, fit_permil: 0}", "errors", events.Allow, nil},
		{"a wrong model", "anomaly: {kind: link-errors}\nverdict: {fit_permil: 949}", "errors", events.Defer, []string{"model-fits"}},
		{"not worth it", "anomaly: {kind: link-errors}\nverdict: {benefit_bps: 999, harm_bps: 100}", "errors", events.Ask, []string{"worth-it"}},
		{"its diverse partner has failed", "anomaly: {kind: link-errors}\nlink: {srlgs: [duct], diverse: [rail]}\nnetwork: {down: [x], scopes: {x: ['network', 'srlg:rail']}}", "errors", events.Defer, []string{"stop-threshold"}},
		{"its risk group has failed", "anomaly: {kind: link-errors}\nlink: {srlgs: [duct]}\nnetwork: {down: [x, y], scopes: {x: ['srlg:duct'], y: ['srlg:duct']}}", "errors", events.Defer, []string{"stop-threshold"}},
		{"its level", "anomaly: {kind: link-errors}\nlink: {level: 2}", "errors", events.Allow, nil},
		{"not qualified", "anomaly: {kind: link-errors}\ndevice: [{name: a, qualified: false}, {name: b}]", "errors", events.Defer, []string{"platform-qualified"}},
		{"down already", "anomaly: {kind: link-errors}\ndevice: [{name: a, oper: DOWN}, {name: b}]", "errors", events.Deny, []string{"right-cure"}},
		{"drained already", "anomaly: {kind: link-errors}\ndevice: [{name: a, metric: 16777214}, {name: b}]", "errors", events.Deny, []string{"not-yet-drained"}},
		{"a hard drain", "anomaly: {kind: link-errors}\nplan: {metric: 16777215}", "errors", events.Ask, []string{"hard-drain"}},
		{"a plan of nothing", "anomaly: {kind: link-errors}\nplan: {steps: 0}", "errors", events.Deny, []string{"plan-sane"}},
		{"in dry-run", "mode: dry-run\nanomaly: {kind: link-errors}\nplan: {metric: 16777215}", "errors", events.Allow, nil},
		{"in a window", "anomaly: {kind: link-errors}\nplan: {metric: 16777215}\ndevice: [{name: a, site: den}, {name: b}]", "errors", events.Allow, nil},
		{"after the window", "now: 2026-01-01T13:00:00Z\nanomaly: {kind: link-errors}\nplan: {metric: 16777215}\ndevice: [{name: a, site: den}, {name: b}]", "errors", events.Ask, []string{"hard-drain"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect := fmt.Sprintf("\nexpect: {rule: %s, verdict: %s, failing: [%s]}", tt.rule, tt.verdict, strings.Join(tt.failing, ", "))
			if tt.rule == NoRule {
				expect = "\nexpect: {rule: none}"
			}
			r := run(t, tt.in+expect)
			if !r.OK || r.Rule != tt.rule || r.Verdict != tt.verdict || strings.Join(r.Failing, " ") != strings.Join(sorted(r, tt.failing), " ") {
				t.Errorf("%s %s %v: %v", r.Rule, r.Verdict, r.Failing, r.Differences)
			}
		})
	}
}

// sorted brings names into the order of the result's checks.
func sorted(r Result, names []string) []string {
	var list []string
	for _, c := range r.Checks {
		for _, name := range names {
			if c.Name == name {
				list = append(list, name)
			}
		}
	}
	return list
}

// TestWhatConditionsSee: everything that a case gives reaches a condition.
func TestWhatConditionsSee(t *testing.T) {
	const c = `cases:
  - name: c
    now: 2026-11-20T12:00:00+01:00
    anomaly: {kind: link-errors, state: resolved, severity: critical, value: 2, unit: ratio, threshold: 1, age: 90s, evidence: {errors: 7}, labels: {rack: "3"}}
    link: {name: x, capacity_bps: 2000, bundle: b, srlgs: [s]}
    device:
      - {name: p, interface: e9, site: sp, plane: "2", roles: [core], profile: junos, software: "7", qualified: false, oper: DOWN, adjacencies: 0, metric: 5, in_bps: 1, out_bps: 1000, in_errors_per_s: 3, in_pps: 4}
      - {name: q}
    plan: {metric: 77, steps: 3}
    approved: true
    verdict: {method: exact, fit_permil: 960, matrix_age: 2m, base_survive_permil: 9, moved_bps: 10, base_worst_permil: 1, after_worst_permil: 2, after_worst_link: l, survive_permil: 3, survive_failure: f, survive_link: m, new_violations: 4, cut_off_bps: 5, cut_off: [z], steps: 6, micro_loops: true, benefit_bps: 7, harm_bps: 8}
    expect: {verdict: deny}
`
	f, err := Parse("cases.yaml", []byte(c))
	if err != nil {
		t.Fatal(err)
	}
	for _, condition := range []string{
		`now == timestamp("2026-11-20T11:00:00Z") && anomaly.age == duration("90s") && anomaly.observed_at < now`,
		`anomaly.state == "resolved" && anomaly.severity == "critical" && anomaly.value > 1 && anomaly.unit == "ratio" && anomaly.threshold < 2`,
		`anomaly.evidence.errors > 6 && anomaly.labels.rack == "3"`,
		`link.name == "x" && link.capacity_bps == 2000 && link.bundle == "b" && link.srlgs == ["s"] && link.load_permil == [500, 0] && link.metric == [5, 10] && link.planes == ["2"] && link.sites == ["sp"]`,
		`device[0].name == "p" && device[0].interface == "e9" && device[0].site == "sp" && device[0].plane == "2" && device[0].roles == ["core"] && device[0].profile == "junos"`,
		`device[0].software == "7" && !device[0].qualified && device[0].oper == "DOWN" && device[0].adjacencies == 0 && device[0].in_bps == 1 && device[0].in_errors_per_s == 3 && device[0].in_pps == 4`,
		`device[1].interface == "ethernet-1/1" && device[1].qualified && device[1].oper == "UP" && device[1].roles == [] && !has(device[1].software)`,
		`plan.metric == 77 && plan.steps == 3 && plan.approved && plan.action == "metric" && plan.remediation == "link-drain" && plan.mode == "live"`,
		`verdict.base_worst_permil == 1 && verdict.after_worst_permil == 2 && verdict.after_worst_link == "l" && verdict.survive_permil == 3 && verdict.survive_failure == "f" && verdict.survive_link == "m"`,
		`verdict.method == "exact" && verdict.fit_permil == 960 && verdict.matrix_age == duration("2m") && verdict.base_survive_permil == 9 && verdict.moved_bps == 10`,
		`verdict.new_violations == 4 && verdict.cut_off_bps == 5 && verdict.cut_off == ["z"] && verdict.steps == 6 && verdict.micro_loops && verdict.benefit_bps == 7 && verdict.harm_bps == 8`,
	} {
		p := ruled(t, "rules: [{name: r, match: {kinds: [link-errors]}, remediation: link-drain, autonomy: auto}]\nchecks:\n  - name: seen\n    message: m\n    require: '"+condition+"'\n")
		r := f.Run(p)[0]
		for _, check := range r.Checks {
			if check.Name == "seen" && !check.OK {
				t.Errorf("%s: %s; %s", condition, check.Value, check.Detail)
			}
		}
	}
}

func TestDifferences(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"anomaly: {kind: link-errors}\nexpect: {rule: small, verdict: ask, failing: [approval, unheard-of]}", []string{
			"rule errors answers, expected small",
			"the verdict is allow, expected ask",
			"check approval says yes (auto; want as the rule says): the rule acts without asking",
			"there is no check unheard-of",
		}},
		{"anomaly: {kind: link-errors}\nboard: {frozen: [network], busy: [a]}\nexpect: {verdict: allow, failing: [device-free]}", []string{
			"the verdict is defer, expected allow (held by freeze, device-free)",
			"check freeze says no (network; want no freeze): network was frozen by the case: frozen in the case",
		}},
		{"anomaly: {kind: silent-loss}\nverdict: {after_worst_permil: 800}\nexpect: {failing: []}", []string{
			"check room says no (verdict.after_worst_permil=800; want verdict.after_worst_permil <= 700): a link would be loaded beyond what we like",
		}},
		{"anomaly: {kind: congestion}\nexpect: {verdict: deny}", []string{"no rule answers, so nothing was checked"}},
		{"anomaly: {kind: congestion}\nexpect: {rule: errors, verdict: deny}", []string{"rule none answers, expected errors"}},
		{"anomaly: {kind: link-errors}\nexpect: {rule: none}", []string{"rule errors answers, expected none"}},
		{"anomaly: {kind: link-errors}\nexpect: {rule: errors}", []string{}},
		{"anomaly: {kind: link-errors}\nboard: {frozen: [network]}\nexpect: {rule: errors}", []string{}},
	}
	for _, tt := range tests {
		r := run(t, tt.in)
		if diff := cmp.Diff(tt.want, r.Differences); diff != "" || r.OK != (len(tt.want) == 0) {
			t.Errorf("%s: ok %t (-want +got):\n%s", tt.in, r.OK, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	one := func(text string) string {
		return "cases:\n  - {name: c, anomaly: {kind: link-errors}, expect: {verdict: allow}, " + text + "}\n"
	}
	tests := []struct{ name, in, want string }{
		{"nothing", "", "cases: 0 cases: want 1 to 10000"},
		{"unknown key", one("lnik: {}"), `c.yaml:2:71: unknown key "cases[0].lnik"`},
		{"no name", "cases: [{anomaly: {kind: link-errors}, expect: {verdict: allow}}]", `cases[0].name: "": want a name that no other case has`},
		{"name twice", "cases:\n  - {name: c, anomaly: {kind: link-errors}, expect: {verdict: allow}}\n  - {name: c, anomaly: {kind: link-errors}, expect: {verdict: allow}}\n", `c.yaml:3:12: cases[1].name: "c": want a name`},
		{"no kind", "cases: [{name: c, expect: {verdict: allow}}]", "cases[0].anomaly: the kind of the anomaly is missing"},
		{"kind", "cases: [{name: c, anomaly: {kind: link-eror}, expect: {verdict: allow}}]", `c.yaml:1:35: cases[0].anomaly.kind: "link-eror" is not known; want one of [link-errors`},
		{"severity", "cases: [{name: c, anomaly: {kind: link-errors, severity: bad}, expect: {verdict: allow}}]", `cases[0].anomaly.severity: "bad" is not known`},
		{"state", "cases: [{name: c, anomaly: {kind: link-errors, state: bad}, expect: {verdict: allow}}]", `cases[0].anomaly.state: "bad" is not known`},
		{"mode", one("mode: wet"), `cases[0].mode: "wet" is not known`},
		{"one end", one("device: [{name: a}]"), "cases[0].device: 1 routers: a link has two ends"},
		{"both ends alike", one("device: [{name: a}, {name: a}]"), `cases[0].device[1]: "a": want a name that the other end does not have`},
		{"capacity", one("link: {capacity_bps: 0}"), "cases[0].link.capacity_bps: 0: want bits per second"},
		{"steps", one("plan: {steps: 1000}"), "cases[0].plan.steps: 1000: want 0 to 100"},
		{"method", one("verdict: {method: guess}"), `cases[0].verdict.method: "guess" is not known; want one of [exact bound]`},
		{"steps of the verdict", one("verdict: {steps: -1}"), "cases[0].verdict.steps: -1: want 0 to 100"},
		{"fit", one("verdict: {fit_permil: 1001}"), "cases[0].verdict.fit_permil: 1001: want 0 to 1000"},
		{"scopes of a link in use", one("network: {scopes: {x: [network]}}"), `cases[0].network.scopes.x: "x" is neither drained nor down`},
		{"scopes that are none", one("network: {down: [x], scopes: {x: [den]}}"), `cases[0].network.scopes.x[0]: "den": want network or KIND:NAME`},
		{"frozen nowhere", one("board: {frozen: [den]}"), `cases[0].board.frozen[0]: "den": want network or KIND:NAME`},
		{"a capacity of nothing", one("network: {capacity_bps: {'bundle:b': 0}}"), "cases[0].network.capacity_bps.bundle:b: 0: want bits per second"},
		{"a capacity of nowhere", one("network: {capacity_bps: {'bunddle:b': 1}}"), `cases[0].network.capacity_bps.bunddle:b[0]: "bunddle:b": want network`},
		{"in flight nowhere", one("board: {in_flight: [['']]}"), `cases[0].board.in_flight[0][0]: "": want network`},
		{"verdict", "cases: [{name: c, anomaly: {kind: link-errors}, expect: {verdict: maybe}}]", `cases[0].expect.verdict: "maybe" is not known; want one of [allow ask defer deny]`},
		{"nothing expected", "cases: [{name: c, anomaly: {kind: link-errors}}]", "cases[0]: nothing is expected"},
		{"a verdict of no rule", "cases: [{name: c, anomaly: {kind: link-errors}, expect: {rule: none, verdict: deny}}]", "where no rule answers there is no verdict"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse("c.yaml", []byte(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzParse: no text makes Parse or Run panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte("cases:\n  - {name: c, anomaly: {kind: link-errors, age: 5s}, device: [{name: a}, {name: b}], board: {in_flight: [[network]]}, expect: {verdict: allow}}\n"))
	p := ruled(f, rules)
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := Parse("c.yaml", raw)
		if err != nil {
			return
		}
		for i, r := range file.Run(p) {
			if r.Name != file.Cases[i].Name || r.OK != (len(r.Differences) == 0) {
				t.Errorf("result %+v", r)
			}
		}
	})
}
