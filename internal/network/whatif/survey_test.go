package whatif

import (
	"cmp"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
)

// TestRanked wants arcs in the order of how full they are, those of a multiple of their capacity among them, and of equally full
// ones in the order of State.Loads.
func TestRanked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for seed := range uint64(100) {
		st := solved(t, ispLike(30, 80, 950, seed))
		n := st.net
		for arc := range st.load {
			st.load[arc] *= r.Int64N(4)
		}
		want := make([]int32, len(st.load))
		for arc := range want {
			want[arc] = int32(arc)
		}
		slices.SortFunc(want, func(a, b int32) int {
			return cmp.Or(cmp.Compare(n.permil(b, st.load[b]), n.permil(a, st.load[a])), cmp.Compare(n.place(a), n.place(b)))
		})
		got := st.ranked()
		if !slices.Equal(got.arcs, want) {
			t.Fatalf("seed %d: not in order", seed)
		}
		for i, arc := range want {
			if got.permil[i] != n.permil(arc, st.load[arc]) {
				t.Fatalf("seed %d: arc %d is %d permil full, want %d", seed, arc, got.permil[i], n.permil(arc, st.load[arc]))
			}
		}
	}
}

// TestPeak wants the fullest arc when all change by trifles only, be it one bit per second that is ten times what the arc carries.
func TestPeak(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		s := ispLike(5, 8, 950, r.Uint64())
		for i := range s.Links {
			l := &s.Links[i]
			l.CapacityAB, l.CapacityBA = 1+r.Int64N(1<<(1+r.IntN(20))), 1+r.Int64N(1<<(1+r.IntN(20)))
		}
		st := solved(t, s)
		n, gain := st.net, make([]int64, len(st.load))
		for arc, capacity := range n.capacity {
			st.load[arc] = r.Int64N(1 + capacity<<fraction/int64(1+r.IntN(100)))
			gain[arc] = r.Int64N(1 + n.trifle(int32(arc)))
		}
		want := peak{arc: -1}
		for arc, load := range st.load {
			want.over(n, int32(arc), load+gain[arc])
		}
		if got := st.peak(st.ranked(), nil, gain); got != want {
			t.Fatalf("%+v, want %+v, of capacities %d, loads %d and gains %d", got, want, n.capacity, st.load, gain)
		}
	}
}

// TestSurveyKeeps wants a survey to know of every failure what that does, and to keep it as long as memory lasts: the same whoever
// computes it.
func TestSurveyKeeps(t *testing.T) {
	st := solved(t, ispLike(60, 150, 950, 1))
	n := st.net
	all := slices.Concat(n.Links(), n.Groups(), n.Nodes(), []Scenario{{Name: "nothing"}})
	survey := func(memory int64) *Survey {
		sv, err := NewSurvey(st, all, memory)
		if err != nil {
			t.Fatal(err)
		}
		return sv
	}
	whole := survey(1 << 30)
	for i, s := range all {
		want, e := failed(t, st, s), &whole.effects[i]
		for arc, load := range want.load {
			gain := load - st.load[arc]
			if kept := max(gain, -gain) > n.trifle(int32(arc)); kept != e.has(n, int32(arc)) || kept && e.atMost(n, int32(arc)) != gain || e.atMost(n, int32(arc)) < gain {
				t.Fatalf("%s: arc %d gains %d, kept as at most %d", s.Name, arc, gain, e.atMost(n, int32(arc)))
			}
		}
	}
	kept := func(sv *Survey) (list []bool) {
		for _, e := range sv.effects {
			list = append(list, e.kept)
		}
		return list
	}
	for _, memory := range []int64{0, 1, whole.Bytes() / 3, whole.Bytes() - 1, whole.Bytes()} {
		sv := survey(memory)
		had := runtime.GOMAXPROCS(1)
		alone := survey(memory)
		runtime.GOMAXPROCS(had)
		if !slices.Equal(kept(sv), kept(alone)) || sv.Bytes() != alone.Bytes() {
			t.Errorf("%d bytes: other failures are kept by one worker", memory)
		}
		if sv.Bytes() > memory || memory >= whole.Bytes()/3 && 2*sv.Bytes() < memory {
			t.Errorf("%d bytes kept in %d", sv.Bytes(), memory)
		}
	}
}

// TestTurns wants all looked at in order, whoever is done first, and nobody done who is too far ahead.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(10, 4)
		var done, looked []int
		do := func(i int) {
			turns.done(i, func() { done = append(done, i) }, func(i int) { looked = append(looked, i) })
		}
		for _, i := range []int{9, 4, 3} {
			go do(i)
			synctest.Wait()
		}
		if !slices.Equal(done, []int{3}) || looked != nil {
			t.Errorf("%d are done and %d looked at before the first", done, looked)
		}
		do(0)
		synctest.Wait()
		if !slices.Equal(done, []int{3, 0, 4}) || !slices.Equal(looked, []int{0}) {
			t.Errorf("%d are done and %d looked at after the first", done, looked)
		}
		for _, i := range []int{2, 1, 8, 7, 6, 5} {
			go do(i)
		}
		synctest.Wait()
		if len(done) != 10 || !slices.Equal(looked, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("%d are done and %d looked at in the end", done, looked)
		}
	})
}

// TestForemost wants an effect to know the directions that it fills most, and how full the others get at most.
func TestForemost(t *testing.T) {
	beyond := 0
	for seed := range uint64(10) {
		st := solved(t, ispLike(60, 150, 950, seed))
		sv, err := NewSurvey(st, slices.Concat(st.net.Links(), st.net.Nodes()), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for i := range sv.effects {
			e := &sv.effects[i]
			var full []int64
			for j, arc := range e.arcs {
				full = append(full, st.net.permil(arc, st.load[arc]+e.gain[j]))
			}
			slices.SortFunc(full, func(a, b int64) int { return cmp.Compare(b, a) })
			less := int64(0)
			if len(full) > foremost {
				less, full = full[foremost], full[:foremost]
				beyond++
			}
			var got []int64
			for _, x := range e.full {
				if got = append(got, x.permil); x.permil != st.net.permil(x.arc, st.load[x.arc]+e.atMost(st.net, x.arc)) || !e.has(st.net, x.arc) {
					t.Fatalf("seed %d, failure %d: %+v", seed, i, x)
				}
			}
			if !slices.Equal(got, full) || e.less != less {
				t.Fatalf("seed %d, failure %d: %d, and less than %d; want %d and %d", seed, i, got, e.less, full, less)
			}
		}
	}
	if beyond == 0 {
		t.Error("no failure changes many directions")
	}
}
