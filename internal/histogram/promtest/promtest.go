// Package promtest has Prometheus' own tool say which of the shipped alerts fire on what replicas show.
//
// A test scrapes a replica while all is well and again while it is not. Of both a scene is made: for some minutes the samples are
// those of before, then for two hours those of now, which is longer than any alert waits. What a replica shows for a moment is so
// taken to last; of an age, or of anything else that a test has seen grow, it is taken to go on growing.
//
// The tool is Debian's prometheus. Where it is not installed what it would evaluate is left out, which is said; DETOUR_PROMTOOL=1
// demands it.
package promtest

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Path is where the tool is, "" where it is not installed.
func Path(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	switch {
	case err == nil:
		return path
	case os.Getenv("DETOUR_PROMTOOL") == "1":
		t.Fatal(err)
	}
	t.Log("no promtool here (Debian: apt-get install prometheus): what it would evaluate is left out")
	return ""
}

// Samples are the series of a scrape that are Detour's, as Prometheus writes them: name, labels, and the value.
type Samples map[string]float64

// Parse reads what /metrics answers.
func Parse(text string) (Samples, error) {
	list := Samples{}
	for scan := bufio.NewScanner(strings.NewReader(text)); scan.Scan(); {
		line := strings.TrimSpace(scan.Text())
		at := strings.LastIndex(line, " ")
		if at < 0 || !strings.HasPrefix(line, "detour_") {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		list[line[:at]] = v
	}
	return list, nil
}

// Of has the series be those of an instance, as a Prometheus that scrapes several has them.
func (s Samples) Of(instance string) Samples {
	list := Samples{}
	for series, v := range s {
		name, labels, labelled := strings.Cut(series, "{")
		if !labelled {
			labels = "}"
		} else {
			labels = "," + labels
		}
		list[fmt.Sprintf("%s{instance=%q%s", name, instance, labels)] = v
	}
	return list
}

// Scene is what was scraped while all was well and while it was not, and the series of which it was seen that it grows, "" for
// none.
type Scene struct {
	Well, Now Samples
	Grows     string
}

// told is how many samples, one a minute, there are of how things are now.
const told = 120

// values are one series over time: as it was, then as it is.
func (c Scene) values(series string) string {
	tell := func(s Samples) string {
		if v, ok := s[series]; ok {
			return fmt.Sprint(v)
		}
		return "_"
	}
	step := ""
	if series == c.Grows {
		step = "+60"
	}
	return fmt.Sprintf("%sx5 %s%sx%d", tell(c.Well), tell(c.Now), step, told)
}

// Fired lists, for each scene, the alerts of the rules' file that fire in it at any time.
func Fired(t testing.TB, tool, rules string, scenes []Scene) (lists [][]string) {
	t.Helper()
	path, err := filepath.Abs(rules)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rule_files: [%s]\nevaluation_interval: 1m\ntests:\n", path)
	for _, c := range scenes {
		fmt.Fprint(&b, "  - interval: 1m\n    input_series:\n")
		all := maps.Clone(c.Well)
		maps.Copy(all, c.Now)
		for _, series := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(&b, "      - {series: '%s', values: '%s'}\n", series, c.values(series))
		}
		// It expects what is not so: then it says what is.
		fmt.Fprint(&b, "    promql_expr_test:\n      - expr: count by (alertname) (max_over_time(ALERTS{alertstate=\"firing\"}[4h]))\n        eval_time: 2h\n        exp_samples: [{labels: '{alertname=\"none\"}', value: 1}]\n")
	}
	test := filepath.Join(t.TempDir(), "scenes.yaml")
	if err := os.WriteFile(test, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "test", "rules", test).CombinedOutput()
	said := strings.Split(string(out), "got:")[1:]
	if err == nil || len(said) != len(scenes) {
		t.Fatalf("promtool was to say of %d scenes what fires: %v\n%s", len(scenes), err, out)
	}
	for _, got := range said {
		got, _, _ = strings.Cut(got, "expr:")
		var names []string
		for _, part := range strings.Split(got, `alertname="`)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			names = append(names, name)
		}
		lists = append(lists, names)
	}
	return lists
}
