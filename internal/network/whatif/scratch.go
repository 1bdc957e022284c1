package whatif

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// scratch is one worker's memory. What is kept per node or arc is valid where its stamp is the current epoch, so that
// nothing needs clearing.
type scratch struct {
	net   *Net
	queue queue
	order []int32
	hops  []int32

	// A repair: what one row would become under another view, beside the row itself.
	epoch    uint32
	gone     []uint32 // per arc: made worse
	worse    []int32  // those arcs
	cutting  []uint32 // per node: loses a next hop
	left     []int32  // next hops that it keeps
	changed  []int32  // nodes that lose one
	farther  []uint32 // per node: loses all of them
	moved    []int32  // those nodes
	dist     []uint32 // their new distances
	arena    []int32  // new next hops of changed nodes
	hopsFrom []int32  // per node, where in the arena
	hopsTo   []int32
	heap     heap
	due      []uint32 // per node: in the heap
	pending  []int64  // traffic that comes or no longer comes
	refilled []int32  // nodes whose traffic changes
	flow     []int64  // their new traffic
	swing    swing    // what it makes of a raise
	walk     []visit  // the way of a search for cycles

	// What arcs gain and lose, summed over repairs.
	sum     uint32 // epoch of the sum
	summed  []uint32
	gain    []int64
	touched []int32

	before, after probe     // views that failures are tried on
	log           *sweepLog // of a sweep under way
	meeter        *meeter   // of a slack in the making
}

func newScratch(n *Net) *scratch {
	nodes, arcs := len(n.nodes), len(n.tail)
	return &scratch{
		net: n, queue: newQueue(n.window),
		gone: make([]uint32, arcs), cutting: make([]uint32, nodes), left: make([]int32, nodes), farther: make([]uint32, nodes),
		dist: make([]uint32, nodes), hopsFrom: make([]int32, nodes), hopsTo: make([]int32, nodes), due: make([]uint32, nodes),
		pending: make([]int64, nodes), flow: make([]int64, nodes),
		summed: make([]uint32, arcs), gain: make([]int64, arcs), sum: 1,
	}
}

// nextEpoch forgets the repair before.
func (s *scratch) nextEpoch() {
	s.epoch++
	if s.epoch == 0 { // after 2^32 repairs old stamps could come to life
		clear(s.gone)
		clear(s.cutting)
		clear(s.farther)
		clear(s.due)
		s.epoch = 1
	}
	s.changed, s.moved, s.arena, s.refilled = s.changed[:0], s.moved[:0], s.arena[:0], s.refilled[:0]
}

// nextSum forgets the sum before.
func (s *scratch) nextSum() {
	s.sum++
	if s.sum == 0 {
		clear(s.summed)
		s.sum = 1
	}
	s.touched = s.touched[:0]
}

// add notes that arc carries so much more.
func (s *scratch) add(arc int32, traffic int64) {
	if s.summed[arc] != s.sum {
		s.summed[arc] = s.sum
		s.gain[arc] = 0
		s.touched = append(s.touched, arc)
	}
	s.gain[arc] += traffic
}

// gained is what arc gained in the sum.
func (s *scratch) gained(arc int32) int64 {
	if s.summed[arc] != s.sum {
		return 0
	}
	return s.gain[arc]
}

// parallel does work for 0 to count-1, in any order and spread over processors. Each worker has a scratch of its own,
// which finish sees when the worker is done; finish, when it is given, is never called twice at once.
func (n *Net) parallel(count int, work func(s *scratch, i int), finish func(s *scratch)) {
	workers := min(runtime.GOMAXPROCS(0), count)
	var next atomic.Int64
	var mu sync.Mutex
	run := func() {
		s := n.free.Get().(*scratch)
		s.nextSum()
		for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
			work(s, i)
		}
		if finish != nil {
			mu.Lock()
			finish(s)
			mu.Unlock()
		}
		n.free.Put(s)
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(run)
	}
	if workers > 0 {
		run()
	}
	wg.Wait()
}
