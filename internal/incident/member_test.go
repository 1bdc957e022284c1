package incident

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// testLedger keeps encoded commits, as the stream does.
type testLedger struct {
	tb      testing.TB
	entries [][]byte
	last    events.Digest
}

// append stores a commit directly after a position; it reports false when another stands there.
func (l *testLedger) append(c events.Commit, after uint64) (events.Commit, bool) {
	if after != uint64(len(l.entries)) {
		return c, false
	}
	c.ID, c.Prev = fmt.Sprintf("c%d", after+1), l.last
	raw, digest, err := c.Encode()
	if err != nil {
		l.tb.Fatal(err)
	}
	l.entries, l.last = append(l.entries, raw), digest
	return l.read(after + 1), true
}

// read decodes the commit at a position.
func (l *testLedger) read(position uint64) events.Commit {
	c, err := events.Decode(l.entries[position-1])
	if err != nil {
		l.tb.Fatal(err)
	}
	c.Position = position
	return c
}

// member is one replica's process without its loop: what a worker keeps between two turns.
type member struct {
	name    string
	boot    int
	board   *Board
	pending []events.Event // delivered and not recorded
	facts   map[string]events.Facts
	results map[string][]events.Body
	running map[string]bool
}

func newMember(name string) *member {
	m := &member{name: name}
	m.restart()
	return m
}

// restart is a new process that knows nothing but its name.
func (m *member) restart() {
	m.boot++
	m.board, m.pending = NewBoard(), nil
	m.facts, m.results, m.running = map[string]events.Facts{}, map[string][]events.Body{}, map[string]bool{}
}

func (m *member) me() string { return fmt.Sprintf("%s/%d", m.name, m.boot) }

// fold follows one commit, and forgets what was seen before its records.
func (m *member) fold(tb testing.TB, c events.Commit) {
	if c.Position <= m.board.Position {
		return
	}
	if err := m.board.Apply(c); err != nil {
		tb.Fatal(err)
	}
	for _, r := range c.Records {
		if r.Incident == "" {
			continue
		}
		if r.Body.Kind() != events.KindObserved {
			delete(m.facts, r.Incident)
		}
		m.results[r.Incident] = slices.DeleteFunc(m.results[r.Incident], func(b events.Body) bool { return fmt.Sprint(b) == fmt.Sprint(r.Body) })
		if i, ok := m.board.Incident(r.Incident); !ok || !i.IsOpen() {
			delete(m.facts, r.Incident)
			delete(m.results, r.Incident)
		}
	}
	m.pending = slices.DeleteFunc(m.pending, func(e events.Event) bool {
		return c.By == m.me() && slices.ContainsFunc(c.Records, func(r events.Record) bool {
			o, ok := r.Body.(*events.Observed)
			return ok && o.Event == e.ID && o.Source == e.Source
		})
	})
}

// decide asks the core; the targets of incidents that are about to be opened are read first, so that all of it stands in
// one commit.
func (m *member) decide(w World, now time.Time, read func(Observe) events.Facts) Decision {
	w.Now, w.Me, w.Events, w.Facts, w.Results = now, m.me(), m.pending, m.facts, m.results
	d := Decide(m.board, w)
	fetched := false
	for _, c := range d.Commands {
		if o, ok := c.(Observe); ok && len(m.pending) > 0 {
			if _, known := m.board.Incident(o.Incident); !known {
				w.Facts = maps.Clone(w.Facts)
				w.Facts[o.Incident], fetched = read(o), true
			}
		}
	}
	if fetched {
		m.facts = w.Facts
		return Decide(m.board, w)
	}
	return d
}

// permit is what is asked right before a Set leaves: is its intent the newest word, and is nothing frozen?
func (m *member) permit(o events.Order) error {
	i, ok := m.board.Incident(o.Incident)
	if !ok || i.Intent == nil || i.Intent.Position != o.Fence || !i.Steps[o.Step][o.Act.Change].Pending {
		return fmt.Errorf("the intent at position %d is no longer the newest word", o.Fence)
	}
	if f, frozen := m.board.FrozenBy(i.Target.Scopes); frozen && !o.Undo {
		return fmt.Errorf("%s is frozen by %s", f.Scope, f.By.Name)
	}
	return nil
}
