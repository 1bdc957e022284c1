package policy

import (
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// calm is what is computed of a drain that every limit of a policy without particulars bears.
func calm() *events.Prospect {
	return &events.Prospect{
		At: noon.Add(-time.Second), Inputs: "3fa9c1d2e4f5", Method: events.MethodExact, Matrix: "tm", MatrixAt: noon.Add(-time.Minute),
		Fit:       events.Fit{Links: 80, Close: 80},
		InService: events.Outlook{WorstPermil: 400, WorstLink: "chi-nyc", SurvivePermil: 700, Failure: "den-kcy", Link: "chi-nyc", Failures: 50, Settled: 40},
		Drained:   events.Outlook{WorstPermil: 500, WorstLink: "chi-nyc", SurvivePermil: 800, Failure: "sea-den", Link: "chi-nyc", Failures: 50, Settled: 40},
		Moved:     3e9, Steps: []uint32{LastMetric},
	}
}

// TestLoss takes what a link loses from its counters or its alarm, whichever says more.
func TestLoss(t *testing.T) {
	for _, c := range []struct {
		kind           events.AnomalyKind
		value          float64
		benefit, moved int64
		want           float64
	}{
		{events.LinkErrors, 3e-4, 0, 0, 3e-4},
		{events.SilentLoss, 0.2, 0, 0, 0.2},
		{events.OpticalDegrade, 0.2, 0, 0, 0},
		{events.LinkErrors, 3e-4, 1, 100, 0.01},
		{events.LinkErrors, 0.5, 1, 100, 0.5},
		{events.LinkErrors, 9600, 1, 100, 0.01}, // errors in a second, not a share
		{events.LinkErrors, 0, 7, 0, 0},
		{events.LinkErrors, 0, 300, 100, 1},
	} {
		if got := Loss(Subject{Kind: c.kind, Value: c.value}, &events.Prospect{Benefit: c.benefit, Moved: c.moved}); got != c.want {
			t.Errorf("%s of %g with %d of %d bit/s lost: %g, want %g", c.kind, c.value, c.benefit, c.moved, got, c.want)
		}
	}
	if got := Loss(Subject{Kind: events.LinkErrors, Value: 5, Anomaly: &events.Anomaly{Unit: "ratio"}}, nil); got != 0 {
		t.Errorf("more than all: %g", got)
	}
	if got := Loss(Subject{Kind: events.LinkErrors, Value: 0.5, Anomaly: &events.Anomaly{Unit: "frames"}}, nil); got != 0 {
		t.Errorf("in another unit: %g", got)
	}
	if got := Loss(Subject{Kind: events.LinkErrors, Value: 1e-3}, nil); got != 1e-3 {
		t.Errorf("without a what-if: %g", got)
	}
}
