package whatif

import (
	"math/bits"
	"slices"
)

// lanes is what one worker of a sweep finds out about a batch of failures, which lie side by side, a lane each.
//
// Nodes that keep their distance send to each other only, in every lane and in the same order. So once it is known what a failure
// makes the others send to them, each of these is visited once for all failures.
type lanes struct {
	width  int     // lanes in use
	stride int     // from one lane to the next in gain: a little more than there are arcs, so that lanes do not share sets of a cache
	gain   []int64 // per lane and arc: what arcs gain and lose
	found  []found // per lane

	// Of the row at hand:
	more    []int64  // per node and lane: what it gets more and has not sent on
	due     []uint64 // per node: lanes in which it may
	waiting []int32  // nodes of due that are not in the queue
	thin    []uint64 // per node: lanes in which it keeps some of its next hops only,
	thinned []int32  // nodes of thin
	kept    []span   // and which, per node and lane: in hops
	hops    []int32

	// Of the node at hand, for each lane that it sends in:
	on    [sweepBatch]int // the lane
	share [sweepBatch]int64
	rest  [sweepBatch]int
}

// span is a part of a list.
type span struct{ from, to int32 }

func newLanes(n *Net) *lanes {
	return &lanes{due: make([]uint64, len(n.nodes)), thin: make([]uint64, len(n.nodes))}
}

// begin makes l ready for a batch.
func (l *lanes) begin(n *Net, width int) {
	l.width, l.stride = width, len(n.tail)+8
	if size := len(n.nodes) * width; len(l.more) < size {
		l.more, l.kept = make([]int64, size), make([]span, size)
	}
	if size := l.stride * width; len(l.gain) < size {
		l.gain = make([]int64, size)
	} else {
		clear(l.gain[:size])
	}
	l.found = append(l.found[:0], make([]found, width)...)
}

// at is where node's lane is in more and kept.
func (l *lanes) at(node int32, lane int) int { return int(node)*l.width + lane }

// gains are what arcs gain and lose in a lane.
func (l *lanes) gains(lane int) []int64 { return l.gain[lane*l.stride:][:l.stride] }

// collect makes the sum what all workers have found out about a lane.
func (s *scratch) collect(all []*lanes, lane int) found {
	s.nextSum()
	var f found
	clear(s.gain)
	for _, l := range all {
		f.lost, f.rows = f.lost+l.found[lane].lost, f.rows+l.found[lane].rows
		for arc, x := range l.gains(lane)[:len(s.gain)] {
			s.gain[arc] += x
		}
	}
	for arc, x := range s.gain {
		if x != 0 {
			s.summed.put(int32(arc))
			s.touched = append(s.touched, int32(arc))
		}
	}
	return f
}

// failRows finds out what each failure does in one row.
func (s *scratch) failRows(st *State, index int, batch []*failure) {
	l := s.lanes
	which, at := st.layer(index)
	layer := st.all()[which]
	r, to := layer.rows[at], layer.net.dests[at]
	for lane, f := range batch {
		if !f.hits(r) {
			continue
		}
		l.found[lane].rows++
		if slices.Contains(f.nodes, to) {
			r.eachArc(s.net, s.hops, func(arc int32, x int64) { l.gains(lane)[arc] -= x })
			continue
		}
		s.fail(layer.view, f, to, r)
		s.eachCut(layer, at, f, func(_ int32, amount int64) { l.found[lane].lost += amount })
		s.divert(r, lane)
	}
	s.flood(r, to)
}

// divert moves, in one lane, what the changed nodes sent to where the repair just made has them send it. That is all that moved
// nodes do: what they get comes from each other.
func (s *scratch) divert(r *row, lane int) {
	l, n := s.lanes, s.net
	for _, node := range s.changed {
		s.hops = r.hops(n, node, s.hops[:0])
		s.deal(lane, s.hops, -r.flow[node])
		if s.left[node] == 0 {
			continue
		}
		if l.thin[node] == 0 {
			l.thinned = append(l.thinned, node)
		}
		l.thin[node] |= 1 << lane
		from := len(l.hops)
		l.hops = s.is.hops(n, node, l.hops)
		l.kept[l.at(node, lane)] = span{int32(from), int32(len(l.hops))}
		s.deal(lane, l.hops[from:], r.flow[node])
	}
	if len(s.moved) == 0 {
		return
	}
	for _, node := range slices.Backward(s.order) {
		s.hops = s.is.hops(n, node, s.hops[:0])
		s.deal(lane, s.hops, r.flow[node]+l.more[l.at(node, lane)])
	}
	for _, node := range s.moved {
		l.more[l.at(node, lane)] = 0
	}
}

// deal divides traffic between next hops in one lane; less than none takes it back from them.
func (s *scratch) deal(lane int, hops []int32, traffic int64) {
	if traffic == 0 {
		return
	}
	sign := int64(1)
	if traffic < 0 {
		sign, traffic = -1, -traffic
	}
	l, gain := s.lanes, s.lanes.gains(lane)
	share, rest := split(traffic, len(hops))
	for i, arc := range hops {
		x, head := sign*part(share, rest, i), s.net.head[arc]
		gain[arc] += x
		l.more[l.at(head, lane)] += x
		if l.due[head] == 0 {
			l.waiting = append(l.waiting, head)
		}
		l.due[head] |= 1 << lane
	}
}

// flood sends on what nodes get more, in all lanes, until it has arrived. Every node is visited after all that send to it.
func (s *scratch) flood(r *row, to int32) {
	l := s.lanes
	s.top = 0
	for _, node := range l.waiting {
		s.top = max(s.top, r.dist[node])
	}
	s.waves.begin()
	for _, node := range l.waiting {
		s.waves.push(s.top-r.dist[node], node)
	}
	l.waiting = l.waiting[:0]
	for {
		_, node, ok := s.waves.pop()
		if !ok {
			break
		}
		due := l.due[node]
		l.due[node] = 0
		if node == to {
			clear(l.more[l.at(node, 0):][:l.width])
			continue
		}
		for thin := due & l.thin[node]; thin != 0; thin &= thin - 1 {
			lane := bits.TrailingZeros64(thin)
			kept := l.kept[l.at(node, lane)]
			s.sendOn(r, node, 1<<lane, l.hops[kept.from:kept.to])
		}
		if due &^= l.thin[node]; due != 0 {
			s.hops = r.hops(s.net, node, s.hops[:0])
			s.sendOn(r, node, due, s.hops)
		}
	}
	for _, node := range l.thinned {
		l.thin[node] = 0
	}
	l.thinned, l.hops = l.thinned[:0], l.hops[:0]
}

// sendOn sends on what node gets more in some lanes, in all of which it has the same next hops.
func (s *scratch) sendOn(r *row, node int32, due uint64, hops []int32) {
	l := s.lanes
	more := l.more[l.at(node, 0):][:l.width]
	if len(hops) == 1 { // as most have
		head := s.net.head[hops[0]]
		next, gain, sent := l.more[l.at(head, 0):][:l.width], l.gain[hops[0]:], uint64(0)
		for ; due != 0; due &= due - 1 {
			lane := bits.TrailingZeros64(due)
			if x := more[lane]; x != 0 {
				gain[lane*l.stride] += x
				next[lane] += x
				more[lane], sent = 0, sent|1<<lane
			}
		}
		s.await(r, head, sent)
		return
	}
	before := r.flow[node]
	oldShare, oldRest := split(before, len(hops))
	lanes, sent := 0, uint64(0)
	for ; due != 0; due &= due - 1 {
		lane := bits.TrailingZeros64(due)
		if x := more[lane]; x != 0 {
			share, rest := split(before+x, len(hops))
			l.on[lanes], l.share[lanes], l.rest[lanes] = lane, share-oldShare, rest
			more[lane], sent = 0, sent|1<<lane
			lanes++
		}
	}
	for i, arc := range hops {
		head := s.net.head[arc]
		next, gain := l.more[l.at(head, 0):][:l.width], l.gain[arc:]
		for j, lane := range l.on[:lanes] {
			x := part(l.share[j], l.rest[j], i) - part(0, oldRest, i)
			gain[lane*l.stride] += x
			next[lane] += x
		}
		s.await(r, head, sent)
	}
}

// await has node visited for what it gets in some lanes.
func (s *scratch) await(r *row, node int32, lanes uint64) {
	if lanes == 0 {
		return
	}
	if s.lanes.due[node] == 0 {
		s.waves.push(s.top-r.dist[node], node)
	}
	s.lanes.due[node] |= lanes
}
