package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// found returns the check of a ruling by its name.
func found(t *testing.T, r events.Ruled, name string) events.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("the ruling has no check %q", name)
	return events.Check{}
}

// bears is a policy under which what told says of the drain is borne.
const bears = "prospect: {missing: allow, new_violations: 1, loops: allow, worth: 0}\n"

func withRule(t *testing.T, when string) (*Policy, Question) {
	t.Helper()
	p := parse(t, bears+"rules: [{name: r, match: {kinds: [link-errors]}, remediation: link-drain, autonomy: auto, when: "+quote(when)+"}]")
	q := told()
	q.Rule = p.Rules()[0]
	return p, q
}

// TestMatchByCondition: a condition on the alarm and the inventory chooses between rules; any other leaves its rule chosen.
func TestMatchByCondition(t *testing.T) {
	const text = `rules:
  - {name: first, match: {kinds: [link-errors]}, remediation: x, when: %s}
  - {name: second, match: {kinds: [link-errors]}, remediation: x}
`
	tests := []struct{ when, want string }{
		{`anomaly.value > 1e-4`, "first"},
		{`anomaly.value > 1e-3`, "second"},
		{`anomaly.kind == "link-errors" && device.exists(d, "edge" in d.roles) && link.bundle == "b"`, "first"},
		{`device.all(d, "edge" in d.roles)`, "second"},
		{`anomaly.age < duration("1m")`, "first"},
		{`anomaly.age < duration("10s")`, "second"},
		{`now < timestamp("2026-01-01T00:00:00Z")`, "second"},
		{`has(anomaly.labels.rack)`, "second"},
		{`anomaly.labels.rack == "7"`, "first"}, // an error: Evaluate denies, and no freer rule takes over
		{`link.load_permil.all(l, l < 100)`, "first"},
		{`plan.steps > 1`, "first"},
		{`verdict.known && verdict.after_worst_permil < 1 && anomaly.value > 1e-3`, "first"},
	}
	for _, tt := range tests {
		if r, ok := parse(t, fmt.Sprintf(text, quote(tt.when))).Match(told().Subject); !ok || r.Name != tt.want {
			t.Errorf("%s: matches %q %t, want %q", tt.when, r.Name, ok, tt.want)
		}
	}
}

func TestRuleCondition(t *testing.T) {
	tests := []struct {
		name, when string
		spoil      func(*Question)
		verdict    events.Verdict
		value      string
		says       string
	}{
		{"holds", `link.capacity_bps >= 10000000000`, nil, events.Allow, "link.capacity_bps=10000000000", `what rule "r" asks for holds`},
		{"the alarm says otherwise now", `anomaly.value > 1.0`, nil, events.Deny, "anomaly.value=0.0003", "does not hold"},
		{"the plan is another", `plan.action == "metric"`, nil, events.Deny, "plan.action=drain", "does not hold"},
		{"load may fall", `link.load_permil.all(l, l < 250)`, nil, events.Defer, "link.load_permil=[251 251]", "does not hold"},
		{"the outcome may change", `verdict.after_worst_permil < 700`, nil, events.Defer, "verdict.after_worst_permil=710", "does not hold"},
		{"no outcome", `verdict.after_worst_permil < 999`, func(q *Question) { q.Facts.Prospect = nil }, events.Deny, "verdict.after_worst_permil=not known", "verdict.after_worst_permil is not known: the outcome was not computed"},
		{"an outcome that is none", `verdict.after_worst_permil < 999`, func(q *Question) { q.Facts.Prospect.Missing = "no counters" }, events.Deny, "verdict.after_worst_permil=not known", "is not known"},
		{"no outcome, and asked for it", `!verdict.known || verdict.after_worst_permil < 1`, func(q *Question) { q.Facts.Prospect = nil }, events.Allow, "verdict.known=false, verdict.after_worst_permil=not known", "holds"},
		{"not looked at", `link.metric == [10, 10]`, func(q *Question) { q.Facts.Ends[1].Leaves = nil }, events.Deny, "link.metric=not known", "link.metric is not known"},
		{"a missing key", `anomaly.labels.rack == "7"`, nil, events.Deny, "anomaly.labels.rack=not known", "it cannot be decided, which is a no: no such key: rack"},
		{"nothing but the kind was handed in", `anomaly.kind == "link-errors"`, func(q *Question) { q.Subject = Subject{} }, events.Allow, "anomaly.kind=link-errors", "holds"},
		{"and asked for more", `anomaly.severity == "major"`, func(q *Question) { q.Subject = Subject{} }, events.Deny, "anomaly.severity=not known", "anomaly.severity is not known: the alarm does not say"},
		{"no clock", `now > timestamp("2020-01-01T00:00:00Z")`, func(q *Question) { q.Now = time.Time{} }, events.Deny, "now=not known", "cannot be decided"},
		{"of another policy", `true`, func(q *Question) { q.Rule.When = "1 == 2" }, events.Deny, "not of this policy", "not one of the policy in force"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, q := withRule(t, tt.when)
			if tt.spoil != nil {
				tt.spoil(&q)
			}
			r := p.Evaluate(q)
			c := found(t, r, CheckCondition)
			if c.OK != (tt.verdict == events.Allow) || c.Value != tt.value || c.Limit == "" || !strings.Contains(c.Detail, tt.says) || (c.Remedy == "") != c.OK {
				t.Errorf("check %+v", c)
			}
			// A question without a look or a clock is held by other checks as well; this one must say no as hard as it ought to.
			if gravity(r.Verdict) < gravity(tt.verdict) || tt.verdict == events.Allow && r.Verdict != events.Allow {
				t.Errorf("verdict %s, want %s: %+v", r.Verdict, tt.verdict, r.Checks)
			}
		})
	}
}

// TestReleaseKnowsNoConditions: no condition keeps a drain in place.
func TestReleaseKnowsNoConditions(t *testing.T) {
	p := parse(t, "rules: [{name: r, match: {kinds: [link-errors]}, remediation: x, when: 'false'}]\nchecks: [{name: never, require: 'false', message: m}]")
	q := told()
	q.Rule = p.Rules()[0]
	if r := p.EvaluateRelease(q); r.Verdict != events.Allow || len(r.Checks) != len(releaseChecks) {
		t.Errorf("release: %+v", r)
	}
}

func TestOwnChecks(t *testing.T) {
	check := func(rest string) string {
		return "checks:\n  - {name: own, message: the link is too small, " + rest + "}\n"
	}
	tests := []struct {
		name, policy string
		spoil        func(*Question)
		verdict      events.Verdict
		want         events.Check
	}{
		{"holds", check("require: link.capacity_bps > 1000"), nil, events.Allow, events.Check{
			OK: true, Value: "link.capacity_bps=10000000000", Limit: "link.capacity_bps > 1000", Detail: "what the check of the policy requires holds",
		}},
		{"denies when nothing is said", check("require: link.capacity_bps < 1000"), nil, events.Deny, events.Check{
			Value: "link.capacity_bps=10000000000", Limit: "link.capacity_bps < 1000", Detail: "the link is too small", Remedy: "leave it to a person, or change the check in the policy",
		}},
		{"defers", check("require: verdict.survive_permil < 900, otherwise: defer"), nil, events.Defer, events.Check{
			Value: "verdict.survive_permil=930", Limit: "verdict.survive_permil < 900", Detail: "the link is too small", Remedy: "it goes on by itself when the check holds; until then a person decides",
		}},
		{"asks", check("require: verdict.new_violations == 0, otherwise: ask"), nil, events.Ask, events.Check{
			Value: "verdict.new_violations=1", Limit: "verdict.new_violations == 0", Detail: "the link is too small", Remedy: "an approver decides",
		}},
		{"asks, approved", check("require: verdict.new_violations == 0, otherwise: ask"), func(q *Question) { q.Approved = true }, events.Allow, events.Check{
			OK: true, Value: "verdict.new_violations=1", Limit: "verdict.new_violations == 0", Detail: "the link is too small (and exactly this plan was approved)",
		}},
		{"asks nobody for a dry run", check("require: verdict.new_violations == 0, otherwise: ask"), func(q *Question) { q.Mode = events.DryRun }, events.Allow, events.Check{
			OK: true, Value: "verdict.new_violations=1", Limit: "verdict.new_violations == 0", Detail: "the link is too small (a dry run touches nothing, so nobody is asked; live, an approver would be)",
		}},
		{"denies although approved", check("require: 'false'"), func(q *Question) { q.Approved = true }, events.Deny, events.Check{
			Value: "nothing", Limit: "false", Detail: "the link is too small", Remedy: "leave it to a person, or change the check in the policy",
		}},
		{"is not about this plan", check("require: 'false', when: plan.action == 'isolate'"), nil, events.Allow, events.Check{
			OK: true, Value: "plan.action=drain", Limit: "false", Detail: "the check of the policy is not about this plan",
		}},
		{"is about this plan", check("require: 'false', when: plan.action == 'drain'"), nil, events.Deny, events.Check{
			Value: "nothing", Limit: "false", Detail: "the link is too small", Remedy: "leave it to a person, or change the check in the policy",
		}},
		{"an error in when denies, whatever it would lead to", check("require: 'true', otherwise: ask, when: anomaly.labels.rack == '7'"), func(q *Question) { q.Approved = true }, events.Deny, events.Check{
			Value: "nothing", Limit: "true", Detail: "it cannot be decided, which is a no: no such key: rack",
			Remedy: "leave it to a person; an operator corrects the condition in the policy: has(...) asks whether something is known",
		}},
		{"an error denies, whatever it would lead to", check("require: 1 / (plan.steps - 1) > 0, otherwise: ask"), func(q *Question) { q.Approved = true }, events.Deny, events.Check{
			Value: "plan.steps=1", Limit: "1 / (plan.steps - 1) > 0", Detail: "it cannot be decided, which is a no: division by zero",
			Remedy: "leave it to a person; an operator corrects the condition in the policy: has(...) asks whether something is known",
		}},
		{"too long a list", check("require: 'verdict.cut_off.all(c, c != \"x\")', otherwise: defer"), func(q *Question) {
			q.Facts.Prospect.Drained.CutOffNames = strings.Fields(strings.Repeat("router-a ", 20_000))
		}, events.Deny, events.Check{
			Value: "verdict.cut_off=[" + strings.Repeat("router-a ", 20_000)[:76] + "...", Limit: `verdict.cut_off.all(c, c != "x")`,
			Detail: "it cannot be decided, which is a no: operation cancelled: actual cost limit exceeded",
			Remedy: "leave it to a person; an operator corrects the condition in the policy: has(...) asks whether something is known",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := told()
			if tt.spoil != nil {
				tt.spoil(&q)
			}
			r := parse(t, bears+tt.policy).Evaluate(q)
			tt.want.Name = "own"
			if diff := cmp.Diff(tt.want, found(t, r, "own")); diff != "" {
				t.Errorf("check (-want +got):\n%s", diff)
			}
			if r.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s", r.Verdict, tt.verdict)
			}
		})
	}
}

// TestOrderOfChecks: what operators wrote stands before everything that only time can change, and takes nothing away.
func TestOrderOfChecks(t *testing.T) {
	p := parse(t, bears+"rules: [{name: r, match: {kinds: [link-errors]}, remediation: x, when: 'true'}]\nchecks: [{name: b, require: 'true', message: m}, {name: a, require: 'true', message: m}]")
	q := told()
	q.Rule = p.Rules()[0]
	q.Rule.Autonomy = Auto
	r := p.Evaluate(q)
	var got, rest []string
	for _, c := range r.Checks {
		got = append(got, c.Name)
		if c.Name != CheckCondition && c.Name != "a" && c.Name != "b" {
			rest = append(rest, c.Name)
		}
		if OnBoard(c.Name) && len(c.Name) == 1 {
			t.Errorf("%s is said to rest on the Board", c.Name)
		}
	}
	if diff := cmp.Diff([]string{CheckPlan, CheckCeilPlan, CheckNever, CheckCure, CheckCondition, "b", "a", CheckFresh}, got[:8]); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	var all []string
	for _, c := range actChecks {
		all = append(all, c.name)
	}
	if diff := cmp.Diff(all, rest); diff != "" {
		t.Errorf("our own (-want +got):\n%s", diff)
	}
	if r.Verdict != events.Allow {
		t.Errorf("verdict %s", r.Verdict)
	}
}

func TestDigestOfConditions(t *testing.T) {
	const rule = "rules: [{name: r, match: {kinds: [link-flap]}, remediation: x%s}]\n"
	const own = "checks: [{name: c, require: 'true', message: m%s}]\n"
	same := [][]string{
		{fmt.Sprintf(rule, ""), fmt.Sprintf(rule, ", when: ''"), "# comment\n" + fmt.Sprintf(rule, "")},
		{fmt.Sprintf(rule, ", when: plan.steps > 1"), fmt.Sprintf(rule, ", when: 'plan.steps > 1 '"), fmt.Sprintf(rule, ", when: \"plan.steps > 1\"") + "# comment",
			"rules:\n  - name: r\n    match: {kinds: [link-flap]}\n    remediation: x\n    when: | # comment\n      plan.steps > 1\n"},
		{fmt.Sprintf(rule, ", when: plan.steps > 2")},
		{fmt.Sprintf(own, ""), fmt.Sprintf(own, ", otherwise: deny"), "# comment\n" + fmt.Sprintf(own, "")},
		{fmt.Sprintf(own, ", otherwise: ask")},
		{fmt.Sprintf(own, ", when: plan.steps > 1")},
		{strings.Replace(fmt.Sprintf(own, ""), "'true'", "'true || true'", 1)},
		{strings.Replace(fmt.Sprintf(own, ""), "message: m", "message: n", 1)},
	}
	seen := map[events.Digest]string{}
	for _, texts := range same {
		d := parse(t, texts[0]).Digest()
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %q have one digest", texts[0], other)
		}
		seen[d] = texts[0]
		for _, text := range texts[1:] {
			if parse(t, text).Digest() != d {
				t.Errorf("%q has another digest than %q", text, texts[0])
			}
		}
	}
}

// TestShared: one policy may be asked by many at once.
func TestShared(t *testing.T) {
	p, q := withRule(t, `anomaly.labels.site.matches("^d") && device.all(d, d.metric == 10) && verdict.after_worst_permil < 900`)
	want := p.Evaluate(q)
	done := make(chan events.Ruled)
	for range 8 {
		go func() {
			var r events.Ruled
			for range 50 {
				r = p.Evaluate(q)
			}
			done <- r
		}()
	}
	for range 8 {
		if diff := cmp.Diff(want, <-done); diff != "" {
			t.Errorf("another answer (-want +got):\n%s", diff)
		}
	}
}
