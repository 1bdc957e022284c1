package incident

// index finds places in a list by id. Every event of a ledger is looked up in one, at a start a million of them: it takes a
// fifth of the time of a map, because ids are as good as random already and a place is told from its neighbours without
// looking into the list. The zero index is empty.
type index struct {
	slots []slot // a power of two of them, at most half of them taken; see find for which
	taken int
}

// slot says that the id that begins with tag is at place, counted from 1; 0 is a free slot.
type slot struct{ tag, place uint32 }

// firstSlots is how many slots the first id makes.
const firstSlots = 8

// find returns where an id is. is tells whether it is at a place; it is asked of few others.
func (x *index) find(id eventID, is func(at int) bool) (at int, ok bool) {
	if x.taken == 0 {
		return 0, false
	}
	for n, tag := x.home(uint32(id[0])), uint32(id[0]); x.slots[n].place != 0; n = x.after(n) {
		if at := int(x.slots[n].place) - 1; x.slots[n].tag == tag && is(at) {
			return at, true
		}
	}
	return 0, false
}

// add notes where an id is that is not there yet.
func (x *index) add(id eventID, at int) {
	if 2*(x.taken+1) > len(x.slots) {
		old := x.slots
		x.slots = make([]slot, max(firstSlots, 2*len(old)))
		for _, s := range old {
			if s.place != 0 {
				x.put(s)
			}
		}
	}
	x.put(slot{uint32(id[0]), uint32(at) + 1})
	x.taken++
}

// put takes the first free slot from the tag's home on.
func (x *index) put(s slot) {
	n := x.home(s.tag)
	for x.slots[n].place != 0 {
		n = x.after(n)
	}
	x.slots[n] = s
}

// remove forgets that an id is at a place. What stands behind it moves up, so that no free slot lies between any id and its
// home.
func (x *index) remove(id eventID, at int) {
	hole := x.home(uint32(id[0]))
	for x.slots[hole].place != uint32(at)+1 {
		hole = x.after(hole)
	}
	for n := x.after(hole); x.slots[n].place != 0; n = x.after(n) {
		if x.distance(x.home(x.slots[n].tag), n) >= x.distance(hole, n) {
			x.slots[hole] = x.slots[n]
			hole = n
		}
	}
	x.slots[hole] = slot{}
	x.taken--
}

func (x *index) home(tag uint32) int       { return int(tag) & (len(x.slots) - 1) }
func (x *index) after(n int) int           { return (n + 1) & (len(x.slots) - 1) }
func (x *index) distance(from, to int) int { return (to - from) & (len(x.slots) - 1) }
