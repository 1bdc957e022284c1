package checkpoint

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/detour-net/detour/events"
)

// library is the same tree as golang.org/x/mod keeps it, with all of its nodes.
type library []tlog.Hash

func (l library) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		list[i] = l[index]
	}
	return list, nil
}

func leafOf(n int) tlog.Hash {
	return Leaf(events.LedgerSubject("test", fmt.Sprint(n)), events.DigestBytes(fmt.Append(nil, n)))
}

// TestEdge holds the edge against the library's tree, beyond the sizes at which a level gets its first node.
func TestEdge(t *testing.T) {
	var edge Edge
	var all library
	if edge.Root() != (tlog.Hash{}) || edge.Nodes() != nil {
		t.Errorf("the empty tree has root %s and nodes %v", edge.Root(), edge.Nodes())
	}
	for n := range 66_500 {
		leaf := leafOf(n)
		edge.Append(leaf)
		more, err := tlog.StoredHashesForRecordHash(int64(n), leaf, all)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, more...)
		size := n + 1
		if size > 600 && size%251 != 0 && size%256 > 1 {
			continue
		}
		root, err := tlog.TreeHash(int64(size), all)
		if err != nil {
			t.Fatal(err)
		}
		if edge.Root() != root || edge.Size() != uint64(size) {
			t.Fatalf("size %d: root %s, want %s", edge.Size(), edge.Root(), root)
		}
		next := uint64(1)
		for _, node := range edge.Nodes() {
			if node.From() != next {
				t.Fatalf("size %d: %+v begins at %d, want %d", size, node, node.From(), next)
			}
			if next = node.To() + 1; node.Hash != all[tlog.StoredHashIndex(node.Level, int64(node.Index))] {
				t.Fatalf("size %d: the hash of node %+v is another", size, node)
			}
		}
		if next != uint64(size)+1 {
			t.Fatalf("size %d: the nodes end at %d", size, next-1)
		}
	}
	if n := len(edge.Nodes()); n > 3*255 {
		t.Errorf("%d nodes are kept", n)
	}
}

// TestLeaf: a record's place in the tree rests on its subject and its bytes, and on where one ends.
func TestLeaf(t *testing.T) {
	seen := map[tlog.Hash]string{}
	for _, c := range [][2]string{{"a", "b"}, {"a\nb", ""}, {"a", "c"}, {"ab", "b"}} {
		h := Leaf(c[0], events.Digest(c[1]))
		if seen[h] != "" && c[0]+"\n"+c[1] != seen[h] {
			t.Errorf("%q and %q have one hash", c, seen[h])
		}
		seen[h] = c[0] + "\n" + c[1]
	}
	if len(seen) < 3 {
		t.Errorf("%d hashes", len(seen))
	}
}
