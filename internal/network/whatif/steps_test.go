package whatif

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tables are every node's next nodes towards every destination, computed by brute force.
func tables(s Spec) [][][]int {
	b := bruteForce(s, nil)
	next := make([][][]int, len(s.Nodes))
	for to := range s.Nodes {
		next[to] = make([][]int, len(s.Nodes))
		for node, hops := range b.hops[to] {
			for _, arc := range hops {
				_, head := s.ends(arc)
				next[to][node] = append(next[to][node], head)
			}
		}
	}
	return next
}

// loops reports whether packets to a destination can go round when node i has the tables that which[i] names.
func loops(versions [][][][]int, which []int, to int) bool {
	state := make([]int, len(which))
	var from func(node int) bool
	from = func(node int) bool {
		state[node] = 1
		for _, next := range versions[which[node]][to][node] {
			if state[next] == 1 || state[next] == 0 && from(next) {
				return true
			}
		}
		state[node] = 2
		return false
	}
	for node := range which {
		if state[node] == 0 && from(node) {
			return true
		}
	}
	return false
}

// interleavings tries every way in which each node can have any of the versions, and returns how many there are and how
// many loop.
func interleavings(versions [][][][]int) (tried, looping int) {
	nodes := len(versions[0])
	which := make([]int, nodes)
	for {
		for to := range nodes {
			tried++
			if loops(versions, which, to) {
				looping++
			}
		}
		i := 0
		for ; i < nodes; i++ {
			if which[i]++; which[i] < len(versions) {
				break
			}
			which[i] = 0
		}
		if i == nodes {
			return tried, looping
		}
	}
}

// pushed are the versions of the tables that routers may have while one push spreads: of each link that it touches they
// may know either end's new metric, both, or none.
func pushed(s Spec, push []Metrics) (versions [][][][]int, after Spec) {
	after, _ = s.after(Change{Metrics: push}, nil)
	versions = append(versions, tables(s))
	if len(push) == 1 {
		m := push[0]
		oneEnd, _ := s.after(Change{Metrics: []Metrics{{m.Link, m.AB, 0}}}, nil)
		otherEnd, _ := s.after(Change{Metrics: []Metrics{{m.Link, 0, m.BA}}}, nil)
		versions = append(versions, tables(oneEnd), tables(otherEnd))
	}
	versions = append(versions, tables(after))
	distinct := versions[:0]
	for _, v := range versions {
		if !slices.ContainsFunc(distinct, func(w [][][]int) bool { return cmp.Equal(v, w) }) {
			distinct = append(distinct, v)
		}
	}
	return distinct, after
}

// raisable is a ring with a few chords and parallel links, where draining likes to loop; sometimes just any network.
func raisable(r *rand.Rand) Spec {
	s := randomSpec(r)
	for len(s.Links) == 0 || len(s.Nodes) > 6 || len(s.Nodes) < 4 {
		s = randomSpec(r)
	}
	s.Demands = nil
	if r.IntN(4) > 0 {
		nodes := len(s.Nodes)
		s.Links = nil
		for i := range nodes + r.IntN(3) {
			a, b := i%nodes, (i+1)%nodes
			if i >= nodes {
				a, b = r.IntN(nodes), r.IntN(nodes-1)
				b = (a + 1 + b) % nodes
			}
			s.Links = append(s.Links, plainLink(i, a, b, uint32(1+r.IntN(12))))
			if r.IntN(4) == 0 {
				s.Links[i].MetricBA = uint32(1 + r.IntN(12))
			}
		}
	}
	for i := range s.Links {
		l := &s.Links[i]
		l.MetricAB, l.MetricBA = 1+l.MetricAB%30, 1+l.MetricBA%30
	}
	return s
}

func TestStepsNeverLoop(t *testing.T) {
	plans, pushes, tried, loopsAtOnce, longest := 0, 0, 0, 0, 0
	eachSeed(t, 5, func(r *rand.Rand, _ Spec) {
		s := raisable(r)
		st := solved(t, s)
		links := []string{s.Links[r.IntN(len(s.Links))].Name}
		if r.IntN(4) == 0 {
			links = append(links, s.Links[r.IntN(len(s.Links))].Name)
		}
		target := []uint32{LastResort, 40, 200, Unused}[r.IntN(4)]
		plan, err := st.Steps(links, target, 1000)
		if err != nil {
			t.Fatal(err)
		}
		plans++
		if len(links) == 1 {
			versions, _ := pushed(s, SoftDrain(links[0]).Metrics)
			if _, looping := interleavings(versions); looping > 0 {
				loopsAtOnce++
			}
		}
		if plan.Capped || plan.Loops && target != Unused {
			t.Fatalf("plan %+v loops\n%+v", plan, s)
		}
		longest = max(longest, len(plan.Pushes))
		now := s
		walk := func(list [][]Metrics) {
			for _, push := range list {
				versions, after := pushed(now, push)
				n, looping := interleavings(versions)
				pushes, tried, now = pushes+1, tried+n, after
				if looping > 0 && !plan.Loops {
					t.Fatalf("%d of %d interleavings of push %+v of %+v loop\n%+v", looping, n, push, plan, s)
				}
			}
		}
		walk(plan.Pushes)
		for _, l := range links {
			i := slices.IndexFunc(now.Links, func(x Link) bool { return x.Name == l })
			if now.Links[i].MetricAB != target || now.Links[i].MetricBA != target {
				t.Fatalf("plan ends with %+v, want %d", now.Links[i], target)
			}
		}
		walk(plan.Reverse())
		if diff := cmp.Diff(s, now); diff != "" {
			t.Fatalf("back and forth is not the same (-before +after):\n%s", diff)
		}
	})
	t.Logf("%d plans, %d pushes, at most %d in one; %d interleavings and destinations tried; at once %d would loop",
		plans, pushes, longest, tried, loopsAtOnce)
	if loopsAtOnce == 0 {
		t.Error("no network loops without steps: the check could not fail")
	}
}

// TestStepsAreFew wants each push to go as far as it can: one more would loop.
func TestStepsAreFew(t *testing.T) {
	pushes := 0
	eachSeed(t, 10, func(r *rand.Rand, _ Spec) {
		s := raisable(r)
		link := s.Links[r.IntN(len(s.Links))].Name
		target := []uint32{40, 200, LastResort, Unused}[r.IntN(4)]
		plan, err := solved(t, s).Steps([]string{link}, target, 1000)
		if err != nil {
			t.Fatal(err)
		}
		now := s
		for i, push := range plan.Pushes {
			if i < len(plan.Pushes)-1 {
				pushes++
				more := push[0]
				more.AB, more.BA = min(more.AB+1, target, LastResort), min(more.BA+1, target, LastResort)
				if more == push[0] { // all that is left is to take the link out
					more.AB, more.BA = target, target
				}
				versions, _ := pushed(now, []Metrics{more})
				if _, looping := interleavings(versions); looping == 0 {
					t.Fatalf("push %+v of %+v could go farther\n%+v", push, plan, s)
				}
			}
			now, _ = now.after(Change{Metrics: push}, nil)
		}
	})
	t.Logf("%d pushes go as far as they can", pushes)
}

// ladder is a network where draining the middle link takes many pushes: behind it each node has a way of its own that is
// a little longer than the one before.
func ladder(rungs int) Spec {
	s := Spec{Nodes: []Node{{Name: "a"}, {Name: "b"}}}
	add := func(name string, a, b int, metric uint32) {
		s.Links = append(s.Links, Link{Name: name, A: a, B: b, MetricAB: metric, MetricBA: metric, CapacityAB: 1e9, CapacityBA: 1e9})
	}
	add("drained", 0, 1, 1)
	last := 0
	for i := range rungs {
		s.Nodes = append(s.Nodes, Node{Name: string(rune('c' + i))})
		add("up"+s.Nodes[i+2].Name, last, i+2, 1)
		last = i + 2
	}
	add("round", last, 1, 1000)
	return s
}

func TestStepsAreCapped(t *testing.T) {
	s := ladder(12)
	st := solved(t, s)
	free, err := st.Steps([]string{"drained"}, LastResort, 100)
	if err != nil || free.Loops || free.Capped || len(free.Pushes) < 4 {
		t.Fatalf("%+v %v", free, err)
	}
	capped, err := st.Steps([]string{"drained"}, LastResort, 3)
	if err != nil || !capped.Loops || !capped.Capped || len(capped.Pushes) != 3 {
		t.Fatalf("%+v %v", capped, err)
	}
	if diff := cmp.Diff([]Metrics{{"drained", LastResort, LastResort}}, capped.Pushes[2]); diff != "" {
		t.Errorf("last push (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(free.Pushes[:2], capped.Pushes[:2]); diff != "" {
		t.Errorf("pushes before the cap (-free +capped):\n%s", diff)
	}
}

// TestStepsOfParallelLinks raises links of one pair together, of which one has the target already: that one is still a way.
func TestStepsOfParallelLinks(t *testing.T) {
	s := wires("a b 3", "a b 200", "b c 2", "c d 2", "d a 2")
	plan, err := solved(t, s).Steps([]string{"l0", "l1"}, 200, 100)
	if err != nil || plan.Loops {
		t.Fatalf("%+v %v", plan, err)
	}
	now := s
	for _, push := range plan.Pushes {
		if len(push) != 2 || push[1] != (Metrics{"l1", 200, 200}) {
			t.Errorf("push %+v", push)
		}
		versions, after := pushed(now, push)
		if _, looping := interleavings(versions); looping > 0 {
			t.Errorf("push %+v loops", push)
		}
		now = after
	}
	without, err := solved(t, s).Steps([]string{"l0"}, 200, 100)
	if err != nil || len(without.Pushes) != len(plan.Pushes) {
		t.Errorf("alone %+v, together %+v, %v", without, plan, err)
	}
}

// TestStepsSayWhenTheyMustLoop: a link that others have drained all round cannot be taken out by degrees, for metrics end
// at the last resort and the way round costs more.
func TestStepsSayWhenTheyMustLoop(t *testing.T) {
	s := wires("a b 1", "b c 16777214", "c d 16777214", "d e 16777214", "e a 5")
	plan, err := solved(t, s).Steps([]string{"l0"}, Unused, 100)
	if err != nil || !plan.Loops || plan.Capped {
		t.Fatalf("%+v %v", plan, err)
	}
	now := s
	for i, push := range plan.Pushes {
		versions, after := pushed(now, push)
		if _, looping := interleavings(versions); (looping > 0) != (i == len(plan.Pushes)-1) {
			t.Errorf("push %d %+v: %d interleavings loop", i, push, looping)
		}
		now = after
	}
}

// TestStepsWithoutTraffic wants the same plan whether destinations have traffic or not: their paths are known then or not.
func TestStepsWithoutTraffic(t *testing.T) {
	plans, long := 0, 0
	eachSeed(t, 20, func(r *rand.Rand, _ Spec) {
		bare := raisable(r)
		full := bare
		for from := range bare.Nodes {
			for to := range bare.Nodes {
				if from != to && r.IntN(3) > 0 {
					full.Demands = append(full.Demands, Demand{from, to, 1})
				}
			}
		}
		var links []string
		for range 1 + r.IntN(3) {
			links = append(links, bare.Links[r.IntN(len(bare.Links))].Name)
		}
		target := []uint32{LastResort, Unused}[r.IntN(2)]
		want, err := solved(t, bare).Steps(links, target, 1000)
		if err != nil {
			t.Fatal(err)
		}
		got, err := solved(t, full).Steps(links, target, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%v to %d (-without traffic +with):\n%s\n%+v", links, target, diff, full)
		}
		plans++
		if len(want.Pushes) > len(links) {
			long++
		}
	})
	t.Logf("%d plans, %d in several pushes", plans, long)
}

func TestStepsRefuse(t *testing.T) {
	st := solved(t, ladder(2))
	for _, x := range []struct {
		link   string
		target uint32
		want   string
	}{
		{"nowhere", LastResort, `what-if: metric steps: link "nowhere" is not in this network`},
		{"round", 999, "what-if: metric steps: link \"round\" has metric 1000 from b: want 1 to 999, to raise it\nlink \"round\" has metric 1000 from d: want 1 to 999, to raise it"},
		{"round", 1 << 24, "what-if: metric steps: metric 16777216: want at most 16777215"},
	} {
		if _, err := st.Steps([]string{x.link}, x.target, 10); err == nil || err.Error() != x.want {
			t.Errorf("%s to %d: %v, want %s", x.link, x.target, err, x.want)
		}
	}
	if plan, err := st.Steps([]string{"round"}, 1000, 10); err != nil || len(plan.Pushes) != 0 {
		t.Errorf("nothing to raise: %+v %v", plan, err)
	}
}
