package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/detour-net/detour/policy"
)

// everything is a policy that says all that rules, checks and windows can say.
const everything = `rules:
  - name: r-name
    match: {kinds: [link-errors], min_severity: major, min_value: 0.125, scopes: ["site:r-site"]}
    when: link.capacity_bps < 4711
    remediation: link-drain
    with: {style: hard}
    autonomy: approve
    click: true
checks:
  - {name: c-name, when: verdict.known, require: verdict.new_violations < 4712, message: c-message, otherwise: defer}
windows:
  - {name: w-name, scope: "site:w-site", every: friday, at: "22:07", zone: Europe/Berlin, duration: 6h}
  - {name: w-once, start: 2026-11-20T22:00:00Z, duration: 2h}
`

// keys are those by which a policy's file gives the fields of a type.
func keys(of reflect.Type) (list []string) {
	for i := range of.NumField() {
		if key, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ","); key != "" {
			list = append(list, key)
		}
	}
	return list
}

// TestPolicyCheckTellsAll wants every key of rules, checks and windows in the JSON, and every value in the tables; those of all
// else are limits, which are policy's to list.
func TestPolicyCheckTellsAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(everything), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		var out, said strings.Builder
		if code := execute(t.Context(), append([]string{"policy", "check", path}, args...), strings.NewReader(""), &out, &said); code != exitDone {
			t.Fatalf("exit code %d: %s", code, said.String())
		}
		return out.String()
	}
	var told struct{ Rules, Checks, Windows []map[string]any }
	if err := json.Unmarshal([]byte(run("-o", "json")), &told); err != nil {
		t.Fatal(err)
	}
	if len(told.Rules) != 1 || len(told.Checks) != 1 || len(told.Windows) != 2 {
		t.Fatalf("told: %+v", told)
	}
	match, _ := told.Rules[0]["match"].(map[string]any)
	recurring, once := told.Windows[0], told.Windows[1]
	for _, of := range []struct {
		typ  reflect.Type
		told []map[string]any
	}{
		{reflect.TypeFor[policy.Rule](), told.Rules}, {reflect.TypeFor[policy.Match](), []map[string]any{match}},
		{reflect.TypeFor[policy.Requirement](), told.Checks}, {reflect.TypeFor[policy.Window](), []map[string]any{recurring, once}},
	} {
		for _, key := range keys(of.typ) {
			found := false
			for _, one := range of.told {
				found = found || one[key] != nil && one[key] != ""
			}
			if !found {
				t.Errorf("%s of a %s is not told: %v", key, of.typ, of.told)
			}
		}
	}
	table := run()
	for _, value := range []string{
		"r-name", "link-errors", "major", "0.125", "site:r-site", "link.capacity_bps < 4711", "link-drain", `{"style":"hard"}`, "approve, by click",
		"c-name", "verdict.known", "verdict.new_violations < 4712", "c-message", "defer",
		"w-name", "site:w-site", "friday", "22:07", "Europe/Berlin", "6h0m0s", "w-once", "2026-11-20T22:00:00Z", "2h0m0s",
	} {
		if !strings.Contains(table, value) {
			t.Errorf("%q is not in the table:\n%s", value, table)
		}
	}
}
