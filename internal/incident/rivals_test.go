package incident

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// rivals are two replicas over one ledger and one lab that decide at the same moment every time; whoever is the first to
// append changes from turn to turn.
type rivals struct {
	t       *testing.T
	world   World
	now     time.Time
	ledger  *testLedger
	lab     *lab
	members [2]*member
	first   int
	wake    time.Time
}

func newRivals(t *testing.T, text string, inventory Inventory, first int) *rivals {
	w := testWorld(t, text)
	w.Inventory = inventory
	l := newLab(testStart)
	l.size = 40
	return &rivals{t: t, world: w, now: testStart, ledger: &testLedger{tb: t}, lab: l, members: [2]*member{newMember("r1"), newMember("r2")}, first: first}
}

// settle lets both decide and act until both wait for something.
func (r *rivals) settle() {
	for range 400 {
		r.now = r.now.Add(time.Millisecond)
		r.lab.pass(r.now)
		var decisions [2]Decision
		at := r.members[0].board.Position
		for n, m := range r.members {
			decisions[n] = m.decide(r.world, r.now, r.lab.carryOut)
			if fault := decisions[n].Fault; fault != "" {
				r.t.Fatal(fault)
			}
		}
		r.wake = time.Time{}
		moved := false
		for k := range r.members {
			n := (r.first + k) % 2
			d := decisions[n]
			if !d.Wake.IsZero() && (r.wake.IsZero() || d.Wake.Before(r.wake)) {
				r.wake = d.Wake
			}
			if len(d.Records) > 0 {
				r.append(r.members[n], d.Records, at)
				moved = true
			} else if r.perform(r.members[n], d.Commands) {
				moved = true
			}
		}
		r.first = 1 - r.first
		if !moved {
			return
		}
	}
	r.t.Fatalf("they never come to rest:\n%s", r.story())
}

// append is a commit at the position that it was decided from; who comes too late has decided in vain.
func (r *rivals) append(m *member, records []events.Record, at uint64) {
	c, ok := r.ledger.append(events.Commit{At: r.now, By: m.me(), Records: records}, at)
	if !ok {
		return
	}
	for _, m := range r.members {
		m.fold(r.t, c)
	}
	r.inspect()
}

func (r *rivals) perform(m *member, commands []Command) (moved bool) {
	for _, c := range commands {
		switch c := c.(type) {
		case Observe:
			if f, ok := m.facts[c.Incident]; !ok || r.now.Sub(f.At) >= observeAgain || f.Prospect != nil && !slices.Equal(f.Prospect.Besides, c.Besides) {
				m.facts[c.Incident], moved = r.lab.carryOut(c), true
			}
		case Actuate:
			if !m.running[c.Key()] {
				m.running[c.Key()], moved = true, true
				m.results[c.Order.Incident] = append(m.results[c.Order.Incident], r.lab.set(c.Order))
			}
		}
	}
	return moved
}

// pass lets time go on.
func (r *rivals) pass(d time.Duration) {
	for until := r.now.Add(d); r.now.Before(until); {
		if r.now = until; !r.wake.IsZero() && r.wake.Before(until) {
			r.now = r.wake
		}
		r.settle()
	}
}

// agree wants both to have the same Board.
func (r *rivals) agree() {
	r.t.Helper()
	var texts [2][]byte
	for n, m := range r.members {
		texts[n], _ = json.Marshal(append(m.board.Open(), m.board.Closed()...))
	}
	if diff := cmp.Diff(string(texts[0]), string(texts[1])); diff != "" {
		r.t.Fatalf("the replicas differ:\n%s", diff)
	}
}

// inspect holds what must always be: nothing unlawful is on the Board, of one cause one link is drained at a time, and none
// beside one that it must not stand beside.
func (r *rivals) inspect() {
	r.t.Helper()
	b := r.members[0].board
	if f, frozen := b.FrozenBy(nil); frozen {
		r.t.Fatalf("%s:\n%s", f.Reason, r.story())
	}
	busy := map[events.Scope]string{}
	for _, i := range b.Open() {
		if i.Cause != nil && (i.Phase == Acting || i.Phase == Verifying) {
			if other, both := busy[i.Cause.Scope]; both {
				r.t.Fatalf("%s and %s are drained at a time:\n%s", other, i.ID, r.story())
			}
			busy[i.Cause.Scope] = i.ID
		}
	}
	for _, pair := range r.lab.apart {
		if r.lab.drained(pair[0]) && r.lab.drained(pair[1]) {
			r.t.Fatalf("%v are both drained:\n%s", pair, r.story())
		}
	}
}

// story is what stands on the ledger.
func (r *rivals) story() string {
	s := &stage{start: testStart}
	for n := range r.ledger.entries {
		c := r.ledger.read(uint64(n) + 1)
		s.printf("#%d by %s at %s", c.Position, c.By, c.At.Sub(testStart))
		for _, rec := range c.Records {
			s.printf("  %s %s", rec.Incident, s.describe(rec.Body))
		}
	}
	return s.out.String()
}
