package whatif

import (
	"cmp"
	"errors"
	"slices"
)

var errOtherNet = errors.New("what-if: the states are of different networks: solve both from one Net")

// outcome is what one failure does after the change.
type outcome struct {
	worst verdict

	breaks bool  // a direction is over both limits
	over   peak  // the fullest of those
	before int64 // units that the same failure put there before the change

	cut    int // demands newly cut off
	cutBPS int64
	lost   []Lost
}

// moved bounds what the failure adds to any arc: the traffic on its links, and that which passes through its nodes.
func (st *State) moved(f *failure) int64 {
	n, sum := st.net, int64(0)
	for _, link := range f.links {
		for _, arc := range n.arcsOf[link] {
			sum = saturate(sum + st.load[arc])
		}
	}
	for _, node := range f.nodes {
		through := int64(0)
		for arc := n.out[node]; arc < n.out[node+1]; arc++ {
			through += st.load[n.back[arc]]
		}
		for _, layer := range st.all() {
			if row := layer.net.rowOf[node]; row >= 0 {
				through -= layer.rows[row].flow[node]
			}
		}
		sum = saturate(sum + through)
	}
	return sum
}

// evaluate computes failures exactly, all at once.
func (t *trial) evaluate(batch []open) {
	n := t.after.net
	outs := make([]*outcome, len(batch))
	cuts := make([]bool, len(batch))
	var heavy []*failure
	var at []int // in batch
	for i, o := range batch {
		outs[i] = &outcome{worst: verdict{index: -1, peak: peak{permil: -1, arc: -1}}}
		cuts[i] = t.mayCut(o.index)
		if o.bound.above() {
			heavy, at = append(heavy, &t.sv.failures[o.index]), append(at, i)
		}
	}
	fulls := make([][]peak, len(batch))
	n.sweep(t.after, heavy, func(_ *scratch, i int, found found) {
		outs[at[i]].worst = verdict{index: batch[at[i]].index, peak: t.after.peak(t.ranked, t.ranked.arcs, found.gain)}
		fulls[at[i]] = t.overfull(found.gain)
		cuts[at[i]] = cuts[at[i]] && found.lost > 0
	})
	t.judge(batch, fulls, outs)
	n.parallel(len(batch), func(s *scratch, i int) {
		if cuts[i] {
			t.cutOff(s, &t.sv.failures[batch[i].index], outs[i])
		}
	}, nil)
	for i, out := range outs {
		t.keep(batch[i].index, out)
	}
}

// overfull are the directions over the limit when arcs gain so much.
func (t *trial) overfull(gain []int64) []peak {
	n, st := t.after.net, t.after
	var list []peak
	for arc, x := range gain {
		if load := st.load[arc] + x; x != 0 && load > t.full[arc] {
			list = append(list, peak{permil: n.permil(int32(arc), load), load: load, arc: int32(arc)})
		}
	}
	for i, arc := range t.ranked.arcs {
		if t.ranked.permil[i] <= t.limits.Permil {
			break
		}
		if gain[arc] == 0 {
			list = append(list, peak{permil: t.ranked.permil[i], load: st.load[arc], arc: arc})
		}
	}
	return list
}

// judge finds, for each failure of a batch, the fullest direction that is over both limits, among those over the first. What the
// failure does before the change is computed where the survey does not tell.
func (t *trial) judge(batch []open, fulls [][]peak, outs []*outcome) {
	var again []*failure
	var at []int
	for i, o := range batch {
		if len(fulls[i]) > 0 && !t.judged(o.index, fulls[i], outs[i]) {
			again, at = append(again, &t.sv.failures[o.index]), append(at, i)
		}
	}
	t.after.net.sweep(t.sv.before, again, func(_ *scratch, i int, found found) {
		t.over(func(arc int32) int64 { return found.gain[arc] }, fulls[at[i]], outs[at[i]])
	})
}

// judged judges failure i by what the survey keeps of it, and reports whether that is enough: it is when of every direction that
// may be over both limits the load before the change is known. What is not kept is a trifle either way.
func (t *trial) judged(i int, full []peak, out *outcome) bool {
	e, n := &t.sv.effects[i], t.after.net
	if !e.kept {
		return false
	}
	for _, p := range full {
		if !e.has(n, p.arc) && t.breaks(p.arc, p.load, t.sv.before.load[p.arc]-n.trifle(p.arc)) {
			return false
		}
	}
	t.over(func(arc int32) int64 { return e.atMost(n, arc) }, full, out)
	return true
}

// over judges one failure by what directions gain by it before the change.
func (t *trial) over(gained func(arc int32) int64, full []peak, out *outcome) {
	out.breaks, out.over = false, peak{arc: -1}
	for _, p := range full {
		before := t.sv.before.load[p.arc] + gained(p.arc)
		if t.breaks(p.arc, p.load, before) && out.over.over(t.after.net, p.arc, p.load) {
			out.breaks, out.before = true, before
		}
	}
}

// cutOff finds the demands that the failure cuts off and did not before the change.
func (t *trial) cutOff(s *scratch, f *failure, out *outcome) {
	units := int64(0)
	out.cut, out.lost = 0, nil
	for i, after := range t.after.all() {
		n := after.net
		s.newlyCut(t.sv.before.all()[i], after, f, func(index int, node int32, amount int64) {
			out.cut++
			units += amount
			if len(out.lost) < t.limits.Listed {
				out.lost = append(out.lost, Lost{From: n.nodes[node].Name, To: n.nodes[n.dests[index]].Name, BPS: toBPS(amount)})
			}
		})
	}
	out.cutBPS = toBPS(units)
}

// survival puts the answer together.
func (t *trial) survival() Survival {
	sv := t.sv
	out := Survival{Failures: len(sv.failures)}
	var breaking, cutting []int
	for i := range sv.failures {
		o := t.exact[i]
		if o == nil {
			out.Settled++
		} else {
			out.Exact++
		}
		if o != nil && o.breaks {
			breaking = append(breaking, i)
		}
		if o != nil && o.cut > 0 {
			cutting = append(cutting, i)
			out.CutBPS = min(out.CutBPS+o.cutBPS, maxTotal)
		}
	}
	if t.best.index >= 0 {
		out.Worst = sv.impact(t.best)
		out.AtMost = t.best.peak.permil
	}
	if t.limits.Bound {
		out.AtMost = max(out.AtMost, t.level)
		for _, o := range t.open {
			if t.exact[o.index] == nil {
				out.AtMost = max(out.AtMost, o.bound.peak.permil)
			}
		}
	}
	out.Violations, out.Cut = len(breaking), len(cutting)
	slices.SortFunc(breaking, func(a, b int) int {
		return cmp.Or(cmp.Compare(t.exact[b].over.permil, t.exact[a].over.permil), cmp.Compare(a, b))
	})
	for _, i := range breaking[:min(len(breaking), t.limits.Listed)] {
		o := t.exact[i]
		out.Violating = append(out.Violating, Violation{
			Impact: sv.impact(verdict{index: i, peak: o.over}),
			Before: t.after.net.permil(o.over.arc, o.before),
		})
	}
	slices.SortFunc(cutting, func(a, b int) int {
		return cmp.Or(cmp.Compare(t.exact[b].cutBPS, t.exact[a].cutBPS), cmp.Compare(a, b))
	})
	for _, i := range cutting[:min(len(cutting), t.limits.Listed)] {
		o := t.exact[i]
		out.Cutting = append(out.Cutting, CutOff{Failure: sv.failures[i].name, Undelivered: Undelivered{Count: o.cut, BPS: o.cutBPS, Named: o.lost}})
	}
	return out
}

// impact puts names to a verdict.
func (sv *Survey) impact(v verdict) Impact {
	out := Impact{Failure: sv.failures[v.index].name}
	if v.peak.arc >= 0 {
		out.Load = sv.before.net.loaded(v.peak.arc, v.peak.load)
	}
	return out
}
