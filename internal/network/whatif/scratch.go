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

	// A repair: what one row would become under another view. What it changes of the row it changes in a copy, and the next
	// repair of the same row puts that back.
	was     *row // that is repaired
	is      row  // the copy: dist, flow and next. The traffic is not known of nodes that the repair did not get to, or cuts off
	dist    []uint32
	flow    []int64
	next    bitset
	worse   []int32 // arcs made worse
	losing  bitset  // of nodes: in changed
	left    []int32 // per node, when it is losing: next hops that it keeps
	changed []int32 // nodes that lose a next hop
	moved   []int32 // those of them that lose all
	due     bitset  // of nodes: in visited
	visited []int32 // nodes whose traffic may change
	waves   queue   // of nodes to be visited
	top     uint32  // distance of those that carry visits first

	swing swing   // what it makes of a raise
	steps []step  // per node, in a search for cycles
	epoch uint32  // of that search
	walk  []visit // the way of it

	// What arcs gain and lose, summed over repairs.
	summed  bitset // of arcs: in touched
	gain    []int64
	touched []int32

	before, after probe   // views that failures are tried on
	lanes         *lanes  // of a sweep under way
	meeter        *meeter // of a slack in the making
	tally         *tally  // of a closer look
	pair          *pair   // of that
}

func newScratch(n *Net) *scratch {
	nodes, arcs := len(n.nodes), len(n.tail)
	is := newRow(n)
	return &scratch{
		net: n, queue: newQueue(n.window), waves: newQueue(max(n.window, wavesWindow)),
		is: *is, dist: is.dist, flow: is.flow, next: is.next,
		losing: newBitset(nodes), left: make([]int32, nodes), due: newBitset(nodes), steps: make([]step, nodes),
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
