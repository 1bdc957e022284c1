package whatif

import "slices"

// slack bounds how far the loads after a change and a failure together may exceed the sum of what each does alone:
//
//	load(change, failure) <= load(failure) + load(change) - load() + slack
//
// for every arc, when the change only makes arcs worse. For a destination t let a be its traffic on the worse arcs and F,
// F' its traffic that the failure moves before and after the change. Taking things away adds at most the traffic moved to
// any arc, and takes at most as much from any. Applied to the failure first and the change second, and the other way
// round, t can exceed the sum on an arc by at most
//
//	min(a + g + d, F + F')
//
// where g is what the failure brings onto the worse arcs and d what the change takes off the arc, a at most; destinations
// that do not use worse arcs have only g. Over all destinations g is what the worse arcs gain by the failure, plus what
// they lose by it, which is at most the sum of min(a, F).
//
// Mostly the two meet less than that. Let the change touch t at the nodes where its next hops change or worse arcs begin.
//   - What fails does not lie downstream of a touched node, before the change or after. Then it neither alters the ways
//     that the change uses nor those it takes instead, so the change moves what crosses the worse arcs in the same way, and
//     t exceeds the sum by at most g and what the failure takes off the worse arcs: nothing, unless it lies upstream of a
//     touched node.
//   - It does, and nothing else fails that t uses, but every node that sends into it keeps another next hop, so that no
//     distance changes, has the same traffic after the change as before, and nothing downstream of it is touched. Then t
//     does not exceed the sum at all.
//   - A failed node's own traffic ends; on a way that is not touched that is linear.
//
// Rounding then adds less than a quarter of a unit per arc and state.
type slack struct {
	net           *Net
	before, after *State
	worse         []arcChange
	moved         []int64 // per row: a
	all           int64   // sum of a over destinations
	rows          int64   // destinations with traffic on the worse arcs
	cross         int64   // how many of the worse arcs one path can cross
	drop          []int64 // per arc: sum of d over destinations

	elements []element // arcs, then nodes
	met      []meet    // the destinations that these come of, by element
	first    []int32   // per element, its first of these; one more at the end
}

// element is what the failure of one arc or node adds to the slack.
type element struct {
	alone  meeting // when nothing else fails
	joined meeting // when something does
	bare   int64   // traffic to destinations that the change overloads: a failure may take it off an arc that is worse for others
}

// meeting is how far destinations exceed the sum, without g and rounding.
type meeting struct {
	both int64 // on any arc
	drop int64 // and on those that the change takes something off
	less int64 // what the failure takes off the worse arcs
}

// plus adds two, and saturates.
func (m meeting) plus(x meeting) meeting {
	return meeting{both: saturate(m.both + x.both), drop: saturate(m.drop + x.drop), less: saturate(m.less + x.less)}
}

// meet is a destination that may exceed the sum when one arc or node fails.
type meet struct {
	element int32
	row     int32
	meeting
	down bool // what fails is downstream of a touched node: with something else failing, nothing is known but a
}

// newSlack prepares the bound for every failure of a change that leads from before to after.
func newSlack(before, after *State, worse []arcChange) *slack {
	n := before.net
	k := &slack{
		net: n, before: before, after: after, worse: worse, drop: make([]int64, len(n.tail)),
		moved: make([]int64, len(before.rows)), elements: make([]element, len(n.tail)+len(n.nodes)),
	}
	k.countCrossings(n, before.view, after.view)
	var affected []int32
	for i, old := range before.rows {
		if before.view.overload[n.dests[i]] != after.view.overload[n.dests[i]] {
			k.addBare(old)
		}
		if after.rows[i] != old {
			affected = append(affected, int32(i))
		}
	}
	var found [][]meet
	n.parallel(len(affected), func(s *scratch, j int) {
		i := affected[j]
		if k.moved[i] = s.movedBy(worse, before.rows[i], n.dests[i]); k.moved[i] > 0 {
			if s.meeter == nil {
				s.meeter = newMeeter(n, worse)
			}
			s.meeter.meet(i, before.rows[i], after.rows[i], k.moved[i])
		}
	}, func(s *scratch) {
		if s.meeter != nil {
			found = append(found, s.meeter.found)
			for arc, x := range s.meeter.drop {
				k.drop[arc] += x
			}
			s.meeter = nil
		}
	})
	for _, a := range k.moved {
		if a > 0 {
			k.all += a
			k.rows++
		}
	}
	k.sort(found)
	return k
}

// sort puts what was found in the order of elements, and sums it up for each.
func (k *slack) sort(found [][]meet) {
	k.first = make([]int32, len(k.elements)+1)
	for _, list := range found {
		for _, m := range list {
			k.first[m.element+1]++
			k.elements[m.element].add(m, k.moved[m.row])
		}
	}
	for i := range k.elements {
		k.first[i+1] += k.first[i]
	}
	k.met = make([]meet, k.first[len(k.elements)])
	next := slices.Clone(k.first)
	for _, list := range found {
		for _, m := range list {
			k.met[next[m.element]] = m
			next[m.element]++
		}
	}
}

// add takes in a destination with a units on worse arcs.
func (x *element) add(m meet, a int64) {
	x.alone = x.alone.plus(m.meeting)
	x.joined = x.joined.plus(m.meeting)
	if m.down {
		x.joined = x.joined.plus(meeting{both: a, drop: a, less: a})
	}
}

// movedBy is the row's traffic on arcs that become worse for it.
func (s *scratch) movedBy(worse []arcChange, r *row, to int32) int64 {
	sum := int64(0)
	for _, c := range worse {
		if c.on(s.net, to) <= 0 || !r.has(c.arc) {
			continue
		}
		tail := s.net.tail[c.arc]
		s.hops = r.hops(s.net, tail, s.hops[:0])
		sum += portion(r.flow[tail], len(s.hops), slices.Index(s.hops, c.arc))
	}
	return sum
}

func (k *slack) countCrossings(n *Net, before, after *view) {
	dearer := map[int32]bool{}
	for _, c := range k.worse {
		if c.ends > 0 {
			dearer[n.linkOf[c.arc]] = true
		}
	}
	k.cross = int64(len(dearer))
	for node := range n.nodes {
		if after.overload[node] && !before.overload[node] {
			k.cross++
		}
	}
	k.cross = max(1, k.cross)
}

// addBare adds the row of a destination that the change overloads: what goes to it may leave a worse arc by a failure
// though the arc is not worse for it.
func (k *slack) addBare(r *row) {
	r.eachArc(k.net, nil, func(arc int32, x int64) { k.elements[arc].bare += x })
	for node, x := range r.flow {
		k.elements[len(k.net.tail)+node].bare += x
	}
}

// eachElement visits what fails in f.
func (k *slack) eachElement(f *failure, visit func(element int32)) {
	for _, link := range f.links {
		visit(k.net.arcsOf[link][0])
		visit(k.net.arcsOf[link][1])
	}
	for _, node := range f.nodes {
		visit(int32(len(k.net.tail)) + node)
	}
}

// alone reports whether one thing fails.
func (f *failure) alone() bool { return len(f.links)+len(f.nodes) == 1 }

// rounding is what dividing traffic into whole units may add.
func (k *slack) rounding() int64 { return k.rows * int64(len(k.net.tail)) }

// of is the slack for a failure with the given effect before the change: on any arc, and how much more on those that the
// change takes something off.
func (k *slack) of(f *failure, e *effect) (more, drop int64) {
	var sum meeting
	k.eachElement(f, func(i int32) {
		if f.alone() {
			sum = sum.plus(k.elements[i].alone)
		} else {
			sum = sum.plus(k.elements[i].joined)
		}
	})
	return k.rest(sum, k.all, k.bare(f)+k.gained(e)), sum.drop
}

// gained is what the failure brings onto the worse arcs at most, less what it takes off them.
func (k *slack) gained(e *effect) int64 {
	sum := int64(0)
	for _, c := range k.worse {
		sum += e.atMost(k.net, c.arc)
	}
	return sum
}

// rest is the slack of destinations that meet the failure so, that have all units on the worse arcs, and for which these
// gain net units by the failure.
func (k *slack) rest(sum meeting, all, net int64) int64 {
	lost := sum.less + k.rounding()
	if lost > all/k.cross {
		lost = all
	} else {
		lost *= k.cross
	}
	return saturate(saturate(sum.both+k.rounding()) + saturate(max(0, lost+net)))
}

// bare is the traffic to destinations that the change overloads which the failure may move.
func (k *slack) bare(f *failure) int64 {
	sum := int64(0)
	k.eachElement(f, func(i int32) { sum = saturate(sum + k.elements[i].bare) })
	return sum
}

// drained bounds what the change adds to any arc once the failure has happened: all that is on the worse arcs then.
func (k *slack) drained(f *failure, e *effect) int64 {
	return saturate(max(0, k.all+k.bare(f)+k.gained(e)))
}

// saturate keeps sums of loads where adding a few of them cannot overflow: no load is ever more than that.
func saturate(x int64) int64 { return min(x, maxTotal<<fraction) }
