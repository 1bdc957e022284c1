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
	gone     []uint32     // per arc: made worse
	worse    []int32      // those arcs
	nodes    []nodeRepair // per node
	changed  []int32      // nodes that lose a next hop
	moved    []int32      // those of them that lose all
	arena    []int32      // new next hops of changed nodes
	waves    queue        // of nodes to be visited
	top      uint32       // distance of those that carry visits first
	refilled []int32      // nodes whose traffic changes
	swing    swing        // what it makes of a raise
	walk     []visit      // the way of a search for cycles

	// What arcs gain and lose, summed over repairs.
	sum     uint32 // epoch of the sum
	summed  []uint32
	gain    []int64
	touched []int32

	before, after probe     // views that failures are tried on
	log           *sweepLog // of a sweep under way
	meeter        *meeter   // of a slack in the making
	tally         *tally    // of a closer look
}

// nodeRepair is what a repair makes of one node. It is kept together, since whoever asks for one of it asks for more.
type nodeRepair struct {
	cutting uint32 // epoch: it loses a next hop
	farther uint32 // epoch: it loses all of them
	due     uint32 // epoch: it is to be visited
	left    int32  // next hops that it keeps
	dist    uint32 // new, when it is farther
	from    int32  // its new next hops in the arena, when it loses one
	to      int32
	pending int64 // traffic that comes or no longer comes
	flow    int64 // new traffic, when it is refilled
}

func newScratch(n *Net) *scratch {
	nodes, arcs := len(n.nodes), len(n.tail)
	return &scratch{
		net: n, queue: newQueue(n.window), waves: newQueue(max(n.window, wavesWindow)),
		gone: make([]uint32, arcs), nodes: make([]nodeRepair, nodes),
		summed: make([]uint32, arcs), gain: make([]int64, arcs), sum: 1,
	}
}

// wavesWindow is the least reach of the buckets of a repair, whose nodes lie scattered over all distances from the start.
const wavesWindow = 2048

// nextEpoch forgets the repair before.
func (s *scratch) nextEpoch() {
	s.epoch++
	if s.epoch == 0 { // after 2^32 repairs old stamps could come to life
		clear(s.gone)
		clear(s.nodes)
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
