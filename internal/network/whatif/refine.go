package whatif

import (
	"cmp"
	"slices"
)

// correction is how far a failure's loads after a change differ from the sum of what each does alone, as found by
// computing paths for some of the destinations where the two meet.
type correction struct {
	rows int     // that were computed: the first in the order of choose
	arcs []int32 // ascending
	by   []int64 // units
	net  int64   // what the worse arcs gain by the failure in these rows before the change
	more int64   // that the other destinations may add to any arc
	drop int64   // and to those that the change takes something off
}

// has reports whether the correction says something of arc.
func (c *correction) has(arc int32) bool {
	_, ok := slices.BinarySearch(c.arcs, arc)
	return ok
}

// closer is a failure that is looked at closer: some rows are computed, and the rest of those that meet it bounded.
type closer struct {
	open
	rows []int32
	rest meeting
}

// refine takes a closer look at the failures that the bounds leave open, where that is cheaper than computing them whole:
// at the destinations that matter most, as many more as are likely to settle the failure, or at all that meet it.
func (t *trial) refine(whole bool) {
	var kept []open
	var list []closer
	for _, o := range t.open {
		if !o.bound.above() || !t.additive(o.index) || t.exact[o.index] != nil || !o.bound.doubt && !t.mayBeWorst(&o) {
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
		t.correct(batch)
		t.after.net.parallel(len(batch), func(_ *scratch, i int) { batch[i].bound = t.bound(batch[i].index, &batch[i].known) }, nil)
		for _, c := range batch {
			if c.bound.above() || c.cuts {
				t.open = append(t.open, c.open)
			}
		}
	}
}

// choose picks the rows to be computed next: those that may exceed the sum most.
func (t *trial) choose(c *closer, whole bool) {
	k, f := t.slack, &t.sv.failures[c.index]
	list := k.meets(f)
	slices.SortFunc(list, func(a, b meet) int {
		return cmp.Or(cmp.Compare(b.moved+b.joint, a.moved+a.joint), cmp.Compare(a.row, b.row))
	})
	net, to := k.bare(f)+k.gained(&t.sv.effects[c.index])-c.known.net, len(list)
	for ; to > c.known.rows && !whole; to-- {
		rest := c.rest.plus(list[to-1].meeting)
		if k.rest(rest, net) > c.bound.room {
			break
		}
		c.rest = rest
	}
	for _, m := range list[c.known.rows:to] {
		c.rows = append(c.rows, m.row)
	}
}

// meets are the rows where a failure meets the change, once each.
func (k *slack) meets(f *failure) []meet {
	var list []meet
	k.eachElement(f, func(i int32) { list = append(list, k.met[k.first[i]:k.first[i+1]]...) })
	slices.SortFunc(list, func(a, b meet) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.element, b.element)) })
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

// correct computes the chosen rows of each failure before the change and after it. What the failure brings onto the worse
// arcs in these rows is known then, and only the rest of that counts for the others.
func (t *trial) correct(batch []closer) {
	n := t.after.net
	list := make([]*failure, len(batch))
	on := make([][]int32, len(t.after.rows))
	for i := range batch {
		c := &batch[i]
		list[i] = &t.sv.failures[c.index]
		c.known.rows += len(c.rows)
		for _, row := range c.rows {
			on[row] = append(on[row], int32(i))
		}
	}
	lists := func(row int) []int32 { return on[row] }
	n.sweepRows(t.sv.before, list, lists, func(s *scratch, i int, _ failureLog) {
		c := &batch[i].known
		for _, x := range t.slack.worse {
			c.net += s.gained(x.arc)
		}
		c.take(s, -1)
	})
	n.sweepRows(t.after, list, lists, func(s *scratch, i int, _ failureLog) {
		c := &batch[i]
		c.known.take(s, 1)
		net := t.slack.bare(list[i]) + t.slack.gained(&t.sv.effects[c.index]) - c.known.net
		c.known.more, c.known.drop = t.slack.rest(c.rest, net), c.rest.joint
	})
}

// take adds the sum just made, so many times.
func (c *correction) take(s *scratch, times int64) {
	for _, arc := range s.touched {
		s.gain[arc] *= times
	}
	for i, arc := range c.arcs {
		s.add(arc, c.by[i])
	}
	slices.Sort(s.touched)
	c.arcs, c.by = c.arcs[:0], c.by[:0]
	for _, arc := range s.touched {
		if x := s.gain[arc]; x != 0 {
			c.arcs, c.by = append(c.arcs, arc), append(c.by, x)
		}
	}
}
