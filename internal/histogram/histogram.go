// Package histogram has the shapes of the service's histograms.
//
// Each is kept twice: as a native histogram, whose buckets lie where the observations do, for servers that ask for those, and
// with the classic buckets of before for all others. An observation is a few atomic additions, also for both, and takes no
// lock but when a native bucket is used for the first time. What a histogram takes is bounded: maxBuckets native
// ones, after which they become coarser, and the classic ones given here. What an alert asks for is the bound of a classic bucket:
// a quantile is reckoned to lie anywhere in its bucket, so with another bound it would be taken to be beyond when it is not.
package histogram

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const hour = 3600 // seconds

// How native buckets are kept.
const (
	growth     = 1.1       // from one bucket to the next at most
	maxBuckets = 160       // from the shortest to the longest that is observed
	keptFor    = time.Hour // coarse buckets are given up for fine ones after so long
)

// Moments are times in seconds of what takes from 100 µs to a minute: a computation, an append, a Set.
func Moments(name, help string) prometheus.HistogramOpts {
	return shape(name, help, prometheus.ExponentialBuckets(1.0/8192, 2, 20))
}

// Instants are times in seconds of what takes from 1 µs to a tenth of a second, and of which there are many histograms.
func Instants(name, help string) prometheus.HistogramOpts {
	return shape(name, help, prometheus.ExponentialBuckets(1e-6, 10, 6))
}

// Spans are times in seconds of what takes from a millisecond to a day: it waits for the network, or for people.
func Spans(name, help string) prometheus.HistogramOpts {
	return shape(name, help, []float64{.001, .004, .016, .064, .25, 1, 5, 15, 60, 300, 1200, hour, 4 * hour, 24 * hour})
}

func shape(name, help string, classic []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: classic,
		NativeHistogramBucketFactor: growth, NativeHistogramMaxBucketNumber: maxBuckets, NativeHistogramMinResetDuration: keptFor,
	}
}
