package promtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/histogram/promtest"
)

// TestParse reads a scrape, and has it be an instance's.
func TestParse(t *testing.T) {
	got, err := promtest.Parse("# HELP detour_a A.\n# TYPE detour_a gauge\ndetour_a 1\ndetour_b{x=\"a b\",y=\"2\"} +Inf\ngo_threads 7\n\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got["detour_a"] != 1 || got[`detour_b{x="a b",y="2"}`] <= 1 {
		t.Errorf("read %v", got)
	}
	delete(got, `detour_b{x="a b",y="2"}`)
	got[`detour_b{x="a b"}`] = 3
	if diff := cmp.Diff(promtest.Samples{`detour_a{instance="r1"}`: 1, `detour_b{instance="r1",x="a b"}`: 3}, got.Of("r1")); diff != "" {
		t.Errorf("of an instance (-want +got):\n%s", diff)
	}
	if _, err := promtest.Parse("detour_a one\n"); err == nil {
		t.Error("a value that is none is read")
	}
}

// TestFired has a rule that waits, one about what grows, and one that is about what stood before.
func TestFired(t *testing.T) {
	tool := promtest.Path(t)
	if tool == "" {
		return
	}
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(`groups:
  - name: x
    rules:
      - {alert: Lasts, expr: detour_a > 1, for: 1h}
      - {alert: Old, expr: detour_age_seconds > 3600}
      - {alert: Gone, expr: absent(detour_b)}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	well := promtest.Samples{"detour_a": 1, "detour_age_seconds": 3, "detour_b": 1}
	ill := promtest.Samples{"detour_a": 2, "detour_age_seconds": 5}
	got := promtest.Fired(t, tool, rules, []promtest.Scene{{Well: well, Now: well}, {Well: well, Now: ill}, {Well: well, Now: ill, Grows: "detour_age_seconds"}})
	if diff := cmp.Diff([][]string{nil, {"Gone", "Lasts"}, {"Gone", "Lasts", "Old"}}, got); diff != "" {
		t.Errorf("fired (-want +got):\n%s", diff)
	}
}
