package whatif

import (
	"cmp"
	"slices"
)

// correction is how far a failure's loads after a change differ from the sum of what each does alone, as found by
// computing paths for some of the destinations where the two meet.
type correction struct {
	arcs []int32 // ascending
	by   []int64 // units
	more int64   // that the other destinations may add to any arc
	drop int64   // and to those that the change takes something off
}

// has reports whether the correction says something of arc.
func (c *correction) has(arc int32) bool {
	if c == nil {
		return false
	}
	_, ok := slices.BinarySearch(c.arcs, arc)
	return ok
}

// closer is a failure that is looked at closer: some rows are computed, and the rest of those that meet it bounded.
type closer struct {
	open
	rows []int32
	rest meeting
	all  int64 // on the worse arcs, of the rows that are not computed
}

// refine takes a closer look at the failures that the bounds leave open, where that is cheaper than computing them whole:
// at the destinations that matter most, as many as are likely to settle the failure, or at all that meet it.
func (t *trial) refine(whole bool) {
	var kept []open
	var list []closer
	for _, o := range t.open {
		if !o.bound.above() || !t.additive(o.index) || t.exact[o.index] != nil || t.limits.Bound && !o.bound.doubt {
			kept = append(kept, o)
			continue
		}
		c := closer{open: o}
		t.choose(&c, whole)
		if 2*len(c.rows) < t.sv.effects[o.index].rows && len(c.rows) > 0 {
			list = append(list, c)
		} else {
			kept = append(kept, o)
		}
	}
	t.open = kept
	for from := 0; from < len(list); from += sweepBatch {
		batch := list[from:min(len(list), from+sweepBatch)]
		found := t.correct(batch)
		bounds := make([]bound, len(batch))
		t.after.net.parallel(len(batch), func(_ *scratch, i int) { bounds[i] = t.bound(batch[i].index, &found[i]) }, nil)
		for i, c := range batch {
			if c.bound = bounds[i]; c.bound.above() || c.cuts {
				t.open = append(t.open, c.open)
			}
		}
	}
}

// choose picks the rows to be computed: those that may exceed the sum most.
func (t *trial) choose(c *closer, whole bool) {
	f, e := &t.sv.failures[c.index], &t.sv.effects[c.index]
	list := t.slack.meets(f)
	slices.SortFunc(list, func(a, b meet) int {
		return cmp.Or(cmp.Compare(b.both+b.less, a.both+a.less), cmp.Compare(a.row, b.row))
	})
	net := t.slack.bare(f) + t.slack.gained(e)
	from := len(list)
	c.all = t.slack.all
	for _, m := range list {
		c.all -= t.slack.moved[m.row]
	}
	for from > 0 && !whole {
		m, a := list[from-1], t.slack.moved[list[from-1].row]
		rest := c.rest.plus(m.meeting)
		if t.slack.rest(rest, c.all+a, net) > c.bound.room/4*3 {
			break
		}
		c.rest, c.all, from = rest, c.all+a, from-1
	}
	for _, m := range list[:from] {
		c.rows = append(c.rows, m.row)
	}
}

// meets are the rows where a failure meets the change by more than rounding, once each.
func (k *slack) meets(f *failure) []meet {
	var list []meet
	k.eachElement(f, func(i int32) { list = append(list, k.met[k.first[i]:k.first[i+1]]...) })
	slices.SortFunc(list, func(a, b meet) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.element, b.element)) })
	rows := list[:0]
	for i := 0; i < len(list); {
		m := list[i]
		for i++; i < len(list) && list[i].row == m.row; i++ {
			m.meeting, m.down = m.plus(list[i].meeting), m.down || list[i].down
		}
		a := k.moved[m.row]
		if m.down && !f.alone() && k.uses(m.row, f) {
			m.meeting = meeting{both: a, drop: a, less: a}
		}
		m.meeting = meeting{both: min(a, m.both), drop: min(a, m.drop), less: min(a, m.less)}
		if m.both > 0 || m.drop > 0 || m.less > 0 {
			rows = append(rows, m)
		}
	}
	return rows
}

// uses reports whether a row uses more than one of the things that fail, before the change or after.
func (k *slack) uses(row int32, f *failure) bool {
	old, after, used := k.before.rows[row], k.after.rows[row], 0
	k.eachElement(f, func(i int32) {
		if i >= int32(len(k.net.tail)) || old.has(i) || after.has(i) {
			used++
		}
	})
	return used > 1
}

// correct computes some rows of each failure before the change and after it. What the failure brings onto the worse arcs
// in these rows is known then, and only the rest of that counts for the others.
func (t *trial) correct(batch []closer) []correction {
	n := t.after.net
	found, list := make([]correction, len(batch)), make([]*failure, len(batch))
	on := make([][]int32, len(n.dests))
	for i, c := range batch {
		list[i] = &t.sv.failures[c.index]
		for _, row := range c.rows {
			on[row] = append(on[row], int32(i))
		}
	}
	lists := func(row int) []int32 { return on[row] }
	n.sweepRows(t.sv.before, list, lists, func(s *scratch, i int, _ failureLog) {
		net := t.slack.bare(list[i]) + t.slack.gained(&t.sv.effects[batch[i].index])
		for _, c := range t.slack.worse {
			net -= s.gained(c.arc)
		}
		found[i] = correction{more: t.slack.rest(batch[i].rest, batch[i].all, net), drop: batch[i].rest.drop}
		for _, arc := range s.touched {
			found[i].arcs, found[i].by = append(found[i].arcs, arc), append(found[i].by, -s.gain[arc])
		}
	})
	n.sweepRows(t.after, list, lists, func(s *scratch, i int, _ failureLog) {
		c := &found[i]
		for j, arc := range c.arcs {
			s.add(arc, c.by[j])
		}
		slices.Sort(s.touched)
		c.arcs, c.by = c.arcs[:0], c.by[:0]
		for _, arc := range s.touched {
			if x := s.gain[arc]; x != 0 {
				c.arcs, c.by = append(c.arcs, arc), append(c.by, x)
			}
		}
	})
	return found
}
