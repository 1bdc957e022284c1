package forecast

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// exact answers with the paths of every demand.
func (q *question) exact(name string, now whatif.Metrics) error {
	known, ok := q.held.answers[name]
	if !ok {
		var err error
		if known, err = q.held.drain(name); err != nil {
			return err
		}
		q.held.answers[name] = known
	}
	p := known
	p.At, p.Inputs, p.Method, p.Matrix, p.MatrixAt = q.out.At, q.out.Inputs, q.out.Method, q.out.Matrix, q.out.MatrixAt
	q.out = p
	stands := q.held.base
	if now.AB >= network.MetricLastResort || now.BA >= network.MetricLastResort {
		var err error
		if stands, err = q.held.base.Apply(whatif.Change{Metrics: []whatif.Metrics{now}}); err != nil {
			return fmt.Errorf("see %s as it is: %w", name, err)
		}
	}
	q.out.Fit = q.fit(stands)
	return nil
}

// drain computes what draining a link would do.
func (h *held) drain(name string) (events.Prospect, error) {
	drained, err := h.base.Apply(whatif.SoftDrain(name))
	if err != nil {
		return events.Prospect{}, fmt.Errorf("drain %s: %w", name, err)
	}
	gone, err := h.base.Apply(whatif.HardDrain(name))
	if err != nil {
		return events.Prospect{}, fmt.Errorf("take %s away: %w", name, err)
	}
	limits := whatif.DefaultLimits()
	after, err := h.survey.Survive(drained, limits)
	if err != nil {
		return events.Prospect{}, fmt.Errorf("survive the drain of %s: %w", name, err)
	}
	ab, ba, _ := h.base.Load(name)
	return events.Prospect{
		InService: outlook(h.base, h.base, h.survey.Present(limits)), Drained: outlook(drained, gone, after),
		NewViolations: after.Violations + after.Cut, Worst: worst(after), Moved: ab.BPS + ba.BPS, Harm: harm(h.base, drained, gone, after),
	}, nil
}

// outlook puts a state into the vocabulary; reach is the same state as far as being reached is concerned.
func outlook(st, reach *whatif.State, s whatif.Survival) events.Outlook {
	o := events.Outlook{Failures: s.Failures, Settled: s.Settled}
	full := st.Worst()
	o.WorstPermil, o.WorstLink = int(full.Permil), direction(full)
	o.SurvivePermil, o.Failure, o.Link = int(max(s.Worst.Load.Permil, full.Permil)), s.Worst.Failure, direction(s.Worst.Load)
	lost := reach.Undelivered(named)
	o.CutOff = lost.BPS
	for _, l := range lost.Named {
		o.CutOffNames = append(o.CutOffNames, l.From+" > "+l.To)
	}
	return o
}

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
func harm(base, drained, gone *whatif.State, after whatif.Survival) int64 {
	lost := max(0, overflow(drained)-overflow(base)) + gone.Undelivered(0).BPS - base.Undelivered(0).BPS
	failing := after.CutBPS
	for _, v := range after.Violating {
		failing += v.Load.BPS - v.Load.Capacity
	}
	high, low := bits.Mul64(uint64(max(0, failing)), failureIn10000)
	weighted, _ := bits.Div64(high, low, 10_000)
	return lost + int64(weighted)
}

func overflow(st *whatif.State) (sum int64) {
	for _, l := range st.Loads() {
		sum += max(0, l.BPS-l.Capacity)
	}
	return sum
}

// closeBy is how far prediction and measurement may differ to be counted as close, in thousandths of capacity.
const closeBy = 50

// freshLoad is how old a measured load may be to be compared.
const freshLoad = time.Minute

// fit compares what is computed with what is measured.
func (q *question) fit(st *whatif.State) events.Fit {
	var fit events.Fit
	for i, l := range q.topology.Links {
		if q.live.Links[i].Down {
			continue
		}
		ab, ba, _ := st.Load(l.Name)
		seen := q.seen.Links[l.Name]
		for _, d := range []struct {
			computed whatif.Load
			measured network.Reading
		}{{ab, seen.A.Load}, {ba, seen.B.Load}} {
			if d.measured.At.IsZero() || q.seen.At.Sub(d.measured.At) > freshLoad {
				continue
			}
			off := permil(max(d.computed.BPS-d.measured.BPS, d.measured.BPS-d.computed.BPS), d.computed.Capacity)
			fit.Links++
			if off <= closeBy {
				fit.Close++
			}
			if off > fit.Worst {
				fit.Worst, fit.OnLink = off, direction(d.computed)
			}
		}
	}
	return fit
}

// beyond is more than any network carries, in bits per second: what is more counts as this.
const beyond = 1 << 52

// permil is part in thousandths of whole, rounded up.
func permil(part, whole int64) int { return int((min(part, beyond)*1000 + whole - 1) / whole) }
