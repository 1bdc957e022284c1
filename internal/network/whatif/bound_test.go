package whatif

import (
	"math/rand/v2"
	"testing"
)

// TestBoundsCoverWhatFailuresDo wants of the bound on a failure, before a closer look and after one, that no direction gets
// above the level and the bound, and that there is doubt about every failure that breaks a limit.
func TestBoundsCoverWhatFailuresDo(t *testing.T) {
	bounds, above, breaking := 0, 0, 0
	eachSeed(t, 3, func(r *rand.Rand, s Spec) {
		if len(s.Links) == 0 {
			return
		}
		s = tight(t, r, s)
		before := solved(t, s)
		after, err := before.Apply(worsening(r, s))
		if err != nil {
			t.Fatal(err)
		}
		sv, err := NewSurvey(before, everything(r, before.net), []int64{0, 300, 1 << 30}[r.IntN(3)])
		if err != nil {
			t.Fatal(err)
		}
		tr := newTrial(sv, after, Limits{Permil: 300 + r.Int64N(1000), Worse: r.Int64N(100), Bound: r.IntN(2) == 0})
		for i := range sv.failures {
			f := &sv.failures[i]
			was, is := failedAs(before, f), failedAs(after, f)
			c := closer{open: open{index: i}}
			for range 2 {
				c.bound = tr.bound(i, &c.known)
				bounds++
				if c.bound.above() {
					above++
				}
				if covers(t, tr, &c.bound, was, is) {
					breaking++
				}
				if !tr.additive(i) || !c.bound.above() {
					break
				}
				c.rows, c.rest = nil, meeting{}
				tr.choose(&c, false)
				batch := []closer{c}
				tr.correct(batch)
				c = batch[0]
			}
		}
	})
	t.Logf("%d bounds, %d of them above the level; %d failures break a limit", bounds, above, breaking)
}

// covers wants a bound to hold for a failure, and reports whether that breaks a limit.
func covers(t *testing.T, tr *trial, b *bound, was, is *State) (breaks bool) {
	t.Helper()
	n := is.net
	for arc := range int32(len(is.load)) {
		most := tr.level
		if b.above() {
			most = max(most, b.peak.permil)
		}
		if full := n.permil(arc, is.load[arc]); full > most {
			t.Fatalf("arc %d: %d permil exceeds the level of %d and the bound %+v", arc, full, tr.level, *b)
		}
		breaks = breaks || tr.breaks(arc, is.load[arc], was.load[arc])
	}
	if breaks && !b.doubt {
		t.Fatalf("a limit is broken, and the bound %+v has no doubt", *b)
	}
	return breaks
}
