package house_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/detour-net/detour/test/house"
)

// A breach is a small tree and what a rule must find in it. Each finding is "place fragment": the place exactly, the
// fragment somewhere in what is said. A tree in which a rule must find nothing shows what the rule allows.
type breach struct {
	rule  string
	name  string
	files map[string]string
	want  []string
}

func breaches() []breach {
	var all []breach
	for _, some := range [][]breach{layoutBreaches(), importBreaches(), pureBreaches(), globalBreaches(), effectBreaches(), commentBreaches(), sizeBreaches(), metricBreaches()} {
		all = append(all, some...)
	}
	return all
}

func TestRulesFindWhatBreaksThem(t *testing.T) {
	rules := map[string]house.Rule{}
	for _, r := range house.Rules() {
		rules[r.Name] = r
	}
	for _, b := range breaches() {
		t.Run(b.rule+"/"+b.name, func(t *testing.T) {
			rule, ok := rules[b.rule]
			if !ok {
				t.Fatalf("no rule is named %q", b.rule)
			}
			found := rule.Check(load(t, b.files))
			if len(found) != len(b.want) {
				t.Fatalf("found %d, want %d:\n%s", len(found), len(b.want), list(found))
			}
			for i, f := range found {
				place, fragment, _ := strings.Cut(b.want[i], " ")
				if f.Place != place || !strings.Contains(f.What, fragment) {
					t.Errorf("found %q, want %q at %s", f, fragment, place)
				}
			}
		})
	}
}

func TestEveryRuleCanFail(t *testing.T) {
	proven := map[string]bool{}
	for _, b := range breaches() {
		proven[b.rule] = proven[b.rule] || len(b.want) > 0
	}
	for _, r := range house.Rules() {
		if !proven[r.Name] {
			t.Errorf("rule %s: no breach shows that it can fail", r.Name)
		}
	}
}

func TestRulesSayWhy(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range house.Rules() {
		if len(strings.Fields(r.Reason)) < 4 || strings.HasSuffix(r.Reason, ".") {
			t.Errorf("rule %s: %q is no reason that fits into a message", r.Name, r.Reason)
		}
		if seen[r.Name] {
			t.Errorf("two rules are named %s", r.Name)
		}
		seen[r.Name] = true
	}
}

// load reads a tree from memory. A go.mod is there unless the files bring their own.
func load(t *testing.T, files map[string]string) *house.Tree {
	t.Helper()
	tree, err := house.Load(inMemory(files))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func inMemory(files map[string]string) fstest.MapFS {
	all := map[string]string{"go.mod": "module example.org/m\n"}
	maps.Copy(all, files)
	fsys := fstest.MapFS{}
	for name, text := range all {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func list(found []house.Finding) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// one is a tree of one file.
func one(name string, lines ...string) map[string]string {
	return map[string]string{name: strings.Join(lines, "\n") + "\n"}
}
