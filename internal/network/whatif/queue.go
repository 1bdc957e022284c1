package whatif

import "math/bits"

// queue hands out nodes by ascending cost. Costs less than window ahead of the last one handed out lie in buckets, one
// for each cost, found through a bitmap; what is farther ahead, such as what a drained link leads to, lies in a heap. A
// node may be pushed again at a lower cost: who pops recognises the older entry by its cost.
type queue struct {
	mask    uint32
	buckets []int32  // per cost modulo the window, its newest entry, or -1
	filled  []uint64 // a bit per bucket
	entries []entry
	inside  int    // entries in buckets
	now     uint32 // cost handed out last
	far     heap
}

// entry is a node in a bucket.
type entry struct {
	node, below int32 // below is the entry under it, or -1
}

func newQueue(window uint32) queue {
	q := queue{mask: window - 1, buckets: make([]int32, window), filled: make([]uint64, window/64)}
	for i := range q.buckets {
		q.buckets[i] = -1
	}
	return q
}

// begin makes an empty queue, which it is already when everything was popped, start at cost 0.
func (q *queue) begin() {
	q.now = 0
	q.entries = q.entries[:0]
}

func (q *queue) push(cost uint32, node int32) {
	if cost-q.now > q.mask {
		q.far.push(cost, node)
		return
	}
	b := cost & q.mask
	q.entries = append(q.entries, entry{node, q.buckets[b]})
	q.buckets[b] = int32(len(q.entries) - 1)
	q.filled[b>>6] |= 1 << (b & 63)
	q.inside++
}

// pop hands out an entry of the lowest cost; ok is false when there is none.
func (q *queue) pop() (cost uint32, node int32, ok bool) {
	if q.inside == 0 {
		if len(q.far) == 0 {
			return 0, 0, false
		}
		q.now, node = q.far.pop()
		return q.now, node, true
	}
	b := q.nearest()
	cost = q.now + (b-q.now)&q.mask
	if len(q.far) > 0 && uint32(q.far[0]>>32) < cost {
		q.now, node = q.far.pop()
		return q.now, node, true
	}
	top := q.entries[q.buckets[b]]
	q.buckets[b] = top.below
	if top.below < 0 {
		q.filled[b>>6] &^= 1 << (b & 63)
	}
	q.inside--
	q.now = cost
	return cost, top.node, true
}

// nearest is the first filled bucket at or after now; there must be one.
func (q *queue) nearest() uint32 {
	start := q.now & q.mask
	word := start >> 6
	if ahead := q.filled[word] >> (start & 63); ahead != 0 {
		return start + uint32(bits.TrailingZeros64(ahead))
	}
	for {
		word = (word + 1) & (q.mask >> 6)
		if q.filled[word] != 0 {
			return word<<6 + uint32(bits.TrailingZeros64(q.filled[word]))
		}
	}
}

// heap is a binary heap of nodes by ascending key, the key in the upper half.
type heap []uint64

func (h *heap) push(key uint32, node int32) {
	*h = append(*h, uint64(key)<<32|uint64(uint32(node)))
	list := *h
	for i := len(list) - 1; i > 0; {
		parent := (i - 1) / 2
		if list[parent] <= list[i] {
			return
		}
		list[parent], list[i] = list[i], list[parent]
		i = parent
	}
}

func (h *heap) pop() (key uint32, node int32) {
	list := *h
	top, last := list[0], len(list)-1
	list[0] = list[last]
	list = list[:last]
	*h = list
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && list[child+1] < list[child] {
			child++
		}
		if list[i] <= list[child] {
			break
		}
		list[i], list[child] = list[child], list[i]
		i = child
	}
	return uint32(top >> 32), int32(uint32(top))
}
