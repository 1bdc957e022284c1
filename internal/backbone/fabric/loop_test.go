package fabric

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/network/whatif"
)

const lastResort = 1<<24 - 2

// orders are all orders of the numbers below n.
func orders(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, shorter := range orders(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(shorter), at, n-1))
		}
	}
	return all
}

// inOrder lets routers hear what origin tells in that order, a hundredth of a second apart.
func (f *Fabric) inOrder(origin int, order []int) {
	wave := make([]turn, len(order))
	for i, router := range order {
		wave[i] = turn{router, time.Duration(i+1) * 10 * time.Millisecond}
	}
	f.waves[origin] = wave
}

// push gives a link new metrics, one end a moment after the other, and waits until all know.
func (f *Fabric) push(m whatif.Metrics, link int, now time.Time) time.Time {
	f.Configure(2*link, end(m.AB), now)
	now = now.Add(3 * time.Millisecond)
	f.Advance(now)
	f.Configure(2*link+1, end(m.BA), now)
	now = now.Add(time.Second)
	f.Advance(now)
	return now
}

// planned are the pushes that raise a ring's link without loops.
func planned(t *testing.T, link int, metrics ...uint32) whatif.Steps {
	t.Helper()
	var spec whatif.Spec
	for i, m := range metrics {
		spec.Nodes = append(spec.Nodes, whatif.Node{Name: fmt.Sprint("r", i)})
		spec.Links = append(spec.Links, whatif.Link{
			Name: fmt.Sprint("l", i), A: i, B: (i + 1) % len(metrics), MetricAB: m, MetricBA: m,
			CapacityAB: gigabit, CapacityBA: gigabit,
		})
	}
	n, err := whatif.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := n.Solve().Steps([]string{fmt.Sprint("l", link)}, lastResort, whatif.DefaultSteps)
	if err != nil || steps.Loops {
		t.Fatalf("no plan without loops: %+v, %v", steps, err)
	}
	return steps
}

// Rings on which raising a link in one step makes packets loop for at least half of the orders in which routers can learn
// of it. In the planned steps none loops in any order, on the way there and back, and what results is the same. Of the
// largest ring's orders one in seven is tried.
func TestStepsLoopInNoOrder(t *testing.T) {
	tests := []struct {
		name    string
		metrics []uint32
		both    bool // try every pair of orders for the two ends
		every   int  // try one in so many orders
	}{
		{"four", []uint32{10, 10, 10, 10}, true, 1},
		{"four, uneven", []uint32{10, 7, 12, 3}, false, 1},
		{"five", []uint32{10, 10, 10, 10, 10}, false, 1},
		{"five, uneven", []uint32{4, 9, 2, 6, 3}, false, 1},
		{"six", []uint32{10, 10, 10, 10, 10, 10}, false, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			steps := planned(t, 0, tt.metrics...)
			if len(steps.Pushes) < 2 {
				t.Fatal("the plan is one push: this ring does not loop")
			}
			looping, tried := 0, 0
			try := func(one, two []int) {
				tried++
				once, stepped := ring(time.Second, tt.metrics...), ring(time.Second, tt.metrics...)
				for _, f := range []*Fabric{once, stepped} {
					f.inOrder(0, one)
					f.inOrder(1, two)
				}
				now := once.push(whatif.Metrics{AB: lastResort, BA: lastResort}, 0, epoch)
				if once.Totals(now).Looped > 0 {
					looping++
				}
				now = epoch
				for _, push := range steps.Pushes {
					now = stepped.push(push[0], 0, now)
				}
				if !slices.Equal(once.current().arcs, stepped.current().arcs) {
					t.Fatalf("orders %v and %v: steps lead elsewhere", one, two)
				}
				for _, push := range steps.Reverse() {
					now = stepped.push(push[0], 0, now)
				}
				if totals := stepped.Totals(now); totals.Looped != 0 || totals.Sent != totals.Delivered {
					t.Fatalf("orders %v and %v: %+v", one, two, totals)
				}
			}
			all := orders(len(tt.metrics))
			for i, one := range all {
				switch {
				case i%tt.every != 0:
				case tt.both:
					for _, two := range all {
						try(one, two)
					}
				default:
					try(one, one)
				}
			}
			t.Logf("%d pushes; in one step packets looped in %d of %d orders", len(steps.Pushes), looping, tried)
			if 2*looping < tried {
				t.Errorf("in one step packets looped in only %d of %d orders", looping, tried)
			}
		})
	}
}

// By hand, on a ring of five with all metrics 10: to node 1, node 0 goes by the raised link, and also by node 4 from 40 on;
// node 4 goes by node 0, and no more above 20. One push may take the metric across one of these, not across both.
func TestStepsByHand(t *testing.T) {
	for _, tt := range []struct {
		pushes []uint32
		loops  bool
	}{
		{[]uint32{lastResort}, true},
		{[]uint32{40}, true},
		{[]uint32{39}, false},
		{[]uint32{20, 40}, true},
		{[]uint32{21, lastResort}, false},
		{[]uint32{lastResort, 10}, true},
		{[]uint32{30, lastResort, 30, 10}, false},
	} {
		all := orders(5)
		looping := 0
		for _, order := range all {
			f := ring(time.Second, 10, 10, 10, 10, 10)
			f.inOrder(0, order)
			f.inOrder(1, order)
			now := epoch
			for _, metric := range tt.pushes {
				now = f.push(whatif.Metrics{AB: metric, BA: metric}, 0, now)
			}
			if f.Totals(now).Looped > 0 {
				looping++
			}
		}
		if loops := looping > 0; loops != tt.loops {
			t.Errorf("metrics %v: %d of %d orders loop", tt.pushes, looping, len(all))
		}
	}
}

// What loops is neither delivered nor lost by a fault, and it lasts exactly as long as tables disagree.
func TestWhatALoopCosts(t *testing.T) {
	f := ring(time.Second, 10, 10, 10, 10, 10)
	f.inOrder(0, []int{0, 1, 2, 3, 4}) // node 0 knows after 10 ms, node 4 after 50 ms
	f.Configure(0, end(lastResort), epoch)
	if f.Looping() != 0 {
		t.Error("a loop before anyone knows")
	}
	now := after(30 * time.Millisecond)
	f.Advance(now)
	// Node 0 sends what is for node 1 to node 4, and back it comes. What is for node 2 it sends there as well, but that has
	// always gone the other way round.
	rate := int64(0)
	for _, demand := range f.demand {
		rate += demand[0*5+1] + demand[4*5+1]
	}
	near(t, "bits per second in the loop", f.Looping(), rate, 0)
	now = after(time.Second)
	f.Advance(now)
	totals := f.Totals(now)
	near(t, "packets looped", totals.Looped, rate/packetBits*40/1000, 1)
	near(t, "packets lost by faults", totals.Lost, 0, 0)
	near(t, "packets sent", totals.Sent, totals.Delivered+totals.Looped, 0)
	near(t, "packets saved", totals.Saved(), -totals.Looped, 0)
	near(t, "packets that would be lost", totals.WouldBeLost, 0, 0)

	// On the way back node 4 is the first to know. All is configured as at the start then, and still harm is being done.
	f.inOrder(0, []int{4, 3, 2, 1, 0})
	f.Configure(0, end(10), now)
	now = after(2 * time.Second)
	f.Advance(now)
	back := f.Totals(now)
	near(t, "packets looped on the way back", back.Looped-totals.Looped, rate/packetBits*40/1000, 1)
	near(t, "packets saved in all", back.Saved(), -back.Looped, 0)
}

// A cut that loops would have done so without any metric changed: nothing is saved or spoilt.
func TestLoopsThatNobodyConfigured(t *testing.T) {
	f := ring(time.Second, 10, 10, 10, 10, 10)
	f.inOrder(0, []int{0, 1, 2, 3, 4})
	f.inOrder(1, []int{0, 1, 2, 3, 4})
	f.Break(0, Fault{Down: true}, epoch)
	now := after(time.Second)
	f.Advance(now)
	cut := f.Totals(now)
	if cut.Looped == 0 || cut.Lost == 0 || cut.Saved() != 0 {
		t.Errorf("%+v, saved %d", cut, cut.Saved())
	}
	f.Break(0, Fault{}, now)
	f.Advance(after(2 * time.Second))

	drained := ring(time.Second, 10, 10, 10, 10, 10)
	now = drained.push(whatif.Metrics{AB: 30, BA: 30}, 0, epoch)
	now = drained.push(whatif.Metrics{AB: lastResort, BA: lastResort}, 0, now)
	drained.inOrder(0, []int{0, 1, 2, 3, 4})
	drained.inOrder(1, []int{0, 1, 2, 3, 4})
	drained.Break(0, Fault{Down: true}, now)
	now = now.Add(time.Second)
	drained.Advance(now)
	totals := drained.Totals(now)
	if totals.Looped != 0 || totals.Lost != 0 {
		t.Errorf("a cut of a drained link costs: %+v", totals)
	}
	near(t, "saved by the drain", totals.Saved(), cut.Lost+cut.Looped, 2)
}
