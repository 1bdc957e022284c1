package checkpoint

import (
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/detour-net/detour/events"
)

// Leaf is the hash of one record's message in the tree: of its subject, and of the digest of its bytes.
func Leaf(subject string, digest events.Digest) tlog.Hash {
	return tlog.RecordHash([]byte(subject + "\n" + string(digest)))
}

// height is by how many levels of the tree the listed nodes stand above each other: each covers 256 of those below.
const height = 8

// Node is one node of the tree over a ledger, with all of the records below it.
type Node struct {
	Level int    // 0 for a record; it covers 1<<Level of them
	Index uint64 // among those of its level, from the left, from 0
	Hash  tlog.Hash
}

// From and To are the positions of the records that it covers.
func (n Node) From() uint64 { return n.Index<<n.Level + 1 }

// To is the position of the last of them.
func (n Node) To() uint64 { return (n.Index + 1) << n.Level }

// Edge is what is needed of a tree to add to it and to tell its root: at most 255 nodes of each eighth level. The zero Edge
// is the empty tree.
type Edge struct {
	size   uint64
	levels [][]tlog.Hash // the nodes of level i*height that no node above them covers
}

// Size is how many records the tree covers.
func (e *Edge) Size() uint64 { return e.size }

// Append adds the next record.
func (e *Edge) Append(leaf tlog.Hash) {
	e.size++
	for i := 0; ; i++ {
		if i == len(e.levels) {
			e.levels = append(e.levels, make([]tlog.Hash, 0, 1<<height))
		}
		e.levels[i] = append(e.levels[i], leaf)
		if len(e.levels[i]) < 1<<height {
			return
		}
		var s stack
		for _, h := range e.levels[i] {
			s.push(i*height, h)
		}
		leaf, e.levels[i] = s.root(), e.levels[i][:0]
	}
}

// Root is the tree's root; of the empty tree it is zero.
func (e *Edge) Root() tlog.Hash {
	var s stack
	for i, level := range slices.Backward(e.levels) {
		for _, h := range level {
			s.push(i*height, h)
		}
	}
	return s.root()
}

// Nodes are the nodes of the edge, from the left.
func (e *Edge) Nodes() (list []Node) {
	for i, level := range slices.Backward(e.levels) {
		first := e.size >> (i * height) &^ (1<<height - 1)
		for k, h := range level {
			list = append(list, Node{Level: i * height, Index: first + uint64(k), Hash: h})
		}
	}
	return list
}

// stack is the nodes of a tree that have no sibling yet, the largest first.
type stack []struct {
	level int
	hash  tlog.Hash
}

func (s *stack) push(level int, h tlog.Hash) {
	for n := len(*s); n > 0 && (*s)[n-1].level == level; n-- {
		level, h = level+1, tlog.NodeHash((*s)[n-1].hash, h)
		*s = (*s)[:n-1]
	}
	*s = append(*s, struct {
		level int
		hash  tlog.Hash
	}{level, h})
}

func (s stack) root() (h tlog.Hash) {
	for i, n := range slices.Backward(s) {
		if h = tlog.NodeHash(n.hash, h); i == len(s)-1 {
			h = n.hash
		}
	}
	return h
}
