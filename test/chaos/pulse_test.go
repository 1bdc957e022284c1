package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPulse notes only what is longer than a tick may take, and nothing while it runs as it should.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pulse
		stop := p.run()
		time.Sleep(time.Minute)
		stop()
		if list := p.list(); len(list) > 0 {
			t.Errorf("it ran all the time, and %v", list)
		}
		at := time.Now()
		p.ran(at, at.Add(2*beat))
		p.ran(at, at.Add(time.Second))
		if diff := cmp.Diff([]time.Duration{time.Second - 2*beat}, lengths(p.list())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func lengths(stalls []stall) (list []time.Duration) {
	for _, s := range stalls {
		list = append(list, s.to.Sub(s.from))
	}
	return list
}

// TestStalled counts what lies between two moments of what was measured, and nothing else.
func TestStalled(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	e := evidence{stalls: []stall{{at(0), at(2)}, {at(5), at(6)}, {at(9), at(12)}}}
	for _, c := range []struct{ from, to, want int }{{0, 20, 6}, {1, 10, 3}, {2, 5, 0}, {10, 11, 1}, {20, 30, 0}, {6, 5, 0}} {
		if got := e.stalled(at(c.from), at(c.to)); got != time.Duration(c.want)*time.Second {
			t.Errorf("from %d to %d: %s", c.from, c.to, got)
		}
	}
}
