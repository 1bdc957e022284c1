package whatif

// reroute works out how row r towards to changes when the arcs in s.worse become dearer or go away and v is what holds
// then. No arc may have become better for r. Afterwards s.dist and s.next are what r becomes, s.changed the nodes that lose
// next hops, and s.moved those of them whose distance grows. r itself stays as it is.
//
// Nobody else changes: a node that keeps a next hop keeps its distance, since all its next hops lead equally near.
func (s *scratch) reroute(v *view, to int32, r *row) {
	s.strand(r)
	s.rehome(v, to)
}

// strand finds the changed and the moved nodes.
func (s *scratch) strand(r *row) {
	n := s.net
	s.begin(r)
	for _, arc := range s.worse {
		if r.has(arc) {
			s.next.take(arc)
			s.lose(r, n.tail[arc])
		}
	}
	for i := 0; i < len(s.moved); i++ { // grows
		node := s.moved[i]
		lo, hi := n.out[node], n.out[node+1]
		for i, in := range n.back[lo:hi] {
			if s.next.has(in) {
				s.next.take(in)
				s.lose(r, n.head[lo+int32(i)])
			}
		}
	}
}

// rehome finds the ways of the moved nodes.
func (s *scratch) rehome(v *view, to int32) {
	if len(s.moved) == 0 {
		return
	}
	s.measure(v, to)
	for _, node := range s.moved {
		if s.dist[node] < Unreachable {
			s.tie(v, to, &s.is, node)
		}
	}
}

// begin forgets the repair before, and begins one of r.
func (s *scratch) begin(r *row) {
	if s.was != r {
		s.was = r
		copy(s.dist, r.dist)
		copy(s.flow, r.flow)
		copy(s.next, r.next)
	} else {
		for _, node := range s.moved {
			s.dist[node] = r.dist[node]
		}
		for _, node := range s.visited {
			s.flow[node] = r.flow[node]
		}
		for _, node := range s.changed {
			s.next.copy(r.next, s.net.out[node], s.net.out[node+1])
		}
	}
	s.losing.drop(s.changed)
	s.due.drop(s.visited)
	s.changed, s.moved, s.visited = s.changed[:0], s.moved[:0], s.visited[:0]
}

// lose takes one next hop from node.
func (s *scratch) lose(r *row, node int32) {
	if !s.losing.has(node) {
		s.losing.put(node)
		s.left[node] = r.count(s.net, node)
		s.changed = append(s.changed, node)
	}
	if s.left[node]--; s.left[node] == 0 {
		s.dist[node] = Unreachable
		s.moved = append(s.moved, node)
	}
}

// measure finds the new distances of the moved nodes, from those of the others. It leaves those that are reached in s.order, nearest
// first.
func (s *scratch) measure(v *view, to int32) {
	n := s.net
	dist := s.dist
	s.waves.begin()
	s.order = s.order[:0]
	nearest := uint32(Unreachable)
	for _, node := range s.moved {
		lo, hi := n.out[node], n.out[node+1]
		heads, best := n.head[lo:hi], uint32(Unreachable)
		for i, w := range v.weight[lo:hi] {
			head := heads[i]
			cost := dist[head] + w
			if w == 0 {
				cost = Unreachable
			}
			if !v.through(head, to) {
				cost = Unreachable
			}
			best = min(best, cost)
		}
		dist[node] = best
		nearest = min(nearest, best)
	}
	if len(s.moved) == 1 && nearest < Unreachable {
		s.order = append(s.order, s.moved[0])
		return
	}
	for _, node := range s.moved {
		if best := dist[node]; best < Unreachable {
			s.waves.push(best-nearest, node)
		}
	}
	for {
		ahead, node, ok := s.waves.pop()
		if !ok {
			return
		}
		cost := nearest + ahead
		if cost != dist[node] {
			continue
		}
		s.order = append(s.order, node)
		if !v.through(node, to) {
			continue
		}
		lo, hi := n.out[node], n.out[node+1]
		tails := n.head[lo:hi]
		for i, w := range v.behind[lo:hi] { // none but moved nodes can come nearer
			if tail := tails[i]; cost+w < dist[tail] && w != 0 {
				dist[tail] = cost + w
				s.waves.push(cost+w-nearest, tail)
			}
		}
	}
}

// carry moves the traffic of r to where reroute sends it, and adds what arcs gain and lose to the sum. Afterwards s.flow is the
// traffic, but for nodes that are cut off.
//
// What changed nodes sent on is taken back first. From then on every node is visited after all that send to it, so its
// traffic is complete when it is. Nodes nearer than nearest are not visited: whoever gives it asks only about those farther away.
func (s *scratch) carry(to int32, r *row, nearest uint32) {
	n := s.net
	s.top = 0
	for _, node := range s.changed { // whoever sends on to others is farther than they
		far := s.dist[node]
		if far >= Unreachable {
			far = r.dist[node]
		}
		s.top = max(s.top, far)
	}
	s.waves.begin()
	for _, node := range s.changed {
		traffic := r.flow[node]
		if traffic == 0 {
			continue
		}
		s.hops = r.hops(n, node, s.hops[:0])
		share, rest := split(traffic, len(s.hops))
		for i, arc := range s.hops {
			if x := part(share, rest, i); x > 0 {
				s.add(arc, -x)
				s.give(n.head[arc], -x)
			}
		}
		s.give(node, 0)
	}
	for {
		nearer, node, ok := s.waves.pop()
		if !ok {
			return
		}
		if s.top-nearer < nearest {
			continue
		}
		before, after := r.flow[node], s.flow[node]
		if s.losing.has(node) {
			before = 0 // that is taken back
		}
		if node == to || before == after {
			continue
		}
		s.hops = s.is.hops(n, node, s.hops[:0])
		s.send(s.hops, before, after)
	}
}

// give gives traffic to node, and announces that it will be visited: the farther from the destination, the earlier.
func (s *scratch) give(node int32, traffic int64) {
	s.flow[node] += traffic
	if !s.due.has(node) {
		s.announce(node)
	}
}

// announce has a node visited.
func (s *scratch) announce(node int32) {
	s.due.put(node)
	s.visited = append(s.visited, node)
	if dist := s.dist[node]; dist < Unreachable {
		s.waves.push(s.top-dist, node)
	}
}

// send passes on after where before was.
func (s *scratch) send(hops []int32, before, after int64) {
	share, rest := split(after, len(hops))
	oldShare, oldRest := split(before, len(hops))
	for i, arc := range hops {
		if x := part(share, rest, i) - part(oldShare, oldRest, i); x != 0 {
			s.add(arc, x)
			s.give(s.net.head[arc], x)
		}
	}
}

// follow takes over into the copies, from r, all that another's repair is about.
func (s *scratch) follow(other *scratch, r *row) {
	for _, node := range other.moved {
		s.dist[node] = r.dist[node]
	}
	for _, node := range other.changed {
		s.next.copy(r.next, s.net.out[node], s.net.out[node+1])
	}
	for _, node := range other.visited {
		s.flow[node] = r.flow[node]
	}
}

// repaired is the row with the repair done, for good. Who is reached still loses nothing, and others have nothing left to lose.
func (s *scratch) repaired(index int) *row {
	r := s.is.clone()
	r.lost, r.cut = s.was.lost, s.was.cut
	cuts := false
	for _, node := range s.moved {
		if r.dist[node] >= Unreachable {
			r.flow[node], cuts = 0, true
		}
	}
	if cuts {
		r.settle(s.net, index)
	}
	return r
}
