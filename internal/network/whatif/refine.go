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
		batch := closer[from:min(len(closer), from+sweepBatch)]
		found := make([]correction, len(batch))
		t.after.net.parallel(len(batch), func(s *scratch, i int) {
			found[i] = t.correct(s, batch[i].index, rows[from+i])
		}, nil)
		for i, o := range batch {
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

// correct computes rows with the failure before the change and after it. What the failure brings onto the worse arcs in
// these rows is known then, and only the rest of that counts for the others.
func (t *trial) correct(s *scratch, index int, rows []int32) correction {
	n, f, e := t.after.net, &t.sv.failures[index], &t.sv.effects[index]
	var log failureLog
	for _, row := range rows {
		if f.hits(t.sv.before.rows[row]) {
			s.failRow(t.sv.before, &s.before, int(row), f, &log)
		}
	}
	before := len(log.arcs)
	for _, row := range rows {
		if f.hits(t.after.rows[row]) {
			s.failRow(t.after, &s.after, int(row), f, &log)
		}
	}
	brought := int64(0)
	s.nextSum()
	for i, arc := range log.arcs[:before] {
		s.add(arc, -log.gain[i])
	}
	for _, c := range t.slack.worse {
		brought += e.atMost(n, c.arc) + s.gained(c.arc)
	}
	for i, arc := range log.arcs[before:] {
		s.add(arc, log.gain[before+i])
	}
	slices.Sort(s.touched)
	var c correction
	for _, arc := range s.touched {
		if x := s.gain[arc]; x != 0 {
			c.arcs, c.by = append(c.arcs, arc), append(c.by, x)
		}
	}
	rounding := t.slack.rows * int64(len(n.tail))
	c.more = saturate(2*rounding + saturate(max(0, brought+t.slack.bare(f)+rounding)))
	return c
}
