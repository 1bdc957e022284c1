// Package proof holds an export of the ledger against signed checkpoints, without any server.
//
// From the export's lines the Merkle tree is built anew. Where its root at a checkpoint's size is the one that was signed,
// every record up to there is the one that stood there then, and the checkpoints before agree: inclusion and consistency of
// all of them at once, which takes no proof besides the records. Where it is another, the nodes that the checkpoints list
// narrow down the first record that differs: most often to one record, else to the 256 or more among which it is. What
// stands in the place of whole records is compared by their hashes, so that one that was removed, inserted or moved is told
// from one that was changed.
package proof

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

// Tree is that of an export. The zero Tree is that of an empty one.
type Tree struct {
	size  int64
	nodes nodes
}

// nodes are those of a tree as the tlog package numbers them.
type nodes []tlog.Hash

// ReadHashes is tlog.HashReader's.
func (n nodes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		list[i] = n[at]
	}
	return list, nil
}

// Take adds the next line of the export, whatever is wrong with it.
func (t *Tree) Take(l ledger.Line) error {
	var leaf tlog.Hash // of a line that cannot be read: it is no record's
	switch {
	case l.Whole:
		leaf = checkpoint.Leaf(l.Entry.Subject, l.Entry.Stated)
	case l.Entry.Raw != nil:
		leaf = checkpoint.Leaf(l.Entry.Subject, events.DigestBytes(l.Entry.Raw))
	}
	more, err := tlog.StoredHashesForRecordHash(t.size, leaf, t.nodes)
	if err != nil {
		return fmt.Errorf("add line %d to the tree: %w", t.size+1, err)
	}
	t.nodes = append(t.nodes, more...)
	t.size++
	return nil
}

// at is the node of the export's tree in the place of n; false if the export does not reach so far.
func (t *Tree) at(n checkpoint.Node) (tlog.Hash, bool) {
	if n.To() > uint64(t.size) {
		return tlog.Hash{}, false
	}
	return t.nodes[tlog.StoredHashIndex(n.Level, int64(n.Index))], true
}

// leaf is that of position.
func (t *Tree) leaf(position uint64) (tlog.Hash, bool) {
	return t.at(checkpoint.Node{Index: position - 1})
}

// Statement is one checkpoint, and what came of it.
type Statement struct {
	Size   uint64    `json:"size"`
	Root   string    `json:"root"`
	Last   time.Time `json:"last"` // the clock of the writer of its newest record
	Key    string    `json:"key,omitempty"`
	Proven bool      `json:"proven"`           // every record that it covers is in the export as it was
	Fault  string    `json:"fault,omitempty"`  // why it is no evidence, or contradicts another
	Detail string    `json:"detail,omitempty"` // of the fault
}

// Faults beside those of a note by itself.
const (
	RolledBack  = "rolled back" // a newer one was seen before
	Contradicts = "contradicts" // a checkpoint that the export agrees with
)

// Result is what checkpoints say of an export.
type Result struct {
	Statements []Statement
	Proven     uint64 // position up to which the export is what was signed, 0 if it is nowhere
	Findings   []ledger.Finding
}

// Sound reports whether nothing speaks against the export: at least one checkpoint proves it, and none contradicts. A note that
// was cut off when it was written proves nothing, and is no sign of tampering.
func (r Result) Sound() bool {
	return r.Proven > 0 && len(r.Findings) == 0 && !slices.ContainsFunc(r.Statements, func(s Statement) bool {
		return !s.Proven && s.Fault != string(checkpoint.Malformed)
	})
}

// Hold holds the export against checkpoints as their keys have opened them. seen is the size of the newest that was seen
// before, 0 if none was.
func (t *Tree) Hold(opened []checkpoint.Opened, seen uint64) Result {
	var r Result
	var good []checkpoint.Checkpoint
	for _, o := range opened {
		c := o.Checkpoint
		s := Statement{Size: c.Size, Root: c.Root.String(), Last: c.Last, Key: o.Key, Fault: string(o.Fault), Detail: o.Detail}
		if o.Fault == "" {
			good = append(good, c)
			s.Proven = t.proves(c)
		}
		if s.Proven {
			r.Proven = max(r.Proven, c.Size)
		}
		r.Statements = append(r.Statements, s)
	}
	newest := uint64(0)
	var open []checkpoint.Checkpoint // which the export does not agree with
	for _, c := range good {
		newest = max(newest, c.Size)
		if c.Size > r.Proven {
			open = append(open, c)
		}
	}
	for i := range r.Statements {
		s := &r.Statements[i]
		switch {
		case s.Fault == "" && !s.Proven && s.Size <= r.Proven:
			s.Fault, s.Detail = Contradicts, fmt.Sprintf("it is signed, and so is the one of size %d, which is of another history: "+
				"the ledger was rolled back and written anew, or the key is in other hands", r.Proven)
		case s.Fault == "" && s.Size == newest && newest < seen:
			s.Fault, s.Detail = RolledBack, fmt.Sprintf("one of size %d was seen before, and this is the newest that is shown now", seen)
			s.Proven = false
		}
	}
	slices.SortFunc(open, func(a, b checkpoint.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	r.Findings = t.differences(r.Proven, open)
	return r
}

// proves reports whether the export's tree is c's.
func (t *Tree) proves(c checkpoint.Checkpoint) bool {
	if c.Size > uint64(t.size) {
		return false
	}
	root, err := tlog.TreeHash(int64(c.Size), t.nodes)
	return err == nil && root == c.Root
}
