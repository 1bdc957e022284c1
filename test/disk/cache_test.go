package disk

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestCache cuts the power with writes before and behind a flush, which overlap: what was flushed is there, and every page is one
// that was written to it.
func TestCache(t *testing.T) {
	pages := func(v byte, n int) []byte { return bytes.Repeat([]byte{v}, n) }
	kept := map[string]bool{}
	for seed := range uint64(200) {
		c := newCache(platter{})
		c.write(pages(1, 3*pageSize), 0)
		c.write(pages(2, 100), pageSize-50)
		c.flush()
		c.write(pages(3, pageSize), 0)
		c.write(pages(4, 10), pageSize)
		c.write(pages(5, pageSize), 5*pageSize)
		live := make([]byte, 6*pageSize)
		c.read(live, 0)
		if live[0] != 3 || live[pageSize] != 4 || live[pageSize+10] != 2 || live[pageSize+50] != 1 || live[3*pageSize] != 0 || live[5*pageSize] != 5 {
			t.Fatalf("what was written is read as %d %d %d %d", live[0], live[pageSize], live[pageSize+10], live[5*pageSize])
		}
		left := newCache(c.cut(rand.New(rand.NewPCG(seed, 0))))
		is := make([]byte, 6*pageSize)
		left.read(is, 0)
		if is[pageSize+49] != 2 || is[pageSize+50] != 1 || is[3*pageSize-1] != 1 || is[0] != 1 && is[0] != 3 || is[pageSize] != 2 && is[pageSize] != 4 || is[5*pageSize] != 0 && is[5*pageSize] != 5 {
			t.Errorf("seed %d: left is %d %d %d", seed, is[0], is[pageSize], is[5*pageSize])
		}
		kept[fmt.Sprint(is[0], is[pageSize], is[5*pageSize])] = true
	}
	if len(kept) != 8 {
		t.Errorf("of 8 things that can be left %d were: %v", len(kept), kept)
	}
}
