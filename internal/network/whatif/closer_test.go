package whatif

import (
	"math/rand/v2"
	"testing"
)

// TestCloserLookHolds computes some of the rows where a change and a failure meet, in two steps, and wants what is bounded
// of the others never to be exceeded: the fewer rows, the more the bound must know.
func TestCloserLookHolds(t *testing.T) {
	looks, partial, rows, narrowed := 0, 0, 0, 0
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
		for arc := range tr.space { // nothing is settled
			tr.space[arc], tr.tying.space[arc] = -maxTotal<<fraction, -maxTotal<<fraction
		}
		for _, i := range r.Perm(len(all))[:min(len(all), 20)] {
			was, is := failedAs(before, &sv.failures[i]), failedAs(after, &sv.failures[i])
			c := tr.closer(open{index: i})
			for arc := range int32(len(is.load)) {
				c.bound.suspects = append(c.bound.suspects, suspect{arc: arc, gain: sv.effects[i].atMost(before.net, arc), drop: tr.slack.drop[arc]})
			}
			c.meets = tr.slack.meets(&sv.failures[i])
			tr.divide(&c.open)
			tr.rank(&c.open)
			tr.again(&c.open)
			narrowed += holds(t, tr, &c.open, was, is)
			for range 2 {
				known := len(c.known.rows)
				part := known + r.IntN(len(c.meets)-known+1)
				c.rows, c.rest = nil, meeting{}
				for _, m := range c.meets[known:part] {
					c.rows = append(c.rows, m.row)
				}
				for _, m := range c.meets[part:] {
					c.rest = c.rest.plus(m.meeting)
				}
				batch := []closer{c}
				tr.settle(batch)
				c = batch[0]
				looks, rows = looks+1, rows+len(c.rows)
				if c.rest != (meeting{}) && len(c.known.rows) > 0 {
					partial++
				}
				holds(t, tr, &c.open, was, is)
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
	t.Logf("%d closer looks, %d at a part, %d rows computed, %d directions narrowed", looks, partial, rows, narrowed)
	if partial == 0 || narrowed == 0 {
		t.Error("the test shows less than it should")
	}
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

// holds wants no arc to carry more than the sum of both and what is known of how far that may be exceeded. It counts the arcs of
// which less is known to come by than all that meets.
func holds(t *testing.T, tr *trial, o *open, was, is *State) (narrow int) {
	t.Helper()
	f, e := &tr.sv.failures[o.index], &tr.sv.effects[o.index]
	onto, all := tr.slack.onto(tr.slack.brought(f, e)-o.known.net, o.known.rest.joint), tr.slack.meeting(f)
	if len(o.bound.suspects) != len(is.load) {
		t.Fatalf("%d suspects of %d", len(o.bound.suspects), len(is.load))
	}
	for _, x := range o.bound.suspects {
		sum := was.load[x.arc] + tr.delta[x.arc] + x.by
		if is.load[x.arc] > sum+x.more+x.drop+onto {
			t.Fatalf("arc %d: %d exceeds %d+%d+%d+%d with %d rows computed", x.arc, is.load[x.arc], sum, x.more, x.drop, onto, len(o.known.rows))
		}
		if x.more < all.moved {
			narrow++
		}
	}
	return narrow
}

// TestSettlingIsExact computes, for a failure and one direction, the rows that may matter to it, and wants its exact load.
func TestSettlingIsExact(t *testing.T) {
	looks, rows := 0, 0
	look := func(r *rand.Rand, s Spec) {
		tr := tried(t, r, s, DefaultLimits())
		if !tr.worse {
			return
		}
		sv, after := tr.sv, tr.after
		var batch []closer
		for i := range sv.failures {
			e := &sv.effects[i]
			for range min(len(e.arcs), 8) {
				arc := e.arcs[r.IntN(len(e.arcs))]
				c := tr.closer(open{index: i, bound: bound{suspects: []suspect{{arc: arc, gain: e.atMost(after.net, arc)}}}})
				tr.settling(&c)
				batch = append(batch, c)
			}
		}
		tr.correct(batch)
		for _, c := range batch {
			x, is := c.bound.suspects[0], failedAs(after, &sv.failures[c.index])
			if load := after.load[x.arc] + x.gain + x.by; load != is.load[x.arc] {
				t.Fatalf("failure %d, arc %d: %d units by %d rows, want %d", c.index, x.arc, load, len(c.rows), is.load[x.arc])
			}
			looks, rows = looks+1, rows+len(c.rows)
		}
	}
	eachSeed(t, 13, func(r *rand.Rand, s Spec) {
		if len(s.Links) > 0 {
			look(r, s)
		}
	})
	for seed := range uint64(*seeds / 300) {
		r := rand.New(rand.NewPCG(seed, 14))
		look(r, ispLike(30, 60, 700, seed))
		look(r, geometric(40, 50, 700, seed))
	}
	t.Logf("%d looks at one direction, %d rows computed", looks, rows)
	if rows == 0 {
		t.Error("nothing is computed")
	}
}
