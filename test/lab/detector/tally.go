package detector

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// overdue is when a probe that has not come counts as lost. It is long, since on a shared machine a process may wait.
const overdue = 500 * time.Millisecond

// memory is for how long lost probes are known one by one.
const memory = 3 * time.Minute

// tally counts numbered probes that were sent, and those of them that are lost. It is safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	pending []probe // not yet judged, oldest first
	next    uint64  // number of the next one
	all     uint64  // judged
	lost    uint64
	losses  []loss    // those of them that are remembered, oldest first
	newest  time.Time // when the youngest one left that has come
}

type probe struct {
	at   time.Time
	came bool
}

// loss is a probe that has not come, and when it left.
type loss struct {
	number uint64
	at     time.Time
}

// send notes that a probe is about to leave, and returns its number.
func (t *tally) send(now time.Time) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, probe{at: now})
	t.next++
	return t.next - 1
}

// come notes that a probe has come. One that was judged before stays judged, and is remembered no more.
func (t *tally) come(number uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.next - uint64(len(t.pending))
	if number >= first && number < t.next {
		t.pending[number-first].came = true
		if at := t.pending[number-first].at; at.After(t.newest) {
			t.newest = at
		}
		return
	}
	late, ok := slices.BinarySearchFunc(t.losses, number, func(l loss, number uint64) int { return cmp.Compare(l.number, number) })
	if ok {
		t.losses = slices.Delete(t.losses, late, late+1)
	}
}

// excuse has the probes that are on their way count for nothing, whether they come or not.
func (t *tally) excuse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = nil
}

// judge counts the probes that are old enough.
func (t *tally) judge(now time.Time) (all, lost uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first, n := t.next-uint64(len(t.pending)), 0
	for ; n < len(t.pending) && !t.pending[n].at.After(now.Add(-overdue)); n++ {
		t.all++
		if !t.pending[n].came {
			t.lost++
			t.losses = append(t.losses, loss{first + uint64(n), t.pending[n].at})
		}
	}
	t.pending = t.pending[n:]
	forgotten, _ := slices.BinarySearchFunc(t.losses, now.Add(-memory), func(l loss, since time.Time) int { return l.at.Compare(since) })
	t.losses = t.losses[forgotten:]
	return t.all, t.lost
}

// settled says whether one has come that left after a moment: what left before and is still missing is lost, as none overtakes
// another on one link.
func (t *tally) settled(at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest.After(at)
}

// between counts the lost probes that left between two moments.
func (t *tally) between(from, to time.Time) (lost uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.losses {
		if l.at.After(from) && l.at.Before(to) {
			lost++
		}
	}
	return lost
}
