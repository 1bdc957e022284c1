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
	arcs  []int32 // of links and nodes, ascending, each once
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
		slices.Sort(all[i].arcs)
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
