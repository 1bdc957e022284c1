package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

const whole = `rules:
  - name: errors
    match: {kinds: [link-errors, silent-loss], min_severity: major, scopes: ["site:den", "plane:1"], min_value: 1e-6}
    remediation: link-drain
    with: {style: soft}
    autonomy: auto
  - name: rest
    match: {kinds: [link-errors]}
    remediation: isis-metric
budgets:
  in_flight: {network: 3, device: 2}
  stop_at: {site: 2, srlg-partner: 2}
  rates: [{per: 5m, at_most: 2}]
approvals: {quorum: 2, roles: [approver, noc], expiry: 5m}
max_age: {default: 3m, link-flap: 10m}
future_skew: 2s
clocks: {hold: 1m, on_expiry: release, undo_attempts: 3}
cause: {wait: 0s, within: 1m}
facts: {coverage_permil: 900, others_down: 0, unproven: ask}
prospect: {missing: refuse, matrix_age: 5m, fit_permil: 900, worst_permil: 700, edge: refuse, loops: allow, skip_steps_loss: 1e-2, worth: 5, when_held: revert, when_unbearable: revert}
keep: {depends_on: [den, kcy], never: [den-kcy]}
verify: {worst_link_permil: 700}
breaker: {failed_verifications: 3, within: 2h}
windows:
  - {name: once, scope: "site:den", start: 2026-11-20T22:00:00+01:00, duration: 2h}
  - {name: weekly, every: friday, at: "22:00", zone: Europe/Berlin, duration: 6h}
`

func parse(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	p := parse(t, whole)
	value := 1e-6
	wantRules := []Rule{
		{
			Name: "errors", Remediation: "link-drain", With: json.RawMessage(`{"style":"soft"}`), Autonomy: Auto,
			Match: Match{Kinds: []events.AnomalyKind{events.LinkErrors, events.SilentLoss}, MinSeverity: events.Major, Scopes: []events.Scope{"site:den", "plane:1"}, MinValue: &value},
		},
		{
			Name: "rest", Remediation: "isis-metric", Autonomy: Shadow,
			Match: Match{Kinds: []events.AnomalyKind{events.LinkErrors}, MinSeverity: events.Info, Scopes: []events.Scope{events.Network}},
		},
	}
	if diff := cmp.Diff(wantRules, p.Rules()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Approvals{Quorum: 2, Roles: []string{"approver", "noc"}, Expiry: events.Duration(5 * time.Minute)}, p.Approvals()); diff != "" {
		t.Errorf("approvals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(CauseLimits{Wait: 0, Within: events.Duration(time.Minute), HitPermil: 800}, p.Cause()); diff != "" {
		t.Errorf("cause (-want +got):\n%s", diff)
	}
	c := p.Clocks()
	if c.Hold.Std() != time.Minute || c.OnExpiry != ExpiryRelease || c.UndoAttempts != 3 || c.Fresh.Std() != 5*time.Second {
		t.Errorf("clocks = %+v", c)
	}
	if p.MaxAge(events.LinkFlap) != 10*time.Minute || p.MaxAge(events.LinkErrors) != 3*time.Minute || p.MaxAge("unheard-of") != 3*time.Minute || p.FutureSkew() != 2*time.Second {
		t.Error("ages are not as written")
	}
	if w := p.Windows(); len(w) != 2 || w[1].Scope != events.Network || w[1].Zone != "Europe/Berlin" {
		t.Errorf("windows = %+v", w)
	}
	if p.Name() != "policy.yaml" {
		t.Errorf("name = %q", p.Name())
	}
}

func TestEmptyPolicyDoesNothing(t *testing.T) {
	p := parse(t, "")
	for _, k := range events.Kinds() {
		if r, ok := p.Match(Subject{Kind: k, Severity: events.Critical, Value: 1, Scopes: []events.Scope{events.Network}}); ok {
			t.Errorf("rule %q answers %s", r.Name, k)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	rule := func(text string) string {
		return "rules:\n  - {name: r, remediation: link-drain, match: {kinds: [link-errors]}, " + text + "}\n"
	}
	window := func(text string) string { return "windows:\n  - {name: w, " + text + "}\n" }
	tests := []struct {
		name, in string
		want     []string
	}{
		{"unknown key", "rulse: []", []string{"p.yaml:1:1: unknown key \"rulse\"", "\n        ^"}},
		{"unknown key within", rule("autonmy: auto"), []string{`p.yaml:2:71: unknown key "rules[0].autonmy"`}},
		{"second document", "rules: []\n---\nrules: []\n", []string{"p.yaml:3:", "second document"}},
		{"rule without anything", "rules: [{}]", []string{"rules[0].name: is missing", "rules[0].match.kinds: is missing", "rules[0].remediation: is missing"}},
		{"rule name twice", "rules:\n  - {name: r, remediation: x, match: {kinds: [link-errors]}}\n  - {name: r, remediation: x, match: {kinds: [link-errors]}}\n", []string{`p.yaml:3:12: rules[1].name: "r" is given twice`}},
		{"rule name with a blank", "rules:\n  - {name: a b, remediation: x, match: {kinds: [link-errors]}}\n", []string{"want at most 64 bytes without blanks"}},
		{"unknown kind", "rules:\n  - {name: r, remediation: x, match: {kinds: [link-eror]}}\n", []string{`p.yaml:2:47: rules[0].match.kinds[0]: "link-eror" is not known; want one of link-errors`}},
		{"kind twice", "rules:\n  - {name: r, remediation: x, match: {kinds: [link-flap, link-flap]}}\n", []string{`kinds[1]: "link-flap" is given twice`}},
		{"severity", "rules:\n  - {name: r, remediation: x, match: {kinds: [link-flap], min_severity: bad}}\n", []string{`min_severity: "bad" is not known; want one of critical`}},
		{"scope", "rules:\n  - {name: r, remediation: x, match: {kinds: [link-flap], scopes: [den]}}\n", []string{`scopes[0]: scope "den": want "network" or KIND:NAME`}},
		{"click", rule("click: perhaps"), []string{"click: "}},
		{"autonomy", rule("autonomy: full"), []string{`autonomy: "full" is not known; want one of shadow, approve, auto`}},
		{"with is no mapping", rule("with: [1]"), []string{"with: want a mapping"}},
		{"budget of no scope", "budgets: {in_flight: {galaxy: 1}}", []string{`p.yaml:1:31: budgets.in_flight.galaxy: "galaxy" is no kind of scope; want one of [bundle device level link network plane site site-pair srlg]`}},
		{"budget below nothing", "budgets: {in_flight: {site: -1}}", []string{"budgets.in_flight.site: -1: want 0 to"}},
		{"budget above the ceiling", "budgets: {in_flight: {device: 3}}", []string{"budgets.in_flight.device: 3: want 0 to 2 (the ceiling of this binary)"}},
		{"threshold of no scope", "budgets: {stop_at: {galaxy: 1}}", []string{`p.yaml:1:29: budgets.stop_at.galaxy: "galaxy" is no kind of scope with more than one link; want one of [bundle device level network plane site site-pair srlg srlg-partner]`}},
		{"threshold of one link", "budgets: {stop_at: {link: 1}}", []string{`budgets.stop_at.link: "link" is no kind of scope with more than one link`}},
		{"threshold that is reached by nothing", "budgets: {stop_at: {site: 0}}", []string{"p.yaml:1:27: budgets.stop_at.site: 0: want 1 to 10000"}},
		{"a cap on partners", "budgets: {in_flight: {srlg-partner: 1}}", []string{`budgets.in_flight.srlg-partner: "srlg-partner" is no kind of scope`}},
		{"missing what-if", "prospect: {missing: pray}", []string{`p.yaml:1:21: prospect.missing: "pray" is not known; want one of refuse, ask, allow`}},
		{"edge", "prospect: {edge: defer}", []string{`p.yaml:1:18: prospect.edge: "defer" is not known`}},
		{"loops", "prospect: {loops: ''}", []string{`p.yaml:1:19: prospect.loops: is missing; want one of refuse, ask, allow`}},
		{"age of a matrix", "prospect: {matrix_age: 0s}", []string{"prospect.matrix_age: 0s: want 1ms to 24h0m0s"}},
		{"age of a matrix with an approval", "prospect: {matrix_age: 2h}", []string{"prospect.matrix_age_approved: 1h0m0s: want 2h0m0s to 168h0m0s (not less than matrix_age)"}},
		{"conserved", "prospect: {conserved_permil: 1001}", []string{"p.yaml:1:30: prospect.conserved_permil: 1001: want 500 to 1000"}},
		{"counters", "prospect: {counters_permil: 499}", []string{"p.yaml:1:29: prospect.counters_permil: 499: want 500 to 1000"}},
		{"fit", "prospect: {fit_permil: 499}", []string{"p.yaml:1:24: prospect.fit_permil: 499: want 500 to 1000"}},
		{"room", "prospect: {worst_permil: 1001}", []string{"prospect.worst_permil: 1001: want 1 to 1000"}},
		{"survival", "prospect: {survive_permil: 2001}", []string{"prospect.survive_permil: 2001: want 1 to 2000"}},
		{"worse", "prospect: {worse_by_permil: 201}", []string{"prospect.worse_by_permil: 201: want 0 to 200"}},
		{"violations", "prospect: {new_violations: -1}", []string{"prospect.new_violations: -1: want 0 to 1000"}},
		{"loss of nothing", "prospect: {skip_steps_loss: 0}", []string{"p.yaml:1:29: prospect.skip_steps_loss: 0: want a share of packets above 0 and at most 1"}},
		{"loss in percent", "prospect: {skip_steps_loss: 1.5}", []string{"prospect.skip_steps_loss: 1.5: want a share"}},
		{"worth", "prospect: {worth: -1}", []string{"prospect.worth: -1: want 0 to 1000"}},
		{"held", "prospect: {when_held: page}", []string{`prospect.when_held: "page" is not known; want one of wait, revert`}},
		{"unbearable", "prospect: {when_unbearable: ask}", []string{`prospect.when_unbearable: "ask" is not known; want one of page, revert`}},
		{"kept twice", "keep: {never: [a, a]}", []string{`p.yaml:1:19: keep.never[1]: "a" is given twice`}},
		{"kept without a name", "keep: {depends_on: ['']}", []string{"keep.depends_on[0]: is missing"}},
		{"rate above the ceiling", "budgets: {rates: [{per: 1h, at_most: 61}]}", []string{"budgets.rates[0].at_most: 61: want 0 to 60 (the ceiling of this binary)"}},
		{"rate in a short time above the ceiling", "budgets: {rates: [{per: 1m, at_most: 61}]}", []string{"at_most: 61: want 0 to 60"}},
		{"rate in a long time above the ceiling", "budgets: {rates: [{per: 2h, at_most: 121}]}", []string{"at_most: 121: want 0 to 120"}},
		{"rate over more than is remembered", "budgets: {rates: [{per: 25h, at_most: 1}]}", []string{"per: 25h0m0s: want 1ms to 24h0m0s"}},
		{"rate over no time", "budgets: {rates: [{at_most: 1}]}", []string{"per: 0s: want 1ms"}},
		{"quorum", "approvals: {quorum: 0}", []string{"approvals.quorum: 0: want 1 to 5"}},
		{"nobody may approve", "approvals: {roles: []}", []string{"approvals.roles: is empty"}},
		{"role twice", "approvals: {roles: [a, a]}", []string{`approvals.roles[1]: "a" is given twice`}},
		{"age of no kind", "max_age: {link-eror: 1m}", []string{`max_age.link-eror: "link-eror" is no kind of anomaly`}},
		{"age of nothing", "max_age: {default: 0s}", []string{"max_age.default: 0s: want 1ms to 24h0m0s"}},
		{"negative duration", "future_skew: -1s", []string{"p.yaml:1:14: future_skew: duration \"-1s\""}},
		{"duration without a unit", "clocks: {hold: 10}", []string{"p.yaml:1:16: clocks.hold: duration \"10\""}},
		{"hold longer than the longest", "clocks: {hold: 25h}", []string{"clocks.hold: 25h0m0s: want 1ms to 24h0m0s (not more than hold_max)"}},
		{"hold above the ceiling", "clocks: {hold_max: 721h}", []string{"clocks.hold_max: 721h0m0s", "the ceiling of this binary"}},
		{"stale facts", "clocks: {fresh: 2m}", []string{"clocks.fresh: 2m0s: want 1ms to 1m0s"}},
		{"looking more seldom than long", "clocks: {look_every: 2m, look_for: 1m}", []string{"clocks.look_for: 1m0s: want 2m0s"}},
		{"expiry", "clocks: {on_expiry: pray}", []string{`clocks.on_expiry: "pray" is not known; want one of page, release`}},
		{"waiting for longer than a fault may go on", "cause: {wait: 61s}", []string{"cause.wait: 1m1s: want 0s to 1m0s"}},
		{"alarms closer than the wait", "cause: {wait: 10s, within: 5s}", []string{"cause.within: 5s: want 10s to 1h0m0s (not less than wait)"}},
		{"less than half of a group", "cause: {hit_permil: 499}", []string{"cause.hit_permil: 499: want 500 to 1000"}},
		{"more than all of a group", "cause: {hit_permil: 1001}", []string{"cause.hit_permil: 1001: want 500 to 1000"}},
		{"a check of the core's name", "checks: [{name: one-cause, require: 'true', message: m}]", []string{`"one-cause" is a check of this binary`}},
		{"no undo", "clocks: {undo_attempts: 0}", []string{"clocks.undo_attempts: 0: want 1 to 100"}},
		{"blind", "facts: {coverage_permil: 499}", []string{"facts.coverage_permil: 499: want 500 to 1000 (the floor of this binary"}},
		{"unproven", "facts: {unproven: maybe}", []string{`facts.unproven: "maybe" is not known; want one of refuse, ask, allow`}},
		{"overload", "verify: {worst_link_permil: 1001}", []string{"verify.worst_link_permil: 1001: want 1 to 1000"}},
		{"no breaker", "breaker: {failed_verifications: 0}", []string{"breaker.failed_verifications: 0: want 1 to 10"}},
		{"a breaker with a longer memory than the ledger's fold", "breaker: {within: 48h}", []string{"breaker.within: 48h0m0s"}},
		{"window without a time", window("duration: 1h"), []string{"windows[0]: window \"w\": give either start"}},
		{"window with two times", window("start: 2026-01-01T00:00:00Z, every: day, at: '01:00', duration: 1h"), []string{"give either start"}},
		{"window's zone twice", window("start: 2026-01-01T00:00:00Z, zone: UTC, duration: 1h"), []string{"start carries its own zone"}},
		{"window without a duration", window("every: day, at: '01:00'"), []string{"windows[0].duration: 0s: want 1m0s to 168h0m0s"}},
		{"window's day", window("every: caturday, at: '01:00', duration: 1h"), []string{`every: "caturday": want day, or a weekday`}},
		{"window's clock", window("every: day, at: '25:00', duration: 1h"), []string{`at: "25:00": want a time of day`}},
		{"window's zone", window("every: day, at: '01:00', zone: Mars/Base, duration: 1h"), []string{`zone: "Mars/Base": want an IANA zone`}},
		{"this machine's zone is not everybody's", window("every: day, at: '01:00', zone: Local, duration: 1h"), []string{`zone: "Local": want an IANA zone`}},
		{"window's scope", window("scope: den, every: day, at: '01:00', duration: 1h"), []string{`windows[0].scope: scope "den"`}},
		{"window's start", window("start: tomorrow, duration: 1h"), []string{"p.yaml:2:22: windows[0].start: "}},
		{"window twice", "windows:\n  - {name: w, every: day, at: '01:00', duration: 1h}\n  - {name: w, every: day, at: '01:00', duration: 1h}\n", []string{`windows[1].name: "w" is given twice`}},
		{"everything at once", "approvals: {quorum: 9}\nbreaker: {failed_verifications: 99}\n", []string{"p.yaml:1:21", "p.yaml:2:33"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("p.yaml", []byte(tt.in))
			if err == nil {
				t.Fatal("Parse took it")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestDigest(t *testing.T) {
	same := []string{"", "# a comment\n", "rules: []", "rules:\nwindows: []\n", "clocks: {margin: 5s}", "clocks: {margin: 5000ms}", "cause: {wait: 2s, within: 2m, hit_permil: 800}", "budgets: {in_flight: {site: 1}}", "prospect: {missing: ask, worth: 10, skip_steps_loss: 0.001}", "keep: {never: []}", "budgets: {stop_at: {site: 3}, in_flight: {level: 1}}"}
	for _, text := range same[1:] {
		if got, want := parse(t, text).Digest(), parse(t, same[0]).Digest(); got != want {
			t.Errorf("%q has another digest than nothing", text)
		}
	}
	seen := map[events.Digest]string{}
	rule := "rules: [{name: r, match: {kinds: [link-flap]}, remediation: link-drain, with: {style: %s}, autonomy: %s}]"
	for _, text := range []string{"", "clocks: {margin: 6s}", "cause: {wait: 3s}", "cause: {hit_permil: 900}", "budgets: {in_flight: {site: 0}}",
		fmt.Sprintf(rule, "soft", "shadow"), fmt.Sprintf(rule, "hard", "shadow"), fmt.Sprintf(rule, "soft", "auto"), fmt.Sprintf(rule, "soft", "auto, click: true"),
		"prospect: {missing: allow}", "prospect: {skip_steps_loss: 2e-3}", "keep: {never: [a]}", "keep: {depends_on: [a]}", "budgets: {stop_at: {site: 4}}", "budgets: {in_flight: {level: 2}}",
		"windows: [{name: w, every: day, at: '01:00', duration: 1h}]", "windows: [{name: w, every: day, at: '01:00', zone: Asia/Tokyo, duration: 1h}]"} {
		d := parse(t, text).Digest()
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %q have one digest", text, other)
		}
		seen[d] = text
	}
}

func TestCheckRules(t *testing.T) {
	p := parse(t, whole)
	if err := p.CheckRules(func(string, json.RawMessage) error { return nil }); err != nil {
		t.Fatal(err)
	}
	err := p.CheckRules(func(remediation string, with json.RawMessage) error {
		if remediation == "link-drain" {
			return fmt.Errorf("no %s", with)
		}
		return errors.New("unheard of")
	})
	for _, want := range []string{`policy.yaml:5:11: rules[0].with: rule "errors": no {"style":"soft"}`, `policy.yaml:7:5: rules[1].with: rule "rest": unheard of`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("message lacks %q:\n%v", want, err)
		}
	}
	if err := p.CheckRules(func(string, json.RawMessage) error { return nil }); err != nil {
		t.Errorf("an earlier complaint is remembered: %v", err)
	}
}

func TestLimitsAreAllThere(t *testing.T) {
	got := map[string]Limit{}
	for _, l := range parse(t, whole).Limits() {
		if _, twice := got[l.Name]; twice || l.Value == "" {
			t.Errorf("%+v is empty or stands twice", l)
		}
		got[l.Name] = l
	}
	want := map[string]Limit{
		"budgets.in_flight.network": {Value: "3", Source: FromFile}, "budgets.in_flight.site": {Value: "1", Source: FromDefault},
		"budgets.in_flight.level": {Value: "3", Source: FromDefault}, "budgets.stop_at.site": {Value: "2", Source: FromFile}, "budgets.stop_at.srlg-partner": {Value: "2", Source: FromFile},
		"budgets.stop_at.device": {Value: "3", Source: FromDefault}, "budgets.stop_at.network": {Value: "5", Source: FromDefault},
		"prospect.missing": {Value: "refuse", Source: FromFile}, "prospect.matrix_age": {Value: "5m0s", Source: FromFile}, "prospect.matrix_age_approved": {Value: "1h0m0s", Source: FromDefault},
		"prospect.fit_permil": {Value: "900", Source: FromFile}, "prospect.worst_permil": {Value: "700", Source: FromFile}, "prospect.survive_permil": {Value: "1000", Source: FromDefault},
		"prospect.worse_by_permil": {Value: "50", Source: FromDefault}, "prospect.new_violations": {Value: "0", Source: FromDefault}, "prospect.edge": {Value: "refuse", Source: FromFile},
		"prospect.loops": {Value: "allow", Source: FromFile}, "prospect.skip_steps_loss": {Value: "0.01", Source: FromFile}, "prospect.worth": {Value: "5", Source: FromFile},
		"prospect.when_held": {Value: "revert", Source: FromFile}, "prospect.when_unbearable": {Value: "revert", Source: FromFile}, "keep.depends_on": {Value: "den, kcy", Source: FromFile}, "keep.never": {Value: "den-kcy", Source: FromFile},
		"budgets.rates": {Value: "2 in 5m0s", Source: FromFile}, "approvals.roles": {Value: "approver, noc", Source: FromFile},
		"max_age.default": {Value: "3m0s", Source: FromFile}, "max_age.link-flap": {Value: "10m0s", Source: FromFile}, "future_skew": {Value: "2s", Source: FromFile},
		"clocks.hold": {Value: "1m0s", Source: FromFile}, "clocks.hold_max": {Value: "24h0m0s", Source: FromDefault}, "clocks.on_expiry": {Value: "release", Source: FromFile},
		"clocks.undo_attempts": {Value: "3", Source: FromFile}, "facts.unproven": {Value: "ask", Source: FromFile}, "verify.errors_per_second": {Value: "0", Source: FromDefault},
		"breaker.within": {Value: "2h0m0s", Source: FromFile}, "ceiling.links_per_device": {Value: "2", Source: Compiled}, "ceiling.hold_max": {Value: "720h0m0s", Source: Compiled},
	}
	for name, w := range want {
		w.Name = name
		if diff := cmp.Diff(w, got[name]); diff != "" {
			t.Errorf("limit (-want +got):\n%s", diff)
		}
	}
	if len(got) < 50 {
		t.Errorf("only %d limits", len(got))
	}
}

// TestScale: budgets that are left out fit those that are given.
func TestScale(t *testing.T) {
	for text, want := range map[string][3]int{ // the cap of a level, the thresholds of the network and of a site
		"":                                   {1, 5, 3},
		"budgets: {in_flight: {network: 4}}": {4, 5, 3},
		"budgets: {in_flight: {network: 5}}": {5, 6, 3},
		"budgets: {in_flight: {network: 9, level: 2, site: 7}}":            {2, 10, 8},
		"budgets: {in_flight: {network: 9}, stop_at: {network: 3}}":        {9, 3, 3},
		"budgets: {in_flight: {network: 0}, stop_at: {site: 1, level: 1}}": {0, 5, 1},
	} {
		b := parse(t, text).file.Budgets
		if got := [3]int{b.InFlight[levelKind], b.StopAt["network"], b.StopAt["site"]}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestCheckKeep(t *testing.T) {
	p := parse(t, "keep:\n  depends_on: [den, dne]\n  never: [den-kyc, sea-den]\n")
	known := func(names ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	if err := p.CheckKeep(known("den", "dne"), known("den-kyc", "sea-den")); err != nil {
		t.Errorf("all are known: %v", err)
	}
	err := p.CheckKeep(known("den", "sea-den"), known("sea-den", "dne"))
	for _, want := range []string{`policy.yaml:2:21: keep.depends_on[1]: "dne" is no router of the network: nothing would be kept`, `policy.yaml:3:11: keep.never[0]: "den-kyc" is no link of the network`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("message lacks %q:\n%v", want, err)
		}
	}
	if err != nil && strings.Count(err.Error(), "policy.yaml:") != 2 {
		t.Errorf("complaints about what is known:\n%v", err)
	}
}

func TestCheckWindows(t *testing.T) {
	p := parse(t, "windows:\n  - {name: a, every: day, at: '01:00', duration: 1h}\n  - {name: b, scope: site:denver, every: day, at: '01:00', duration: 1h}\n  - {name: c, scope: site:kcy, every: day, at: '01:00', duration: 1h}\n")
	holds := func(s events.Scope) bool { return s == events.Network || s == "site:kcy" }
	if err := p.CheckWindows(func(s events.Scope) bool { return holds(s) || s == "site:denver" }); err != nil {
		t.Errorf("something is in each: %v", err)
	}
	const want = `policy.yaml:3:22: windows[1].scope: nothing of the network is in "site:denver": the window would cover nothing`
	if err := p.CheckWindows(holds); err == nil || strings.Count(err.Error(), "windows[") != 1 || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestProspects(t *testing.T) {
	l := parse(t, whole).Prospects()
	if l.WhenHeld != HeldRevert || l.WhenUnbearable != UnbearableRevert || l.Missing != TreatRefuse || l.WorstPermil != 700 || l.SurvivePermil != 1000 {
		t.Errorf("limits %+v", l)
	}
}

func TestMatch(t *testing.T) {
	p := parse(t, whole)
	den := []events.Scope{events.Network, "link:x", "site:den"}
	tests := []struct {
		name string
		s    Subject
		want string
	}{
		{"first of two", Subject{Kind: events.LinkErrors, Severity: events.Critical, Value: 1e-4, Scopes: den}, "errors"},
		{"exactly as bad as wanted", Subject{Kind: events.LinkErrors, Severity: events.Major, Value: 1e-6, Scopes: den}, "errors"},
		{"not bad enough for the first", Subject{Kind: events.LinkErrors, Severity: events.Minor, Value: 1e-4, Scopes: den}, "rest"},
		{"too small for the first", Subject{Kind: events.LinkErrors, Severity: events.Major, Value: 1e-7, Scopes: den}, "rest"},
		{"elsewhere", Subject{Kind: events.LinkErrors, Severity: events.Major, Value: 1e-4, Scopes: []events.Scope{events.Network, "site:nyc"}}, "rest"},
		{"in the second of the scopes", Subject{Kind: events.SilentLoss, Severity: events.Major, Value: 1e-4, Scopes: []events.Scope{events.Network, "plane:1"}}, "errors"},
		{"a kind of no rule", Subject{Kind: events.LinkFlap, Severity: events.Critical, Value: 1, Scopes: den}, ""},
		{"a kind of the first alone, elsewhere", Subject{Kind: events.SilentLoss, Severity: events.Critical, Value: 1, Scopes: nil}, ""},
		{"an unknown severity is below all", Subject{Kind: events.LinkErrors, Severity: "dreadful", Value: 1, Scopes: den}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r, ok := p.Match(tt.s); r.Name != tt.want || ok != (tt.want != "") {
				t.Errorf("Match = %q %t, want %q", r.Name, ok, tt.want)
			}
		})
	}
}

// FuzzParse: no text makes Parse panic, what it takes keeps below the ceiling, and it says where it does not take it.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	if raw, err := os.ReadFile("../deployments/example/policy.yaml"); err == nil {
		f.Add(raw)
	}
	f.Add([]byte("rules:\n  - name: r\n    match: {kinds: [link-errors]}\n    remediation: x\n    when: |\n      link.nmae == 'x'\nchecks: [{name: c, require: 'plan.steps > \\'1', message: m}]"))
	f.Add([]byte("budgets: {in_flight: {device: 99}, rates: [{per: 1h, at_most: 1000}]}"))
	f.Add([]byte("windows: [{name: w, every: day, at: '01:00', zone: Asia/Tokyo, duration: 168h}]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := Parse("p.yaml", raw)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "p.yaml:") {
				t.Errorf("the message does not name the place: %v", err)
			}
			return
		}
		if p.file.Budgets.InFlight["device"] > CeilingPerDevice || p.file.Clocks.HoldMax.Std() > CeilingHold || p.file.Facts.CoveragePermil < FloorCoveragePermil {
			t.Errorf("above the ceiling: %+v", p.file)
		}
		again, err := Parse("p.yaml", raw)
		if err != nil || again.Digest() != p.Digest() {
			t.Errorf("a second reading differs: %v", err)
		}
		p.Limits()
		p.Mode(events.Live, Rule{Autonomy: Auto}, time.Unix(1.8e9, 0), []events.Scope{events.Network}, nil)
	})
}
