package whatif

// reroute works out how row r towards to changes when the arcs in s.worse become dearer or go away and v is what holds
// then. No arc may have become better for r. Afterwards s.changed are the nodes that lose next hops, each with its new
// ones; s.moved those of them whose distance grows. r itself stays as it is.
//
// Nobody else changes: a node that keeps a next hop keeps its distance, since all its next hops lead equally near.
func (s *scratch) reroute(v *view, to int32, r *row) {
	n := s.net
	s.nextEpoch()
	for _, arc := range s.worse {
		s.gone[arc] = s.epoch
	}
	for _, arc := range s.worse {
		if r.has(arc) {
			s.lose(r, n.tail[arc])
		}
	}
	for i := 0; i < len(s.moved); i++ { // grows
		node := s.moved[i]
		for arc, end := n.out[node], n.out[node+1]; arc < end; arc++ {
			if in := n.back[arc]; r.has(in) && s.gone[in] != s.epoch {
				s.lose(r, n.head[arc])
			}
		}
	}
	if len(s.moved) > 0 {
		s.measure(v, to, r)
	}
	for _, node := range s.changed {
		s.nodes[node].from = int32(len(s.arena))
		s.choose(v, to, r, node)
		s.nodes[node].to = int32(len(s.arena))
	}
}

// lose takes one next hop from node.
func (s *scratch) lose(r *row, node int32) {
	x := &s.nodes[node]
	if x.cutting != s.epoch {
		x.cutting, x.left = s.epoch, r.count(s.net, node)
		s.changed = append(s.changed, node)
	}
	if x.left--; x.left == 0 {
		x.farther = s.epoch
		s.moved = append(s.moved, node)
	}
}

// at is node's new distance.
func (s *scratch) at(r *row, node int32) uint32 {
	if x := &s.nodes[node]; x.farther == s.epoch {
		return x.dist
	}
	return r.dist[node]
}

// measure finds the new distances of the moved nodes, from those of the others.
func (s *scratch) measure(v *view, to int32, r *row) {
	n := s.net
	nearest := uint32(Unreachable)
	for _, node := range s.moved {
		best := uint32(Unreachable)
		for arc, end := n.out[node], n.out[node+1]; arc < end; arc++ {
			w, head := v.weight[arc], n.head[arc]
			if w == 0 || s.nodes[head].farther == s.epoch || !v.through(head, to) {
				continue
			}
			best = min(best, r.dist[head]+w)
		}
		s.nodes[node].dist = best
		nearest = min(nearest, best)
	}
	s.waves.begin()
	for _, node := range s.moved {
		if best := s.nodes[node].dist; best < Unreachable {
			s.waves.push(best-nearest, node)
		}
	}
	for {
		ahead, node, ok := s.waves.pop()
		if !ok {
			return
		}
		cost := nearest + ahead
		if cost != s.nodes[node].dist || !v.through(node, to) {
			continue
		}
		for arc, end := n.out[node], n.out[node+1]; arc < end; arc++ {
			w, tail := v.behind[arc], n.head[arc]
			if x := &s.nodes[tail]; w != 0 && x.farther == s.epoch && cost+w < x.dist {
				x.dist = cost + w
				s.waves.push(cost+w-nearest, tail)
			}
		}
	}
}

// choose appends a changed node's new next hops to the arena.
func (s *scratch) choose(v *view, to int32, r *row, node int32) {
	n := s.net
	if s.nodes[node].farther != s.epoch {
		for _, arc := range r.hops(n, node, s.hops[:0]) {
			if s.gone[arc] != s.epoch && s.nodes[n.head[arc]].farther != s.epoch {
				s.arena = append(s.arena, arc)
			}
		}
		return
	}
	cost := s.nodes[node].dist
	if cost >= Unreachable {
		return
	}
	for arc, end := n.out[node], n.out[node+1]; arc < end; arc++ {
		w, head := v.weight[arc], n.head[arc]
		if w != 0 && v.through(head, to) && s.at(r, head)+w == cost {
			s.arena = append(s.arena, arc)
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
		far := s.at(r, node)
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
				s.give(r, n.head[arc], -x)
			}
		}
		s.give(r, node, 0)
	}
	for {
		nearer, node, ok := s.waves.pop()
		if !ok {
			return
		}
		if s.top-nearer < nearest {
			continue
		}
		x := &s.nodes[node]
		before := r.flow[node]
		after := before + x.pending
		changed := x.cutting == s.epoch
		if after == before && !changed {
			continue
		}
		x.flow = after
		s.refilled = append(s.refilled, node)
		switch {
		case node == to:
		case changed:
			s.send(r, s.arena[x.from:x.to], 0, after)
		default:
			s.hops = r.hops(n, node, s.hops[:0])
			s.send(r, s.hops, before, after)
		}
	}
}

// give announces traffic to node, and so that it will be visited: the farther from the destination, the earlier. A node
// that is cut off loses its traffic.
func (s *scratch) give(r *row, node int32, traffic int64) {
	x := &s.nodes[node]
	if x.due != s.epoch {
		x.due, x.pending = s.epoch, 0
		dist := r.dist[node]
		if x.farther == s.epoch {
			dist = x.dist
		}
		if dist >= Unreachable {
			x.flow = 0
			s.refilled = append(s.refilled, node)
		} else {
			s.waves.push(s.top-dist, node)
		}
	}
	x.pending += traffic
}

// send passes on after where before was.
func (s *scratch) send(r *row, hops []int32, before, after int64) {
	if before == after {
		return
	}
	share, rest := split(after, len(hops))
	oldShare, oldRest := split(before, len(hops))
	for i, arc := range hops {
		if x := part(share, rest, i) - part(oldShare, oldRest, i); x != 0 {
			s.add(arc, x)
			s.give(r, s.net.head[arc], x)
		}
	}
}

// repaired is r with the repair done.
func (s *scratch) repaired(r *row, index int) *row {
	n := s.net
	next := r.clone()
	for _, node := range s.moved {
		next.dist[node] = s.nodes[node].dist
	}
	for _, node := range s.changed {
		next.setHops(n, node, s.arena[s.nodes[node].from:s.nodes[node].to])
	}
	for _, node := range s.refilled {
		next.flow[node] = s.nodes[node].flow
	}
	next.settle(n, index)
	return next
}
