package chatops

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// stage is a ledger that every replica follows at once, a wall that they share, and the people before it. Its time is
// synctest's.
type stage struct {
	t *testing.T
	*boardtest.Ledger
	wall
	mu     sync.Mutex
	people People // by change; desks read it whenever they like
	broken error  // of the table of people, by change
	desks  int
}

// change changes the table of people, as whoever keeps it does: while desks read it.
func (s *stage) change(how func(*People)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(&s.people)
}

// join has people stand on the table.
func (s *stage) join(more ...Person) {
	s.change(func(p *People) { p.List = append(p.List, more...) })
}

// grant has the n-th person of the table hold no other roles than these.
func (s *stage) grant(n int, roles ...string) {
	s.change(func(p *People) { p.List[n].Roles = roles })
}

// network is what the service knows of it.
func network() []events.Scope {
	return []events.Scope{events.Network, "site:den", "link:den-kcy", "srlg:river"}
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, Ledger: boardtest.New(t, network()...)}
	s.people = People{
		List: []Person{
			{"ines", "U1", []string{"approver", "operator"}}, {"marc", "U2", []string{"approver"}}, {"olga", "U3", []string{"operator"}}, {"vera", "U4", []string{"viewer"}},
		},
		OnCall: []string{"ines", "olga", "marc"},
	}
	s.members = map[string]Member{"U1": {}, "U2": {}, "U3": {}, "U4": {}, "U9": {}}
	return s
}

// meanwhile has something happen between a press and its record.
func (s *stage) meanwhile(f func()) { s.Before(func() error { f(); return nil }) }

// ask is the ledger's Ask.
func (s *stage) ask(link string, quorum int, change ...func(*events.Observed, *events.Asked)) (string, events.Planned) {
	s.t.Helper()
	return s.Ledger.Ask(link, quorum, change...)
}

// told is how often something was recorded as told.
func (s *stage) told() int { return s.Count(func(k events.Kind) bool { return k == events.KindTold }) }

// decided is how many records there are of anything else.
func (s *stage) decided() int {
	return s.Count(func(k events.Kind) bool { return k != events.KindTold })
}

// desk raises a replica. It runs until the test, or cancel, ends it.
func (s *stage) desk(rank int, change ...func(*Config)) (*Desk, context.CancelFunc) {
	s.desks++
	key := 0
	me := fmt.Sprintf("r%d/%d", rank, s.desks)
	c := Config{
		Chat: "slack", Me: me, Rank: rank, Board: s.Ledger, Orders: s.Ledger, Room: &s.wall, Members: &s.wall, Now: time.Now,
		Log: zaptest.NewLogger(s.t, zaptest.Level(zap.ErrorLevel)),
		People: func() (People, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			people := s.people
			people.List = slices.Clone(people.List)
			return people, s.broken
		},
	}
	c.NewKey = func() string { key++; return fmt.Sprintf("key-%s-%d", me, key) }
	for _, f := range change {
		f(&c)
	}
	d := New(c)
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	s.t.Cleanup(func() { cancel(); running.Wait() })
	return d, func() { cancel(); running.Wait() }
}

// settle lets everything happen that happens within a while.
func (s *stage) settle(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// press presses a button as the incident's card shows it, and fills in the form if that opens one.
func (s *stage) press(d *Desk, account, id string, act Act) {
	s.t.Helper()
	if takesForm(act) {
		d.Press(s.t.Context(), s.filled(d, account, id, act))
		return
	}
	d.Press(s.t.Context(), s.found(account, id, act))
}

// why is what a stage fills in as the reason.
const why = "the carrier is at it"

// filled presses a button and returns what is then sent as its form: the first choice, and a reason.
func (s *stage) filled(d *Desk, account, id string, act Act) Press {
	s.t.Helper()
	d.Press(s.t.Context(), s.found(account, id, act))
	p, f, ok := s.form(account)
	if !ok {
		s.t.Fatalf("%s pressed %s and has no form, but %q", account, act, s.heard(account))
	}
	p.ID, p.Trigger, p.Answer = "form of "+p.ID, "", &Answer{}
	if f.Reason {
		p.Answer.Reason = why
	}
	if len(f.Scopes) > 0 {
		p.Answer.Scope = f.Scopes[0].Value
	}
	return p
}

// found is the press of a button that is there.
func (s *stage) found(account, id string, act Act) Press {
	s.t.Helper()
	i := s.Incident(id)
	told := i.Shown("slack", events.TheCard)
	m, ok := s.read(told.Message)
	if !ok {
		s.t.Fatalf("%s has no card", id)
	}
	n := slices.IndexFunc(m.card.Buttons, func(b Button) bool { return b.Act == act })
	if n < 0 {
		s.t.Fatalf("the card of %s has no button %s: %+v", id, act, m.card.Buttons)
	}
	return s.pressOf(account, told.Message, act, m.card.Buttons[n].Value)
}

func (s *stage) pressOf(account, message string, act Act, value string) Press {
	now := time.Now()
	return Press{ID: fmt.Sprint(account, act, now.UnixNano()), Account: account, Channel: "C1", Message: message, Act: act, Value: value, At: now, Trigger: "t"}
}
