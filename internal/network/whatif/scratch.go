package whatif

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// scratch is one worker's memory. Who begins anew puts back what was used of it, by the lists of that, so that nothing needs clearing.
type scratch struct {
	net   *Net
	queue queue
	order []int32
	hops  []int32

	// A repair: what one row would become under another view. What it changes of the row it changes in copies, and the next
	// repair of the same row puts that back.
	row      *row     // that the copies are of
	dist     []uint32 // per node
	flow     []int64  // per node, when it is visited: its new traffic, unless it is cut off
	kept     bitset   // of arcs: next hops that are not lost
	worse    []int32  // arcs made worse
	losing   bitset   // of nodes: in changed
	losses   []loss   // per node, when it is losing
	changed  []int32  // nodes that lose a next hop
	moved    []int32  // those of them that lose all
	arena    []int32  // new next hops of changed nodes
	due      bitset   // of nodes: in visited
	visited  []int32  // nodes whose traffic may change
	refilled []int32  // those of them whose traffic or next hops do
	waves    queue    // of nodes to be visited
	top      uint32   // distance of those that carry visits first
	standing row      // what stand makes of the copies

	swing swing   // what it makes of a raise
	steps []step  // per node, in a search for cycles
	epoch uint32  // of that search
	walk  []visit // the way of it

	// What arcs gain and lose, summed over repairs.
	summed  bitset // of arcs: in touched
	gain    []int64
	touched []int32

	before, after probe     // views that failures are tried on
	log           *sweepLog // of a sweep under way
	meeter        *meeter   // of a slack in the making
	tally         *tally    // of a closer look
	pair          *pair     // of that
}

// loss is what a node that loses next hops is left with.
type loss struct {
	left     int32 // next hops that it keeps
	from, to int32 // its new ones in the arena
}

func newScratch(n *Net) *scratch {
	nodes, arcs := len(n.nodes), len(n.tail)
	return &scratch{
		net: n, queue: newQueue(n.window), waves: newQueue(max(n.window, wavesWindow)),
		dist: make([]uint32, nodes), flow: make([]int64, nodes), kept: newBitset(arcs),
		losing: newBitset(nodes), losses: make([]loss, nodes), due: newBitset(nodes), steps: make([]step, nodes),
		summed: newBitset(arcs), gain: make([]int64, arcs),
	}
}

// wavesWindow is the least reach of the buckets of a repair, whose nodes lie scattered over all distances from the start.
const wavesWindow = 2048

// nextSum forgets the sum before.
func (s *scratch) nextSum() {
	s.summed.drop(s.touched)
	s.touched = s.touched[:0]
}

// add notes that arc carries so much more.
func (s *scratch) add(arc int32, traffic int64) {
	if !s.summed.has(arc) {
		s.summed.put(arc)
		s.gain[arc] = 0
		s.touched = append(s.touched, arc)
	}
	s.gain[arc] += traffic
}

// pass adds, so many times, what node sends on in r.
func (s *scratch) pass(r *row, node int32, times int64) {
	s.hops = r.hops(s.net, node, s.hops[:0])
	if len(s.hops) == 0 {
		return
	}
	share, rest := split(r.flow[node], len(s.hops))
	for i, arc := range s.hops {
		s.add(arc, times*part(share, rest, i))
	}
}

// gained is what arc gained in the sum.
func (s *scratch) gained(arc int32) int64 {
	if !s.summed.has(arc) {
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
