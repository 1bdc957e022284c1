package whatif

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// other is a topology of its own over the links of s: other metrics, other traffic, and some links that it does not use.
func other(r *rand.Rand, s Spec) Spec {
	s.Links, s.Demands = slices.Clone(s.Links), nil
	for i := range s.Links {
		l := &s.Links[i]
		switch r.IntN(8) {
		case 0:
			l.MetricAB, l.MetricBA = 0, 0
		case 1, 2, 3:
			l.MetricAB, l.MetricBA = 1+r.Uint32N(5), 1+r.Uint32N(5)
		case 4:
			l.MetricAB, l.MetricBA = LastResort, LastResort
		}
	}
	for range r.IntN(3 * len(s.Nodes)) {
		from, to := r.IntN(len(s.Nodes)), r.IntN(len(s.Nodes))
		if from != to {
			s.Demands = append(s.Demands, Demand{From: from, To: to, BPS: r.Int64N(1e6)})
		}
	}
	return s
}

// in is what c does to a layer: what the layer does not use stays as it is.
func (c Change) in(n *Net) Change {
	c.Metrics = slices.DeleteFunc(slices.Clone(c.Metrics), func(m Metrics) bool { return n.present.metric[n.arcsOf[n.linkAt[m.Link]][0]] == 0 })
	return c
}

// TestLayersAgainstPlain holds what failures do to two topologies over the same links against both solved from nothing for
// every failure. A change meets both, or one alone.
func TestLayersAgainstPlain(t *testing.T) {
	asked, failures, settled, violations, cut, additive := 0, 0, 0, 0, 0, 0
	eachSeed(t, 8, func(r *rand.Rand, s Spec) {
		if len(s.Links) == 0 {
			return
		}
		s = tight(t, r, s)
		layers := []*State{solved(t, s), solved(t, other(r, s))}
		if r.IntN(2) == 0 { // so that either has links that the other does not use
			slices.Reverse(layers)
		}
		before := joined(t, layers)
		c, alone := worsening(r, s), r.IntN(4)
		if r.IntN(5) == 0 {
			c = randomChange(r, s)
		}
		var changed []*State
		for i, st := range before.all() {
			now := c.in(st.net)
			if alone == i {
				now = Change{}
			}
			after, err := st.Apply(now)
			if err != nil {
				t.Fatal(err)
			}
			changed = append(changed, after)
		}
		after := joined(t, changed)
		all := everything(r, before.net)
		limits := Limits{Permil: 500 + r.Int64N(1000), Worse: r.Int64N(100), Listed: 1 << 20}
		want := plainSurvive(t, before, after, all, limits)
		for _, memory := range []int64{0, 300, 1 << 30} {
			sv, err := SurveyLayers(before.layers, all, memory)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := sv.Present(limits).Worst, plainSurvive(t, before, before, all, limits).Worst; got != want {
				t.Fatalf("present: %+v, want %+v", got, want)
			}
			bounded := limits
			bounded.Bound = true
			rough, err := sv.SurviveLayers(changed, bounded)
			if err != nil {
				t.Fatal(err)
			}
			if rough.AtMost < want.AtMost || rough.Worst.Load.Permil > want.AtMost {
				t.Fatalf("memory %d: at most %d, found %+v: want %+v", memory, rough.AtMost, rough.Worst, want.Worst)
			}
			got, err := sv.SurviveLayers(changed, limits)
			if err != nil {
				t.Fatal(err)
			}
			if memory > 300 {
				asked, failures, settled = asked+1, failures+got.Failures, settled+got.Settled
				violations, cut = violations+got.Violations, cut+got.Cut
				if newTrial(sv, after, limits).worse {
					additive++
				}
			}
			for _, s := range []*Survival{&got, &rough} {
				s.Settled, s.Exact = 0, 0
			}
			rough.Worst, rough.AtMost = want.Worst, want.AtMost
			if diff := cmp.Diff([]Survival{want, want}, []Survival{got, rough}); diff != "" {
				t.Fatalf("memory %d, change %+v, alone %d (-plain +survey):\n%s\n%+v", memory, c, alone, diff, s)
			}
		}
	})
	t.Logf("%d changes, %d of them bounded by sums; %d failures, %d settled by a bound; %d violations, %d cut something off", asked, additive, failures, settled, violations, cut)
	if additive < asked/3 || asked-additive < asked/10 || settled < failures/20 || violations < asked/10 || cut < asked/10 {
		t.Error("the test shows less than it should")
	}
}

// TestLayersBoundsHold has links that only one of two topologies uses, be it the first or the second: what meets there is
// that topology's alone.
func TestLayersBoundsHold(t *testing.T) {
	var b bounds
	unlike := 0
	eachSeed(t, 3, func(r *rand.Rand, s Spec) {
		if len(s.Links) == 0 {
			return
		}
		o := other(r, s)
		for i := range o.Links {
			if l := &o.Links[i]; r.IntN(3) == 0 {
				l.MetricAB, l.MetricBA = 0, 0
			}
		}
		layers := []*State{solved(t, s), solved(t, o)}
		if r.IntN(2) == 0 {
			slices.Reverse(layers)
		}
		c := worsening(r, s)
		var changed []*State
		for _, st := range layers {
			after, err := st.Apply(c.in(st.net))
			if err != nil {
				t.Fatal(err)
			}
			changed = append(changed, after)
		}
		before, after := joined(t, layers), joined(t, changed)
		by, ok := worsens(before, after)
		if !ok {
			return
		}
		if !slices.Equal(by[0], by[1]) {
			unlike++
		}
		b.hold(t, before, after, by, everything(r, before.net))
	})
	t.Logf("%d pairs of a change and a failure, %d of them plain sums but for rounding, %d arcs; %d changes of other arcs in one topology than in the other", b.pairs, b.plain, b.arcs, unlike)
	if unlike < *seeds/3/20 {
		t.Error("the test shows less than it should")
	}
}

// TestLayersCarryAtMost holds all layers together to what one may carry, which is what sums of loads and bounds have room for.
func TestLayersCarryAtMost(t *testing.T) {
	with := func(bps int64) *State {
		return solved(t, Spec{
			Nodes: []Node{{Name: "a"}, {Name: "b"}}, Links: []Link{{Name: "x", MetricAB: 1, MetricBA: 1, CapacityAB: 1, CapacityBA: 1, B: 1}},
			Demands: []Demand{{From: 0, To: 1, BPS: bps}},
		})
	}
	half := with(maxTotal / 2)
	if _, err := SurveyLayers([]*State{half, half}, nil, 0); err != nil {
		t.Error(err)
	}
	if _, err := SurveyLayers([]*State{half, with(maxTotal/2 + 1)}, nil, 0); err == nil {
		t.Error("more than one layer may carry is taken of two")
	}
}

// TestLoadsOfLayers rounds what layers carry together and not what each does: two thirds of a bit per second are one, and two
// halves are one as well.
func TestLoadsOfLayers(t *testing.T) {
	for _, parallel := range []int{2, 3} {
		s := Spec{Nodes: []Node{{Name: "a"}, {Name: "b"}}, Demands: []Demand{{From: 0, To: 1, BPS: 1}}}
		for i := range parallel {
			s.Links = append(s.Links, Link{Name: string(rune('x' + i)), MetricAB: 1, MetricBA: 1, CapacityAB: 4, CapacityBA: 4, B: 1})
		}
		for i, l := range Loads(solved(t, s), solved(t, s)) {
			want := Load{Link: string(rune('x' + i/2)), From: "a", To: "b", BPS: 1, Capacity: 4, Permil: 250}
			if i%2 == 1 {
				want.From, want.To, want.BPS, want.Permil = "b", "a", 0, 0
			}
			if l != want {
				t.Errorf("%d links: %+v, want %+v", parallel, l, want)
			}
		}
	}
}

// TestLayersOfOtherNetworks are refused.
func TestLayersOfOtherNetworks(t *testing.T) {
	spec := func(links ...Link) Spec { return Spec{Nodes: []Node{{Name: "a"}, {Name: "b"}}, Links: links} }
	l := Link{Name: "x", MetricAB: 1, MetricBA: 1, CapacityAB: 1, CapacityBA: 1, B: 1}
	wide, away := l, l
	wide.CapacityBA, away.Name = 2, "y"
	one, two := solved(t, spec(l)), solved(t, spec(l))
	for name, layers := range map[string][]*State{
		"none": nil, "another capacity": {one, solved(t, spec(wide))}, "another name": {one, solved(t, spec(away))}, "another link": {one, solved(t, spec(l, away))},
	} {
		if _, err := SurveyLayers(layers, one.net.Links(), 0); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	sv, err := SurveyLayers([]*State{one, two}, one.net.Links(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, layers := range map[string][]*State{"none": nil, "one of two": {one}, "in another order": {two, one}, "three": {one, two, one}} {
		if _, err := sv.SurviveLayers(layers, DefaultLimits()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
