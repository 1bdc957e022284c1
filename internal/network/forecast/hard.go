package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// Hard forecasts what taking links out of SPF altogether would do (metric 16777215), as Links does for draining them: then
// they carry nothing, also where a failure more leaves no other way.
func (f *Forecaster) Hard(names []string, s network.State) Forecast {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := &question{Forecaster: f, seen: s, names: slices.Compact(slices.Sorted(slices.Values(names)))}
	q.out.At = s.At
	err := q.ask()
	if err == nil {
		err = q.isolate()
	}
	if err != nil {
		return Forecast{Prospect: events.Prospect{At: q.out.At, Inputs: q.out.Inputs, Missing: err.Error()}}
	}
	return q.out
}

// isolate makes of the answer about a drain the one about taking the links out. What is cut off is the same: a drain that
// leaves a link as the last resort is not let live off it either. So is a bound on the loads of links, which leaves room for
// what the drained ones may still carry; but what a failure more cuts off is another thing, and known without loads.
func (q *question) isolate() error {
	key := strings.Join(append([]string{"hard"}, q.names...), "\n")
	known, ok := q.held.answers[key]
	if !ok {
		var err error
		if known, err = q.held.isolated(q.names, q.limits, q.out.Method); err != nil {
			return err
		}
		if len(q.held.answers) == remembered {
			clear(q.held.answers)
		}
		q.held.answers[key] = known
	}
	out := &q.out
	out.Inputs = events.DigestOf(struct {
		Soft events.Digest
		Hard bool
	}{out.Inputs, true})
	out.Steps, out.Loops, out.Way = known.Steps, known.Loops, known.Way
	if out.Method != events.MethodExact {
		if out.NewViolations += known.NewViolations; out.Worst == "" {
			out.Worst = known.Worst
		}
		return nil
	}
	cutOff, named := out.Drained.CutOff, out.Drained.CutOffNames
	out.Drained, out.NewViolations, out.Worst, out.Harm = known.Drained, known.NewViolations, known.Worst, known.Harm
	out.Drained.CutOff, out.Drained.CutOffNames = cutOff, named
	return nil
}

// isolated computes the network without links: whole with a traffic matrix, and what failures cut off without one.
func (h *held) isolated(names []string, limits whatif.Limits, method events.Method) (f Forecast, err error) {
	out, err := h.base.Apply(whatif.HardDrain(names...))
	if err != nil {
		return f, fmt.Errorf("take %s out: %w", listed(names), err)
	}
	_, gone, err := h.without(names)
	if err != nil {
		return f, err
	}
	if method != events.MethodExact {
		limits.Permil = math.MaxInt32 // loads are not known here
	}
	survive := func() (whatif.Survival, error) { return whatif.Survive(h.base, out, h.scenarios, limits) }
	if h.survey != nil {
		survive = func() (whatif.Survival, error) { return h.survey.Survive(out, limits) }
	}
	after, err := survive()
	if err != nil {
		return f, fmt.Errorf("survive without %s: %w", listed(names), err)
	}
	way, err := h.base.Steps(names, whatif.Unused, whatif.DefaultSteps)
	if err != nil {
		return f, fmt.Errorf("plan to take %s out: %w", listed(names), err)
	}
	if f.Way, f.Loops = way, way.Loops; len(names) == 1 {
		f.Steps = metrics(way)
	}
	f.Drained = outlook(out, after)
	f.NewViolations, f.Worst, f.Harm = after.Violations+after.Cut, worst(after), h.harm(out, gone, after)
	return f, nil
}

// metrics are those that a way sets, of both directions, each once and rising: a direction may stop anywhere between two
// metrics, and no destination is reached over both.
func metrics(way whatif.Steps) (list []uint32) {
	for _, push := range way.Pushes {
		for _, m := range push {
			list = append(list, m.AB, m.BA)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
