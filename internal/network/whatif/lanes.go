package whatif

import (
	"math/bits"
	"slices"
)

// lanes is what a worker of a sweep finds out about a batch of failures, which lie side by side, a lane each.
//
// Nodes that keep their distance send to each other only, in every lane and in the same order. So once it is known what a failure
// makes the others send to them, each of these is visited once for all failures.
type lanes struct {
	stride int     // from one lane to the next in gain: a little more than there are arcs, so that lanes do not share sets of a cache
	gain   []int64 // per lane and arc
	found  []found // per lane; gain is its part of all

	// Of the row at hand:
	more    [][sweepBatch]int64 // per node and lane: what it gets more and has not sent on
	due     []uint64            // per node: lanes in which it may
	waiting bitset              // of nodes: those of due that are not in the queue
	thin    []uint64            // per node: lanes in which it keeps some of its next hops only,
	thinned []int32             // nodes of thin
	kept    [][sweepBatch]span  // and which, per node and lane: in hops
	hops    []int32

	// Of the node at hand, for each lane that it sends in:
	on    [sweepBatch]int // the lane
	share [sweepBatch]int64
	rest  [sweepBatch]int
}

// span is a part of a list.
type span struct{ from, to int32 }

func newLanes(n *Net) *lanes {
	nodes := len(n.nodes)
	return &lanes{
		stride: len(n.tail) + 8, due: make([]uint64, nodes), waiting: newBitset(nodes), thin: make([]uint64, nodes),
		more: make([][sweepBatch]int64, nodes), kept: make([][sweepBatch]span, nodes),
	}
}

// begun are the worker's lanes, made ready for a batch unless they are under way.
func (s *scratch) begun(width int) *lanes {
	if s.lanes == nil {
		s.lanes = newLanes(s.net)
	}
	l := s.lanes
	if len(l.found) > 0 {
		return l
	}
	if size := l.stride * width; len(l.gain) < size {
		l.gain = make([]int64, size)
	} else {
		clear(l.gain[:size])
	}
	for lane := range width {
		l.found = append(l.found, found{gain: l.gain[lane*l.stride:][:len(s.net.tail)]})
	}
	return l
}

// end forgets the batch.
func (l *lanes) end() { l.found = l.found[:0] }

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
			r.eachArc(s.net, s.hops, func(arc int32, x int64) { l.found[lane].gain[arc] -= x })
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
		l.kept[node][lane] = span{int32(from), int32(len(l.hops))}
		s.deal(lane, l.hops[from:], r.flow[node])
	}
	if len(s.moved) == 0 {
		return
	}
	for _, node := range slices.Backward(s.order) {
		s.hops = s.is.hops(n, node, s.hops[:0])
		s.deal(lane, s.hops, r.flow[node]+l.more[node][lane])
	}
	for _, node := range s.moved {
		l.more[node][lane] = 0
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
	l, gain := s.lanes, s.lanes.found[lane].gain
	share, rest := split(traffic, len(hops))
	for i, arc := range hops {
		x, head := sign*part(share, rest, i), s.net.head[arc]
		gain[arc] += x
		l.more[head][lane] += x
		l.due[head] |= 1 << lane
		l.waiting.put(head)
	}
}

// flood sends on what nodes get more, in all lanes, until it has arrived. Every node is visited after all that send to it.
func (s *scratch) flood(r *row, to int32) {
	l := s.lanes
	s.top = 0
	s.hops = l.waiting.within(0, int32(len(r.dist)), s.hops[:0])
	clear(l.waiting)
	for _, node := range s.hops {
		s.top = max(s.top, r.dist[node])
	}
	s.waves.begin()
	for _, node := range s.hops {
		s.waves.push(s.top-r.dist[node], node)
	}
	for {
		_, node, ok := s.waves.pop()
		if !ok {
			break
		}
		due := l.due[node]
		l.due[node] = 0
		if node == to {
			clear(l.more[node][:])
			continue
		}
		for thin := due & l.thin[node]; thin != 0; thin &= thin - 1 {
			lane := bits.TrailingZeros64(thin) % sweepBatch
			kept := l.kept[node][lane]
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
	more := &l.more[node]
	if len(hops) == 1 { // as most have
		head := s.net.head[hops[0]]
		next, gain, sent := &l.more[head], l.gain[hops[0]:], uint64(0)
		for ; due != 0; due &= due - 1 {
			lane := bits.TrailingZeros64(due) % sweepBatch
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
		lane := bits.TrailingZeros64(due) % sweepBatch
		if x := more[lane]; x != 0 {
			share, rest := split(before+x, len(hops))
			l.on[lanes], l.share[lanes], l.rest[lanes] = lane, share-oldShare, rest
			more[lane], sent = 0, sent|1<<lane
			lanes++
		}
	}
	for i, arc := range hops {
		head := s.net.head[arc]
		next, gain := &l.more[head], l.gain[arc:]
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
