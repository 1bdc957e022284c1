package device

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// reading is one value of a counter, at a second of the router's and a second of our clock.
type reading struct {
	value       uint64
	told, heard float64
}

func seriesOf(readings ...reading) series {
	start := time.Unix(1_000_000, 0)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	var s series
	for _, r := range readings {
		s = s.add(sample{r.value, at(r.told), at(r.heard)})
	}
	return s
}

func TestRate(t *testing.T) {
	for name, c := range map[string]struct {
		readings []reading
		want     int64
		window   time.Duration
		ok       bool
	}{
		"none":                  {},
		"one":                   {readings: []reading{{5, 0, 0}}},
		"two":                   {[]reading{{100, 0, 0}, {1100, 10, 10}}, 100, 10 * time.Second, true},
		"three span all":        {[]reading{{0, 0, 0}, {0, 1, 1}, {300, 2, 2}}, 150, 2 * time.Second, true},
		"four forget one":       {[]reading{{0, 0, 0}, {900, 1, 1}, {900, 2, 2}, {900, 3, 3}}, 0, 2 * time.Second, true},
		"reset":                 {readings: []reading{{5000, 0, 0}, {10, 1, 1}}},
		"after a reset":         {[]reading{{5000, 0, 0}, {10, 1, 1}, {30, 2, 2}}, 20, time.Second, true},
		"heard unevenly":        {[]reading{{0, 0, 0}, {100, 1, 1.2}}, 100, time.Second, true},
		"heard in a burst":      {[]reading{{0, 0, 1.9}, {100, 1, 1.91}, {200, 2, 2}}, 100, 2 * time.Second, true},
		"held up on the way":    {readings: []reading{{0, 0, 0}, {5000, 5, 0.9}}},
		"told at last change":   {[]reading{{0, 0, 0}, {100, 0.1, 1}}, 100, time.Second, true},
		"told long ago":         {[]reading{{0, -100, 0}, {100, 1, 1}}, 100, time.Second, true},
		"told backwards":        {[]reading{{0, 9, 0}, {100, 3, 1}}, 100, time.Second, true},
		"told in a leap":        {[]reading{{0, 0, 0}, {100, 500, 1}}, 100, time.Second, true},
		"not told":              {[]reading{{0, 0, 0}, {100, 0, 1}}, 100, time.Second, true},
		"asked for 1, given 30": {[]reading{{0, 0, 0}, {3000, 30, 31}}, 100, 30 * time.Second, true},
		"no clock is certain":   {readings: []reading{{0, 0, 0}, {100, 0.01, 30}}},
		"at one moment":         {readings: []reading{{0, 0, 0}, {100, 0, 0}}},
		"as fast as it gets":    {[]reading{{0, 0, 0}, {math.MaxUint64, 1, 1}}, math.MaxInt64, time.Second, true},
		"a terabyte a second":   {[]reading{{1 << 60, 0, 0}, {1<<60 + 1e12, 1, 1}}, 1e12, time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, window, ok := seriesOf(c.readings...).rate(1, time.Second)
			if got != c.want || window != c.window && ok || ok != c.ok {
				t.Errorf("rate %d over %s, %t; want %d over %s, %t", got, window, ok, c.want, c.window, c.ok)
			}
		})
	}
}

func TestTraffic(t *testing.T) {
	grow := func(perSecond uint64) series { return seriesOf(reading{0, 0, 0}, reading{perSecond * 10, 10, 10}) }
	all := func() counters {
		return counters{
			"in-octets": grow(1000), "out-octets": grow(2000), "in-pkts": grow(7), "in-errors": grow(1), "in-fcs-errors": grow(3),
		}
	}
	want := events.Traffic{Window: events.Duration(10 * time.Second), InBPS: 8000, OutBPS: 16000, InErrors: 3, InPPS: 7}
	for name, c := range map[string]struct {
		alter func(counters)
		want  func(*events.Traffic) *events.Traffic
	}{
		"all":             {func(counters) {}, func(t *events.Traffic) *events.Traffic { return t }},
		"no FCS errors":   {func(c counters) { delete(c, "in-fcs-errors") }, func(t *events.Traffic) *events.Traffic { t.InErrors = 1; return t }},
		"only FCS errors": {func(c counters) { delete(c, "in-errors") }, func(t *events.Traffic) *events.Traffic { return t }},
		"no errors told":  {func(c counters) { delete(c, "in-errors"); delete(c, "in-fcs-errors") }, unknownTraffic},
		"no octets in":    {func(c counters) { delete(c, "in-octets") }, unknownTraffic},
		"no octets out":   {func(c counters) { delete(c, "out-octets") }, unknownTraffic},
		"one sample only": {func(c counters) { c["out-octets"] = seriesOf(reading{1, 10, 10}) }, unknownTraffic},
		"gone long ago": {func(c counters) { c["in-fcs-errors"] = seriesOf(reading{0, -50, -50}, reading{100, -40, -40}) },
			func(t *events.Traffic) *events.Traffic { t.InErrors = 1; return t }},
		"one way is stale":  {func(c counters) { c["out-octets"] = seriesOf(reading{1, 0, 0}, reading{2, 1, 1}) }, unknownTraffic},
		"packets by casts":  {casts, func(t *events.Traffic) *events.Traffic { t.InPPS = 9; return t }},
		"nothing is a zero": {func(c counters) { clear(c) }, unknownTraffic},
	} {
		t.Run(name, func(t *testing.T) {
			seen, expect := all(), want
			c.alter(seen)
			known := newCache(10 * time.Second)
			known.rates["port"] = seen.rates(10*time.Second, time.Unix(1_000_010, 0))
			e := known.end(shownOf{iface: "i", port: "port"}, time.Unix(1_000_005, 0))
			got, heard := e.traffic, e.counted
			if diff := cmp.Diff(c.want(&expect), got); diff != "" {
				t.Errorf("traffic (-want +got):\n%s", diff)
			}
			if got != nil && heard != time.Unix(1_000_010, 0) {
				t.Errorf("heard at %s", heard)
			}
		})
	}
}

func unknownTraffic(*events.Traffic) *events.Traffic { return nil }

func casts(c counters) {
	delete(c, "in-pkts")
	c["in-unicast-pkts"] = seriesOf(reading{0, 0, 0}, reading{80, 10, 10})
	c["in-multicast-pkts"] = seriesOf(reading{0, 0, 0}, reading{10, 10, 10})
}

func TestPermil(t *testing.T) {
	for _, c := range []struct {
		rate, capacity int64
		want           int
	}{
		{0, 10, 0}, {1, 10_000_000_000, 1}, {5_000_000_000, 10_000_000_000, 500}, {10, 10, 1000}, {25, 10, 2500},
		{400_000_000_000, 400_000_000_000, 1000},
	} {
		if got := permil(c.rate, c.capacity); got != c.want {
			t.Errorf("permil(%d, %d) = %d, want %d", c.rate, c.capacity, got, c.want)
		}
	}
}
