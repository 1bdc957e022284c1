package whatif

import "slices"

// slack bounds how far the loads after a change and a failure together may exceed the sum of what each does alone:
//
//	load(change, failure) <= load(failure) + load(change) - load() + slack
//
// for every arc, when the change only makes arcs worse. Think of traffic as units that each go one way, at every node to
// any of the next hops alike. Making arcs worse sends other ways just the units that cross one of them: a next hop is lost
// when it is such an arc, or when whoever it leads to has lost all of its own, and then all units there cross one. Whoever
// chooses again does so among the next hops that are left. So of the units of one demand
//   - those that cross neither a worse arc nor what fails go the same way in all four states,
//   - those that cross a worse arc and not what fails have the way of the change in both states with it, unless that crosses
//     what fails: let M be the units for which it does,
//   - those that cross what fails have the way of the failure in both states with it, unless that crosses a worse arc: let N
//     be the units for which it does,
//   - those that cross both, let them be J, may besides leave an arc twice, by the change and by the failure.
//
// An arc can thus exceed the sum by M + N, and by as much of J as crosses it. M is at most what the change adds to what fails,
// and J on top, which is what it may have taken off; N what the failure adds to the worse arcs, and J. What is on several
// arcs and in several things that fail counts for each of them.
//
// Rounding adds less than a quarter of a unit per arc, destination and state.
type slack struct {
	net           *Net
	before, after *State
	worse         []arcChange
	moved         []int64 // per row: traffic on the worse arcs
	all           int64   // all of that
	drop          []int64 // per arc: J of its own

	elements []element // arcs, then nodes
	met      []meet    // the destinations that these come of, by element and then by row
	first    []int32   // per element, its first of these; one more at the end
}

// element is what the failure of one arc or node adds to the slack.
type element struct {
	meeting
	bare int64 // traffic to destinations that the change overloads: a failure may take it off an arc that is worse for others
}

// meeting is how a change meets the failure of something.
type meeting struct {
	moved int64 // M
	joint int64 // J
}

// plus adds two, and saturates.
func (m meeting) plus(x meeting) meeting {
	return meeting{moved: saturate(m.moved + x.moved), joint: saturate(m.joint + x.joint)}
}

// meet is a destination where a change meets the failure of one arc or node.
type meet struct {
	element int32
	row     int32
	meeting
}

// newSlack prepares the bound for every failure of a change that leads from before to after.
func newSlack(before, after *State, by worsened) *slack {
	n := before.net
	k := &slack{
		net: n, before: before, after: after, worse: by.union(), drop: make([]int64, len(n.tail)),
		moved: make([]int64, len(before.rows)), elements: make([]element, len(n.tail)+len(n.nodes)),
	}
	var affected []int32
	for i, old := range before.rows {
		which, _ := before.layer(i)
		if to := before.to(i); before.all()[which].view.overload[to] != after.all()[which].view.overload[to] {
			k.addBare(old)
		}
		if after.rows[i] != old {
			affected = append(affected, int32(i))
		}
	}
	found := make([][]meet, len(affected))
	n.parallel(len(affected), func(s *scratch, j int) {
		i := affected[j]
		which, _ := before.layer(int(i))
		to := before.to(int(i))
		if k.moved[i] = before.rows[i].movedBy(n, by[which], to); k.moved[i] > 0 {
			if s.meeter == nil {
				s.meeter = newMeeter(n)
			}
			found[j] = s.meeter.meet(i, to, by[which], before.rows[i], after.rows[i])
		}
	}, func(s *scratch) { s.meeter = nil })
	for _, a := range k.moved {
		k.all += a
	}
	k.sort(found)
	for arc := range k.drop {
		k.drop[arc] = k.elements[arc].joint
	}
	return k
}

// sort puts what was found, row by row, in the order of elements, and sums it up for each.
func (k *slack) sort(found [][]meet) {
	k.first = make([]int32, len(k.elements)+1)
	for _, list := range found {
		for _, m := range list {
			k.first[m.element+1]++
			k.elements[m.element].meeting = k.elements[m.element].plus(m.meeting)
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

// movedBy is the row's traffic on arcs that become worse for it.
func (r *row) movedBy(n *Net, worse []arcChange, to int32) int64 {
	sum := int64(0)
	for _, c := range worse {
		if c.on(n, to) > 0 {
			sum += r.carried(n, c.arc)
		}
	}
	return sum
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

// rounding is what dividing traffic into whole units may add.
func (k *slack) rounding() int64 { return int64(len(k.moved)) * int64(len(k.net.tail)) }

// meeting is how the failure meets the change at all destinations.
func (k *slack) meeting(f *failure) (sum meeting) {
	k.eachElement(f, func(i int32) { sum = sum.plus(k.elements[i].meeting) })
	return sum
}

// brought is what the failure brings onto the worse arcs at most, less what it takes off them.
func (k *slack) brought(f *failure, e *effect) int64 {
	sum := k.bare(f)
	for _, c := range k.worse {
		sum += e.atMost(k.net, c.arc)
	}
	return sum
}

// onto is N of destinations whose units that cross both are joint, and for which the failure brings so much onto the worse arcs;
// with what rounding adds.
func (k *slack) onto(brought, joint int64) int64 {
	return saturate(saturate(max(0, joint+brought)) + k.rounding())
}

// bare is the traffic to destinations that the change overloads which the failure may move.
func (k *slack) bare(f *failure) int64 {
	sum := int64(0)
	k.eachElement(f, func(i int32) { sum = saturate(sum + k.elements[i].bare) })
	return sum
}

// drained bounds what the change adds to any arc once the failure has brought so much onto the worse arcs: all that is on them then.
func (k *slack) drained(brought int64) int64 { return saturate(max(0, k.all+brought)) }

// saturate keeps sums of loads where adding a few of them cannot overflow: no load is ever more than that.
func saturate(x int64) int64 { return min(x, maxTotal<<fraction) }
