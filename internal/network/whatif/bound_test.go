package whatif

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBoundsCoverWhatFailuresDo wants of the bound on a failure, before a closer look and after one, that no direction gets
// above the level and the bound, and that there is doubt about every failure that breaks a limit.
func TestBoundsCoverWhatFailuresDo(t *testing.T) {
	bounds, above, breaking, exact := 0, 0, 0, 0
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
			c := closer{open: open{index: i, bound: tr.bound(i)}}
			look := func() {
				bounds++
				if c.bound.above() {
					above++
				}
				if covers(t, tr, &c.bound, was, is) {
					breaking++
				}
			}
			look()
			if !tr.additive(i) || !c.bound.above() {
				continue
			}
			tr.narrow(&c.open)
			look()
			for _, whole := range []bool{false, false, true} {
				batch := []closer{tr.closer(c.open)}
				if whole {
					tr.settling(&batch[0])
				} else {
					tr.choose(&batch[0])
				}
				tr.settle(batch)
				c = batch[0]
				look()
				if e := &sv.effects[i]; c.known.exact {
					for _, x := range c.bound.suspects {
						if load := after.load[x.arc] + x.gain + x.by; e.has(before.net, x.arc) && load != is.load[x.arc] {
							t.Fatalf("arc %d: %d units after all rows that concern it, want %d", x.arc, load, is.load[x.arc])
						} else if e.has(before.net, x.arc) {
							exact++
						}
					}
				}
			}
		}
	})
	t.Logf("%d bounds, %d of them above the level; %d failures break a limit, %d loads settled", bounds, above, breaking, exact)
	if exact == 0 {
		t.Error("nothing is settled")
	}
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

// tried is the trial of a change for the worse, with all failures surveyed.
func tried(t *testing.T, r *rand.Rand, s Spec, limits Limits) *trial {
	before := solved(t, s)
	after, err := before.Apply(worsening(r, s))
	if err != nil {
		t.Fatal(err)
	}
	sv, err := NewSurvey(before, everything(r, before.net), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return newTrial(sv, after, limits)
}

// TestSuspectsAreAllThatMayMatter wants of the first bound on a failure, which looks at few directions, what a look at all of them
// finds.
func TestSuspectsAreAllThatMayMatter(t *testing.T) {
	bounds, suspects, spared := 0, 0, 0
	for seed := range uint64(*seeds / 50) {
		r := rand.New(rand.NewPCG(seed, 12))
		s := ispLike(60, 150, 950, seed)
		if seed%2 == 0 {
			s = geometric(60, 130, 950, seed)
		}
		tr := tried(t, r, s, Limits{Permil: 700 + r.Int64N(400), Worse: r.Int64N(100)})
		if !tr.worse {
			continue
		}
		sv, n := tr.sv, tr.after.net
		for i := range sv.failures {
			f, e := &sv.failures[i], &sv.effects[i]
			b := tr.begin(i)
			if b.fits(true) {
				continue
			}
			sum, brought := tr.slack.meeting(f), tr.slack.brought(f, e)
			b.drained, b.onto = tr.slack.drained(brought), tr.slack.onto(brought, sum.joint)
			for arc := range int32(len(n.tail)) {
				if gain := e.atMost(n, arc); gain+saturate(sum.moved+b.onto)+sum.joint > b.space[arc] {
					b.take(suspect{arc: arc, gain: gain, more: sum.moved, drop: min(sum.joint, tr.slack.drop[arc])})
				}
			}
			got := tr.bound(i)
			if got.peak != b.peak || got.doubt != b.doubt || !slices.Equal(got.suspects, b.suspects) {
				t.Fatalf("seed %d, failure %d: %+v, want %+v", seed, i, got, b.bound)
			}
			bounds, suspects = bounds+1, suspects+len(got.suspects)
			if len(e.arcs) > foremost && len(got.suspects) < len(e.arcs) {
				spared++
			}
		}
	}
	t.Logf("%d bounds, %d suspects, %d directions need not all be looked at", bounds, suspects, spared)
	if suspects == 0 || spared == 0 {
		t.Error("the test shows less than it should")
	}
}

// TestSpread wants no direction to get fuller than spread says, however small it is.
func TestSpread(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 200_000 {
		n := &Net{capacity: []int64{1 + r.Int64N(1<<(1+r.IntN(12)))}}
		load, more := r.Int64N(n.capacity[0]<<fraction), r.Int64N(n.capacity[0]<<(1+r.IntN(fraction)))
		b := bounding{trial: &trial{least: n.capacity[0]}}
		if was, is, spread := n.permil(0, load), n.permil(0, load+n.trifle(0)+more), b.spread(more); is > was+spread {
			t.Fatalf("capacity %d: %d units are %d permil, %d more %d: spread is %d", n.capacity[0], load, was, more, is, spread)
		}
	}
}
