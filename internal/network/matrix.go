package network

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"github.com/detour-net/detour/events"
)

// Bounds on a traffic matrix.
const (
	maxDemands = 4_000_000
	maxDemand  = 1 << 50 // bits per second of one demand
	maxTotal   = 1 << 62 // bits per second of all together, so that no sum of demands overflows an int64
	maxClasses = 64
)

// Demand is traffic that enters at one router and leaves at another.
type Demand struct {
	From  string `json:"from"`
	To    string `json:"to"`
	BPS   int64  `json:"bps"` // bits per second, 0 to 2^50
	Class string `json:"class,omitempty"`

	Family Family `json:"family,omitempty"` // of the packets' addresses; "" is both, or not known
}

// Matrix is the traffic offered to a network: at most 4,000,000 demands, at most one for each pair of routers, class and
// family, sorted by From, To, Class and Family. Together they are at least 1 and at most 2^62 bits per second.
type Matrix struct {
	Demands []Demand  `json:"demands"`
	At      time.Time `json:"at,omitzero"`      // when it was measured; zero when that is not known
	Source  string    `json:"source,omitempty"` // where it is from: a file's name, "gravity" ...
}

// NewMatrix makes a matrix of demands in any order. It refuses what ReadMatrix refuses, naming demands by their index.
func NewMatrix(t *Topology, demands []Demand, at time.Time, source string) (Matrix, error) {
	s := newSieve(t, func(place int32) string { return fmt.Sprintf("demands[%d]", place) })
	for i, d := range demands {
		if len(s.rows) == maxDemands {
			s.bad(int32(i), "more than %d demands", maxDemands)
			break
		}
		if d.BPS < 0 || d.BPS > maxDemand {
			s.bad(int32(i), "%d: want 0 to %d bits per second", d.BPS, int64(maxDemand))
			continue
		}
		s.take(int32(i), d.From, d.To, class{d.Class, d.Family}, d.BPS)
	}
	sorted, err := s.finish(source)
	if err != nil {
		return Matrix{}, err
	}
	return Matrix{Demands: sorted, At: at, Source: source}, nil
}

// Total is the sum of all demands, in bits per second.
func (m Matrix) Total() int64 {
	var sum int64
	for _, d := range m.Demands {
		sum += d.BPS
	}
	return sum
}

// Digest identifies the demands, whenever they were measured and wherever they are from.
func (m Matrix) Digest() events.Digest {
	hash := sha256.New()
	var line []byte
	for _, d := range m.Demands {
		line = line[:0]
		for _, name := range []string{d.From, d.To, d.Class, string(d.Family)} {
			line = append(strconv.AppendQuote(line, name), ' ')
		}
		line = append(strconv.AppendInt(line, d.BPS, 10), '\n')
		hash.Write(line)
	}
	return events.Digest("sha256:" + hex.EncodeToString(hash.Sum(nil)))
}

// Capacity is the capacity of all links together in one direction, in bits per second, at most 2^62.
func (t *Topology) Capacity() int64 {
	var sum int64
	for _, l := range t.Links {
		sum = min(sum+l.Capacity, maxTotal)
	}
	return sum
}

// A matrix in the wrong unit is off by a thousand or more. These limits leave room for every network that works: one
// that is offered more than highUnit times its capacity, or less than one part in lowUnit of it, is not believed.
const (
	highUnit = 100
	lowUnit  = 1_000_000_000
)

// unitDoubt says why total, offered to t, looks like the wrong unit; "" when it does not.
func unitDoubt(t *Topology, total int64) string {
	capacity := t.Capacity()
	if exceeds(total, 1, capacity, highUnit) {
		return fmt.Sprintf("%d bits per second in all are more than %d times the capacity of all links (%d): looks like the wrong unit", total, highUnit, capacity)
	}
	if exceeds(capacity, 1, total, lowUnit) {
		return fmt.Sprintf("%d bits per second in all are less than a %dth of the capacity of all links (%d): looks like the wrong unit", total, lowUnit, capacity)
	}
	return ""
}

// exceeds reports whether a*x > b*y, for numbers that are not negative, without overflow.
func exceeds(a, x, b, y int64) bool {
	aHigh, aLow := bits.Mul64(uint64(a), uint64(x))
	bHigh, bLow := bits.Mul64(uint64(b), uint64(y))
	return aHigh > bHigh || aHigh == bHigh && aLow > bLow
}
