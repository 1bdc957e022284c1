package whatif

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCloserLookHolds computes some of the rows where a change and a failure meet, in two steps, and wants what is bounded
// of the others never to be exceeded: the fewer rows, the more the bound must know.
func TestCloserLookHolds(t *testing.T) {
	looks, partial, rows := 0, 0, 0
	look := func(r *rand.Rand, s Spec) {
		before := solved(t, s)
		after, err := before.Apply(worsening(r, s))
		if err != nil {
			t.Fatal(err)
		}
		all := everything(r, before.net)
		for range 3 { // risk groups of anything
			var sc Scenario
			for range 2 + r.IntN(3) {
				sc.Links = append(sc.Links, s.Links[r.IntN(len(s.Links))].Name)
			}
			all = append(all, sc)
		}
		sv, err := NewSurvey(before, all, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		tr := newTrial(sv, after, DefaultLimits())
		if !tr.worse {
			return
		}
		for _, i := range r.Perm(len(all))[:min(len(all), 20)] {
			was, is := failedAs(before, &sv.failures[i]), failedAs(after, &sv.failures[i])
			c := closer{open: open{index: i}}
			most, drop := tr.slack.of(&sv.failures[i], &sv.effects[i])
			for range 2 {
				c.bound.room = (most + drop) / (1 + r.Int64N(6))
				c.rows, c.rest = nil, meeting{}
				tr.choose(&c, r.IntN(4) == 0)
				batch := []closer{c}
				tr.correct(batch)
				c = batch[0]
				looks, rows = looks+1, rows+len(c.rows)
				if c.rest != (meeting{}) && c.known.rows > 0 {
					partial++
				}
				holds(t, tr, c.known, was, is)
			}
		}
	}
	eachSeed(t, 3, func(r *rand.Rand, s Spec) {
		if len(s.Links) > 0 {
			look(r, s)
		}
	})
	for seed := range uint64(*seeds / 300) {
		r := rand.New(rand.NewPCG(seed, 11))
		look(r, ispLike(30, 80, 700, seed))
		look(r, geometric(30, 60, 700, seed))
	}
	t.Logf("%d closer looks, %d at a part, %d rows computed", looks, partial, rows)
}

// failedAs is st with the failure happening, solved from nothing.
func failedAs(st *State, f *failure) *State {
	v := st.view.clone()
	for _, link := range f.links {
		v.linkDown[link] = true
	}
	for _, node := range f.nodes {
		v.nodeDown[node] = true
	}
	v.weigh(st.net)
	return st.net.solveUnder(v)
}

// holds wants no arc to carry more than the sum of both, the correction, and what that leaves to the rows not computed.
func holds(t *testing.T, tr *trial, known correction, was, is *State) {
	t.Helper()
	for arc := range is.load {
		by := int64(0)
		if j, ok := slices.BinarySearch(known.arcs, int32(arc)); ok {
			by = known.by[j]
		}
		sum := was.load[arc] + tr.delta[arc] + by
		if more := known.more + min(known.drop, tr.slack.drop[arc]); is.load[arc] > sum+more {
			t.Fatalf("arc %d: %d exceeds %d+%d with %d rows computed", arc, is.load[arc], sum, more, known.rows)
		}
	}
}
