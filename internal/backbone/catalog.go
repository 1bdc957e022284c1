package backbone

import (
	"slices"
	"strings"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/internal/backbone/model"
)

// catalog is every leaf that a router shows, configuration and state. Values are read when they are asked for, so that a
// catalog stays valid until a leaf comes or goes.
type catalog struct {
	all   []*reading // in order of their keys
	byKey map[string]*reading
}

// reading is one leaf that can be read. Its Value is not used.
type reading struct {
	model.Leaf
	counts  bool // moves with the traffic: never sent for being changed, only as a sample
	derived bool // state without a counterpart in the configuration
	read    func(now time.Time) model.Value
}

// catalog returns the router's leaves. The mutex is held.
func (r *Router) catalog() *catalog {
	if r.leaves != nil {
		return r.leaves
	}
	c := &catalog{byKey: make(map[string]*reading, 2*len(r.running))}
	r.describeState(c) // first, so that what is really in force wins over the mirror of what is configured
	for key, leaf := range r.running {
		c.add(&reading{Leaf: leaf, read: func(time.Time) model.Value { return r.running[key].Value }})
	}
	for key, leaf := range r.programmed {
		mirror := leaf.Node.Mirror()
		if mirror == nil {
			continue
		}
		path := slices.Clone(leaf.Path)
		path[len(path)-2] = model.E("state")
		c.add(&reading{
			Leaf: model.Leaf{Key: model.Key(path), Path: path, Node: mirror},
			read: func(time.Time) model.Value { return r.programmed[key].Value },
		})
	}
	slices.SortFunc(c.all, func(a, b *reading) int { return strings.Compare(a.Key, b.Key) })
	r.leaves = c
	return c
}

// add takes a leaf in, unless there is one at its path already.
func (c *catalog) add(leaf *reading) {
	if _, ok := c.byKey[leaf.Key]; !ok {
		c.byKey[leaf.Key] = leaf
		c.all = append(c.all, leaf)
	}
}

// find returns the leaves at or below a path, which may be a pattern.
func (c *catalog) find(node *model.Node, path model.Elems) []*reading {
	if node.Leaf && model.Concrete(node, path) {
		if leaf := c.byKey[model.Key(path)]; leaf != nil {
			return []*reading{leaf}
		}
		return nil
	}
	var found []*reading
	for _, leaf := range c.all {
		if model.Matches(path, leaf.Path) {
			found = append(found, leaf)
		}
	}
	return found
}

// target is a path that a client reads, looked up.
type target struct {
	node *model.Node
	path model.Elems
}

// target looks up what a client wants to read. The key of a list entry stands for the leaf below config or state that it
// mirrors.
func (r *Router) target(prefix, path *gnmi.Path) (target, error) {
	elems, err := r.absolute(prefix, path)
	if err != nil {
		return target{}, err
	}
	node, clean, err := r.network.schema.Resolve(elems)
	if err != nil {
		return target{}, err
	}
	if !node.ListKey() {
		return target{node, clean}, nil
	}
	for _, side := range []string{"config", "state"} {
		moved := model.Join(clean[:len(clean)-1], model.E(side), clean[len(clean)-1])
		if node, moved, err := r.network.schema.Resolve(moved); err == nil {
			return target{node, moved}, nil
		}
	}
	return target{node, clean}, nil
}
