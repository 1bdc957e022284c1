package whatif

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tight gives every link about as much capacity as it needs, so that limits are met and missed.
func tight(t testing.TB, r *rand.Rand, s Spec) Spec {
	st := solved(t, s)
	for i := range s.Links {
		ab, ba, _ := st.Load(s.Links[i].Name)
		s.Links[i].CapacityAB = 1 + ab.BPS*(100+r.Int64N(200))/100 + r.Int64N(3)*r.Int64N(1000)
		s.Links[i].CapacityBA = 1 + ba.BPS*(100+r.Int64N(200))/100 + r.Int64N(3)*r.Int64N(1000)
	}
	return s
}

// worsening is a random change that makes things only worse.
func worsening(r *rand.Rand, s Spec) Change {
	var c Change
	for range 1 + r.IntN(3)/2 {
		l := s.Links[r.IntN(len(s.Links))].Name
		switch r.IntN(6) {
		case 0, 1, 2:
			c.Metrics = append(c.Metrics, SoftDrain(l).Metrics...)
		case 3:
			c.Down = append(c.Down, l)
		case 4:
			c.Overload = append(c.Overload, s.Nodes[r.IntN(len(s.Nodes))].Name)
		case 5:
			c.Dead = append(c.Dead, s.Nodes[r.IntN(len(s.Nodes))].Name)
		}
	}
	return c
}

func everything(r *rand.Rand, n *Net) []Scenario {
	all := slices.Concat(n.Links(), n.Groups(), n.Nodes())
	if len(all) > 3 && r.IntN(3) == 0 { // one of everything at once
		a, b := all[r.IntN(len(all))], all[r.IntN(len(all))]
		all = append(all, Scenario{Name: "mixed", Links: slices.Concat(a.Links, b.Links), Nodes: slices.Concat(a.Nodes, b.Nodes)})
	}
	return all
}

// failed is st with the scenario happening, solved from nothing.
func failed(t testing.TB, st *State, sc Scenario) *State {
	t.Helper()
	var layers []*State
	for _, layer := range st.all() {
		v, err := layer.net.changed(layer.view, Change{Down: sc.Links, Dead: sc.Nodes})
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, layer.net.solveUnder(v))
	}
	return joined(t, layers)
}

func joined(t testing.TB, layers []*State) *State {
	t.Helper()
	st, err := together(layers)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// plainSurvive answers as Survey.Survive does, by solving every failure twice from nothing.
func plainSurvive(t *testing.T, before, after *State, all []Scenario, limits Limits) Survival {
	out := Survival{Failures: len(all)}
	for i, sc := range all {
		was, is := failed(t, before, sc), failed(t, after, sc)
		violation, breaks := Violation{}, false
		wasLoads := was.Loads()
		for j, l := range is.Loads() {
			if i == 0 && j == 0 || l.Permil > out.Worst.Load.Permil {
				out.Worst = Impact{sc.Name, l}
			}
			if l.Permil > limits.Permil && (l.BPS-wasLoads[j].BPS)*1000 > limits.Worse*l.Capacity {
				if !breaks || l.Permil > violation.Load.Permil {
					violation = Violation{Impact{sc.Name, l}, wasLoads[j].Permil}
				}
				breaks = true
			}
		}
		if breaks {
			out.Violations++
			out.Violating = append(out.Violating, violation)
		}
		if cut := plainCut(after, was, is, sc); cut.Count > 0 {
			out.Cut++
			out.CutBPS += cut.BPS
			out.Cutting = append(out.Cutting, CutOff{sc.Name, cut})
		}
	}
	out.AtMost = out.Worst.Load.Permil
	slices.SortStableFunc(out.Violating, func(a, b Violation) int { return int(b.Load.Permil - a.Load.Permil) })
	slices.SortStableFunc(out.Cutting, func(a, b CutOff) int { return int(b.BPS - a.BPS) })
	return out
}

func plainCut(after, was, is *State, sc Scenario) Undelivered {
	const all = 1 << 20
	var cut Undelivered
	for i, layer := range is.all() {
		known := map[Lost]bool{}
		for _, l := range slices.Concat(after.all()[i].Undelivered(all).Named, was.all()[i].Undelivered(all).Named) {
			known[l] = true
		}
		for _, l := range layer.Undelivered(all).Named {
			if !known[l] && !slices.Contains(sc.Nodes, l.From) && !slices.Contains(sc.Nodes, l.To) {
				cut.Count++
				cut.BPS += l.BPS
				cut.Named = append(cut.Named, l)
			}
		}
	}
	return cut
}

func TestSurviveAgainstPlain(t *testing.T) {
	asked, failures, settled, violations, cut := 0, 0, 0, 0, 0
	eachSeed(t, 3, func(r *rand.Rand, s Spec) {
		if len(s.Links) == 0 {
			return
		}
		s = tight(t, r, s)
		before := solved(t, s)
		c := worsening(r, s)
		if r.IntN(5) == 0 {
			c = randomChange(r, s)
		}
		after, err := before.Apply(c)
		if err != nil {
			t.Fatal(err)
		}
		all := everything(r, before.net)
		limits := Limits{Permil: 500 + r.Int64N(1000), Worse: r.Int64N(100), Listed: 1 << 20}
		want := plainSurvive(t, before, after, all, limits)
		for _, memory := range []int64{0, 300, 1 << 30} {
			sv, err := NewSurvey(before, all, memory)
			if err != nil {
				t.Fatal(err)
			}
			got, err := sv.Survive(after, limits)
			if err != nil {
				t.Fatal(err)
			}
			if got.Settled+got.Exact != got.Failures || sv.Bytes() > memory {
				t.Fatalf("%d settled and %d exact of %d, %d bytes", got.Settled, got.Exact, got.Failures, sv.Bytes())
			}
			if memory > 300 {
				asked, failures, settled = asked+1, failures+got.Failures, settled+got.Settled
				violations, cut = violations+got.Violations, cut+got.Cut
				if got, want := sv.Present(limits).Worst, plainSurvive(t, before, before, all, limits).Worst; got != want {
					t.Fatalf("present: %+v, want %+v", got, want)
				}
			}
			bounded := limits
			bounded.Bound = true
			rough, err := sv.Survive(after, bounded)
			if err != nil {
				t.Fatal(err)
			}
			if rough.AtMost < want.AtMost || rough.Worst.Load.Permil > want.AtMost {
				t.Fatalf("memory %d: at most %d, found %+v: want %+v", memory, rough.AtMost, rough.Worst, want.Worst)
			}
			rough.Settled, rough.Exact, rough.Worst, rough.AtMost = 0, 0, want.Worst, want.AtMost
			if diff := cmp.Diff(want, rough); diff != "" {
				t.Fatalf("memory %d, change %+v (-plain +bound):\n%s\n%+v", memory, c, diff, s)
			}
			got.Settled, got.Exact = 0, 0
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("memory %d, change %+v (-plain +survey):\n%s\n%+v", memory, c, diff, s)
			}
		}
	})
	t.Logf("%d changes, %d failures, %d settled by a bound; %d violations, %d cut something off", asked, failures, settled, violations, cut)
}

// bounds counts what was held against them.
type bounds struct{ pairs, plain, arcs int }

// hold wants no failure on top of a change that makes things only worse to exceed what the slack between the two allows.
func (b *bounds) hold(t *testing.T, before, after *State, by worsened, all []Scenario) {
	t.Helper()
	k := newSlack(before, after, by)
	sv, err := SurveyLayers(before.all(), all, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for i, sc := range all {
		f := &sv.failures[i]
		was, is := failed(t, before, sc), failed(t, after, sc)
		sum := k.meeting(f)
		more, drop := saturate(sum.moved+k.onto(k.brought(f, &sv.effects[i]), sum.joint)), sum.joint
		moved := after.moved(f)
		b.pairs++
		for arc := range is.load {
			b.arcs++
			if gain := was.load[arc] - before.load[arc]; gain > sv.effects[i].atMost(before.net, int32(arc)) {
				t.Fatalf("%s: arc %d gains %d, more than is kept of it", sc.Name, arc, gain)
			}
			sum := was.load[arc] + after.load[arc] - before.load[arc]
			if most := was.load[arc] + k.drained(k.brought(f, &sv.effects[i])); is.load[arc] > most {
				t.Fatalf("%s: arc %d: %d exceeds %d, all that was on the worse arcs when it failed", sc.Name, arc, is.load[arc], most)
			}
			if is.load[arc] > sum+more+min(drop, k.drop[arc]) || is.load[arc] > after.load[arc]+moved {
				t.Fatalf("%s: arc %d: %d exceeds %d+%d or %d+%d", sc.Name, arc, is.load[arc], sum, more+drop, after.load[arc], moved)
			}
		}
		if more+drop <= k.rounding() {
			b.plain++
		}
	}
}

func TestBoundsHold(t *testing.T) {
	var b bounds
	eachSeed(t, 3, func(r *rand.Rand, s Spec) {
		if len(s.Links) == 0 {
			return
		}
		before := solved(t, s)
		after, err := before.Apply(worsening(r, s))
		if err != nil {
			t.Fatal(err)
		}
		by, ok := worsens(before, after)
		if !ok {
			return // a drain on a link that had 16777215
		}
		b.hold(t, before, after, by, everything(r, before.net))
	})
	t.Logf("%d pairs of a change and a failure, %d of them plain sums but for rounding, %d arcs: no bound exceeded", b.pairs, b.plain, b.arcs)
}
