package fabric

import (
	"math/bits"

	"github.com/detour-net/detour/internal/backbone/flow"
)

// ratioUnit is the denominator of loss ratios: they are kept in parts of 10^12, so that the smallest that matter (10^-8)
// are exact to four digits.
const ratioUnit = 1_000_000_000_000

// rates are bits per second between two changes.
type rates struct {
	arcs  []arcRates
	total totalRates
}

// arcRates are of one arc. Offered is before anything is dropped anywhere; all else is what really happens.
type arcRates struct {
	offered, sent, lost, discarded, dead int64
}

type totalRates struct {
	delivered, lost, discarded, unroutable, undrained int64
}

func (f *Fabric) noRates() rates { return rates{arcs: make([]arcRates, 2*len(f.links))} }

// current are the rates since the last change.
func (f *Fabric) current() *rates {
	if f.stale {
		f.rates = f.compute(f.ends, f.overload)
		if f.asAtStart() {
			f.rates.total.undrained = f.rates.total.lost
		} else {
			f.rates.total.undrained = f.compute(f.start, nil).total.lost
		}
		f.stale = false
	}
	return &f.rates
}

// asAtStart says whether traffic is routed as if nobody had configured anything since the start.
func (f *Fabric) asAtStart() bool {
	for i := range f.ends {
		if f.start == nil || f.ends[i] != f.start[i] {
			return false
		}
	}
	for _, on := range f.overload {
		if on {
			return false
		}
	}
	return true
}

// compute routes all traffic with the ends configured as given, first to learn what each arc is offered, then to see what
// arrives.
func (f *Fabric) compute(ends []End, overload []bool) rates {
	r := f.noRates()
	if ends == nil {
		return r
	}
	var routes [classes]*flow.Routes
	for class := range routes {
		routes[class] = flow.Paths(f.graph(class, ends, overload))
		routes[class].Send(f.demand[class], func(arc int, rate int64) int64 {
			r.arcs[arc].offered += rate
			return rate
		})
	}
	for class := range routes {
		delivered, unroutable := routes[class].Send(f.demand[class], func(arc int, rate int64) int64 {
			return f.cross(&r, arc, rate)
		})
		r.total.delivered += delivered
		r.total.unroutable += unroutable
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
