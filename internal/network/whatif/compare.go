package whatif

import "slices"

// tally is what one worker has found out about the closers of a batch.
type tally struct {
	net []int64   // per closer
	by  [][]int64 // per closer, and per suspect, or per arc where suspects are many
}

func newTally(batch []closer, arcs int) *tally {
	y := &tally{net: make([]int64, len(batch)), by: make([][]int64, len(batch))}
	for i := range batch {
		size := len(batch[i].bound.suspects)
		if size > many {
			size = arcs
		}
		y.by[i] = make([]int64, size)
	}
	return y
}

// correct computes the chosen rows of each failure before the change and after it. What the failure brings onto the worse
// arcs in these rows is known then, and only the rest of that counts for the others.
func (t *trial) correct(batch []closer) {
	n := t.after.net
	on := make([][]int32, len(t.after.rows))
	var rows []int32
	for i := range batch {
		c := &batch[i]
		for _, row := range c.rows {
			if on[row] == nil {
				rows = append(rows, row)
			}
			on[row] = append(on[row], int32(i))
		}
		c.known.rows, c.known.rest = slices.Concat(c.known.rows, c.rows), c.rest
	}
	var found []*tally
	n.parallel(len(rows), func(s *scratch, j int) {
		if s.tally == nil {
			s.tally = newTally(batch, len(n.tail))
		}
		t.compare(s, int(rows[j]), batch, on[rows[j]])
	}, func(s *scratch) {
		if s.tally != nil {
			found = append(found, s.tally)
			s.tally = nil
		}
	})
	for _, y := range found { // now that nobody reads the suspects any more
		for i := range batch {
			c := &batch[i]
			c.known.net += y.net[i]
			for j := range c.bound.suspects {
				x := &c.bound.suspects[j]
				x.by += y.by[i][c.at(j)]
			}
		}
	}
}

// compare tallies what the failures of some of a batch do in a row after the change, and did not before: first all that they did,
// since repairs of one row cost less one after the other.
func (t *trial) compare(s *scratch, row int, batch []closer, which []int32) {
	layer, _ := t.after.layer(row)
	r := t.sv.before.rows[row]
	for _, i := range which {
		c := &batch[i]
		nearest := c.nearest(c.before[layer], r)
		if !c.known.exact {
			nearest = min(nearest, t.onto(c, layer, r))
		}
		if s.failSome(&s.before, t.sv.before, row, &t.sv.failures[c.index], nearest) {
			c.tally(s, s.tally.by[i], -1)
			for _, x := range t.slack.worse {
				s.tally.net[i] += s.gained(x.arc)
			}
		}
	}
	r = t.after.rows[row]
	for _, i := range which {
		c := &batch[i]
		if s.failSome(&s.after, t.after, row, &t.sv.failures[c.index], c.nearest(c.after[layer], r)) {
			c.tally(s, s.tally.by[i], 1)
		}
	}
}

// failSome sums up what the failure does in a row, but nearer than nearest to the destination, and reports whether it does anything.
func (s *scratch) failSome(p *probe, st *State, row int, f *failure, nearest uint32) bool {
	if nearest == Unreachable || !f.hits(st.rows[row]) {
		return false
	}
	s.nextSum()
	s.failRow(p, st, row, f, nearest)
	return true
}

// nearest is how far the nearest tail is of any suspect that a failure may change; 0 when that takes too long to find out.
func (c *closer) nearest(w ways, r *row) uint32 {
	if len(c.bound.suspects) > many {
		return 0
	}
	return w.nearest(r, c.bound.suspects)
}

// onto is how far the nearest tail is of any worse arc that a failure may change.
func (t *trial) onto(c *closer, layer int, r *row) uint32 {
	nearest := uint32(Unreachable)
	for _, x := range t.by[layer] {
		if far := r.dist[t.after.net.tail[x.arc]]; far < nearest && c.before[layer].change(r, x.arc) {
			nearest = far
		}
	}
	return nearest
}

// many suspects are not looked at one by one for each row.
const many = 64

// at is where the tally of suspect j is.
func (c *closer) at(j int) int32 {
	if len(c.bound.suspects) > many {
		return c.bound.suspects[j].arc
	}
	return int32(j)
}

// tally adds what the suspects gain in the sum just made, so many times.
func (c *closer) tally(s *scratch, by []int64, times int64) {
	if len(c.bound.suspects) > many {
		for _, arc := range s.touched {
			by[arc] += times * s.gain[arc]
		}
		return
	}
	for j, x := range c.bound.suspects {
		by[j] += times * s.gained(x.arc)
	}
}
