package whatif

import "slices"

// correction is how far a failure's loads after a change differ from the sum of what each does alone, as found by
// computing paths for the destinations where the two meet by more than rounding.
type correction struct {
	arcs []int32 // ascending
	by   []int64 // units
	more int64   // that the other destinations may add to any arc
}

// of is what the correction adds to arc.
func (c *correction) of(arc int32) int64 {
	if c == nil {
		return 0
	}
	if i, ok := slices.BinarySearch(c.arcs, arc); ok {
		return c.by[i]
	}
	return 0
}

// refine takes a closer look at the failures that the bounds leave open, where that is cheaper than computing them whole:
// they come again into the open, or are settled.
func (t *trial) refine() {
	var kept, closer []open
	var rows [][]int32
	for _, o := range t.open {
		f := &t.sv.failures[o.index]
		if e := &t.sv.effects[o.index]; o.loads && t.worse && e.kept && len(f.links)+len(f.nodes) == 1 {
			if meets := t.slack.meets(f); 2*len(meets) < e.rows {
				closer, rows = append(closer, o), append(rows, meets)
				continue
			}
		}
		kept = append(kept, o)
	}
	t.open = kept
	for from := 0; from < len(closer); from += sweepBatch {
		to := min(len(closer), from+sweepBatch)
		found := t.correct(closer[from:to], rows[from:to])
		for i, o := range closer[from:to] {
			t.again(o, &found[i])
		}
	}
}

// again bounds a failure with its correction.
func (t *trial) again(o open, c *correction) {
	f := &t.sv.failures[o.index]
	t.look = look{failure: o.index, moved: t.after.moved(f), peak: peak{arc: -1}}
	t.sum(&t.sv.effects[o.index], c, c.more)
	o.loads, o.bound = t.look.peak.arc >= 0, t.look.peak
	o.must = t.look.doubt || t.mayCut(o.index)
	if o.loads || o.must {
		t.open = append(t.open, o)
	}
}

// meets are the rows where a failure that comes alone meets the change by more than rounding, ascending.
func (k *slack) meets(f *failure) []int32 {
	var rows []int32
	for _, link := range f.links {
		for _, arc := range k.net.arcsOf[link] {
			rows = append(rows, k.arcs[arc].rows...)
		}
	}
	for _, node := range f.nodes {
		rows = append(rows, k.nodes[node].rows...)
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}

// correct computes some rows of each failure before the change and after it. What the failure brings onto the worse arcs
// in these rows is known then, and only the rest of that counts for the others.
func (t *trial) correct(batch []open, rows [][]int32) []correction {
	n := t.after.net
	found, list := make([]correction, len(batch)), make([]*failure, len(batch))
	on := make([][]int32, len(n.dests))
	for i, o := range batch {
		list[i] = &t.sv.failures[o.index]
		for _, row := range rows[i] {
			on[row] = append(on[row], int32(i))
		}
	}
	lists := func(row int) []int32 { return on[row] }
	rounding := t.slack.rows * int64(len(n.tail))
	n.sweepRows(t.sv.before, list, lists, func(s *scratch, i int, _ failureLog) {
		brought := t.slack.bare(list[i]) + rounding
		for _, c := range t.slack.worse {
			brought += t.sv.effects[batch[i].index].atMost(n, c.arc) - s.gained(c.arc)
		}
		found[i] = correction{more: saturate(2*rounding + saturate(max(0, brought)))}
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
