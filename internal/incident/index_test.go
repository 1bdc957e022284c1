package incident

import (
	"math/rand/v2"
	"testing"
)

// TestIndex keeps an index beside a map, through adds and removals. Many ids have one home, at the end of the slots too.
func TestIndex(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var x index
		list, want := map[int]eventID{}, map[eventID]int{}
		is := func(id eventID) func(at int) bool { return func(at int) bool { return list[at] == id } }
		for step := range 4000 {
			id := eventID{r.Uint64N(8) - 4, r.Uint64N(40)} // few tags, all around the beginning and the end
			at, known := want[id]
			switch got, ok := x.find(id, is(id)); {
			case ok != known || got != at:
				t.Fatalf("seed %d, step %d: %v is at %d, %t; want %d, %t", seed, step, id, got, ok, at, known)
			case known && r.IntN(2) == 0:
				x.remove(id, at)
				delete(want, id)
				delete(list, at)
			case !known && len(want) < 60:
				list[step], want[id] = id, step
				x.add(id, step)
			}
			if x.taken != len(want) || len(x.slots) > 256 {
				t.Fatalf("seed %d, step %d: %d of %d slots are taken, want %d", seed, step, x.taken, len(x.slots), len(want))
			}
		}
		for id, at := range want {
			if got, ok := x.find(id, is(id)); !ok || got != at {
				t.Errorf("seed %d: %v is at %d, %t; want %d", seed, id, got, ok, at)
			}
		}
	}
}

// TestIDs: an id stands for a source and an event, not for the text that both make.
func TestIDs(t *testing.T) {
	ids := map[eventID][2]string{}
	long := string(make([]byte, 300))
	for _, pair := range [][2]string{{"a", "b"}, {"ab", ""}, {"", "ab"}, {"b", "a"}, {"", ""}, {long, "a"}, {"a", long}, {long, "b"}} {
		id := idOf(pair[0], pair[1])
		if other, taken := ids[id]; taken {
			t.Errorf("%q and %q have one id", pair, other)
		}
		ids[id] = pair
		if idOf(pair[0], pair[1]) != id {
			t.Errorf("%q has two ids", pair)
		}
	}
}
