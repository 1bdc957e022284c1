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
func (f *Forecaster) Hard(names []string, s network.State) events.Prospect {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := &question{Forecaster: f, seen: s, names: slices.Compact(slices.Sorted(slices.Values(names)))}
	q.out.At = s.At
	err := q.ask()
	if err == nil {
		err = q.isolate()
	}
	if err != nil {
		return events.Prospect{At: q.out.At, Inputs: q.out.Inputs, Missing: err.Error()}
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
		if known, err = q.held.isolated(q); err != nil {
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
	out.Way, out.Loops = known.Way, known.Loops
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
func (h *held) isolated(q *question) (p events.Prospect, err error) {
	names, limits := q.names, q.limits
	out, err := h.base.apply(func(n int) whatif.Change { return whatif.HardDrain(h.within(q, n)...) })
	if err != nil {
		return p, fmt.Errorf("take %s out: %w", listed(names), err)
	}
	_, gone, err := h.without(q)
	if err != nil {
		return p, err
	}
	if q.out.Method != events.MethodExact {
		limits.Permil = math.MaxInt32 // loads are not known here
	}
	after, err := h.survive(out, limits)
	if err != nil {
		return p, fmt.Errorf("survive without %s: %w", listed(names), err)
	}
	if err := h.plan(q, network.MetricUnused, &p); err != nil {
		return p, err
	}
	p.Drained = outlook(out, after)
	p.NewViolations, p.Worst, p.Harm = after.Violations+after.Cut, worst(after), h.harm(out, gone, after)
	return p, nil
}
