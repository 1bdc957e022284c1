package fabric

import (
	"container/heap"
	"time"
)

// agenda is what will happen of itself, in order of time; of two at the same instant the one noted first comes first.
type agenda struct {
	entries entries
	noted   uint64
}

type entry struct {
	at    time.Time
	order uint64
	run   func(at time.Time)
	index int // in the heap, -1 once out of it
}

func (a *agenda) at(at time.Time, run func(at time.Time)) *entry {
	a.noted++
	e := &entry{at: at, order: a.noted, run: run}
	heap.Push(&a.entries, e)
	return e
}

// cancel takes an entry out, if it is still in. Nil is none.
func (a *agenda) cancel(e *entry) {
	if e != nil && e.index >= 0 {
		heap.Remove(&a.entries, e.index)
	}
}

// Timer is something that will happen at its time.
type Timer struct {
	agenda *agenda
	entry  *entry
}

// Stop keeps it from happening, if it has not yet.
func (t *Timer) Stop() {
	if t != nil {
		t.agenda.cancel(t.entry)
	}
}

// At lets run happen once at has come, at that instant: counters read in there are those of the instant.
func (f *Fabric) At(at time.Time, run func(at time.Time)) *Timer {
	return &Timer{agenda: &f.agenda, entry: f.agenda.at(at, run)}
}

// Advance lets happen what is due by now, each at its own instant, and says whether anything was.
func (f *Fabric) Advance(now time.Time) bool {
	any := false
	for len(f.agenda.entries) > 0 && !f.agenda.entries[0].at.After(now) {
		e := heap.Pop(&f.agenda.entries).(*entry)
		e.run(e.at)
		any = true
	}
	return any
}

// Next is when something will happen of itself, and false if nothing will.
func (f *Fabric) Next() (time.Time, bool) {
	if len(f.agenda.entries) == 0 {
		return time.Time{}, false
	}
	return f.agenda.entries[0].at, true
}

// entries implements heap.Interface.
type entries []*entry

func (q entries) Len() int { return len(q) }

func (q entries) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}

func (q entries) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *entries) Push(x any) {
	e := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements heap.Interface.
func (q *entries) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	e.index = -1
	return e
}
