package whatif

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	for name, x := range map[string]struct {
		alter func(*Spec)
		want  string
	}{
		"no nodes":        {func(s *Spec) { *s = Spec{} }, "nodes: 0: want 1 to 65536"},
		"many nodes":      {func(s *Spec) { s.Nodes = make([]Node, maxNodes+1) }, "nodes: 65537: want 1 to 65536"},
		"many links":      {func(s *Spec) { s.Links = make([]Link, maxLinks+1) }, "links: 262145: want at most 262144"},
		"nameless":        {func(s *Spec) { s.Nodes[1].Name = "" }, `nodes[1]: name "": want a name of its own`},
		"same node":       {func(s *Spec) { s.Nodes[1].Name = "a" }, `nodes[1]: name "a": want a name of its own (nodes[0] has it`},
		"same link":       {func(s *Spec) { s.Links[1].Name = "l0" }, `links[1]: name "l0": want a name of its own (links[0] has it`},
		"end":             {func(s *Spec) { s.Links[0].B = 3 }, `links[0] "l0": end 3: want the index of a node, 0 to 2`},
		"loop":            {func(s *Spec) { s.Links[0].B = 0 }, `links[0] "l0": both ends are "a"`},
		"metric":          {func(s *Spec) { s.Links[0].MetricBA = 1 << 24 }, `links[0] "l0": metric 16777216: want at most 16777215`},
		"no capacity":     {func(s *Spec) { s.Links[0].CapacityAB = 0 }, `links[0] "l0": capacity 0: want 1 to 1125899906842624`},
		"negative":        {func(s *Spec) { s.Links[0].CapacityBA = -1 }, `links[0] "l0": capacity -1`},
		"huge capacity":   {func(s *Spec) { s.Links[0].CapacityBA = math.MaxInt64 }, `links[0] "l0": capacity 9223372036854775807`},
		"demand's end":    {func(s *Spec) { s.Demands[0].To = -1 }, "demands[0]: from 0 to -1: want indices of nodes, 0 to 2"},
		"to itself":       {func(s *Spec) { s.Demands[0].To = 0 }, `demands[0]: from "a" to itself`},
		"negative demand": {func(s *Spec) { s.Demands[0].BPS = -1 }, `demands[0]: from "a" to "c": -1: want 0 to`},
		"huge demand":     {func(s *Spec) { s.Demands[0].BPS = math.MaxInt64 }, `demands[0]: from "a" to "c": 9223372036854775807: want 0 to`},
		"too much": {func(s *Spec) {
			s.Demands = append(s.Demands, Demand{0, 1, maxTotal}, Demand{0, 1, maxTotal})
		}, "demands: 4503599627370505 bits per second in all: want at most 2251799813685248"},
		"many faults": {func(s *Spec) {
			for range 50 {
				s.Demands = append(s.Demands, Demand{1, 1, 1})
			}
		}, "and 30 more"},
	} {
		s := wires("a b 1", "b c 2").with("a", "c", 9)
		x.alter(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), x.want) || !strings.HasPrefix(err.Error(), "what-if: ") {
			t.Errorf("%s: %v, want %s", name, err, x.want)
		}
	}
	wide := Spec{Nodes: make([]Node, 20000)}
	for i := range wide.Nodes {
		wide.Nodes[i].Name = strings.Repeat("n", i+1)[:min(i+1, 3)] + string(rune('0'+i))
		if i > 0 && i < 15000 {
			wide.Demands = append(wide.Demands, Demand{0, i, 1})
		}
	}
	if _, err := New(wide); err == nil || !strings.Contains(err.Error(), "14999 destinations in a network of 20000 nodes") {
		t.Errorf("too many pairs: %v", err)
	}
}

func TestApplyRefuses(t *testing.T) {
	st := solved(t, wires("a b 1").with("a", "b", 1))
	for want, c := range map[string]Change{
		`metrics 16777214 and 16777214 of link "x"`: SoftDrain("x"),
		`metrics 16777216 and 0 of link "l0"`:       {Metrics: []Metrics{{"l0", 1 << 24, 0}}},
		`link "x" is not in this network`:           {Down: []string{"x"}},
		`link "y" is not in this network`:           {Up: []string{"y"}},
		`risk group "g": no link is in it`:          {Groups: []string{"g"}},
		`node "x" is not in this network`:           {Overload: []string{"x"}},
		`node "y" is not in this network`:           {Alive: []string{"y"}},
	} {
		if _, err := st.Apply(c); err == nil || !strings.Contains(err.Error(), "what-if: change: "+want) {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
}

func TestSurviveRefuses(t *testing.T) {
	st, other := solved(t, wires("a b 1")), solved(t, wires("a b 1"))
	for want, sc := range map[string]Scenario{
		`what-if: scenarios[0] "s": link "x" is not in this network`: {Name: "s", Links: []string{"x"}},
		`what-if: scenarios[0] "s": node "x" is not in this network`: {Name: "s", Nodes: []string{"x"}},
	} {
		if _, err := Survive(st, st, []Scenario{sc}, DefaultLimits()); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := Survive(st, other, nil, DefaultLimits()); err == nil || !strings.Contains(err.Error(), "different networks") {
		t.Errorf("states of two networks: %v", err)
	}
	if out, err := Survive(st, st, nil, DefaultLimits()); err != nil || !out.OK() || out.Failures != 0 {
		t.Errorf("nothing fails: %+v %v", out, err)
	}
}

// FuzzWhatIf makes a network, a change and failures of any bytes: incremental must equal full, and the survey plain.
func FuzzWhatIf(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Add(uint64(674), uint64(7))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		r := rand.New(rand.NewPCG(a, b))
		s := randomSpec(r)
		if len(s.Links) == 0 {
			return
		}
		before := solved(t, tight(t, r, s))
		after, err := before.Apply(randomChange(r, s))
		if err != nil {
			t.Fatal(err)
		}
		same(t, after, before.net.solveUnder(after.view))
		limits := Limits{Permil: 500 + r.Int64N(1000), Worse: r.Int64N(100), Listed: 1 << 20}
		all := everything(r, before.net)
		sv, err := NewSurvey(before, all, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sv.Survive(after, limits)
		if err != nil {
			t.Fatal(err)
		}
		got.Settled, got.Exact = 0, 0
		if want := plainSurvive(t, before, after, all, limits); !equal(want, got) {
			t.Fatalf("plain %+v\nsurvey %+v\n%+v", want, got, s)
		}
	})
}
