package fabric

import (
	"math/bits"
	"slices"

	"github.com/detour-net/detour/internal/backbone/flow"
)

// ratioUnit is the denominator of loss ratios: they are kept in parts of 10^12, so that the smallest that matter (10^-8)
// are exact to four digits.
const ratioUnit = 1_000_000_000_000

// rates are bits per second between two changes.
type rates struct {
	arcs  []arcRates
	edges []edgeRates // by node
	total totalRates
}

// arcRates are of one arc. Offered is before anything is dropped anywhere; all else is what really happens.
type arcRates struct {
	offered, sent, lost, discarded, dead int64
}

// edgeRates are of the traffic that begins and ends at a node; dropped is what had no way on from there.
type edgeRates struct {
	entered, delivered, dropped int64
}

type totalRates struct {
	delivered, lost, discarded, unroutable, looped, undrained int64
}

func (f *Fabric) noRates() rates {
	return rates{arcs: make([]arcRates, 2*len(f.links)), edges: make([]edgeRates, f.nodes)}
}

// current are the rates since the last change.
func (f *Fabric) current() *rates {
	if f.stale {
		f.rates = f.compute(f.knowledge(f.truth(), f.flight))
		left := f.rates.total
		if !f.asAtStart() {
			left = f.compute(f.knowledge(f.untouched())).total
		}
		f.rates.total.undrained = left.lost + left.looped
		f.stale = false
	}
	return &f.rates
}

// asAtStart says whether traffic is routed as if nobody had configured anything since the start.
func (f *Fabric) asAtStart() bool {
	if f.start == nil {
		return true
	}
	return slices.Equal(f.ends, f.start) && !slices.Contains(f.overload, true) && !slices.ContainsFunc(f.flight, configured)
}

// compute routes all traffic by what routers know, first to learn what each arc is offered, then to see what arrives.
func (f *Fabric) compute(k knowledge) rates {
	r := f.noRates()
	var routes [classes]*flow.Mixed
	for class := range routes {
		tables := make([]*flow.Routes, len(k.views))
		for i, v := range k.views {
			tables[i] = flow.Paths(f.graph(class, v))
		}
		routes[class] = flow.Mix(tables, k.whose)
		routes[class].Send(f.demand[class], func(arc int, rate int64) int64 {
			r.arcs[arc].offered += rate
			return rate
		})
	}
	for class := range routes {
		ends := routes[class].Send(f.demand[class], func(arc int, rate int64) int64 {
			return f.cross(&r, arc, rate)
		})
		sum := ends.Total()
		r.total.delivered += sum.Delivered
		r.total.unroutable += sum.Unroutable
		r.total.looped += sum.Looped
		for n, end := range ends {
			r.edges[n].delivered += end.Delivered
			r.edges[n].dropped += end.Unroutable + end.Looped
		}
		for pair, rate := range f.demand[class] {
			r.edges[pair/f.nodes].entered += rate
		}
	}
	return r
}

// cross is what becomes of a rate that is to leave over an arc; it returns what reaches the other end.
func (f *Fabric) cross(r *rates, arc int, rate int64) int64 {
	a, link := &r.arcs[arc], arc/2
	if !f.status[link].up {
		a.dead += rate
		r.total.lost += rate
		return 0
	}
	if capacity := f.links[link].Capacity; a.offered > capacity {
		kept := mulDiv(rate, capacity, a.offered)
		a.discarded += rate - kept
		r.total.discarded += rate - kept
		rate = kept
	}
	lost := mulDiv(rate, f.status[link].ratio(arc%2), ratioUnit)
	a.sent += rate
	a.lost += lost
	r.total.lost += lost
	return rate - lost
}

// mulDiv is a*b/c rounded down, for a and b not negative, c positive and b at most c.
func mulDiv(a, b, c int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b))
	quotient, _ := bits.Div64(high, low, uint64(c))
	return int64(quotient)
}
