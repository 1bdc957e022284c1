package whatif

import "math/bits"

// bitset has a bit for each of a number of things.
type bitset []uint64

func newBitset(count int) bitset { return make(bitset, (count+63)/64) }

func (b bitset) has(i int32) bool { return b[i>>6]>>(i&63)&1 != 0 }
func (b bitset) put(i int32)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) take(i int32)     { b[i>>6] &^= 1 << (i & 63) }

// drop empties a set that has nothing but what is listed.
func (b bitset) drop(list []int32) {
	for _, i := range list {
		b[i>>6] = 0
	}
}

// within appends what is in the set from lo to before hi to list, in order.
func (b bitset) within(lo, hi int32, list []int32) []int32 {
	for at := lo; at < hi; at = (at>>6 + 1) << 6 {
		for word := b.from(at, hi); word != 0; word &= word - 1 {
			list = append(list, at+int32(bits.TrailingZeros64(word)))
		}
	}
	return list
}

// count is how many are in the set from lo to before hi.
func (b bitset) count(lo, hi int32) int32 {
	sum := 0
	for at := lo; at < hi; at = (at>>6 + 1) << 6 {
		sum += bits.OnesCount64(b.from(at, hi))
	}
	return int32(sum)
}

// copy takes over another set's words that have anything from lo to before hi.
func (b bitset) copy(c bitset, lo, hi int32) {
	for i := lo >> 6; i <= (hi-1)>>6; i++ {
		b[i] = c[i]
	}
}

// from are the bits from at on, as many as its word has before hi.
func (b bitset) from(at, hi int32) uint64 {
	word := b[at>>6] >> (at & 63)
	if hi-at < 64 {
		word &= 1<<(hi-at) - 1
	}
	return word
}
