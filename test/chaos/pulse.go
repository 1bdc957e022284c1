package main

import (
	"sync"
	"time"
)

// beat is how often a pulse wants to run.
const beat = 10 * time.Millisecond

// pulse measures for how long this process, whose routers are in it, was kept from running: on a machine that has too much to do, what is
// late came late through nobody's doing.
type pulse struct {
	mu     sync.Mutex
	stalls []stall
}

// stall is a time in which the process did not run.
type stall struct{ from, to time.Time }

// run measures until stop.
func (p *pulse) run() (stop func()) {
	tick, end := time.NewTicker(beat), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for last := time.Now(); ; {
			select {
			case <-tick.C:
			case <-end:
				return
			}
			now := time.Now()
			p.ran(last, now)
			last = now
		}
	})
	return func() { tick.Stop(); close(end); running.Wait() }
}

// ran notes that it ran at two moments, and not between.
func (p *pulse) ran(last, now time.Time) {
	if from := last.Add(2 * beat); now.After(from) { // a tick may come at the end of its time
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stalls = append(p.stalls, stall{from, now})
	}
}

// list is all that was measured.
func (p *pulse) list() []stall {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]stall(nil), p.stalls...)
}

// stalled is for how long the process did not run between two moments.
func (e *evidence) stalled(from, to time.Time) (sum time.Duration) {
	for _, s := range e.stalls {
		begins, ends := s.from, s.to
		if begins.Before(from) {
			begins = from
		}
		if ends.After(to) {
			ends = to
		}
		sum += max(0, ends.Sub(begins))
	}
	return sum
}
