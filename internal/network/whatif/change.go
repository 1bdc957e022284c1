package whatif

import "fmt"

// Metrics gives a link new metrics; 0 leaves a direction as it is.
type Metrics struct {
	Link   string
	AB, BA uint32 // from the Spec's A to its B, and back
}

// Change is what is done to a network, or what happens to it: everything at once, in one step. What is not named stays.
type Change struct {
	Metrics  []Metrics
	Down     []string // links
	Up       []string // links
	Groups   []string // risk groups, all of whose links go down
	Overload []string // nodes
	Release  []string // nodes that are overloaded no more
	Dead     []string // nodes that are gone with all their links
	Alive    []string // nodes that are back
}

// SoftDrain is the change that leaves links as the last resort.
func SoftDrain(links ...string) Change {
	return raise(LastResort, links)
}

// HardDrain is the change that takes links out of shortest paths.
func HardDrain(links ...string) Change {
	return raise(Unused, links)
}

func raise(metric uint32, links []string) Change {
	var c Change
	for _, l := range links {
		c.Metrics = append(c.Metrics, Metrics{Link: l, AB: metric, BA: metric})
	}
	return c
}

// changed is v after c. It says everything in c that the network does not have.
func (n *Net) changed(v *view, c Change) (*view, error) {
	next := v.clone()
	var f faults
	for _, m := range c.Metrics {
		link, ok := n.linkAt[m.Link]
		if !ok || m.AB > Unused || m.BA > Unused {
			f.add("metrics %d and %d of link %q: want a link of this network and at most %d", m.AB, m.BA, m.Link, Unused)
			continue
		}
		ab, ba := m.AB, m.BA
		if n.turned[link] {
			ab, ba = ba, ab
		}
		for i, metric := range [2]uint32{ab, ba} {
			if metric != 0 {
				next.metric[n.arcsOf[link][i]] = metric
			}
		}
	}
	mark(&f, "link", n.linkAt, c.Down, next.linkDown, true)
	for _, g := range c.Groups {
		if _, ok := n.groups[g]; !ok {
			f.add("risk group %q: no link is in it", g)
		}
		for _, link := range n.groups[g] {
			next.linkDown[link] = true
		}
	}
	mark(&f, "link", n.linkAt, c.Up, next.linkDown, false)
	mark(&f, "node", n.nodeAt, c.Overload, next.overload, true)
	mark(&f, "node", n.nodeAt, c.Release, next.overload, false)
	mark(&f, "node", n.nodeAt, c.Dead, next.nodeDown, true)
	mark(&f, "node", n.nodeAt, c.Alive, next.nodeDown, false)
	if err := f.err(); err != nil {
		return nil, fmt.Errorf("what-if: change: %w", err)
	}
	next.weigh(n)
	return next, nil
}

func mark(f *faults, kind string, at map[string]int32, names []string, in []bool, to bool) {
	for _, name := range names {
		i, ok := at[name]
		if !ok {
			f.add("%s %q is not in this network", kind, name)
			continue
		}
		in[i] = to
	}
}
