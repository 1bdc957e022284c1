package whatif

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
)

// TestSweep wants every failure of many batches to change loads, to the last unit, as the network with it solved from nothing has
// them, to cut off what that does, and to touch the rows that use it; with nothing left over from one sweep to the next.
func TestSweep(t *testing.T) {
	cut := int64(0)
	eachSeed(t, 2, func(r *rand.Rand, s Spec) {
		st := solved(t, s)
		if r.IntN(3) == 0 {
			st = joined(t, []*State{st, solved(t, other(r, s))})
		}
		n := st.net
		all := everything(r, n)
		failures, err := n.failures(all)
		if err != nil {
			t.Fatal(err)
		}
		var list []*failure
		for _, i := range r.Perm(len(all)) {
			list = append(list, &failures[i])
		}
		n.sweep(st, list[:len(list)/3], func(*scratch, int, found) {})
		ranked := st.ranked()
		var seen atomic.Int64
		n.sweep(st, list, func(s *scratch, i int, found found) {
			seen.Add(1)
			want := failed(t, st, all[slices.IndexFunc(failures, func(f failure) bool { return f.name == list[i].name })])
			for arc := range want.load {
				if got := found.gain[arc]; got != want.load[arc]-st.load[arc] {
					t.Errorf("%s: arc %d gains %d, want %d", list[i].name, arc, got, want.load[arc]-st.load[arc])
				}
			}
			fullest := peak{arc: -1}
			for arc, load := range want.load {
				fullest.over(n, int32(arc), load)
			}
			if got := s.effect(st, ranked, found).peak; got != fullest {
				t.Errorf("%s: fullest is %+v, want %+v", list[i].name, got, fullest)
			}
			if lost := lostBy(st, want, list[i]); found.lost != lost {
				t.Errorf("%s: %d lost, want %d", list[i].name, found.lost, lost)
			}
			atomic.AddInt64(&cut, found.lost)
			rows := 0
			for _, r := range st.rows {
				if list[i].hits(r) {
					rows++
				}
			}
			if found.rows != rows {
				t.Errorf("%s: %d rows, want %d", list[i].name, found.rows, rows)
			}
		})
		if int(seen.Load()) != len(list) {
			t.Errorf("%d of %d failures seen", seen.Load(), len(list))
		}
	})
	if cut == 0 {
		t.Error("nothing was ever cut off")
	}
}

// lostBy is what f cuts off between nodes that it leaves alone.
func lostBy(before, after *State, f *failure) int64 {
	lost := int64(0)
	for i, was := range before.all() {
		is, n := after.all()[i], was.net
		for row, to := range n.dests {
			for d := n.first[row]; d < n.first[row+1]; d++ {
				from := n.from[d]
				if !slices.Contains(f.nodes, from) && !slices.Contains(f.nodes, to) && was.rows[row].dist[from] < Unreachable && is.rows[row].dist[from] >= Unreachable {
					lost += n.amount[d]
				}
			}
		}
	}
	return lost
}
