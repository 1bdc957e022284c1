package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// stage plays a transcript: one replica over a ledger and a lab, told by lines of a script. Commands are carried out at once;
// time passes only when the script says so, but for a millisecond a turn.
type stage struct {
	t      *testing.T
	text   string // of the policy
	world  World
	start  time.Time
	now    time.Time
	ledger *testLedger
	lab    *lab
	active *member
	wake   time.Time
	plans  []events.Digest // that people were asked about
	loose  bool            // records may be unlawful: the script writes them
	held   bool            // what is published does not arrive yet
	silent int             // so many Sets to come find the ledger silent right before they leave
	out    strings.Builder
}

func newStage(t *testing.T, text string) *stage {
	w := testWorld(t, text)
	l := newLab(testStart)
	w.Told = l.told
	return &stage{t: t, text: text, world: w, start: testStart, now: testStart, ledger: &testLedger{tb: t}, lab: l, active: newMember("r1")}
}

// printf writes one line of output, indented.
func (s *stage) printf(format string, args ...any) {
	fmt.Fprintf(&s.out, "  "+format+"\n", args...)
}

func (s *stage) since(t time.Time) string {
	return "+" + t.Sub(s.start).Truncate(time.Second).String()
}

// settle lets the replica decide and act until it waits for something.
func (s *stage) settle() {
	for turn := range 500 {
		s.now = s.now.Add(time.Millisecond)
		s.lab.pass(s.now)
		if s.active == nil || s.active.board.Halted() != "" {
			return
		}
		d := s.active.decide(s.world, s.now, s.lab.carryOut)
		s.wake = d.Wake
		switch {
		case d.Fault != "":
			s.t.Fatalf("after %s: fault: %s", s.out.String(), d.Fault)
		case len(d.Records) > 0:
			s.append(s.active.me(), d.Records)
		case !s.perform(d.Commands):
			return
		case turn == 499:
			s.t.Fatalf("it never comes to rest:\n%s", s.out.String())
		}
	}
}

// append puts records on the ledger and shows them.
func (s *stage) append(by string, records []events.Record) {
	before := map[string]Phase{}
	for _, r := range records {
		if i, ok := s.active.board.Incident(r.Incident); ok {
			before[r.Incident] = i.Phase
		}
	}
	frozen := len(s.active.board.Freezes())
	c, ok := s.ledger.append(events.Commit{At: s.now, By: by, Records: records}, s.active.board.Position)
	if !ok {
		s.t.Fatal("the ledger has gone on")
	}
	s.active.fold(s.t, c)
	s.printf("#%d by %s at %s", c.Position, by, s.since(c.At))
	for _, r := range c.Records {
		s.printf("  %s", strings.TrimSpace(r.Incident+" "+s.describe(r.Body)))
		if a, ok := r.Body.(events.Asked); ok {
			s.plans = append(s.plans, a.Plan)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if i, ok := s.active.board.Incident(id); ok && i.Phase != before[id] {
			s.printf("  %s: %s -> %s", id, before[id], i.Phase)
		}
	}
	if s.loose {
		return
	}
	if f, ok := s.active.board.Freezes()[events.Network]; ok && len(s.active.board.Freezes()) > frozen && f.By.Name == events.Identity {
		s.t.Fatalf("after %s: %s", s.out.String(), f.Reason)
	}
}

// observeAgain is the shortest time between two readings of a target.
const observeAgain = 100 * time.Millisecond

// perform carries out commands and reports whether anything came of them.
func (s *stage) perform(commands []Command) (moved bool) {
	m := s.active
	for _, c := range commands {
		if m.running[c.Key()] {
			continue
		}
		switch c := c.(type) {
		case Observe:
			if f, ok := m.facts[c.Incident]; ok && s.now.Sub(f.At) < observeAgain {
				if again := f.At.Add(observeAgain); s.wake.IsZero() || again.Before(s.wake) {
					s.wake = again
				}
				continue
			}
			m.facts[c.Incident], moved = s.lab.carryOut(c), true
		case Actuate:
			m.running[c.Key()], moved = true, true
			s.hear(c.Order, s.send(c.Order))
		case Look:
			f, ok := s.lab.look(c.Order, c.Fence)
			if !ok {
				continue
			}
			m.running[c.Key()], moved = true, true
			s.printf("%s looks at %s: %s", m.me(), c.Order.Change.Device, f.Seen)
			s.hear(c.Order, f)
			defer delete(m.running, c.Key())
		case Confirm:
			m.running[c.Key()], moved = true, true
			f := s.lab.confirm(c.Order)
			s.printf("%s confirms on %s: %t", m.me(), c.Order.Change.Device, f.OK)
			s.hear(c.Order, f)
		}
	}
	return moved
}

func (s *stage) hear(o events.Order, body events.Body) {
	if body != nil {
		s.active.results[o.Incident] = append(s.active.results[o.Incident], body)
	}
}

// send is a Set, with the permit right before it.
func (s *stage) send(o events.Order) events.Body {
	if err := s.active.permit(o); err != nil {
		return events.Refused{Act: o.Act, Class: events.RefusedByPermit, Detail: err.Error()}
	}
	if s.silent > 0 && !o.Undo {
		s.silent--
		return events.Refused{Act: o.Act, Class: events.RefusedInSilence, Detail: "the ledger was silent"}
	}
	set := o.Change.Settings[0]
	body := s.lab.set(o)
	s.printf("%s sets %s: %s from %s to %s, fence %d: %s", s.active.me(), o.Change.Device, set.LeafRef, set.Before, set.After, o.Fence, answerOf(body))
	return body
}

func answerOf(b events.Body) string {
	switch b := b.(type) {
	case events.Applied:
		if b.Detail != "" {
			return "applied (" + b.Detail + ")"
		}
		return "applied"
	case events.Refused:
		return fmt.Sprintf("refused (%s)", b.Class)
	case events.Unknown:
		return "unknown"
	}
	return "no answer"
}

// pass lets time go on, and the replica decide whenever it wanted to.
func (s *stage) pass(d time.Duration) {
	until := s.now.Truncate(time.Second).Add(d)
	for {
		next := until
		if s.active != nil && s.active.board.Halted() == "" && !s.wake.IsZero() && s.wake.Before(until) {
			next = s.wake
		}
		if next.After(s.now) {
			s.now = next
		}
		s.settle()
		if !s.now.Before(until) {
			return
		}
	}
}

// order carries out what a person asks.
func (s *stage) order(o Order) {
	records, err := o(s.active.board, s.now)
	if err != nil {
		s.printf("no: %v", err)
		return
	}
	s.append(s.active.me(), records)
	s.settle()
}
