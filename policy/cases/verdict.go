package cases

import (
	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config/strict"
	"github.com/detour-net/detour/policy"
)

// Verdict is what a drain of the link would lead to, in the words of conditions. It is computed from a traffic matrix of now
// that explains every load, and one failure more was looked at.
type Verdict struct {
	Known     *bool           `yaml:"known"`  // default true; false: nothing was computed
	Method    events.Method   `yaml:"method"` // default exact
	FitPermil *int            `yaml:"fit_permil"`
	Counters  *int            `yaml:"counters_permil"`
	Conserved *int            `yaml:"conserved_permil"`
	MatrixAge events.Duration `yaml:"matrix_age"`

	BaseWorstPermil   int      `yaml:"base_worst_permil"`
	BaseSurvivePermil int      `yaml:"base_survive_permil"`
	AfterWorstPermil  int      `yaml:"after_worst_permil"`
	AfterWorstLink    string   `yaml:"after_worst_link"`
	SurvivePermil     int      `yaml:"survive_permil"`
	SurviveFailure    string   `yaml:"survive_failure"`
	SurviveLink       string   `yaml:"survive_link"`
	NewViolations     int      `yaml:"new_violations"`
	CutOffBPS         int64    `yaml:"cut_off_bps"`
	CutOff            []string `yaml:"cut_off"`
	MovedBPS          int64    `yaml:"moved_bps"`
	Steps             int      `yaml:"steps"` // that the way into the drain takes; 0 is 1
	MicroLoops        bool     `yaml:"micro_loops"`
	BenefitBPS        int64    `yaml:"benefit_bps"`
	HarmBPS           int64    `yaml:"harm_bps"`
}

func (v *Verdict) check(doc *strict.Document, at string) {
	word(doc, at+".method", v.Method, events.MethodExact, events.MethodBound)
	const most = 100
	if v.Steps < 0 || v.Steps > most {
		doc.Bad(at+".steps", "%d: want 0 to %d", v.Steps, most)
	}
	for key, n := range map[string]*int{".fit_permil": v.FitPermil, ".counters_permil": v.Counters, ".conserved_permil": v.Conserved} {
		if n != nil && (*n < 0 || *n > 1000) {
			doc.Bad(at+key, "%d: want 0 to 1000", *n)
		}
	}
}

// prospect is the verdict as decisions carry it.
func (c *Case) prospect() *events.Prospect {
	v := c.Verdict
	if !or(v.Known, true) {
		return &events.Prospect{At: c.Now, Missing: "the case says so"}
	}
	p := &events.Prospect{
		Counters:  events.Fit{Links: 1000, Close: or(v.Counters, 1000)},
		Conserved: events.Conservation{Routers: 1000, Balanced: or(v.Conserved, 1000)},
		At:        c.Now, Method: v.Method, NewViolations: v.NewViolations, Worst: v.SurviveFailure, Moved: v.MovedBPS, Loops: v.MicroLoops, Harm: v.HarmBPS, Benefit: v.BenefitBPS,
		InService: events.Outlook{WorstPermil: v.BaseWorstPermil, SurvivePermil: v.BaseSurvivePermil, Failures: 1},
		Drained: events.Outlook{
			WorstPermil: v.AfterWorstPermil, WorstLink: v.AfterWorstLink, CutOff: v.CutOffBPS, CutOffNames: v.CutOff,
			SurvivePermil: v.SurvivePermil, Failure: v.SurviveFailure, Link: v.SurviveLink, Failures: 1,
		},
	}
	if p.Method == events.MethodExact {
		p.Matrix, p.MatrixAt, p.Fit = "the case's", c.Now.Add(-v.MatrixAge.Std()), events.Fit{Links: 1000, Close: or(v.FitPermil, 1000)}
	}
	for _, m := range c.way(max(1, v.Steps), max(drainMetric, or(c.Plan.Metric, 0))) {
		p.Way = append(p.Way, events.Uniform(c.Link.Name, uint32(m))...)
	}
	return p
}

// drainMetric is what a drain sets that leaves the link as a last resort.
const drainMetric = policy.LastMetric

// way are the metrics of n steps, the last of them to.
func (c *Case) way(n int, to uint64) []uint64 {
	var from uint64
	for _, d := range c.Device {
		from = max(from, or(d.Metric, defaultMetric))
	}
	metrics := make([]uint64, n)
	for i := range metrics {
		metrics[i] = from + uint64(i) + 1
	}
	if n > 0 {
		metrics[n-1] = to
	}
	return metrics
}
