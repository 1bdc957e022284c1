package target

import (
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/internal/backbone/model"
)

// Settings are a configuration: leaves by canonical path. What is stored is never changed in place.
type Settings map[string]model.Leaf

// SameKeys says whether two configurations have the same leaves, whatever their values.
func (s Settings) SameKeys(other Settings) bool {
	if len(s) != len(other) {
		return false
	}
	for key := range s {
		if _, ok := other[key]; !ok {
			return false
		}
	}
	return true
}

// Leaves is every leaf that a device shows, configuration and state. Values are read when they are asked for, so that it
// stays valid until a leaf comes or goes. It is built with Add and then not changed any more.
type Leaves struct {
	all    []*Reading // in order of their keys, once sorted
	byKey  map[string]*Reading
	sorted bool
}

// Reading is one leaf that can be read. Its Value is not used.
type Reading struct {
	model.Leaf
	Counts  bool // moves with the traffic: never sent for being changed, only as a sample
	Derived bool // state without a counterpart in the configuration
	Read    func(now time.Time) model.Value
}

// NewLeaves returns none, with room for size of them.
func NewLeaves(size int) *Leaves { return &Leaves{byKey: make(map[string]*Reading, size)} }

// Add takes a leaf in, unless there is one at its path already.
func (l *Leaves) Add(leaf *Reading) {
	if _, ok := l.byKey[leaf.Key]; !ok {
		l.byKey[leaf.Key] = leaf
		l.all = append(l.all, leaf)
		l.sorted = false
	}
}

// Mirror adds, for each leaf of a configuration that is in force, the leaf of state that shows the same.
func (l *Leaves) Mirror(inForce Settings, read func(key string) model.Value) {
	for key, leaf := range inForce {
		mirror := leaf.Node.Mirror()
		if mirror == nil {
			continue
		}
		path := slices.Clone(leaf.Path)
		path[len(path)-2] = model.E("state")
		l.Add(&Reading{
			Leaf: model.Leaf{Key: model.Key(path), Path: path, Node: mirror},
			Read: func(time.Time) model.Value { return read(key) },
		})
	}
}

// Sort puts the leaves in order. It must be called once they are all there.
func (l *Leaves) Sort() {
	if !l.sorted {
		slices.SortFunc(l.all, func(a, b *Reading) int { return strings.Compare(a.Key, b.Key) })
		l.sorted = true
	}
}

// find returns the leaves at or below a path, which may be a pattern.
func (l *Leaves) find(node *model.Node, path model.Elems) []*Reading {
	if node.Leaf && model.Concrete(node, path) {
		if leaf := l.byKey[model.Key(path)]; leaf != nil {
			return []*Reading{leaf}
		}
		return nil
	}
	var found []*Reading
	for _, leaf := range l.all {
		if model.Matches(path, leaf.Path) {
			found = append(found, leaf)
		}
	}
	return found
}

// configures says whether any leaf of configuration stands below a path.
func (l *Leaves) configures(path model.Elems) bool {
	return slices.ContainsFunc(l.all, func(leaf *Reading) bool { return leaf.Node.Writable && model.Matches(path, leaf.Path) })
}
