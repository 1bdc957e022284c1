package incident

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// The simulation's time: what is to come, in the order in which it comes. What happens when is drawn from one seed.

// simulation is one run.
type simulation struct {
	tb     testing.TB
	seed   uint64
	rng    *rand.Rand
	now    time.Time
	queue  agenda
	posted int

	world    World
	lab      *lab
	targets  []events.Target // the network's links
	ledger   *testLedger
	commits  []events.Commit // as followers read them
	replicas []*replica
	bus      []*message
	faults   map[string]*fault // by link
	groups   grouped           // links that share a risk, nil: none do
	auditor  *auditor
	ranked   bool // replicas stand back for the first in rank, as with heartbeats
	calm     bool // nothing goes wrong any more
	flaw     flaw

	wrong string // the first thing that must never be
	tally tally
}

// flaw is something that keeps a network safe, and is missing.
type flaw string

const (
	staleFacts flaw = "facts used after records that they do not show" // with clocks that differ
	noFence    flaw = "routers that take a Set however late it comes"
	eachAlone  flaw = "drains that are computed without those admitted since"
	noPermit   flaw = "Sets that nobody holds against the ledger as they leave"
)

// happening is something that is to come.
type happening struct {
	at  time.Time
	seq int
	do  func()
}

type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(x, y int) bool {
	return cmp.Or(a[x].at.Compare(a[y].at), cmp.Compare(a[x].seq, a[y].seq)) < 0
}
func (a agenda) Swap(x, y int) { a[x], a[y] = a[y], a[x] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// after plans something.
func (s *simulation) after(d time.Duration, do func()) {
	s.posted++
	heap.Push(&s.queue, happening{s.now.Add(d), s.posted, do})
}

// until lets things happen in their order until a time, or until over says so; it reports whether over did.
func (s *simulation) until(end time.Time, over func() bool) bool {
	for len(s.queue) > 0 && s.wrong == "" && !s.queue[0].at.After(end) {
		h := heap.Pop(&s.queue).(happening)
		s.now = h.at
		s.lab.pass(s.now)
		h.do()
		s.inspectRouters()
		s.inspectPairs()
		s.tally.steps++
		if over() {
			return true
		}
	}
	return false
}

// chance is true n times of a hundred.
func (s *simulation) chance(n int) bool { return s.rng.IntN(100) < n }

// between draws a time.
func (s *simulation) between(low, high time.Duration) time.Duration {
	return low + time.Duration(s.rng.Int64N(int64(high-low)))
}

func (s *simulation) fail(format string, args ...any) {
	if s.wrong == "" {
		s.wrong = fmt.Sprintf("at +%s, position %d: %s", s.now.Sub(testStart), len(s.commits), fmt.Sprintf(format, args...))
	}
}
