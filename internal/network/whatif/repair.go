package whatif

import "slices"

// reroute works out how row r towards to changes when the arcs in s.worse become dearer or go away and v is what holds
// then. No arc may have become better for r. Afterwards s.changed are the nodes that lose next hops, each with its new
// ones; s.moved those of them whose distance grows. r itself stays as it is.
//
// Nobody else changes: a node that keeps a next hop keeps its distance, since all its next hops lead equally near.
func (s *scratch) reroute(v *view, to int32, r *row) {
	n := s.net
	s.begin(r)
	for _, arc := range s.worse {
		if r.has(arc) {
			s.kept.take(arc)
			s.lose(r, n.tail[arc])
		}
	}
	for i := 0; i < len(s.moved); i++ { // grows
		node := s.moved[i]
		lo, hi := n.out[node], n.out[node+1]
		for i, in := range n.back[lo:hi] {
			if s.kept.has(in) {
				s.kept.take(in)
				s.lose(r, n.head[lo+int32(i)])
			}
		}
	}
	if len(s.moved) > 0 {
		s.measure(v, to)
	}
	for _, node := range s.changed {
		s.losses[node].from = int32(len(s.arena))
		s.choose(v, to, node)
		s.losses[node].to = int32(len(s.arena))
	}
}

// begin forgets the repair before, and begins one of r.
func (s *scratch) begin(r *row) {
	if s.row != r {
		s.row = r
		copy(s.dist, r.dist)
		copy(s.flow, r.flow)
		copy(s.kept, r.next)
	} else {
		for _, node := range s.moved {
			s.dist[node] = r.dist[node]
		}
		for _, node := range s.visited {
			s.flow[node] = r.flow[node]
		}
		for _, node := range s.changed {
			s.kept.copy(r.next, s.net.out[node], s.net.out[node+1])
		}
	}
	s.losing.drop(s.changed)
	s.due.drop(s.visited)
	s.changed, s.moved, s.arena, s.visited, s.refilled = s.changed[:0], s.moved[:0], s.arena[:0], s.visited[:0], s.refilled[:0]
}

// lose takes one next hop from node.
func (s *scratch) lose(r *row, node int32) {
	x := &s.losses[node]
	if !s.losing.has(node) {
		s.losing.put(node)
		x.left = r.count(s.net, node)
		s.changed = append(s.changed, node)
	}
	if x.left--; x.left == 0 {
		s.dist[node] = Unreachable
		s.moved = append(s.moved, node)
	}
}

// measure finds the new distances of the moved nodes, from those of the others.
func (s *scratch) measure(v *view, to int32) {
	n := s.net
	dist := s.dist
	s.waves.begin()
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
		if cost != dist[node] || !v.through(node, to) {
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

// choose appends a changed node's new next hops to the arena: those that it keeps, if there are any.
func (s *scratch) choose(v *view, to int32, node int32) {
	n := s.net
	cost := s.dist[node]
	if cost >= Unreachable {
		return
	}
	if s.losses[node].left > 0 {
		s.arena = s.kept.within(n.out[node], n.out[node+1], s.arena)
		return
	}
	lo, hi := n.out[node], n.out[node+1]
	heads := n.head[lo:hi]
	for i, w := range v.weight[lo:hi] {
		if head := heads[i]; s.dist[head]+w == cost && w != 0 && v.through(head, to) {
			s.arena = append(s.arena, lo+int32(i))
		}
	}
}

// carry moves the traffic of r to where reroute sends it, and adds what arcs gain and lose to the sum. Afterwards
// s.refilled are the nodes whose traffic is another, with the new in s.flow.
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
		changed := s.losing.has(node)
		if after == before && !changed {
			continue
		}
		s.refilled = append(s.refilled, node)
		switch {
		case node == to:
		case changed:
			x := &s.losses[node]
			s.send(s.arena[x.from:x.to], 0, after)
		default:
			s.hops = r.hops(n, node, s.hops[:0])
			s.send(s.hops, before, after)
		}
	}
}

// give gives traffic to node, and announces that it will be visited: the farther from the destination, the earlier. A node that
// is cut off loses all traffic.
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
	} else {
		s.refilled = append(s.refilled, node)
	}
}

// send passes on after where before was.
func (s *scratch) send(hops []int32, before, after int64) {
	if before == after {
		return
	}
	share, rest := split(after, len(hops))
	oldShare, oldRest := split(before, len(hops))
	for i, arc := range hops {
		if x := part(share, rest, i) - part(oldShare, oldRest, i); x != 0 {
			s.add(arc, x)
			s.give(s.net.head[arc], x)
		}
	}
}

// keeps reports whether the repair just made of r leaves one of the arcs in use.
func (s *scratch) keeps(r *row, arcs []arcChange) bool {
	for _, c := range arcs {
		if tail := s.net.tail[c.arc]; !s.losing.has(tail) {
			if r.has(c.arc) {
				return true
			}
		} else if x := s.losses[tail]; slices.Contains(s.arena[x.from:x.to], c.arc) {
			return true
		}
	}
	return false
}

// stand is the row with the repair done. It is made of the copies and holds until the next repair. The traffic is not known of nodes
// that the repair did not get to, or that it cuts off.
func (s *scratch) stand() *row {
	s.standing = row{dist: s.dist, flow: s.flow, next: s.kept}
	for _, node := range s.moved {
		s.standing.setHops(s.net, node, s.arena[s.losses[node].from:s.losses[node].to])
	}
	return &s.standing
}

// follow takes over into the copies, from r, all that another's repair is about.
func (s *scratch) follow(other *scratch, r *row) {
	for _, node := range other.moved {
		s.dist[node] = r.dist[node]
	}
	for _, node := range other.changed {
		s.kept.copy(r.next, s.net.out[node], s.net.out[node+1])
	}
	for _, node := range other.visited {
		s.flow[node] = r.flow[node]
	}
}

// repaired is r with the repair done.
func (s *scratch) repaired(r *row, index int) *row {
	n := s.net
	next := r.clone()
	for _, node := range s.moved {
		next.dist[node] = s.dist[node]
	}
	for _, node := range s.changed {
		next.setHops(n, node, s.arena[s.losses[node].from:s.losses[node].to])
	}
	for _, node := range s.refilled {
		if next.flow[node] = s.flow[node]; s.dist[node] >= Unreachable {
			next.flow[node] = 0
		}
	}
	next.settle(n, index)
	return next
}
