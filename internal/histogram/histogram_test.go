package histogram_test

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/internal/histogram"
)

// TestShapes: both kinds of bucket count every observation, the classic ones span what they are said to, and the native ones
// stay within their bound whatever is observed.
func TestShapes(t *testing.T) {
	for name, c := range map[string]struct {
		opts        prometheus.HistogramOpts
		first, last float64   // the classic buckets' bounds
		asked       []float64 // those that alerts and goals ask for
	}{
		"moments":  {histogram.Moments("a_seconds", "A."), 1.0 / 8192, 64, []float64{1}},
		"instants": {histogram.Instants("a_seconds", "A."), 1e-6, 0.11, nil},
		"spans":    {histogram.Spans("a_seconds", "A."), 1e-3, 86_400, []float64{5, 15, 60}},
	} {
		t.Run(name, func(t *testing.T) {
			h := prometheus.NewHistogram(c.opts)
			const n = 10_000
			for i := range n {
				h.Observe(1e-9 * float64(i) * float64(i) * float64(i) * float64(i))
			}
			registry := prometheus.NewRegistry()
			registry.MustRegister(h)
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := families[0].GetMetric()[0].GetHistogram()
			if got.GetSampleCount() != n {
				t.Errorf("%d observations, want %d", got.GetSampleCount(), n)
			}
			classic := got.GetBucket()
			if first, last := classic[0].GetUpperBound(), classic[len(classic)-1].GetUpperBound(); first != c.first || last < c.last*0.9 || last > c.last*1.1 {
				t.Errorf("classic buckets from %g to %g, want %g to about %g", first, last, c.first, c.last)
			}
			for _, bound := range c.asked {
				if !slices.Contains(c.opts.Buckets, bound) {
					t.Errorf("no classic bucket ends at %g s, so nobody can tell whether a quantile is beyond", bound)
				}
			}
			native := int64(got.GetZeroCount())
			var at int64
			for _, d := range got.GetPositiveDelta() {
				at += d
				native += at
			}
			if native != n || len(got.GetPositiveDelta()) > 160 {
				t.Errorf("%d native buckets hold %d observations, want at most 160 and %d", len(got.GetPositiveDelta()), native, n)
			}
		})
	}
}
