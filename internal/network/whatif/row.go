package whatif

// row is how one destination is reached: for every node the distance to it and the traffic towards it that is there, and
// for every arc a bit that says whether it is a next hop of its tail.
type row struct {
	dist []uint32 // Unreachable or less
	flow []int64  // in units: what the node itself sends, and what passes through; at the destination, what arrives
	next bitset
	lost int64 // units that cannot be delivered
	cut  int32 // demands that cannot be delivered
}

func newRow(n *Net) *row {
	return &row{dist: make([]uint32, len(n.nodes)), flow: make([]int64, len(n.nodes)), next: newBitset(len(n.tail))}
}

func (r *row) clone() *row {
	c := *r
	c.dist = append([]uint32(nil), r.dist...)
	c.flow = append([]int64(nil), r.flow...)
	c.next = append(bitset(nil), r.next...)
	return &c
}

// has reports whether arc is a next hop.
func (r *row) has(arc int32) bool { return r.next.has(arc) }

// hops appends node's next hops to list, in order.
func (r *row) hops(n *Net, node int32, list []int32) []int32 {
	return r.next.within(n.out[node], n.out[node+1], list)
}

// count is the number of node's next hops.
func (r *row) count(n *Net, node int32) int32 { return r.next.count(n.out[node], n.out[node+1]) }

// carried is the traffic on arc.
func (r *row) carried(n *Net, arc int32) int64 {
	if !r.has(arc) {
		return 0
	}
	tail := n.tail[arc]
	return portion(r.flow[tail], int(r.count(n, tail)), int(r.next.count(n.out[tail], arc)))
}

// split divides traffic between k next hops: each gets share, the first rest of them one unit more.
func split(traffic int64, k int) (share int64, rest int) {
	switch k {
	case 1:
		return traffic, 0
	case 2:
		return traffic >> 1, int(traffic & 1)
	}
	share = traffic / int64(k)
	return share, int(traffic - share*int64(k))
}

// part is what the i-th next hop gets.
func part(share int64, rest, i int) int64 {
	if i < rest {
		return share + 1
	}
	return share
}

// portion is what the i-th of k next hops gets of traffic.
func portion(traffic int64, k, i int) int64 {
	share, rest := split(traffic, k)
	return part(share, rest, i)
}

// eachArc visits every arc that carries traffic of r, with how much.
func (r *row) eachArc(n *Net, hops []int32, visit func(arc int32, traffic int64)) {
	for node, traffic := range r.flow {
		if traffic == 0 {
			continue
		}
		hops = r.hops(n, int32(node), hops[:0])
		if len(hops) == 0 {
			continue
		}
		share, rest := split(traffic, len(hops))
		for i, arc := range hops {
			if x := part(share, rest, i); x > 0 {
				visit(arc, x)
			}
		}
	}
}

// settle says how much of a row's demands is lost.
func (r *row) settle(n *Net, index int) {
	r.lost, r.cut = 0, 0
	for i := n.first[index]; i < n.first[index+1]; i++ {
		if r.dist[n.from[i]] >= Unreachable {
			r.lost += n.amount[i]
			r.cut++
		}
	}
}

// solve computes the row of a destination from nothing and adds its traffic to load.
func (s *scratch) solve(v *view, index int, r *row, load []int64) {
	n := s.net
	to := n.dests[index]
	s.reach(v, to, r)
	clear(r.flow)
	for i := n.first[index]; i < n.first[index+1]; i++ {
		if r.dist[n.from[i]] < Unreachable {
			r.flow[n.from[i]] = n.amount[i]
		}
	}
	for i := len(s.order) - 1; i > 0; i-- {
		node := s.order[i]
		traffic := r.flow[node]
		if traffic == 0 {
			continue
		}
		s.hops = r.hops(n, node, s.hops[:0])
		share, rest := split(traffic, len(s.hops))
		for i, arc := range s.hops {
			x := part(share, rest, i)
			load[arc] += x
			r.flow[n.head[arc]] += x
		}
	}
	r.settle(n, index)
}

// reach computes distances and next hops towards to, by Dijkstra's algorithm from the destination backwards. It leaves the
// nodes that are reached in s.order, nearest first. An overloaded node is reached and not gone on from.
func (s *scratch) reach(v *view, to int32, r *row) {
	n := s.net
	dist, out, heads, behind := r.dist, n.out, n.head, v.behind
	for i := range dist {
		dist[i] = Unreachable
	}
	dist[to] = 0
	s.order = s.order[:0]
	s.queue.begin()
	s.queue.push(0, to)
	for {
		cost, node, ok := s.queue.pop()
		if !ok {
			break
		}
		if cost != dist[node] {
			continue
		}
		s.order = append(s.order, node)
		if !v.through(node, to) {
			continue
		}
		lo, hi := out[node], out[node+1]
		tails := heads[lo:hi]
		for i, w := range behind[lo:hi] {
			if tail := tails[i]; cost+w < dist[tail] && w != 0 {
				dist[tail] = cost + w
				s.queue.push(cost+w, tail)
			}
		}
	}
	clear(r.next)
	for _, node := range s.order[1:] {
		s.tie(v, to, r, node)
	}
}

// tie sets the bits of node's next hops: the arcs that lead as near as the node is. Most of its work is a comparison whose
// outcome nobody can foresee, so it is made without a branch.
func (s *scratch) tie(v *view, to int32, r *row, node int32) {
	n := s.net
	dist, cost := r.dist, r.dist[node]
	lo, hi := n.out[node], n.out[node+1]
	heads := n.head[lo:hi]
	at := lo
	var word uint64
	for i, w := range v.weight[lo:hi] {
		off := dist[heads[i]] + w - cost
		equal := uint64((off|-off)>>31 ^ 1)
		word |= equal << (at & 63)
		if at++; at&63 == 0 {
			r.next[(at-1)>>6] |= word
			word = 0
		}
	}
	if word != 0 {
		r.next[at>>6] |= word
	}
	if v.plain {
		return
	}
	for arc := lo; arc < hi; arc++ {
		if v.weight[arc] == 0 || !v.through(n.head[arc], to) {
			r.next[arc>>6] &^= 1 << (arc & 63)
		}
	}
}
