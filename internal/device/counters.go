package device

import (
	"math"
	"math/bits"
	"time"

	"github.com/detour-net/detour/events"
)

// sample is one reading of a counter.
type sample struct {
	value uint64
	told  time.Time // the router's timestamp
	heard time.Time
}

// samplesKept is how many samples a rate spans at most. Some platforms tell the same value twice; three samples keep
// that from looking like silence.
const samplesKept = 3

// series is the last samples of one counter, oldest first. A counter that goes back was reset: what came before is
// forgotten, so no rate is ever negative.
type series []sample

func (s series) add(next sample) series {
	if n := len(s); n > 0 && next.value < s[n-1].value {
		s = s[:0]
	}
	if len(s) == samplesKept {
		copy(s, s[1:])
		s = s[:samplesKept-1]
	}
	return append(s, next)
}

// rate is the counter's growth per second times scale, over the time between its first and last sample; ok is false
// while there are not two, or their time is not certain. Interval is what the samples were asked for at.
func (s series) rate(scale uint64, interval time.Duration) (perSecond int64, window time.Duration, ok bool) {
	if len(s) < 2 {
		return 0, 0, false
	}
	first, last := s[0], s[len(s)-1]
	window, ok = between(first, last, time.Duration(len(s)-1)*interval)
	if !ok {
		return 0, 0, false
	}
	high, low := bits.Mul64(last.value-first.value, scale*uint64(time.Second))
	if high >= uint64(window) {
		return math.MaxInt64, window, true
	}
	quotient, _ := bits.Div64(high, low, uint64(window))
	return int64(min(quotient, math.MaxInt64)), window, true
}

// heldUpFor is how many intervals' worth of samples may come late together.
const heldUpFor = 10

// between is the time between two samples. The router's own clock is the truer one, as samples may be heard late and
// then in a burst; but some routers stamp a counter with its last change. Where the two clocks disagree, the one that
// comes near to what was asked for is believed, and where neither does, the time is not certain. Nor is it where the router
// says that a little more time has passed than was heard of: that may be samples that were held up on the way.
func between(first, last sample, asked time.Duration) (window time.Duration, certain bool) {
	heard, told := last.heard.Sub(first.heard), last.told.Sub(first.told)
	near := func(d time.Duration) bool { return d > asked/2 && d < 2*asked }
	heldUp := told > heard && told < heldUpFor*asked
	switch {
	case told > 0 && (told-heard).Abs() <= max(told, heard)/4, near(told):
		return told, true
	case near(heard) && !heldUp:
		return heard, true
	}
	return 0, false
}

// counters is everything that is known of one port's counters, by name.
type counters map[string]series

// rates is what counters come to.
type rates struct {
	traffic *events.Traffic // nil when not known
	dropped int64           // packets per second that the port says it discards, 0 when it does not say
	oldest  time.Time       // when the oldest of the last samples behind it was heard

	from, to time.Time // what arrived was counted between them, as heard
}

// silentFor is after how many intervals a counter that is no longer told counts for nothing, while others of its port are.
const silentFor = 3

// rates turns counters into rates at the time of hearing one. They are known only if both directions and the errors are,
// from two samples each. What is looked at far more often than told is computed when it is told.
func (c counters) rates(interval time.Duration, now time.Time) (r rates) {
	fresh := now.Add(-silentFor*interval - time.Second)
	get := func(name string, scale uint64) (rate int64, window time.Duration, ok bool) {
		s := c[name]
		if rate, window, ok = s.rate(scale, interval); !ok || s[len(s)-1].heard.Before(fresh) {
			return 0, 0, false
		}
		if heard := s[len(s)-1].heard; r.oldest.IsZero() || heard.Before(r.oldest) {
			r.oldest = heard
		}
		return rate, window, true
	}
	in, window, okIn := get("in-octets", 8)
	out, _, okOut := get("out-octets", 8)
	errors, _, okErrors := get("in-errors", 1)
	if fcs, _, ok := get("in-fcs-errors", 1); ok {
		errors, okErrors = max(errors, fcs), true
	}
	if !okIn || !okOut || !okErrors {
		return rates{}
	}
	packets, _, ok := get("in-pkts", 1)
	if !ok {
		for _, name := range []string{"in-unicast-pkts", "in-multicast-pkts", "in-broadcast-pkts"} {
			kind, _, _ := get(name, 1)
			packets += kind
		}
	}
	arrived := c["in-octets"]
	r.from, r.to = arrived[0].heard, arrived[len(arrived)-1].heard
	for _, name := range []string{"in-discards", "out-discards"} {
		discards, _, _ := get(name, 1)
		r.dropped += discards
	}
	r.traffic = &events.Traffic{Window: events.Duration(window), InBPS: in, OutBPS: out, InErrors: errors, InPPS: packets}
	return r
}
