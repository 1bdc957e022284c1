package whatif

import (
	"fmt"
	"slices"
)

// Scenario is what may fail, all of it at once.
type Scenario struct {
	Name         string
	Links, Nodes []string
}

// Links are the failures of every link alone, named as the links are.
func (n *Net) Links() []Scenario {
	all := make([]Scenario, len(n.links))
	for i, l := range n.links {
		all[i] = Scenario{Name: l.Name, Links: []string{l.Name}}
	}
	return all
}

// Groups are the failures of every risk group, named as the groups are.
func (n *Net) Groups() []Scenario {
	names := make([]string, 0, len(n.groups))
	for g := range n.groups {
		names = append(names, g)
	}
	slices.Sort(names)
	all := make([]Scenario, len(names))
	for i, g := range names {
		all[i].Name = g
		for _, link := range n.groups[g] {
			all[i].Links = append(all[i].Links, n.links[link].Name)
		}
	}
	return all
}

// Nodes are the failures of every node, named as the nodes are.
func (n *Net) Nodes() []Scenario {
	all := make([]Scenario, len(n.nodes))
	for i, x := range n.nodes {
		all[i] = Scenario{Name: x.Name, Nodes: []string{x.Name}}
	}
	return all
}

// failure is a Scenario in the layout of a Net.
type failure struct {
	name  string
	nodes []int32
	links []int32 // beside those of nodes
	arcs  []int32 // of links and nodes, each once
}

func (n *Net) failures(scenarios []Scenario) ([]failure, error) {
	var f faults
	all := make([]failure, len(scenarios))
	taken := make([]int, len(n.links)) // the last scenario that has the link, from 1
	for i, s := range scenarios {
		all[i].name = s.Name
		take := func(link int32) bool {
			fresh := taken[link] != i+1
			if fresh {
				taken[link] = i + 1
				all[i].arcs = append(all[i].arcs, n.arcsOf[link][:]...)
			}
			return fresh
		}
		for _, name := range s.Nodes {
			node, ok := n.nodeAt[name]
			if !ok {
				f.add("scenarios[%d] %q: node %q is not in this network", i, s.Name, name)
				continue
			}
			if slices.Contains(all[i].nodes, node) {
				continue
			}
			all[i].nodes = append(all[i].nodes, node)
			for arc := n.out[node]; arc < n.out[node+1]; arc++ {
				take(n.linkOf[arc])
			}
		}
		for _, name := range s.Links {
			link, ok := n.linkAt[name]
			if !ok {
				f.add("scenarios[%d] %q: link %q is not in this network", i, s.Name, name)
				continue
			}
			if take(link) {
				all[i].links = append(all[i].links, link)
			}
		}
	}
	if err := f.err(); err != nil {
		return nil, fmt.Errorf("what-if: %w", err)
	}
	return all, nil
}

// hits reports whether r uses one of the failure's arcs.
func (f *failure) hits(r *row) bool {
	for _, arc := range f.arcs {
		if r.has(arc) {
			return true
		}
	}
	return false
}

// probe is a view that failures are tried on.
type probe struct {
	of, view *view
}

// try is v with the failure. It is valid until the failure is taken back.
func (p *probe) try(n *Net, v *view, f *failure) *view {
	if p.of != v {
		p.of, p.view = v, v.clone()
	}
	for _, arc := range f.arcs {
		p.view.set(n, arc, 0)
	}
	p.view.plain = false
	return p.view
}

func (p *probe) takeBack(n *Net, f *failure) {
	for _, arc := range f.arcs {
		p.view.set(n, arc, p.of.weight[arc])
	}
}

// fail sums up what arcs of st gain and lose when f fails, and returns what cannot be delivered then and could before, but
// for what the failed nodes themselves send and receive.
func (s *scratch) fail(st *State, f *failure) (lost int64, cut int) {
	n := s.net
	s.nextSum()
	v := s.before.try(n, st.view, f)
	defer s.before.takeBack(n, f)
	s.worse = append(s.worse[:0], f.arcs...)
	for i, r := range st.rows {
		if !f.hits(r) {
			continue
		}
		s.reroute(v, n.dests[i], r)
		s.carry(n.dests[i], r)
		s.eachCut(r, i, f, func(_ int32, amount int64) {
			lost += amount
			cut++
		})
	}
	return lost, cut
}

// eachCut visits the sources that the repair just made cuts off from the row's destination, and what they send.
func (s *scratch) eachCut(r *row, index int, f *failure, visit func(node int32, amount int64)) {
	if len(f.nodes) > 0 && slices.Contains(f.nodes, s.net.dests[index]) {
		return
	}
	for _, node := range s.moved {
		if s.dist[node] < Unreachable || r.flow[node] == 0 || len(f.nodes) > 0 && slices.Contains(f.nodes, node) {
			continue
		}
		if amount := s.net.demand(index, node); amount > 0 {
			visit(node, amount)
		}
	}
}

// newlyCut visits the demands that f cuts off in after and not in before, and that after alone delivers; those of failed
// nodes left out.
func (s *scratch) newlyCut(before, after *State, f *failure, visit func(index int, node int32, amount int64)) {
	type source struct {
		node   int32
		amount int64
	}
	n := s.net
	va, vb := s.after.try(n, after.view, f), s.before.try(n, before.view, f)
	defer s.after.takeBack(n, f)
	defer s.before.takeBack(n, f)
	s.worse = append(s.worse[:0], f.arcs...)
	var found []source
	for i, r := range after.rows {
		if !f.hits(r) {
			continue
		}
		s.reroute(va, n.dests[i], r)
		found = found[:0]
		s.eachCut(r, i, f, func(node int32, amount int64) { found = append(found, source{node, amount}) })
		if len(found) == 0 {
			continue
		}
		old := before.rows[i]
		s.reroute(vb, n.dests[i], old)
		slices.SortFunc(found, func(a, b source) int { return int(a.node - b.node) })
		for _, x := range found {
			if s.at(old, x.node) < Unreachable {
				visit(i, x.node, x.amount)
			}
		}
	}
}
