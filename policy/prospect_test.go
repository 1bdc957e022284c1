package policy

import (
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
		Moved:     3e9, Way: events.Uniform("den-kcy", LastMetric),
	}
}
