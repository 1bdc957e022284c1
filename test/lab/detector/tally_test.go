package detector

import (
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	var p tally
	for n := range 10 {
		if got := p.send(at(100 * n)); got != uint64(n) {
			t.Fatalf("probe %d has the number %d", n, got)
		}
	}
	for _, n := range []uint64{0, 2, 3, 7, 400} {
		p.come(n)
	}
	want := func(now time.Time, all, lost uint64) {
		t.Helper()
		if gotAll, gotLost := p.judge(now); gotAll != all || gotLost != lost {
			t.Errorf("%d of %d lost, want %d of %d", gotLost, gotAll, lost, all)
		}
	}
	want(at(499), 0, 0)
	want(at(500), 1, 0)
	want(at(900), 5, 2) // 1 and 4
	want(at(900), 5, 2) // nothing is judged twice
	p.come(4)           // too late
	p.come(5)           // just in time
	want(at(1400), 10, 5)
}

// TestExcused has nobody blamed for what was on its way while nobody looked, nor for what comes of it later.
func TestExcused(t *testing.T) {
	var p tally
	for n := range 5 {
		p.send(at(100 * n))
	}
	p.come(1)
	p.excuse()
	p.come(2)
	for n := range 2 {
		if got := p.send(at(1000 + 100*n)); got != uint64(5+n) {
			t.Fatalf("the next probe has the number %d", got)
		}
	}
	p.come(5)
	if all, lost := p.judge(at(5000)); all != 2 || lost != 1 {
		t.Errorf("%d of %d lost, want 1 of 2", lost, all)
	}
	if got := p.between(at(-1), at(4000)); got != 1 {
		t.Errorf("%d are remembered as lost, want the one that was not excused", got)
	}
}

// TestSettled knows what became of a probe once a younger one has come.
func TestSettled(t *testing.T) {
	var p tally
	for n := range 4 {
		p.send(at(100 * n))
	}
	if p.settled(at(0)) {
		t.Error("none has come")
	}
	p.come(2)
	p.come(1)
	for n, want := range []bool{true, true, false, false} {
		if got := p.settled(at(100 * n)); got != want {
			t.Errorf("probe %d: settled %t", n, got)
		}
	}
	p.judge(at(5000))
	p.come(3)
	if p.settled(at(250)) {
		t.Error("one that came after it was judged says nothing of those before")
	}
}

func TestTallyBetween(t *testing.T) {
	var p tally
	for n := range 10 {
		p.send(at(100 * n))
	}
	p.judge(at(2000))
	p.come(4) // late
	if got := p.between(at(199), at(501)); got != 3 {
		t.Errorf("%d lost of those that left from 200 to 500 ms, want 3", got)
	}
	if got := p.between(at(200), at(500)); got != 1 {
		t.Errorf("%d lost of those that left between 200 and 500 ms, want 1", got)
	}
	p.judge(at(int(memory/time.Millisecond) + 300))
	if got := p.between(at(-1), at(5000)); got != 6 {
		t.Errorf("%d are remembered, want the 6 of 3 minutes", got)
	}
}
