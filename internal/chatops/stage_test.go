package chatops

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// stage is a ledger that every replica follows at once, a wall that they share, and the people before it. Its time is
// synctest's.
type stage struct {
	t *testing.T
	wall
	mu     sync.Mutex
	board  *incident.Board
	told   int // records of the kind
	before func()
	people People
	broken error // of the table of people
	desks  int
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, board: incident.NewBoard()}
	s.people = People{
		List: []Person{
			{"ines", "U1", []string{"approver", "operator"}}, {"marc", "U2", []string{"approver"}}, {"olga", "U3", []string{"operator"}}, {"vera", "U4", []string{"viewer"}},
		},
		OnCall: []string{"ines", "olga", "marc"},
	}
	s.members = map[string]Member{"U1": {}, "U2": {}, "U3": {}, "U4": {}, "U9": {}}
	return s
}

// record writes one commit.
func (s *stage) record(records ...events.Record) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.append(records)
}

func (s *stage) append(records []events.Record) events.Commit {
	c := events.Commit{ID: fmt.Sprint(s.board.Position), At: time.Now().UTC(), By: "r0/0", Records: records, Position: s.board.Position + 1}
	raw, digest, err := c.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	read, err := events.Decode(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	read.Position, read.Digest = c.Position, digest
	if err := s.board.Apply(read); err != nil {
		s.t.Fatal(err)
	}
	for _, r := range records {
		if r.Body.Kind() == events.KindTold {
			s.told++
		}
	}
	return read
}

// records is how often something was recorded as told.
func (s *stage) records() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told
}

func (s *stage) View(f func(*incident.Board)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.board)
}

func (s *stage) Submit(_ context.Context, order incident.Order) (events.Commit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		s.before()
	}
	records, err := order(s.board, time.Now())
	if err != nil {
		return events.Commit{}, err
	}
	return s.append(records), nil
}

// say records something of an incident.
func (s *stage) say(id string, bodies ...events.Body) {
	s.t.Helper()
	var records []events.Record
	for _, b := range bodies {
		records = append(records, events.Record{Incident: id, Body: b})
	}
	s.record(records...)
	s.View(func(b *incident.Board) {
		if f, frozen := b.FrozenBy(nil); frozen && f.By.Name != "olga" && f.By.Name != "ines" {
			s.t.Fatalf("a record of the test was not lawful: %s", f.Reason)
		}
	})
}

func plan(link string, metric uint64) events.Planned {
	a, b, _ := strings.Cut(link, "-")
	t := events.Target{Kind: events.TargetLink, Name: link, Ends: []events.End{{Device: a, Interface: "to-" + b}, {Device: b, Interface: "to-" + a}}, Scopes: []events.Scope{events.Network, events.ScopeOf("link", link)}}
	var step events.Step
	for _, e := range t.Ends {
		ref := events.LeafRef{Leaf: events.ISISMetric, Interface: e.Interface, Level: 2, Family: events.IPv4}
		step.Changes = append(step.Changes, events.Change{Device: e.Device, Settings: []events.Setting{{LeafRef: ref, Before: events.UintValue(100), After: events.UintValue(metric)}}})
	}
	p := events.Plan{Remediator: "link-drain", Sentence: "drain link " + link, Target: t, Steps: []events.Step{step}}
	return events.Planned{Plan: p, Digest: p.Digest(), Rule: "sick-links", Mode: events.Live, ModeWhy: "as configured"}
}

func ruled(p events.Planned) events.Ruled {
	return events.Ruled{Verdict: events.Ask, Rule: p.Rule, Plan: p.Digest, Checks: []events.Check{
		{Name: "survives", OK: true, Value: "worst 61.2 %", Limit: "90.0 %"},
		{Name: "autonomy", Value: "approve", Limit: "auto", Detail: "the rule wants a person", Remedy: "an approver: detour approve"},
	}}
}

func asked(p events.Planned, quorum int, expires time.Time) events.Asked {
	return events.Asked{Plan: p.Digest, Quorum: quorum, Roles: []string{"approver"}, Expires: expires.UTC(), ByClick: true}
}

// ask opens an incident that waits for people for ten minutes, and returns its id and plan.
func (s *stage) ask(link string, quorum int, change ...func(*events.Observed, *events.Asked)) (string, events.Planned) {
	s.t.Helper()
	p := plan(link, 16777214)
	observed := &events.Observed{Event: "e-" + link, Source: "/test", Disposition: events.DidOpen, Anomaly: events.Anomaly{
		Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, Resource: events.Resource{Link: link}, ObservedAt: time.Now().UTC(), Value: 3e-4, Unit: "ratio", Threshold: 1e-4,
	}}
	a := asked(p, quorum, time.Now().Add(10*time.Minute))
	for _, c := range change {
		c(observed, &a)
	}
	id := incident.ID(p.Plan.Target, 1)
	s.say(id, events.Opened{Target: p.Plan.Target, Epoch: 1, Symptom: events.LinkErrors, Severity: events.Major}, observed, p, ruled(p), a)
	return id, p
}

// desk raises a replica. It runs until the test, or cancel, ends it.
func (s *stage) desk(rank int, change ...func(*Config)) (*Desk, context.CancelFunc) {
	s.desks++
	key := 0
	me := fmt.Sprintf("r%d/%d", rank, s.desks)
	c := Config{
		Chat: "slack", Me: me, Rank: rank, Board: s, Orders: s, Room: &s.wall, Members: &s.wall, Now: time.Now,
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

// incident returns an incident as it stands; it shares nothing with the Board but what does not change.
func (s *stage) incident(id string) (c incident.Incident) {
	s.View(func(b *incident.Board) {
		i, ok := b.Incident(id)
		if !ok {
			s.t.Fatalf("no incident %s", id)
		}
		c = *i
		c.Told = slices.Clone(i.Told)
	})
	return c
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
	i := s.incident(id)
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
