package fabric

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// turn is when a router goes over to what origin has told.
func (f *Fabric) turn(origin, router int) time.Duration {
	wave := f.waves[origin]
	return wave[slices.IndexFunc(wave, func(t turn) bool { return t.router == router })].after
}

// ring is links of the given metrics that join each node to the next, the last to the first, with traffic between any
// two, each pair's rate different.
func ring(converge time.Duration, metrics ...uint32) *Fabric {
	nodes := len(metrics)
	links := make([]Link, nodes)
	for i := range links {
		links[i] = Link{i, (i + 1) % nodes, 100 * gigabit}
	}
	f := New(nodes, links, converge, epoch)
	for i, m := range metrics {
		f.metric(i, m, epoch)
	}
	var demand [2][]int64
	for class := range demand {
		demand[class] = make([]int64, nodes*nodes)
		for i := range demand[class] {
			if i/nodes != i%nodes {
				demand[class][i] = gigabit/10 + int64(1001*i+class)
			}
		}
	}
	f.Begin(demand, epoch)
	return f
}

func TestTurns(t *testing.T) {
	const converge = 100 * time.Millisecond
	tests := map[string]*Fabric{
		"ring":          ring(converge, 10, 10, 10, 10, 10, 10),
		"not connected": New(5, []Link{{0, 1, 1}, {2, 3, 1}}, converge, epoch),
		"no link":       New(1, nil, converge, epoch),
		"a long line":   New(3, []Link{{0, 1, 1}, {1, 2, 1}}, 1000*time.Hour, epoch),
		"an instant":    New(3, []Link{{0, 1, 1}, {1, 2, 1}}, 1, epoch),
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			for origin, wave := range f.waves {
				heard := make([]bool, f.nodes)
				last := time.Duration(0)
				for _, turn := range wave {
					if heard[turn.router] || turn.after < last || turn.after > f.converge {
						t.Errorf("what %d tells reaches %d after %v, the one before after %v", origin, turn.router, turn.after, last)
					}
					heard[turn.router], last = true, turn.after
				}
				if slices.Contains(heard, false) {
					t.Errorf("what %d tells does not reach all: %v", origin, heard)
				}
			}
		})
	}
	f := tests["ring"]
	for router := range 6 {
		if own, far := f.turn(router, router), f.turn((router+3)%6, router); own <= 0 || far-own != converge/2 {
			t.Errorf("router %d: own word after %v, the farthest after %v", router, own, far)
		}
	}
}

// deed is one change of a ring, and what it makes true.
type deed struct {
	at     time.Time
	link   int
	alter  func(f *Fabric, at time.Time)
	end    int // configured, or -1
	e      End
	node   int // overloaded or not, or -1
	on     bool
	broken bool // alter breaks or heals the link
}

func randomDeed(rng *rand.Rand, at time.Time, nodes int) deed {
	d := deed{at: at, link: rng.IntN(nodes), end: -1, node: -1}
	switch rng.IntN(4) {
	case 0:
		d.node, d.on = rng.IntN(nodes), rng.IntN(2) == 0
		d.alter = func(f *Fabric, at time.Time) { f.Overload(d.node, d.on, at) }
	case 1:
		d.broken, d.on = true, rng.IntN(2) == 0
		d.alter = func(f *Fabric, at time.Time) { f.Break(d.link, Fault{Down: d.on}, at) }
	default:
		d.end, d.e = rng.IntN(2*nodes), end(uint32(1+rng.IntN(30)))
		d.e.Metric[2][IPv6] += uint32(rng.IntN(3))
		d.alter = func(f *Fabric, at time.Time) { f.Configure(d.end, d.e, at) }
	}
	return d
}

// remembered is what a router knows by definition: of every other what that one told the time between the two ago.
func remembered(f *Fabric, deeds []deed, router int, now time.Time) view {
	v := view{slices.Clone(f.start), slices.Repeat([]bool{true}, 2*len(f.links)), make([]bool, f.nodes)}
	heard := func(origin int, at time.Time) bool { return !at.Add(f.turn(origin, router)).After(now) }
	for _, d := range deeds {
		switch {
		case d.end >= 0 && heard(f.router(d.end), d.at):
			v.ends[d.end] = d.e
		case d.node >= 0 && heard(d.node, d.at):
			v.overload[d.node] = d.on
		case d.broken:
			for _, end := range []int{2 * d.link, 2*d.link + 1} {
				if heard(f.router(end), d.at) {
					v.told[end] = !d.on
				}
			}
		}
	}
	return v
}

// Many changes at once, each on its way to every router: each knows what it must, whatever has come in between.
func TestRoutersKnowWhatWasToldThen(t *testing.T) {
	most := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 7))
		nodes := 3 + rng.IntN(4)
		f := ring(100*time.Millisecond, slices.Repeat([]uint32{10}, nodes)...)
		var deeds []deed
		now := epoch
		for range 30 {
			now = now.Add(time.Duration(rng.Int64N(int64(30 * time.Millisecond))))
			f.Advance(now)
			d := randomDeed(rng, now, nodes)
			d.alter(f, now)
			deeds = append(deeds, d)
			now = now.Add(time.Duration(rng.Int64N(int64(10 * time.Millisecond))))
			f.Advance(now)
			k := f.knowledge(f.truth(), f.flight)
			most = max(most, len(k.views))
			for router := range nodes {
				if got, want := k.views[k.at(router)], remembered(f, deeds, router, now); !reflect.DeepEqual(got, want) {
					t.Fatalf("seed %d: router %d, %v after the start (-want +got):\n%s", seed, router, now.Sub(epoch),
						cmp.Diff(want, got, cmp.AllowUnexported(view{})))
				}
			}
		}
		f.Advance(now.Add(100 * time.Millisecond))
		if _, more := f.Next(); more || len(f.flight) > 0 {
			t.Fatalf("seed %d: not all has arrived in time", seed)
		}
	}
	if most < 4 {
		t.Errorf("at most %d different views at a time: changes did not overlap", most)
	}
}

// At any instant between, all that is sent is accounted for; once all have converged, all is as if they had at once.
func TestSteadyStateAndConservation(t *testing.T) {
	looped := int64(0)
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 8))
		nodes := 3 + rng.IntN(4)
		metrics := make([]uint32, nodes)
		for i := range metrics {
			metrics[i] = uint32(1 + rng.IntN(20))
		}
		slow, quick := ring(100*time.Millisecond, metrics...), ring(0, metrics...)
		sent := int64(0)
		for _, demand := range slow.demand {
			for _, rate := range demand {
				sent += rate
			}
		}
		now := epoch
		for range 12 {
			for range 1 + rng.IntN(4) {
				d := randomDeed(rng, now, nodes)
				d.alter(slow, now)
				d.alter(quick, now)
				now = now.Add(time.Duration(rng.Int64N(int64(40 * time.Millisecond))))
				slow.Advance(now)
			}
			for now, more := slow.Next(); more; now, more = slow.Next() {
				slow.Advance(now)
				r := slow.current().total
				if sum := r.delivered + r.lost + r.discarded + r.unroutable + r.looped; sum != sent {
					t.Fatalf("seed %d: %d sent, %d accounted for: %+v", seed, sent, sum, r)
				}
				balanced(t, slow)
			}
			now = now.Add(time.Second)
			slow.Advance(now)
			if diff := cmp.Diff(quick.current(), slow.current(), cmp.AllowUnexported(rates{}, arcRates{}, edgeRates{}, totalRates{})); diff != "" {
				t.Fatalf("seed %d (-at once +in time):\n%s", seed, diff)
			}
		}
		if got := quick.Totals(now).Looped + quick.Looping(); got != 0 {
			t.Errorf("seed %d: %d looped though all is known at once", seed, got)
		}
		totals := slow.Totals(now)
		looped += totals.Looped
		near(t, fmt.Sprintf("seed %d: packets sent", seed), totals.Sent, amount(sent, now.Sub(epoch))/packetBits, 1000)
	}
	if looped == 0 {
		t.Error("nothing looped")
	}
}

// balanced wants what comes into each node to go out of it or to be dropped there, to the bit.
func balanced(t *testing.T, f *Fabric) {
	t.Helper()
	r := f.current()
	for n, e := range r.edges {
		in, out := e.entered, e.delivered+e.dropped
		for arc, a := range r.arcs {
			if f.router(arc) == n {
				out += a.sent + a.discarded + a.dead
			}
			if f.router(arc^1) == n {
				in += a.sent - a.lost
			}
		}
		if in != out {
			t.Fatalf("%d come into node %d, %d go out", in, n, out)
		}
	}
}

// Word of a cut needs to come from one end only, word of the return from both.
func TestAdjacencyIsCheckedBothWays(t *testing.T) {
	f := ring(100*time.Millisecond, 10, 10, 10, 10, 10, 10)
	for router := range f.nodes {
		one, two := f.turn(0, router), f.turn(1, router)
		for _, tt := range []struct {
			down bool
			due  time.Duration
		}{{true, min(one, two)}, {false, max(one, two)}} {
			start := f.since.Add(time.Second)
			f.Break(0, Fault{Down: tt.down}, start)
			for i, at := range []time.Duration{tt.due - 1, tt.due} {
				f.Advance(start.Add(at))
				k := f.knowledge(f.truth(), f.flight)
				if up := f.graph(IPv4, k.views[k.at(router)]).Arcs[0].Up; up != (tt.down == (i == 0)) {
					t.Errorf("router %d, down %v, after %v: up is %v", router, tt.down, at, up)
				}
			}
			f.Advance(start.Add(time.Second))
		}
	}
}

func (k *knowledge) at(router int) int {
	if k.whose == nil {
		return 0
	}
	return k.whose[router]
}

func TestBeginForgetsWhatIsUnderWay(t *testing.T) {
	slow, quick := ring(100*time.Millisecond, 10, 10, 10, 10), ring(0, 10, 10, 10, 10)
	for _, f := range []*Fabric{slow, quick} {
		f.metric(0, 1000, epoch)
		f.Overload(3, true, epoch)
	}
	if _, more := slow.Next(); !more || slow.Load(0) == quick.Load(0) {
		t.Fatal("nothing is under way")
	}
	slow.Begin(slow.demand, epoch)
	if _, more := slow.Next(); more || slow.Looping() != 0 || slow.Load(0) != quick.Load(0) {
		t.Error("something still is")
	}
}

// Before traffic begins a network is laid out: nobody has to learn of it, and all rates are zero.
func TestNothingBeforeTheStart(t *testing.T) {
	f := New(2, []Link{{0, 1, gigabit}}, 100*time.Millisecond, epoch)
	f.metric(0, 10, epoch)
	f.Overload(1, true, after(time.Second))
	if _, more := f.Next(); more || f.Load(0) != 0 || (f.Totals(after(time.Minute)) != Totals{}) {
		t.Errorf("something to come (%v), load %d, totals %+v", more, f.Load(0), f.Totals(after(time.Minute)))
	}
}
