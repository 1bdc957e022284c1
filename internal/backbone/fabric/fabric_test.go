package fabric

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Unix(1_800_000_000, 0)

func after(d time.Duration) time.Time { return epoch.Add(d) }

const gigabit = 1_000_000_000

func end(metric uint32) End {
	return End{Enabled: true, Levels: 1 << 2, Class: [2]bool{true, true}, Metric: [3][2]uint32{2: {metric, metric}}}
}

// triangle is three nodes, links 0-1, 1-2, 0-2 of metric 10 and 10 Gb/s, and 4 Gb/s of IPv4 and 1 Gb/s of IPv6 from 0 to
// 1, and nothing else.
func triangle(converge time.Duration) *Fabric {
	f := New(3, []Link{{0, 1, 10 * gigabit}, {1, 2, 10 * gigabit}, {0, 2, 10 * gigabit}}, converge, epoch)
	for i := range f.ends {
		f.Configure(i, end(10), epoch)
	}
	var demand [2][]int64
	for class, rate := range []int64{4 * gigabit, gigabit} {
		demand[class] = make([]int64, 9)
		demand[class][0*3+1] = rate
	}
	f.Begin(demand, epoch)
	return f
}

func (f *Fabric) metric(link int, metric uint32, now time.Time) {
	f.Configure(2*link, end(metric), now)
	f.Configure(2*link+1, end(metric), now)
}

func near(t *testing.T, what string, got, want, tolerance int64) {
	t.Helper()
	if off := got - want; off > tolerance || off < -tolerance {
		t.Errorf("%s is %d, want %d (within %d)", what, got, want, tolerance)
	}
}

func TestCountersAgreeWithLoadAndTime(t *testing.T) {
	f := triangle(0)
	now := after(100 * time.Second)
	out, in := f.Counters(0, now), f.Counters(1, now)
	near(t, "out-octets", out.OutOctets, 5*gigabit/8*100, 0)
	near(t, "in-octets", in.InOctets, 5*gigabit/8*100, 0)
	near(t, "out-pkts", out.OutPackets, 5*gigabit/8/PacketOctets*100, 0)
	near(t, "octets the other way", in.OutOctets, 0, 0)

	f.metric(0, 100, now)
	near(t, "load after the metric was raised", f.Load(0), 0, 0)
	later := after(130 * time.Second)
	near(t, "out-octets after the metric was raised", f.Counters(0, later).OutOctets, 5*gigabit/8*100, 0)
	near(t, "out-octets of the detour", f.Counters(4, later).OutOctets, 5*gigabit/8*30, 0)
	near(t, "out-octets of its second half", f.Counters(3, later).OutOctets, 5*gigabit/8*30, 0)
}

func TestClassesFollowTheirOwnMetrics(t *testing.T) {
	f := triangle(0)
	e := end(10)
	e.Metric[2][IPv4] = 100
	f.Configure(0, e, epoch)
	if got := f.Load(0); got != gigabit {
		t.Errorf("%d remain on the link, want the IPv6 part alone", got)
	}
}

func TestOneEndMovesOneDirection(t *testing.T) {
	f := triangle(0)
	f.demand[IPv4][1*3+0] = 2 * gigabit
	f.stale = true
	f.Configure(0, end(100), epoch)
	if a, b := f.Load(0), f.Load(1); a != 0 || b != 2*gigabit {
		t.Errorf("loads %d and %d, want only the direction of the raised end to be empty", a, b)
	}
}

func TestLevels(t *testing.T) {
	both := End{Enabled: true, Levels: 1<<1 | 1<<2, Class: [2]bool{true, true}, Metric: [3][2]uint32{1: {10, 10}, 2: {100, 100}}}
	f := triangle(0)
	f.Configure(0, both, epoch)
	f.Configure(1, both, epoch)
	if got := f.Load(0); got != 5*gigabit {
		t.Errorf("load %d: a level 1 route is still there and must win", got)
	}
	one := end(10)
	one.Levels = 1 << 1
	f.Configure(0, one, epoch)
	f.Configure(1, end(10), epoch)
	if up, _ := f.Adjacent(0); up {
		t.Error("adjacent with no level in common")
	}
}

func TestWhatTakesALinkOut(t *testing.T) {
	tests := []struct {
		name       string
		alter      func(f *Fabric)
		light, isi bool
		load       int64
	}{
		{"nothing", func(*Fabric) {}, true, true, 5 * gigabit},
		{"cut", func(f *Fabric) { f.Break(0, Fault{Down: true}, epoch) }, false, false, 0},
		{"port disabled at one end", func(f *Fabric) { e := end(10); e.Enabled = false; f.Configure(1, e, epoch) }, false, false, 0},
		{"IS-IS off at one end", func(f *Fabric) { e := end(10); e.Levels = 0; f.Configure(1, e, epoch) }, true, false, 0},
		{"metric beyond shortest paths", func(f *Fabric) { f.metric(0, 1<<24-1, epoch) }, true, true, 0},
		{"no IPv4 at one end", func(f *Fabric) { e := end(10); e.Class[IPv4] = false; f.Configure(1, e, epoch) }, true, true, gigabit},
		{"cut and healed", func(f *Fabric) { f.Break(0, Fault{Down: true}, epoch); f.Break(0, Fault{}, epoch) }, true, true, 5 * gigabit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := triangle(0)
			tt.alter(f)
			light, _, _ := f.Up(0)
			adjacent, _ := f.Adjacent(0)
			if light != tt.light || adjacent != tt.isi || f.Load(0) != tt.load {
				t.Errorf("light %v, adjacent %v, load %d; want %v, %v, %d", light, adjacent, f.Load(0), tt.light, tt.isi, tt.load)
			}
		})
	}
}

func TestOverloadKeepsTransitOut(t *testing.T) {
	f := triangle(0)
	f.metric(0, 100, epoch)
	f.Overload(2, true, epoch)
	if got := f.Load(0); got != 5*gigabit {
		t.Errorf("load %d: with the detour overloaded the last resort must carry", got)
	}
}

func TestNoRoute(t *testing.T) {
	f := triangle(0)
	f.Power(1, false, epoch)
	totals := f.Totals(after(time.Second))
	near(t, "packets without a route", totals.Unroutable, 5*gigabit/packetBits, 0)
	near(t, "packets sent", totals.Sent, 5*gigabit/packetBits, 0)
	near(t, "packets lost", totals.Lost, 0, 0)
}

func TestLossCountsAndWhatADrainSaves(t *testing.T) {
	const ratio = 1e-3
	f := triangle(0)
	if err := f.Break(0, Fault{LossAToB: ratio}, epoch); err != nil {
		t.Fatal(err)
	}
	perSecond := float64(5*gigabit) / packetBits * ratio
	drained := after(10 * time.Second)
	near(t, "fcs errors", f.Counters(1, drained).InErrors, int64(10*perSecond), 1)
	near(t, "fcs errors at the sender", f.Counters(0, drained).InErrors, 0, 0)
	totals := f.Totals(drained)
	near(t, "lost", totals.Lost, int64(10*perSecond), 1)
	near(t, "saved before the drain", totals.Saved(), 0, 0)
	near(t, "delivered", totals.Delivered, 10*5*gigabit/packetBits-int64(10*perSecond), 1)

	f.metric(0, 1<<24-2, drained)
	totals = f.Totals(after(40 * time.Second))
	near(t, "lost after the drain", totals.Lost, int64(10*perSecond), 1)
	near(t, "saved by the drain", totals.Saved(), int64(30*perSecond), 1)

	f.Break(0, Fault{}, after(40*time.Second))
	near(t, "saved after healing", f.Totals(after(100*time.Second)).Saved(), int64(30*perSecond), 1)
}

func TestCongestionDiscards(t *testing.T) {
	f := triangle(0)
	f.demand[IPv4][1] = 19 * gigabit
	f.stale = true
	now := after(10 * time.Second)
	near(t, "load", f.Load(0), 10*gigabit, 2)
	near(t, "discards", f.Counters(0, now).OutDiscards, 10*gigabit*10/packetBits, 1)
	totals := f.Totals(now)
	near(t, "discarded", totals.Discarded, 10*gigabit*10/packetBits, 1)
	near(t, "lost", totals.Lost, 0, 0)
	near(t, "delivered", totals.Delivered, 10*gigabit*10/packetBits, 1)
}

func TestIntermittentLoss(t *testing.T) {
	f := triangle(0)
	f.Break(0, Fault{LossAToB: 1, On: time.Second, Off: 3 * time.Second}, epoch)
	now := after(40 * time.Second)
	f.Advance(now)
	near(t, "lost", f.Totals(now).Lost, 10*5*gigabit/packetBits, 0)
	f.Break(0, Fault{}, now)
	if _, ok := f.Next(); ok {
		t.Error("a healed link still has something to come")
	}
}

func TestFlap(t *testing.T) {
	f := triangle(0)
	f.Break(0, Fault{Down: true, On: time.Second, Off: time.Second}, epoch)
	f.Advance(after(9500 * time.Millisecond))
	up, changes, since := f.Up(0)
	if !up || changes != 10 || !since.Equal(after(9*time.Second)) {
		t.Errorf("up %v, %d changes, since %v; want up, 10, 9 s", up, changes, since.Sub(epoch))
	}
}

func TestConvergence(t *testing.T) {
	f := triangle(200 * time.Millisecond)
	took := int64(f.turn(0, 0)) // of what it tells itself; that the other end tells the same reaches it later
	f.Break(0, Fault{Down: true}, epoch)
	if up, _ := f.Adjacent(0); up {
		t.Error("still adjacent over a cut link")
	}
	now := after(time.Second)
	f.Advance(now)
	void := mulDiv(5*gigabit, took, int64(time.Second)) / packetBits
	near(t, "lost until routes had changed", f.Totals(now).Lost, void, 1)
	near(t, "discards at the sender", f.Counters(0, now).OutDiscards, void, 1)
	near(t, "load of the detour", f.Load(4), 5*gigabit, 0)
	if void == 0 || void >= 5*gigabit/5/packetBits {
		t.Errorf("%d packets into the void", void)
	}

	f.Break(0, Fault{}, now)
	if f.Load(0) != 0 {
		t.Error("traffic is back before routes have changed")
	}
	f.Advance(now.Add(f.turn(0, 0)))
	if f.Load(0) != 0 {
		t.Error("traffic is back before both ends have told")
	}
	later := now.Add(time.Second)
	f.Advance(later)
	near(t, "load after the return", f.Load(0), 5*gigabit, 0)
	near(t, "lost by the return", f.Totals(later).Lost, void, 1)
}

// Reading often or never makes no difference to what is counted, and counters never run backwards.
func TestReadingChangesNothing(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 3))
		watched, ignored := triangle(50*time.Millisecond), triangle(50*time.Millisecond)
		var last Counters
		now := epoch
		for range 40 {
			now = now.Add(time.Duration(rng.Int64N(int64(time.Second))))
			link, metric, fault := rng.IntN(3), uint32(1+rng.IntN(20)), Fault{LossAToB: rng.Float64(), LossBToA: rng.Float64(), Down: rng.IntN(4) == 0}
			change := rng.IntN(3)
			for _, f := range []*Fabric{watched, ignored} {
				f.Advance(now)
				switch change {
				case 0:
					f.metric(link, metric, now)
				case 1:
					f.Break(link, fault, now)
				}
			}
			for range 5 {
				now = now.Add(time.Duration(rng.Int64N(int64(time.Millisecond))))
				watched.Advance(now)
				c := watched.Counters(1, now)
				if c.InOctets < last.InOctets || c.InErrors < last.InErrors {
					t.Fatalf("seed %d: counters ran backwards: %+v after %+v", seed, c, last)
				}
				last = c
			}
		}
		ignored.Advance(now)
		if a, b := watched.Totals(now), ignored.Totals(now); a != b {
			t.Fatalf("seed %d: totals %+v and %+v", seed, a, b)
		}
		for i := range 6 {
			if a, b := watched.Counters(i, now), ignored.Counters(i, now); a != b {
				t.Fatalf("seed %d: counters %+v and %+v", seed, a, b)
			}
		}
	}
}

// What leaves one end arrives at the other or is counted as an error there.
func TestEndsOfALinkAgree(t *testing.T) {
	f := triangle(0)
	f.Break(0, Fault{LossAToB: 0.01}, epoch)
	now := after(1234567 * time.Microsecond)
	a, b := f.Counters(0, now), f.Counters(1, now)
	near(t, "packets", b.InPackets+b.InErrors, a.OutPackets, 1)
}

func TestBadFaults(t *testing.T) {
	f := triangle(0)
	for _, fault := range []Fault{
		{LossAToB: -0.1}, {LossBToA: 1.1}, {LossAToB: math.NaN()}, {Down: true, On: time.Second}, {Down: true, On: time.Microsecond, Off: time.Second},
	} {
		if err := f.Break(0, fault, epoch); err == nil {
			t.Errorf("%+v was accepted", fault)
		}
	}
}

func TestGravityLoadsTheBusiestArcAsAsked(t *testing.T) {
	f := triangle(0)
	f.Begin(f.Gravity(0.45), epoch)
	busiest := int64(0)
	for arc := range f.arcs {
		busiest = max(busiest, f.Load(arc))
	}
	near(t, "load of the busiest arc", busiest, 45*gigabit/10, 100)
	for class := range f.demand {
		for from := range 3 {
			for to := range 3 {
				if rate := f.demand[class][from*3+to]; (rate > 0) != (from != to) {
					t.Errorf("class %d from %d to %d: %d", class, from, to, rate)
				}
			}
		}
	}
}

func TestWhatIsDueHappensInItsOrder(t *testing.T) {
	f := triangle(0)
	var order []int
	note := func(i int) func(time.Time) { return func(time.Time) { order = append(order, i) } }
	f.At(after(2*time.Second), note(2))
	f.At(after(time.Second), note(1))
	f.At(after(2*time.Second), note(3))
	stopped := f.At(after(time.Second), note(99))
	f.At(after(time.Hour), note(4))
	stopped.Stop()
	stopped.Stop()
	if !f.Advance(after(time.Minute)) || f.Advance(after(time.Minute)) {
		t.Error("Advance must say whether anything was due")
	}
	if len(order) != 3 || order[0] != 1 || order[1] != 2 || order[2] != 3 {
		t.Errorf("order %v", order)
	}
	if at, ok := f.Next(); !ok || !at.Equal(after(time.Hour)) {
		t.Errorf("next at %v (%v)", at, ok)
	}
}
