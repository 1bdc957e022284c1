package whatif

import (
	"math/bits"
	"slices"
)

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

// correct computes, for the chosen rows of each failure, what the change does there once the failure has happened, against what it
// does without. What the failure brings onto the worse arcs in these rows is known then, and only the rest of that counts for the
// others.
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

// compare tallies what the change does in a row once each of some of a batch's failures has happened, and does not do without: by a
// repair of the row for the failure, and on top of that one for the change.
func (t *trial) compare(s *scratch, index int, batch []closer, which []int32) {
	w := t.pair(s, index)
	for _, i := range which {
		c := &batch[i]
		f := &t.sv.failures[c.index]
		nearest, by := c.nearest(w.layer, w.was, w.is), s.tally.by[i]
		hit := f.hits(w.was)
		if floor := t.floor(c, w, nearest); hit && floor < Unreachable {
			s.nextSum()
			s.failRow(t.sv.before, index, f, floor)
			for _, x := range t.slack.worse {
				s.tally.net[i] += s.gained(x.arc)
			}
		}
		if nearest == Unreachable {
			continue
		}
		w.alone(s.net, c, by)
		if !slices.Contains(f.nodes, w.to) { // else nobody sends anything
			t.onTop(s, f, hit, nearest)
			c.tally(w.second, by)
		}
	}
}

// floor is how near to the destination a failure has to be followed in a row: to the suspects, and to the worse arcs, as far as the
// change or what comes onto them is asked for.
func (t *trial) floor(c *closer, w *pair, nearest uint32) uint32 {
	floor := nearest
	for _, x := range t.by[w.layer] {
		far := w.was.dist[t.after.net.tail[x.arc]]
		if far < floor && (nearest < Unreachable || !c.known.exact && c.before[w.layer].change(w.was, x.arc)) {
			floor = far
		}
	}
	return floor
}

// pair is a row before the change and after it, with what one worker needs to look at failures there.
type pair struct {
	layer   int
	to      int32
	was, is *row
	second  *scratch // for repairs on top of others
	differ  []int32  // nodes with other next hops
	shifted bool     // that is known:
	arcs    []int32  // whose load the change changes when nothing fails,
	shift   []int64  // by so much
}

// pair prepares to look at a row.
func (t *trial) pair(s *scratch, index int) *pair {
	if s.pair == nil {
		s.pair = &pair{second: newScratch(s.net)}
	}
	w := s.pair
	w.layer, _ = t.after.layer(index)
	w.to, w.was, w.is = t.after.to(index), t.sv.before.rows[index], t.after.rows[index]
	w.second.was, w.shifted = nil, false
	return w
}

// alone takes off what the change does when nothing fails.
func (w *pair) alone(n *Net, c *closer, by []int64) {
	if w.is == w.was {
		return
	}
	if len(c.bound.suspects) <= many {
		for j, x := range c.bound.suspects {
			by[j] -= w.is.carried(n, x.arc) - w.was.carried(n, x.arc)
		}
		return
	}
	if !w.shifted {
		w.difference(n)
	}
	for i, arc := range w.arcs {
		by[arc] -= w.shift[i]
	}
}

// difference finds what the change does to each arc when nothing fails.
func (w *pair) difference(n *Net) {
	x := w.second
	x.nextSum()
	w.differ = w.differ[:0]
	for i, word := range w.was.next {
		for other := word ^ w.is.next[i]; other != 0; other &= other - 1 {
			if node := n.tail[i<<6+bits.TrailingZeros64(other)]; len(w.differ) == 0 || node != w.differ[len(w.differ)-1] {
				w.differ = append(w.differ, node)
			}
		}
	}
	changed := w.differ
	for node, flow := range w.was.flow {
		other := len(changed) > 0 && changed[0] == int32(node)
		if other {
			changed = changed[1:]
		}
		if other || flow != w.is.flow[node] {
			x.pass(w.was, int32(node), -1)
			x.pass(w.is, int32(node), 1)
		}
	}
	w.shifted, w.arcs, w.shift = true, w.arcs[:0], w.shift[:0]
	for _, arc := range x.touched {
		w.arcs, w.shift = append(w.arcs, arc), append(w.shift, x.gain[arc])
	}
}

// onTop sums up what the change does in the row once f has happened, which s has just repaired it for if f hits it, as far as that
// is nearest or farther from the destination.
func (t *trial) onTop(s *scratch, f *failure, hit bool, nearest uint32) {
	w := s.pair
	x := w.second
	x.nextSum()
	if !hit {
		s.worse = s.worse[:0]
		s.begin(w.was)
	}
	failed := &s.is
	if !slices.ContainsFunc(t.by[w.layer], func(c arcChange) bool { return failed.has(c.arc) }) {
		return
	}
	x.follow(s, failed)
	if x.gather(failed, w.to, t.by[w.layer]) {
		v := s.after.try(s.net, t.after.all()[w.layer].view, f)
		x.reroute(v, w.to, failed)
		x.carry(w.to, failed, nearest)
		s.after.takeBack(s.net, f)
	}
	x.follow(s, w.was)
}

// nearest is how far the nearest tail is of any suspect that the failure may change, before the change or after it; 0 when that takes
// too long to find out.
func (c *closer) nearest(layer int, was, is *row) uint32 {
	list := c.bound.suspects
	if len(list) > many {
		return 0
	}
	nearest := c.before[layer].nearest(was, list)
	if is != was {
		nearest = min(nearest, c.after[layer].nearest(is, list))
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

// tally adds what the suspects gain in the sum just made.
func (c *closer) tally(s *scratch, by []int64) {
	if len(c.bound.suspects) > many {
		for _, arc := range s.touched {
			by[arc] += s.gain[arc]
		}
		return
	}
	for j, x := range c.bound.suspects {
		by[j] += s.gained(x.arc)
	}
}
