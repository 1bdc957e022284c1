package disk

import (
	"maps"
	"math/rand/v2"
)

const pageSize = 4096

type page [pageSize]byte

// platter is what a disk holds, by the number of a page, which never changes once it is there. One that is missing is zero.
type platter map[uint64]*page

// cache is a platter before which writes wait until they are flushed.
type cache struct {
	stable  platter // survives anything
	live    platter // what is read
	waiting []write // written since the last flush, the oldest first
}

type write struct {
	at   uint64
	what *page
}

func newCache(holding platter) *cache {
	return &cache{stable: holding, live: maps.Clone(holding)}
}

func (c *cache) read(into []byte, offset uint64) {
	for len(into) > 0 {
		n, from := offset/pageSize, offset%pageSize
		some := into[:min(uint64(len(into)), pageSize-from)]
		if p := c.live[n]; p != nil {
			copy(some, p[from:])
		} else {
			clear(some)
		}
		into, offset = into[len(some):], offset+uint64(len(some))
	}
}

func (c *cache) write(what []byte, offset uint64) {
	for len(what) > 0 {
		n, from := offset/pageSize, offset%pageSize
		next := &page{}
		if old := c.live[n]; old != nil {
			*next = *old
		}
		some := what[:copy(next[from:], what)]
		c.live[n] = next
		c.waiting = append(c.waiting, write{n, next})
		what, offset = what[len(some):], offset+uint64(len(some))
	}
}

func (c *cache) flush() {
	for _, w := range c.waiting {
		c.stable[w.at] = w.what
	}
	c.waiting = nil
}

// cut is what the platter holds when power is lost now: of the writes that wait a share that chance decides, any of them.
func (c *cache) cut(rng *rand.Rand) platter {
	left, share := maps.Clone(c.stable), rng.Float64()
	for _, w := range c.waiting {
		if rng.Float64() < share {
			left[w.at] = w.what
		}
	}
	return left
}
