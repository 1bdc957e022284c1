package bench

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// search runs the exhaustive search of the core, where it belongs: among internal/incident's own benchmarks. It takes over
// the two figures that they report, states and states/s.
func (t *table) search(b *testing.B) {
	for b.Loop() {
		out, err := exec.CommandContext(b.Context(), "go", "test", "-run", "^$", "-bench", "Search", "-benchtime", "1x", "github.com/detour-net/detour/internal/incident").CombinedOutput()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		states, ok := figure(out, "states")
		speed, ok2 := figure(out, "states/s")
		if !ok || !ok2 {
			b.Fatalf("no benchmark of the search reports states and states/s:\n%s", out)
		}
		b.ReportMetric(speed, "states/s")
		b.ReportMetric(states, "states")
		t.put(row{what: "exhaustive search of the core", ours: words(fmt.Sprintf("%.0f states", states), rate(speed, "states"))})
	}
}

// figure finds what a benchmark reported in a unit.
func figure(out []byte, unit string) (float64, bool) {
	found := regexp.MustCompile(`([0-9.e+]+) ` + regexp.QuoteMeta(unit) + `(\s|$)`).FindSubmatch(out)
	if found == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	return n, err == nil
}
