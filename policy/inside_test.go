package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParseRefusesConditions: golden complaints, with the caret below the very word, however the condition was written.
func TestParseRefusesConditions(t *testing.T) {
	const before = "rules:\n  - name: r\n    match: {kinds: [link-errors]}\n    remediation: link-drain\n"
	tests := []struct{ name, in, want string }{
		{"plain", before + "    when: anomaly.kidn == 'x'\n", `
p.yaml:5:19: rules[0].when: anomaly has no "kidn"; it has kind, severity, value, age, state, unit, threshold, evidence, labels, observed_at
    5 |     when: anomaly.kidn == 'x'
                          ^`},
		{"plain on two lines", before + "    when: anomaly.value > 1 &&\n      lnik.name == 'x'\n", `
p.yaml:6:7: rules[0].when: "lnik" is not known; a condition speaks of anomaly, device, link, now, plan, verdict
    6 |       lnik.name == 'x'
              ^`},
		{"in single quotes", before + "    when: 'link.name == ''x'' && link.nme == ''y'''\n", `
p.yaml:5:39: rules[0].when: link has no "nme"; it has name, capacity_bps, bundle, srlgs, sites, planes, metric, load_permil
    5 |     when: 'link.name == ''x'' && link.nme == ''y'''
                                              ^`},
		{"in double quotes", before + `    when: "link.name == \"\x41\u00e4\" && link.name > 3"` + "\n", `
p.yaml:5:53: rules[0].when: ">" does not take (string, int)
    5 |     when: "link.name == \"\x41\u00e4\" && link.name > 3"
                                                            ^`},
		{"in double quotes on two lines", before + "    when: \"link.name == 'x' \\\n      && link.name\\n == 3\"\n", `
p.yaml:6:22: rules[0].when: "==" does not take (string, int)
    6 |       && link.name\n == 3"
                             ^`},
		{"in a flow", "rules: [{name: r, match: {kinds: [link-errors]}, remediation: x, when: link.name}]", `
p.yaml:1:72: rules[0].when: is of type string; want a condition, which is true or false
    1 | rules: [{name: r, match: {kinds: [link-errors]}, remediation: x, when: link.name}]
                                                                               ^`},
		{"a block", before + "    when: |\n      // about the link\n      link.name == \"x\" &&\n\n        link.capacity > 3\n", `
p.yaml:9:14: rules[0].when: link has no "capacity"; it has name, capacity_bps, bundle, srlgs, sites, planes, metric, load_permil
    9 |         link.capacity > 3
                     ^`},
		{"a folded block", before + "    when: >-  # folded\n      device.exists(d,\n        d.softwear == \"7\")\n", `
p.yaml:7:11: rules[0].when: device has no "softwear"; it has name, interface, site, plane, roles, profile, software, qualified, oper, adjacencies, metric, in_bps, out_bps, in_errors_per_s, in_pps
    7 |         d.softwear == "7")
                  ^`},
		{"at its end", before + "    when: |\n      link.name ==\n    autonomy: auto\n", `
p.yaml:6:19: rules[0].when: is no condition: it ends where more is expected
    6 |       link.name ==
                          ^`},
		{"letters of more than one byte, tabs and returns", before + "    when: \"'äöü' ==\tlink.nam\"\r\n", `
p.yaml:5:26: rules[0].when: link has no "nam"; it has name, capacity_bps, bundle, srlgs, sites, planes, metric, load_permil
    5 |     when: "'äöü' == link.nam"
                                 ^`},
		{"no list", before + "    when: device.site == 'x'\n", `
p.yaml:5:17: rules[0].when: device is a list of the routers at the ends: ask device.exists(d, d...), device.all(d, d...) or device[0]
    5 |     when: device.site == 'x'
                        ^`},
		{"no text", before + "    when: true\n", `
p.yaml:5:11: rules[0].when: want text (quote it), found "true"
    5 |     when: true
                  ^`},
		{"too long", before + "    when: link.name == '" + strings.Repeat("x", MaxConditionBytes) + "'\n", `
p.yaml:5:11: rules[0].when: 2063 bytes: want at most 2048; cut it into several checks`},
		{"too dear", before + "    when: link.srlgs.all(a, link.srlgs.all(b, a != b + 'x'))\n", `
p.yaml:5:11: rules[0].when: may take more than 20000 steps: it goes through lists within lists, or through long texts; cut it into several checks`},
		{"a pattern from elsewhere", before + "    when: link.name.matches(anomaly.unit)\n", `
p.yaml:5:36: rules[0].when: want the pattern written out: one that comes from elsewhere cannot be checked`},
		{"a long pattern", before + "    when: link.name.matches('" + strings.Repeat("x", maxPattern+1) + "')\n", `
p.yaml:5:29: rules[0].when: the pattern has 257 bytes, at most 256 are taken`},
		{"a pattern that is none", before + "    when: link.name.matches('(')\n", `
p.yaml:5:29: rules[0].when: invalid matches argument`},
		{"entries in no order", before + "    when: anomaly.labels.exists(k, k == 'x')\n", `
p.yaml:5:18: rules[0].when: the entries of a map have no order: ask for one by its name, or with in`},
		{"no types", before + "    when: dyn(link).nmae == 'x'\n", `
p.yaml:5:14: rules[0].when: "dyn" is not known`},
		{"nothing is made", before + "    when: 'Link{name: \"x\"} == link'\n", `
p.yaml:5:16: rules[0].when: Link cannot be made in a condition`},
		{"of a check", "checks:\n  - name: c\n    message: m\n    when: 'true'\n    require: link.nmae == 'x'\n", `
p.yaml:5:19: checks[0].require: link has no "nmae"`},
		{"when of a check", "checks: [{name: c, message: m, when: '1', require: 'true'}]", `
p.yaml:1:39: checks[0].when: is of type int`},
		{"check without anything", "checks: [{}]", `
p.yaml:1:10: checks[0].name: is missing: give a short name, it stands on every record
    1 | checks: [{}]
                 ^
p.yaml:1:10: checks[0].require: is missing: give the condition that a plan must meet
    1 | checks: [{}]
                 ^
p.yaml:1:10: checks[0].message: want a sentence of 1 to 256 bytes for people, that says what is wrong when it does not hold`},
		{"check of this binary", "checks: [{name: freeze, require: 'true', message: m}]", `
p.yaml:1:17: checks[0].name: "freeze" is a check of this binary; give another name`},
		{"budget of this binary", "checks: [{name: budget-site, require: 'true', message: m}]", `
p.yaml:1:17: checks[0].name: "budget-site" is a check of this binary`},
		{"verification of this binary", "checks: [{name: traffic-left, require: 'true', message: m}]", `
p.yaml:1:17: checks[0].name: "traffic-left" is a check of this binary`},
		{"check twice", "checks:\n  - {name: c, require: 'true', message: m}\n  - {name: c, require: 'true', message: m}\n", `
p.yaml:3:12: checks[1].name: "c" is given twice`},
		{"otherwise", "checks: [{name: c, require: 'true', message: m, otherwise: allow}]", `
p.yaml:1:60: checks[0].otherwise: "allow" is not known; want one of deny, defer, ask`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("p.yaml", []byte(tt.in))
			if err == nil {
				t.Fatal("Parse took it")
			}
			want, got := strings.TrimPrefix(tt.want, "\n"), err.Error()
			if n := strings.Count(want, "\n"); n == 0 { // the complaint alone, or its beginning
				got, _, _ = strings.Cut(got, "\n")
			}
			if !strings.HasPrefix(got, want) {
				t.Errorf("(-want +got):\n%s", cmp.Diff(want, got))
			}
		})
	}
}

// TestManyWrongAtOnce: complaints of every sort come together.
func TestManyWrongAtOnce(t *testing.T) {
	_, err := Parse("p.yaml", []byte("approvals: {quorum: 9}\nchecks:\n  - {name: c, require: foo && bar, message: m}\n  - {name: d, require: foo && bar, message: m}\n"))
	for _, want := range []string{"p.yaml:1:21: approvals.quorum", "p.yaml:3:24: checks[0].require: \"foo\"", "p.yaml:3:31: checks[0].require: \"bar\"", "p.yaml:4:24: checks[1].require"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("message lacks %q:\n%v", want, err)
		}
	}
}

func FuzzInside(f *testing.F) {
	f.Add("    when: \"a\\u00e4\\\" b\"", "aä\" b", 3, 1, 10)
	f.Add("|\n  x\n  y", "x\ny", 2, 1, 1)
	f.Fuzz(func(t *testing.T, raw, text string, at, line, column int) {
		lines := strings.Split(raw, "\n")
		if line < 1 || line > len(lines) || column < 1 || column > len(lines[line-1])+1 {
			t.Skip()
		}
		l, c, ok := newScalar(lines, line, column).find(text, at)
		if ok && (l < line || c < 1 || l > len(lines)+1) {
			t.Errorf("place %d:%d", l, c)
		}
	})
}
