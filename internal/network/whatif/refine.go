package whatif

import (
	"cmp"
	"slices"
)

// correction is what a closer look at a failure has found, by computing paths for some of the destinations where it meets the
// change.
type correction struct {
	rows  []int32 // that were computed: the first of open.meets, or all that are common
	net   int64   // what the worse arcs gain by the failure in these rows before the change
	rest  meeting // of the others
	exact bool    // all rows were computed in which the two may do together what neither does alone
}

// closer is a failure that is looked at closer: these rows are to be computed, and the rest bounded.
type closer struct {
	open
	rows []int32
	rest meeting

	before, after []ways // into what fails, per layer
}

func (t *trial) closer(o open) closer {
	c := closer{open: o}
	f := &t.sv.failures[o.index]
	for layer, after := range t.after.all() {
		c.before = append(c.before, t.sv.before.all()[layer].ways(f))
		c.after = append(c.after, after.ways(f))
	}
	return c
}

// narrowAll narrows the failures that the bounds leave open.
func (t *trial) narrowAll() {
	t.after.net.parallel(len(t.open), func(_ *scratch, i int) {
		if o := &t.open[i]; t.refinable(o) {
			t.narrow(o)
		}
	}, nil)
	t.open = slices.DeleteFunc(t.open, func(o open) bool { return !o.bound.above() && !o.cuts })
}

// refinable reports whether a closer look at a failure may settle it.
func (t *trial) refinable(o *open) bool {
	return o.bound.above() && t.additive(o.index) && t.exact[o.index] == nil && (o.bound.doubt || t.mayBeWorst(o))
}

// refine takes a closer look at the failures that the bounds leave open, where that is cheaper than computing them whole:
// at the destinations that matter most, as many more as are likely to settle the failure, or at all that it has in common with
// the change.
func (t *trial) refine(whole bool) {
	all, cheaper := make([]closer, len(t.open)), make([]bool, len(t.open))
	t.after.net.parallel(len(t.open), func(_ *scratch, i int) {
		if !t.refinable(&t.open[i]) {
			return
		}
		c := t.closer(t.open[i])
		if whole {
			t.settling(&c)
		} else {
			t.choose(&c)
		}
		all[i], cheaper[i] = c, 2*len(c.rows) < t.sv.effects[c.index].rows && (whole || len(c.rows) > 0)
	}, nil)
	var kept []open
	var list []closer
	for i, o := range t.open {
		if cheaper[i] {
			list = append(list, all[i])
		} else {
			kept = append(kept, o)
		}
	}
	t.open = kept
	for from := 0; from < len(list); from += sweepBatch {
		t.settle(list[from:min(len(list), from+sweepBatch)])
	}
}

// settle computes the chosen rows of each failure, and leaves open what they do not settle.
func (t *trial) settle(batch []closer) {
	t.correct(batch)
	outs := make([]*outcome, len(batch))
	t.after.net.parallel(len(batch), func(s *scratch, i int) {
		c := &batch[i]
		for j := range c.bound.suspects {
			x := &c.bound.suspects[j]
			x.more, x.drop = min(x.more, c.rest.moved), min(x.drop, c.rest.joint)
		}
		t.again(&c.open)
		if outs[i] = t.outcome(&c.open); outs[i] != nil && c.cuts {
			t.cutOff(s, &t.sv.failures[c.index], outs[i])
		}
	}, nil)
	for i, out := range outs {
		if c := &batch[i]; out != nil {
			t.keep(c.index, out)
		} else if c.bound.above() || c.cuts {
			t.open = append(t.open, c.open)
		}
	}
}

// outcome is what a failure does, when its suspects are known exactly and the survey tells exactly what it does to them before
// the change; all other directions are below the level. Else it is nil.
func (t *trial) outcome(o *open) *outcome {
	e, n := &t.sv.effects[o.index], t.after.net
	if !o.known.exact || !o.bound.above() {
		return nil
	}
	out := &outcome{worst: verdict{index: o.index, peak: peak{permil: -1, arc: -1}}}
	var full []peak
	for _, x := range o.bound.suspects {
		if !e.has(n, x.arc) {
			return nil
		}
		load := t.after.load[x.arc] + x.gain + x.by
		out.worst.peak.over(n, x.arc, load)
		if load > t.full[x.arc] {
			full = append(full, peak{permil: n.permil(x.arc, load), load: load, arc: x.arc})
		}
	}
	t.over(func(arc int32) int64 { return e.atMost(n, arc) }, full, out)
	return out
}

// hint raises the bars to what failure i makes of one direction, where that is cheaper to find out than what it does to all. It
// reports whether it was.
func (t *trial) hint(i int, arc int32) bool {
	e, n := &t.sv.effects[i], t.after.net
	if !t.additive(i) || !e.has(n, arc) {
		return false
	}
	c := t.closer(open{index: i, bound: bound{suspects: []suspect{{arc: arc, gain: e.atMost(n, arc)}}}})
	t.settling(&c)
	if 2*len(c.rows) >= e.rows {
		return false
	}
	batch := []closer{c}
	t.correct(batch)
	load := t.after.load[arc] + batch[0].bound.suspects[0].gain + batch[0].bound.suspects[0].by
	if v := (verdict{i, peak{permil: n.permil(arc, load), load: load, arc: arc}}); v.beats(t.best) {
		t.best = v
		t.raise()
	}
	return true
}

// choose picks the rows to be computed next: those that may exceed the sum most.
func (t *trial) choose(c *closer) {
	k := t.slack
	brought := k.brought(&t.sv.failures[c.index], &t.sv.effects[c.index]) - c.known.net
	space, room := t.barFor(c.index).space, saturate(1<<62)
	for _, x := range c.bound.suspects {
		room = min(room, space[x.arc]-x.gain-x.by-x.drop)
	}
	known := len(c.known.rows)
	to := len(c.meets)
	for ; to > known; to-- {
		rest := c.rest.plus(c.meets[to-1].meeting)
		if rest.moved+k.onto(brought, rest.joint) > room {
			break
		}
		c.rest = rest
	}
	for _, m := range c.meets[known:to] {
		c.rows = append(c.rows, m.row)
	}
}

// meets are the rows where a failure meets the change, once each and ascending.
func (k *slack) meets(f *failure) []meet {
	var list []meet
	elements := 0
	k.eachElement(f, func(i int32) {
		list = append(list, k.met[k.first[i]:k.first[i+1]]...)
		elements++
	})
	if elements == 1 {
		return list
	}
	slices.SortFunc(list, func(a, b meet) int { return cmp.Compare(a.row, b.row) })
	rows := list[:0]
	for i := 0; i < len(list); {
		m := list[i]
		for i++; i < len(list) && list[i].row == m.row; i++ {
			m.meeting = m.plus(list[i].meeting)
		}
		rows = append(rows, m)
	}
	return rows
}

// settling chooses all rows, but for known ones, in which the failure and the change may do together to a suspect what neither does
// alone.
func (t *trial) settling(c *closer) {
	c.known.exact = true
	computed := make([]bool, len(t.after.rows))
	for _, row := range c.known.rows {
		computed[row] = true
	}
	f := &t.sv.failures[c.index]
	at := int32(0)
	for layer, before := range t.sv.before.all() {
		for index, was := range before.rows {
			if is := t.after.all()[layer].rows[index]; !computed[at] && t.common(c, layer, f, was, is) && c.nearest(layer, was, is) < Unreachable {
				c.rows = append(c.rows, at)
			}
			at++
		}
	}
}

// common reports whether the failure and the change may do together in a row what neither does alone. Else the sum of what each does
// is exact to the last unit: the change leaves the row as it is, and the failure sends nothing onto the worse arcs, since it strands
// none of their tails; or what fails is not used.
func (t *trial) common(c *closer, layer int, f *failure, was, is *row) bool {
	if is != was {
		return f.hits(was) || f.hits(is)
	}
	return f.hits(was) && slices.ContainsFunc(t.by[layer], func(x arcChange) bool {
		return c.before[layer].strand(was, t.after.net.tail[x.arc], followed)
	})
}
