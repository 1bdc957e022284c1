package forecast

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// exact answers with the paths of every demand.
func (q *question) exact(now [][]whatif.Metrics) error {
	p, err := q.answer()
	if err != nil {
		return err
	}
	p.At, p.Inputs, p.Counters, p.Conserved = q.out.At, q.out.Inputs, q.out.Counters, q.out.Conserved
	p.Method, p.Matrix, p.MatrixAt = q.out.Method, q.out.Matrix, q.out.MatrixAt
	q.out = p
	stands, err := q.stands(now)
	if err != nil {
		return fmt.Errorf("see %s as it is: %w", listed(q.names), err)
	}
	q.out.Fit = q.fit(stands)
	return nil
}

// answer is what does not depend on measured loads, computed once for a network.
func (q *question) answer() (events.Prospect, error) {
	key := strings.Join(q.names, "\n")
	if known, ok := q.held.answers[key]; ok {
		return known, nil
	}
	known, err := q.held.drain(q)
	if err != nil {
		return events.Prospect{}, err
	}
	if len(q.held.answers) == remembered {
		clear(q.held.answers)
	}
	q.held.answers[key] = known
	return known, nil
}

// drain computes what draining links would do.
func (h *held) drain(q *question) (p events.Prospect, err error) {
	names, limits := q.names, q.limits
	drained, gone, err := h.without(q)
	if err != nil {
		return p, err
	}
	before, err := h.present(limits)
	if err != nil {
		return p, err
	}
	after, err := h.survive(drained, limits)
	if err != nil {
		return p, fmt.Errorf("survive the drain of %s: %w", listed(names), err)
	}
	if err := h.plan(q, network.MetricLastResort, &p); err != nil {
		return p, err
	}
	for _, name := range names {
		ab, ba := h.base.load(name)
		p.Moved += ab.BPS + ba.BPS
	}
	p.InService, p.Drained = outlook(h.base, before), outlook(drained, after)
	h.cutOff(gone, &p)
	p.NewViolations, p.Worst, p.Harm = after.Violations+after.Cut, worst(after), h.harm(drained, gone, after)
	return p, nil
}

// stands is the network with the links that the question is about as they are now.
func (q *question) stands(now [][]whatif.Metrics) (layers, error) {
	if q.changes(now) {
		return q.held.base.apply(func(n int) whatif.Change { return whatif.Change{Metrics: now[n]} })
	}
	return q.held.base, nil
}

// without is the network with links as the last resort, and with everything out of all paths that is to be spared: these
// links and those that are drained already, for one drain must not live off another.
func (h *held) without(q *question) (drained, gone layers, err error) {
	if drained, err = h.base.apply(func(n int) whatif.Change { return whatif.SoftDrain(h.within(q, n)...) }); err != nil {
		return nil, nil, fmt.Errorf("drain %s: %w", listed(q.names), err)
	}
	if gone, err = h.reach.apply(func(n int) whatif.Change { return whatif.HardDrain(h.within(q, n)...) }); err != nil {
		return nil, nil, fmt.Errorf("take %s away: %w", listed(q.names), err)
	}
	return drained, gone, nil
}

// within are the links that a question is about, as far as they are in a layer.
func (h *held) within(q *question, layer int) (names []string) {
	for _, name := range q.names {
		if h.shape.layers[layer].links[q.links[name]].MetricAB != 0 {
			names = append(names, name)
		}
	}
	return names
}

// outlook puts a state into the vocabulary, but for what is cut off.
func outlook(l layers, s whatif.Survival) events.Outlook {
	full := fullest(l.loads())
	o := events.Outlook{
		WorstPermil: int(full.Permil), WorstLink: direction(full),
		SurvivePermil: int(max(s.AtMost, full.Permil)), Failure: s.Worst.Failure, Link: direction(s.Worst.Load),
		Failures: s.Failures, Settled: s.Settled,
	}
	if o.AtMost = s.AtMost > s.Worst.Load.Permil; o.AtMost {
		o.Failure, o.Link = "", ""
	}
	return o
}

// cutOff says what has no path in service, and what when the links are gone, drained links being none: of that some of what
// is new is always named.
func (h *held) cutOff(gone layers, p *events.Prospect) {
	before := h.reach.undelivered(0)
	after := gone.undelivered(before.Count + named) // all that had no path in service has none then
	p.InService.CutOff, p.Drained.CutOff = before.BPS, after.BPS
	lost := map[whatif.Lost]bool{}
	for i, l := range h.reach.undelivered(before.Count).Named {
		lost[l] = true
		if i < named {
			p.InService.CutOffNames = append(p.InService.CutOffNames, l.From+" > "+l.To)
		}
	}
	p.Drained.CutOffNames = slices.Clone(p.InService.CutOffNames)
	for _, l := range after.Named {
		if !lost[l] && len(p.Drained.CutOffNames) < len(p.InService.CutOffNames)+named {
			p.Drained.CutOffNames = append(p.Drained.CutOffNames, l.From+" > "+l.To)
		}
	}
}

// listed are names for people.
func listed(names []string) string { return strings.Join(names, ", ") }

// direction names a direction of a link: "den-kcy, den to kcy".
func direction(l whatif.Load) string {
	if l.Link == "" {
		return ""
	}
	return fmt.Sprintf("%s, %s to %s", l.Link, l.From, l.To)
}

func worst(s whatif.Survival) string {
	switch {
	case len(s.Cutting) > 0:
		c := s.Cutting[0]
		var names []string
		for _, l := range c.Named {
			names = append(names, l.From+" > "+l.To)
		}
		return fmt.Sprintf("if %s fails, %d demands are cut off (%s)", c.Failure, c.Count, strings.Join(names[:min(len(names), named)], ", "))
	case len(s.Violating) > 0:
		v := s.Violating[0]
		return fmt.Sprintf("if %s fails, %s is filled to %d per mille, %d without the drain", v.Failure, direction(v.Load), v.Load.Permil, v.Before)
	}
	return ""
}

// Likelihood of one given failure during a repair: a repair takes 12 hours at the median, and a link works for 1,877 hours
// between two failures (R. Govindan et al. and the fibre-vendor models that are published for large backbones), which
// makes 1 - exp(-12/1877), in ten thousandths.
const failureIn10000 = 64

// harm is the traffic that is expected to be lost because of the drain: what no longer fits, what has no way but the
// drained link, and what a failure more would take, weighted by its likelihood. Of failures the twenty worst are counted.
func (h *held) harm(drained, gone layers, after whatif.Survival) int64 {
	lost := max(0, overflow(drained)-overflow(h.base)) + gone.undelivered(0).BPS - h.reach.undelivered(0).BPS
	failing := after.CutBPS
	for _, v := range after.Violating {
		failing += v.Load.BPS - v.Load.Capacity
	}
	high, low := bits.Mul64(uint64(max(0, failing)), failureIn10000)
	weighted, _ := bits.Div64(high, low, 10_000)
	return lost + int64(weighted)
}

func overflow(in layers) (sum int64) {
	for _, l := range in.loads() {
		sum += max(0, l.BPS-l.Capacity)
	}
	return sum
}

// beyond is more than any network carries, in bits per second: what is more counts as this.
const beyond = 1 << 52

// permil is part in thousandths of whole, rounded up.
func permil(part, whole int64) int { return int((min(part, beyond)*1000 + whole - 1) / whole) }
