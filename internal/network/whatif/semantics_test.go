package whatif

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wires makes a Spec of lines "a b metric" or "a b metric back"; nodes are named by letters in the order in which they
// come up, an asterisk means that the node is overloaded. Links are l0, l1 ... with a capacity of 1000 bit/s.
func wires(lines ...string) Spec {
	var s Spec
	at := map[string]int{}
	node := func(name string) int {
		bare := strings.TrimSuffix(name, "*")
		if _, known := at[bare]; !known {
			at[bare] = len(s.Nodes)
			s.Nodes = append(s.Nodes, Node{Name: bare})
		}
		if bare != name {
			s.Nodes[at[bare]].Overload = true
		}
		return at[bare]
	}
	for i, line := range lines {
		l := Link{Name: fmt.Sprintf("l%d", i), CapacityAB: 1000, CapacityBA: 1000}
		var a, b string
		n, _ := fmt.Sscan(line, &a, &b, &l.MetricAB, &l.MetricBA)
		l.A, l.B = node(a), node(b)
		if n == 3 {
			l.MetricBA = l.MetricAB
		}
		s.Links = append(s.Links, l)
	}
	return s
}

func (s Spec) with(from, to string, bps int64) Spec {
	at := func(name string) int { return slices.IndexFunc(s.Nodes, func(n Node) bool { return n.Name == name }) }
	s.Demands = append(slices.Clone(s.Demands), Demand{at(from), at(to), bps})
	return s
}

// used lists what links carry, as "l0 a>b 12".
func used(st *State) []string {
	var list []string
	for _, l := range st.Loads() {
		if l.BPS > 0 {
			list = append(list, fmt.Sprintf("%s %s>%s %d", l.Link, l.From, l.To, l.BPS))
		}
	}
	return list
}

func TestSemantics(t *testing.T) {
	for _, x := range []struct {
		name string
		spec Spec
		want []string
		lost int
	}{
		{"each direction has its metric", wires("a b 1 9", "a c 2", "c b 2").with("a", "b", 5).with("b", "a", 7), []string{"l0 a>b 5", "l1 c>a 7", "l2 b>c 7"}, 0},
		{"parallel links are next hops of their own", wires("a b 1", "a b 1", "a c 1", "c d 1", "b d 1").with("a", "d", 300), []string{"l0 a>b 100", "l1 a>b 100", "l2 a>c 100", "l3 c>d 100", "l4 b>d 200"}, 0},
		{"split per next hop, not per path", wires("a b 1", "a c 1", "b d 1", "b d 1", "c d 1").with("a", "d", 300), []string{"l0 a>b 150", "l1 a>c 150", "l2 b>d 75", "l3 b>d 75", "l4 c>d 150"}, 0},
		{"16777214 is the last resort", wires("a b 16777214", "a c 900", "c b 900").with("a", "b", 5), []string{"l1 a>c 5", "l2 c>b 5"}, 0},
		{"and is used when nothing else is left", wires("a b 16777214").with("a", "b", 5), []string{"l0 a>b 5"}, 0},
		{"16777215 is never used", wires("a b 16777215").with("a", "b", 5), nil, 1},
		{"in its own direction", wires("a b 1 16777215").with("a", "b", 5).with("b", "a", 7), []string{"l0 a>b 5"}, 1},
		{"0 is not advertised, and takes the other direction with it", wires("a b 1 0").with("a", "b", 5).with("b", "a", 7), nil, 2},
		{"an overloaded node is not passed", wires("a b* 1", "b c 1", "a c 9").with("a", "c", 5), []string{"l2 a>c 5"}, 0},
		{"though there be no other way", wires("a b* 1", "b c 1").with("a", "c", 5), nil, 1},
		{"but reached, and sends", wires("a b* 1", "b c 1").with("a", "b", 5).with("b", "c", 7), []string{"l0 a>b 5", "l1 b>c 7"}, 0},
		{"two overloaded neighbours reach each other", wires("a* b* 1").with("a", "b", 5), []string{"l0 a>b 5"}, 0},
		{"loads are rounded to the nearest", wires("a b 1", "a b 1", "a b 1").with("a", "b", 2), []string{"l0 a>b 1", "l1 a>b 1", "l2 a>b 1"}, 0},
		{"no traffic is no load", wires("a b 1").with("a", "b", 0), nil, 0},
		{"demands with the same ends add up", wires("a b 1").with("a", "b", 2).with("a", "b", 3), []string{"l0 a>b 5"}, 0},
	} {
		st := solved(t, x.spec)
		if diff := cmp.Diff(x.want, used(st)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, diff)
		}
		if u := st.Undelivered(10); u.Count != x.lost || len(u.Named) != x.lost {
			t.Errorf("%s: undelivered %+v, want %d", x.name, u, x.lost)
		}
	}
}

// TestRemainder: what does not divide goes to the first next hops by name, in units of 1/1024 bit/s, and nothing is lost.
func TestRemainder(t *testing.T) {
	st := solved(t, wires("a b 1", "a b 1", "a b 1").with("a", "b", 1))
	want := []int64{342, 0, 341, 0, 341, 0}
	var got []int64
	for _, arcs := range st.net.arcsOf {
		got = append(got, st.load[arcs[0]], st.load[arcs[1]])
	}
	if !slices.Equal(got, want) {
		t.Errorf("units %v, want %v", got, want)
	}
}

// chain is a line of so many links of the given metric, and one more of the last.
func chain(links int, metric, last uint32) Spec {
	var s Spec
	for i := range links + 2 {
		s.Nodes = append(s.Nodes, Node{Name: fmt.Sprintf("n%03d", i)})
	}
	for i := range links + 1 {
		s.Links = append(s.Links, plainLink(i, i, i+1, metric))
	}
	s.Links[links].MetricAB, s.Links[links].MetricBA = last, last
	s.Demands = []Demand{{0, links + 1, 5}}
	return s
}

// TestMaxPath: 254 links of 16777214 cost 508 less than MAX_PATH_METRIC.
func TestMaxPath(t *testing.T) {
	for last, lost := range map[uint32]int{1: 0, 507: 0, 508: 1, 509: 1, LastResort: 1} {
		if st := solved(t, chain(254, LastResort, last)); st.Undelivered(0).Count != lost {
			t.Errorf("with %d on top %d are lost, want %d", last, st.Undelivered(0).Count, lost)
		}
	}
}

// TestOrderMeansNothing: shuffled nodes, links, link ends and demands, and another number of processors, give the same
// loads and the same digest.
func TestOrderMeansNothing(t *testing.T) {
	eachSeed(t, 10, func(r *rand.Rand, s Spec) {
		want := solved(t, s)
		got := solved(t, shuffled(r, s))
		if diff := cmp.Diff(want.Loads(), got.Loads()); diff != "" || want.Digest() != got.Digest() {
			t.Fatalf("shuffled: digests %s and %s, loads (-want +got):\n%s", want.Digest(), got.Digest(), diff)
		}
	})
	s := ispLike(60, 200, 600, 9)
	all := func() (Survival, Steps) {
		st := solved(t, s)
		after, err := st.Apply(SoftDrain("link00003"))
		if err != nil {
			t.Fatal(err)
		}
		survival, err := Survive(st, after, slices.Concat(st.net.Links(), st.net.Nodes()), DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		steps, err := st.Steps([]string{"link00003", "link00004"}, LastResort, DefaultSteps)
		if err != nil {
			t.Fatal(err)
		}
		return survival, steps
	}
	survival, steps := all()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	alone, aloneSteps := all()
	if diff := cmp.Diff(survival, alone) + cmp.Diff(steps, aloneSteps); diff != "" {
		t.Errorf("on one processor (-several +one):\n%s", diff)
	}
}

func shuffled(r *rand.Rand, s Spec) Spec {
	at := r.Perm(len(s.Nodes))
	out := Spec{Nodes: make([]Node, len(s.Nodes)), Links: slices.Clone(s.Links), Demands: slices.Clone(s.Demands)}
	for i, n := range s.Nodes {
		out.Nodes[at[i]] = n
	}
	for i := range out.Links {
		l := &out.Links[i]
		l.A, l.B = at[l.A], at[l.B]
		if r.IntN(2) == 0 {
			l.A, l.B = l.B, l.A
			l.MetricAB, l.MetricBA = l.MetricBA, l.MetricAB
			l.CapacityAB, l.CapacityBA = l.CapacityBA, l.CapacityAB
		}
	}
	for i := range out.Demands {
		out.Demands[i].From, out.Demands[i].To = at[out.Demands[i].From], at[out.Demands[i].To]
	}
	r.Shuffle(len(out.Links), func(i, j int) { out.Links[i], out.Links[j] = out.Links[j], out.Links[i] })
	r.Shuffle(len(out.Demands), func(i, j int) { out.Demands[i], out.Demands[j] = out.Demands[j], out.Demands[i] })
	return out
}

// TestDigestTells: whatever changes a result changes the digest.
func TestDigestTells(t *testing.T) {
	base := func() Spec { return wires("a b 1", "b c 2").with("a", "c", 9) }
	seen := map[string]string{}
	note := func(what, digest string) {
		if had, twice := seen[digest]; twice {
			t.Errorf("%s and %s have one digest", what, had)
		}
		seen[digest] = what
	}
	for what, alter := range map[string]func(*Spec){
		"as it is":  func(*Spec) {},
		"name":      func(s *Spec) { s.Nodes[0].Name = "x" },
		"link name": func(s *Spec) { s.Links[0].Name = "x" },
		"overload":  func(s *Spec) { s.Nodes[1].Overload = true },
		"metric":    func(s *Spec) { s.Links[0].MetricBA = 2 },
		"capacity":  func(s *Spec) { s.Links[1].CapacityAB++ },
		"down":      func(s *Spec) { s.Links[1].Down = true },
		"group":     func(s *Spec) { s.Links[1].SRLGs = []string{"g"} },
		"end":       func(s *Spec) { s.Links[1].A = 0 },
		"demand":    func(s *Spec) { s.Demands[0].BPS++ },
		"source":    func(s *Spec) { s.Demands[0].From = 1 },
	} {
		s := base()
		alter(&s)
		note(what, mustNew(t, s).Digest())
	}
	st := solved(t, base())
	for what, c := range map[string]Change{
		"nothing": {}, "soft": SoftDrain("l0"), "hard": HardDrain("l0"), "other": SoftDrain("l1"),
		"link down": {Down: []string{"l0"}}, "dead": {Dead: []string{"a"}}, "overloaded": {Overload: []string{"a"}},
	} {
		after, err := st.Apply(c)
		if err != nil {
			t.Fatal(err)
		}
		note("state: "+what, after.Digest())
	}
}
