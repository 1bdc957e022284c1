package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// told is a question of which everything is known.
func told() Question {
	q := good()
	q.Subject = Subject{
		Kind: events.LinkErrors, Severity: events.Major, Value: 3e-4, Scopes: q.Plan.Target.Scopes, Now: noon, Target: q.Plan.Target,
		Anomaly: &events.Anomaly{
			Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, ObservedAt: noon.Add(-30 * time.Second), Value: 3e-4, Unit: "ratio", Threshold: 1e-4,
			Evidence: map[string]float64{"errors": 9600, "packets": 3e7}, Labels: map[string]string{"site": "den", "owner": "noc"},
		},
		Devices: []events.Device{{Name: "den", Site: "denver", Plane: "1", Roles: []string{"core"}}, {Name: "kcy", Site: "kansas", Plane: "1", Roles: []string{"core", "edge"}}},
	}
	for i := range q.Facts.Ends {
		q.Facts.Ends[i].Traffic = &events.Traffic{InBPS: 1e9, OutBPS: 2_500_000_001, InErrors: 7, InPPS: 1000}
		q.Facts.Ends[i].Profile.Software = "7.1"
	}
	q.Facts.Prospect = &events.Prospect{
		At: noon, Method: events.MethodExact, MatrixAt: noon.Add(-2 * time.Minute), Fit: events.Fit{Links: 40, Close: 39}, Counters: events.Fit{Links: 20, Close: 19}, Conserved: events.Conservation{Routers: 40, Balanced: 39},
		InService:     events.Outlook{WorstPermil: 400, CutOff: 5, CutOffNames: []string{"tul"}, SurvivePermil: 900, Failures: 9},
		Drained:       events.Outlook{WorstPermil: 710, WorstLink: "chi-nyc", CutOff: 5, CutOffNames: []string{"tul"}, SurvivePermil: 930, Failure: "sea-den", Link: "sea-lax", Failures: 9},
		NewViolations: 1, Moved: 3e9, Way: events.Uniform("den-kcy", 500, LastMetric), Loops: true, Benefit: 6, Harm: 7,
	}
	return q
}

// TestLanguage asks for every field of every kind, by its name and type.
func TestLanguage(t *testing.T) {
	tests := []string{
		`now == timestamp("2026-11-20T12:00:00Z")`,
		`anomaly.kind == "link-errors" && anomaly.severity == "major" && anomaly.state == "firing" && anomaly.unit == "ratio"`,
		`anomaly.value > 2e-4 && anomaly.value < 1 && anomaly.threshold <= 1e-4`,
		`anomaly.evidence["errors"] / anomaly.evidence.packets > 3e-4`,
		`anomaly.labels.site == "den" && "owner" in anomaly.labels && !("rack" in anomaly.labels) && !has(anomaly.labels.rack)`,
		`anomaly.age == duration("30s") && now - anomaly.observed_at == anomaly.age`,
		`device[0].name == "den" && device[1].interface == "e2" && size(device) == 2`,
		`device.all(d, "core" in d.roles) && device.exists_one(d, "edge" in d.roles) && device.map(d, d.site) == ["denver", "kansas"]`,
		`device.all(d, d.plane == "1" && d.software.startsWith("7.") && d.profile == "openconfig" && d.qualified && d.oper == "UP")`,
		`device.all(d, d.adjacencies == 1 && d.metric == 10 && d.in_bps == 1000000000 && d.out_bps > d.in_bps && d.in_errors_per_s == 7 && d.in_pps == 1000)`,
		`link.name == "den-kcy" && link.capacity_bps == 10000000000 && link.bundle == "b" && link.srlgs == ["s"] && "den" in link.sites && link.planes == ["1"]`,
		`link.metric == [10, 10] && link.load_permil == [251, 251]`, // rounded up
		`plan.action == "drain" && plan.remediation == "link-drain" && plan.rule == "r" && plan.autonomy == "auto" && plan.mode == "live" && !plan.approved`,
		`plan.devices == ["den", "kcy"] && plan.steps == 1 && plan.changes == 2 && plan.metric == 16777214`,
		`verdict.known && verdict.base_worst_permil == 400 && verdict.after_worst_permil == 710 && verdict.after_worst_link == "chi-nyc"`,
		`verdict.method == "exact" && verdict.fit_permil == 975 && verdict.counters_permil == 950 && verdict.conserved_permil == 975 && verdict.matrix_age == duration("2m") && verdict.base_survive_permil == 900 && verdict.moved_bps == 3000000000`,
		`verdict.survive_permil == 930 && verdict.survive_failure == "sea-den" && verdict.survive_link == "sea-lax" && verdict.new_violations == 1`,
		`verdict.cut_off_bps == 5 && verdict.cut_off == ["tul"] && verdict.steps == 2 && verdict.micro_loops && verdict.benefit_bps == 6 && verdict.harm_bps == 7`,
		`link.name.matches("^den-[a-z]+$") && link.name.size() == 7`,
		"link.name == 'den-kcy' // a comment\n  && true",
	}
	l := testLanguage(t)
	asked := map[string]bool{}
	for _, text := range tests {
		c, wrong := l.compile(text)
		if len(wrong) > 0 {
			t.Errorf("%s: %+v", text, wrong)
			continue
		}
		for _, m := range c.mentions {
			asked[m.kind.variable+"."+m.field.name] = true
		}
		if ok, err := c.holds(told().scene()); !ok || err != nil {
			t.Errorf("%s: %t, %v; %s", text, ok, err, c.values(told().scene()))
		}
	}
	for _, k := range l.kinds {
		for _, f := range k.fields {
			if !asked[k.variable+"."+f.name] {
				t.Errorf("nothing above asks for %s.%s", k.variable, f.name)
			}
		}
	}
}

func testLanguage(t testing.TB) *language {
	t.Helper()
	l, err := newLanguage()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestUnknown: what nobody has told is not there for has(), and an error for who asks for it.
func TestUnknown(t *testing.T) {
	bare := Question{Now: noon, Symptom: events.LinkErrors, Plan: events.Plan{Target: events.Target{Kind: events.TargetDevice, Name: "den", Ends: []events.End{{Device: "den"}}}}}
	l := testLanguage(t)
	known := map[string]bool{"anomaly.kind": true, "device.name": true, "device.interface": true, "verdict.known": true}
	for _, k := range l.kinds {
		of := k.variable
		if of == deviceVariable {
			of = "device[0]"
		}
		for _, f := range k.fields {
			name := k.variable + "." + f.name
			there, wrong := l.compile("has(" + of + "." + f.name + ")")
			is, wrong2 := l.compile("[" + of + "." + f.name + "].size() == 1")
			if wrong != nil || wrong2 != nil {
				t.Fatal(name, wrong, wrong2)
			}
			s := bare.scene()
			if k.variable == planVariable {
				s.question = nil // as while a rule is looked for
			}
			if ok, err := there.holds(s); ok != known[name] || err != nil {
				t.Errorf("has(%s) = %t %v, want %t", name, ok, err, known[name])
			}
			_, err := is.holds(s)
			if (err == nil) != known[name] {
				t.Errorf("%s: err = %v", name, err)
			}
			if err != nil && !strings.Contains(err.Error(), name+" is not known: ") {
				t.Errorf("%s: err = %v", name, err)
			}
		}
	}
}

func TestConditionMentions(t *testing.T) {
	tests := []struct {
		in, text string
		decides  Decides
		mentions []string
		values   string
	}{
		{"true", "true", DecidesMatch, []string{}, "nothing"},
		{"anomaly.value   >\n 1", "anomaly.value > 1", DecidesMatch, []string{"anomaly.value"}, "anomaly.value=0.0003"},
		{`device.exists(d, d.site == "x")`, `device.exists(d, d.site == "x")`, DecidesMatch, []string{"device.site"}, "device.site=denver/kansas"},
		{`device.exists(d, d.software == "x")`, `device.exists(d, d.software == "x")`, DecidesPlan, []string{"device.software"}, "device.software=7.1/7.1"},
		{`anomaly.labels.site == 'x' && anomaly.labels["site"] == 'y'`, `anomaly.labels.site == "x" && anomaly.labels["site"] == "y"`, DecidesMatch, []string{"anomaly.labels.site"}, "anomaly.labels.site=den"},
		{`size(anomaly.labels) > 0`, `size(anomaly.labels) > 0`, DecidesMatch, []string{"anomaly.labels"}, "anomaly.labels={owner:noc site:den}"},
		{`anomaly.evidence.none > 0`, `anomaly.evidence.none > 0`, DecidesMatch, []string{"anomaly.evidence.none"}, "anomaly.evidence.none=not known"},
		{`now > anomaly.observed_at`, `now > anomaly.observed_at`, DecidesMatch, []string{"anomaly.observed_at", "now"}, "now=2026-11-20T12:00:00Z, anomaly.observed_at=2026-11-20T11:59:30Z"},
		{`anomaly.age > duration("1s")`, `anomaly.age > duration("1s")`, DecidesMatch, []string{"anomaly.age"}, "anomaly.age=30s"},
		{`link.load_permil[0] > 1`, `link.load_permil[0] > 1`, DecidesPlan, []string{"link.load_permil"}, "link.load_permil=[251 251]"},
		{`plan.steps > 1`, `plan.steps > 1`, DecidesPlan, []string{"plan.steps"}, "plan.steps=1"},
		{`has(verdict.steps)`, `has(verdict.steps)`, DecidesPlan, []string{"verdict.steps"}, "verdict.steps=2"},
	}
	for _, tt := range tests {
		p := parse(t, "rules: [{name: r, match: {kinds: [link-errors]}, remediation: x, when: "+quote(tt.in)+"}]")
		text := p.Rules()[0].When
		got, ok := p.Condition(text)
		if diff := cmp.Diff(Condition{tt.text, tt.decides, tt.mentions}, got); diff != "" || !ok {
			t.Errorf("%s: ok %t (-want +got):\n%s", tt.in, ok, diff)
		}
		if got := p.conditions[text].values(told().scene()); got != tt.values {
			t.Errorf("%s: values %q, want %q", tt.in, got, tt.values)
		}
	}
	if _, ok := parse(t, "").Condition("true"); ok {
		t.Error("a condition of no rule is known")
	}
}

// quote writes a text as a single-quoted YAML value; line breaks become blanks.
func quote(text string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(text, "\n", " "), "'", "''") + "'"
}

// TestConditionErrors: what cannot be decided is an error that says why, and where an answer does not depend on it there
// is one.
func TestConditionErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{`anomaly.evidence["crc"] > 1`, "no such key: crc"},
		{`anomaly.labels.rack == "7"`, "no such key: rack"},
		{`10 / (plan.steps - 1) > 1`, "division by zero"},
		{`10 % (plan.steps - 1) > 1`, "modulus by zero"},
		{`9223372036854775807 + plan.steps > 0`, "overflow"},
		{`int(anomaly.evidence.packets * 1e18) > 0`, "overflow"},
		{`int(link.name) > 1`, "type conversion error"},
		{`device[2].name == "x"`, "index out of bounds: 2"},
		{`duration(link.name) > duration("1s")`, "type conversion error"},
		{`now.getHours(link.name) > 1`, "unknown time zone"},
		{`timestamp("9999-12-31T00:00:00Z") + duration("48h") > now`, "overflow"},
		{`verdict.cut_off.all(c, c != "x")`, "actual cost limit exceeded"},
		{`anomaly.labels.rack == "7" && plan.steps == 9`, ""},
		{`anomaly.labels.rack == "7" || plan.steps == 1`, ""},
		{`plan.steps == 1 ? true : anomaly.labels.rack == "7"`, ""},
	}
	l := testLanguage(t)
	q := told()
	for range 10_000 {
		q.Facts.Prospect.Drained.CutOffNames = append(q.Facts.Prospect.Drained.CutOffNames, "router")
	}
	for _, tt := range tests {
		c, wrong := l.compile(tt.in)
		if len(wrong) > 0 {
			t.Errorf("%s: %+v", tt.in, wrong)
			continue
		}
		ok, err := c.holds(q.scene())
		if (err == nil) != (tt.want == "") || err != nil && (ok || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %t %v, want %q", tt.in, ok, err, tt.want)
		}
	}
}

// FuzzCondition: whatever is written, it is refused with a place in it or compiled, and then asked without a panic, within
// the limit, and with one answer.
func FuzzCondition(f *testing.F) {
	for _, text := range []string{
		"true", `anomaly.kind == "link-errors" && anomaly.value > 1e-6`, `device.exists(d, d.site in ["a", 'b'])`, `link.name.matches("(a|b)*c{1,100}")`,
		"verdict.known &&\n  verdict.after_worst_permil < 700 // no more", `anomaly.evidence["x"] / 0.0 > 1.0`, "((((((((((1))))))))))", `"\u00e9" == r"\d"`, "a.b.c(1)(2)", "[[[[]]]]", "!!!!true",
		`link.srlgs.map(a, link.srlgs.map(b, a + b)).size() > 1`, "device[0]." + "name." + "size() == 3u", "now - duration('1h') < now",
	} {
		f.Add(text)
	}
	l := testLanguage(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, wrong := l.compile(text)
		if (c == nil) == (len(wrong) == 0) {
			t.Fatalf("%v and %v", c, wrong)
		}
		for _, w := range wrong {
			if w.text == "" || w.at < 0 || w.at > len([]rune(text)) {
				t.Errorf("complaint %+v", w)
			}
		}
		if c == nil {
			return
		}
		one, err := c.holds(told().scene())
		two, again := c.holds(told().scene())
		if one != two || (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
			t.Errorf("%t %v, and then %t %v", one, err, two, again)
		}
		if v := c.values(told().scene()); v == "" || len(v) > shownText || len(c.limit()) > shownText {
			t.Errorf("values %q, limit %q", v, c.limit())
		}
	})
}

func BenchmarkCondition(b *testing.B) {
	l := testLanguage(b)
	for _, text := range []string{`anomaly.value > 1e-6 && anomaly.severity == "major"`, `verdict.known && verdict.after_worst_permil < 700 && device.all(d, "core" in d.roles)`} {
		c, wrong := l.compile(text)
		if wrong != nil {
			b.Fatal(wrong)
		}
		b.Run(text, func(b *testing.B) {
			s := told().scene()
			for b.Loop() {
				if _, err := c.holds(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestNastyConditions: texts that are dear to others' parsers are refused or compiled like any; a test that never ends
// would show it.
func TestNastyConditions(t *testing.T) {
	repeat := func(text string) string { return strings.Repeat(text, MaxConditionBytes/len(text)) }
	l := testLanguage(t)
	for _, text := range []string{
		repeat("("), repeat("["), repeat("{"), repeat("!"), repeat("-"), repeat("a."), repeat("a["), repeat("a("), repeat("a?"), repeat("true?true:"), repeat("true&&"), repeat("true||true&&"),
		repeat("!(") + "1", repeat("[1,"), repeat("\"a\"+"), repeat("1+") + "1", repeat("{1:"), repeat("a{b:"), repeat("[1].all(a,"), repeat("has("), repeat("1<"), repeat("1 in "), repeat("'"), repeat("\""), repeat("\\"),
		repeat("//"), repeat("\n"), repeat("𝄞"), repeat("a.b(") + repeat(")"),
		"link.name.matches('" + strings.Repeat("(a*)*", 50) + "')", "link.name.matches('" + strings.Repeat("a{9}", 60) + "')",
		"link.srlgs.map(a, link.srlgs.map(b, a + b + a + b + a + b)).size() > 1",
		"'" + strings.Repeat("x", 100) + "'" + strings.Repeat(" + 'y'", 300) + " == link.name",
	} {
		if c, wrong := l.compile(text); (c == nil) == (len(wrong) == 0) {
			t.Errorf("%.40q: %v and %v", text, c, wrong)
		}
	}
}
