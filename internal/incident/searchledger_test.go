package incident

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/remediators"
	"github.com/detour-net/detour/remediators/linkdrain"
)

// The search's ledger: positions with the Board up to each, and what a replica decides there.

const (
	searchTarget   = "link/a-b"
	searchIncident = "a-b-1"
	tick           = 10 * time.Second // every clock of the policies below ends within one, or two, of these
)

// searchPolicy has every clock run out before the next tick, but for the margin of bar three, which needs a tick of its own.
const searchPolicy = `
prospect: {missing: allow}
rules:
  - {name: drain, match: {kinds: [link-errors]}, remediation: link-drain, with: {style: soft}, autonomy: auto}
max_age: {default: 2h}
clocks:
  set_deadline: 4s
  margin: %s
  fresh: 5s
  verify_within: 1s
  observe_every: 5s
  look_every: 5s
  look_for: 1h
  hold: 5s
  hold_max: 24h
  clear_for: 0s
  probation: 5s
  undo_attempts: 5
`

// Margins: within the tick of the intent, and one tick longer where requests arrive within it.
const (
	shortMargin = "4s"
	longMargin  = "8s"
)

// position is one position of the ledger, with what moves need to know of the incident there.
type position struct {
	board   *Board
	i       *Incident // nil before it is opened
	phase   Phase
	moved   uint8 // position of the newest record of the incident that is not of an event
	fence   uint8 // of the newest intent, 0: there is none
	step    uint8 // of that intent
	undo    bool
	arm     bool
	waits   bool // for any outcome
	pending [2]bool
	doubt   [2]uint8
	armed   [2]bool
	at      [2]uint8 // steps that stand at each router, as far as the ledger knows

	canonical string // of the Board without the names of processes, when it is to be compared
}

var names = regexp.MustCompile(`"owner":"[^"]*",`)

// place finds or makes a position. In a full search only the same history leads to the same position.
func (s *search) place(from uint32, b *Board, moved uint8) uint32 {
	p := &position{board: b, moved: moved}
	if i, ok := b.Latest(searchTarget); ok {
		p.i, p.phase = i, i.Phase
		if i.Intent != nil {
			p.fence, p.step, p.undo, p.arm = uint8(i.Intent.Position), uint8(i.Intent.Step), i.Intent.Undo, i.Intent.Arm > 0
		}
		for n, step := range i.Steps {
			for c, st := range step {
				waits := st.Pending || st.Doubt > 0
				if p.waits = p.waits || waits; waits && n != i.Intent.Step {
					s.fail("step %d waits while step %d is the newest", n, i.Intent.Step)
				}
				p.pending[c], p.armed[c] = p.pending[c] || st.Pending, p.armed[c] || st.Armed
				p.doubt[c] = max(p.doubt[c], uint8(st.Doubt))
				if st.Seen == events.SeenAfter {
					p.at[c] = uint8(n) + 1
				}
			}
		}
	}
	board := s.canonical(p)
	key := board
	if s.full {
		key = fmt.Sprint(from, board)
	}
	if known, ok := s.known[key]; ok {
		return known
	}
	s.known[key] = uint32(len(s.nodes))
	s.nodes = append(s.nodes, p)
	if s.compared {
		p.canonical = names.ReplaceAllString(board, "")
	}
	return s.known[key]
}

// canonical is everything of a Board that a later decision or fold can rest on within a search. What only people read is
// left out: texts, counts of events and Sets, and the list of positions. So is what the search keeps the same: target and
// plan; and times that only hours tell apart, or that only facts older than the newest record are held against.
func (s *search) canonical(p *position) string {
	b := p.board
	seen := [3]bool{}
	for n := range seen {
		seen[n] = b.Seen(events.Event{ID: fmt.Sprintf("e%d", n+1), Source: "/telemetry/a"})
	}
	freezes := len(b.freezes)
	head := fmt.Sprint(b.Position, b.Now.UnixNano(), p.moved, seen, freezes, len(b.admissions), len(b.failures))
	if p.i == nil {
		return head
	}
	i := *p.i
	i.Positions, i.Events, i.Sets, i.Value, i.Alarm = nil, 0, 0, 0, events.Anomaly{}
	i.Opened, i.Alarmed, i.Target = time.Time{}, time.Time{}, events.Target{} // nothing else alarms
	i.Outlasted = time.Time{}
	if i.Phase != Reverting && (i.Phase != Acting || s.steps == 1) {
		i.Touched = time.Time{} // but while it is waited for that an undo is seen, or a step settles
	}
	if i.Plan != nil {
		i.Plan = &events.Planned{Mode: i.Plan.Mode}
	}
	i.Steps = [][]ChangeState{slices.Clone(slices.Concat(i.Steps...))}
	for n := range i.Steps[0] {
		i.Steps[0][n].Since = time.Time{}
		if !s.arms {
			i.Steps[0][n].Raised = 0 // only what is confirmed is sent under it
		}
	}
	if i.Ruling != nil {
		i.Ruling = &events.Ruled{Verdict: i.Ruling.Verdict, Checks: failing(i.Ruling.Checks)}
	}
	if i.Refusal != nil {
		i.Refusal = &events.Refused{Class: i.Refusal.Class, Act: events.Act{Undo: i.Refusal.Undo}}
	}
	if i.Verified != nil {
		i.Verified = &events.Verified{Pass: i.Verified.Pass}
	}
	if i.Intent != nil {
		in := *i.Intent
		in.Why = ""
		i.Intent = &in
	}
	if i.End != nil {
		i.End = &events.Closed{Outcome: i.End.Outcome, CoolDown: i.End.CoolDown}
	}
	raw, err := json.Marshal(i)
	if err != nil {
		panic(err)
	}
	return head + string(raw)
}

func failing(checks []events.Check) []events.Check {
	var names []events.Check
	for _, c := range checks {
		if !c.OK {
			names = append(names, events.Check{Name: c.Name})
		}
	}
	return names
}

// question is everything that a replica's decision rests on.
type question struct {
	at    uint32
	now   uint8
	who   uint8
	boot  uint8
	told  uint8
	knows knowledge
}

// answer is what it decides: a commit that leads to another position, or commands.
type answer struct {
	commit  bool
	observe bool
	set     [2]bool
	look    [2]uint8 // under which fence, 0: not
	confirm [2]uint8
	fault   bool
}

func (s *search) decide(q question) answer {
	if a, ok := s.answers[q]; ok {
		return a
	}
	at := s.nodes[q.at]
	w := s.world
	w.Now, w.Me = s.time(q.now).Add(time.Millisecond), fmt.Sprintf("r%d/%d", q.who, q.boot)
	w.Events = slices.DeleteFunc(s.published(q.told), at.board.Seen)
	if q.knows.facts {
		w.Facts = map[string]events.Facts{searchIncident: s.facts(q.knows)}
	}
	w.Results = map[string][]events.Body{searchIncident: s.results(at, q.knows)}
	d := Decide(at.board, w)
	a := answer{fault: d.Fault != ""}
	if a.fault {
		s.fail("fault: %s", d.Fault)
	}
	if len(d.Records) > 0 {
		a.commit = true
		s.records[q] = d.Records
	}
	for _, c := range d.Commands {
		switch c := c.(type) {
		case Observe:
			a.observe = true
		case Actuate:
			a.set[c.Order.Act.Change] = true
		case Look:
			a.look[c.Order.Act.Change] = uint8(c.Fence)
		case Confirm:
			a.confirm[c.Order.Act.Change] = uint8(c.Order.Fence)
		}
	}
	s.answers[q] = a
	return a
}

// commit is the position that a decision leads to.
func (s *search) commit(q question) uint32 {
	to, ok := s.commits[q]
	if !ok {
		to = s.append(q, s.records[q])
		s.commits[q] = to
		delete(s.records, q)
	}
	return to
}

// append finds or makes the position that records lead to.
func (s *search) append(q question, records []events.Record) uint32 {
	at := s.nodes[q.at]
	c := events.Commit{At: s.time(q.now), By: fmt.Sprintf("r%d/%d", q.who, q.boot), Position: at.board.Position + 1, Records: records}
	moved := at.moved
	if slices.ContainsFunc(records, func(r events.Record) bool { return r.Incident != "" && r.Body.Kind() != events.KindObserved }) {
		moved = uint8(c.Position)
	}
	board := at.board.Fork()
	if err := board.Apply(c); err != nil {
		s.tb.Fatal(err)
	}
	return s.place(q.at, board, moved)
}

// abort is the position that a person's order leads to.
func (s *search) abort(q question) uint32 {
	if a, ok := s.aborts[q]; ok {
		return a
	}
	records, err := Abort(searchIncident, events.Person{Name: "ann"}, "", false)(s.nodes[q.at].board, s.time(q.now))
	if err != nil {
		s.tb.Fatal(err)
	}
	s.aborts[q] = s.append(q, records)
	return s.aborts[q]
}

// published are the events on the bus: the fault, then that it has cleared, then that it is back.
func (s *search) published(told uint8) []events.Event {
	list := []events.Event{testEvent("e1", events.Firing, s.world.Now)}
	if told >= hasCleared {
		list = append(list, testEvent("e2", events.Resolved, s.world.Now.Add(time.Second)))
	}
	if told >= isBack {
		list = append(list, testEvent("e3", events.Firing, s.time(told-isBack).Add(3*time.Millisecond)))
	}
	return list
}

// What has been published. From isBack on, the excess is the tick at which the fault came back.
const (
	hasCleared = 1
	isBack     = 2
)

func (s *search) time(n uint8) time.Time { return s.world.Now.Add(time.Duration(n) * tick) }

func (s *search) facts(k knowledge) events.Facts {
	seen := [2]events.Seen{}
	for n, at := range k.seen {
		seen[n] = events.SeenBefore
		if at == s.steps {
			seen[n] = events.SeenAfter
		}
	}
	f := testFacts(s.time(k.factsAt).Add(2*time.Millisecond), seen, s.helps)
	for n := range f.Ends {
		f.Ends[n].Profile.Bars = s.bars
		if at := k.seen[n]; at > 0 && at < s.steps {
			for l := range f.Ends[n].Leaves {
				f.Ends[n].Leaves[l].Config, f.Ends[n].Leaves[l].State = events.UintValue(halfWay), events.UintValue(halfWay)
			}
		}
	}
	return f
}

// results are the bodies of what a replica has heard.
func (s *search) results(at *position, k knowledge) []events.Body {
	var list []events.Body
	for c, h := range k.heard {
		act := events.Act{Step: int(at.step), Change: c, Undo: at.undo, Fence: uint64(at.fence)}
		found := events.Found{Step: act.Step, Change: c, Doubt: uint64(at.doubt[c])}
		if s.fence {
			found.Fence = found.Doubt
		}
		switch h {
		case applied:
			list = append(list, events.Applied{Act: act, Sets: 1, Armed: at.arm && !at.undo})
		case refusedByFence:
			list = append(list, events.Refused{Act: act, Class: events.RefusedByFence})
		case refusedByRouter:
			list = append(list, events.Refused{Act: act, Class: events.RefusedByRouter, Sets: 1})
		case refusedInSilence:
			list = append(list, events.Refused{Act: act, Class: events.RefusedInSilence})
		case unknown:
			list = append(list, events.Unknown{Act: act, Sets: 1})
		case foundOther:
			found.Seen, found.At = events.SeenOther, at.i.Intent.Deadline.Add(at.i.Intent.Margin.Std())
			list = append(list, found)
		case foundBefore, foundBeforeEarly, foundAfter, foundAfterEarly:
			found.Seen, found.At = events.SeenBefore, at.i.Intent.At
			if h == foundAfter || h == foundAfterEarly {
				found.Seen = events.SeenAfter
			}
			if h == foundBefore || h == foundAfter {
				found.At = at.i.Intent.Deadline.Add(at.i.Intent.Margin.Std())
			}
			list = append(list, found)
		case confirmed, unconfirmed:
			list = append(list, events.Confirmed{Step: act.Step, Change: c, OK: h == confirmed})
		}
	}
	return list
}

// inTwoSteps drains as its remediator does, by way of halfWay, where it waits for nearly a tick.
type inTwoSteps struct{ remediators.Remediator }

func (r inTwoSteps) Propose(target events.Target, facts events.Facts, atOnce string, with json.RawMessage) (events.Plan, error) {
	plan, err := r.Remediator.Propose(target, facts, atOnce, with)
	if err == nil {
		plan.Steps = twoSteps(plan.Steps[0], tick-time.Second)
	}
	return plan, err
}

func newSearch(tb testing.TB, sp space) *search {
	margin := shortMargin
	if !sp.late {
		margin = longMargin
	}
	s := &search{
		tb: tb, space: sp, world: testWorld(tb, fmt.Sprintf(searchPolicy, margin)), known: map[string]uint32{}, reached: map[string]bool{}, answers: map[question]answer{}, records: map[question][]events.Record{}, commits: map[question]uint32{}, aborts: map[question]uint32{},
		visited: map[state]struct{}{}, closes: map[state]bool{}, settled: map[Phase]int{}, ends: map[events.Outcome]int{}, bars: []events.Bar{events.BarDeadline},
	}
	if sp.shares {
		s.world.Inventory = grouped{"srlg:7": {"a-b", "c-d"}}
	}
	if s.steps == 0 {
		s.steps = 1
	} else {
		s.world.Remediators = []remediators.Remediator{inTwoSteps{linkdrain.New()}}
	}
	if sp.fence {
		s.bars = append(s.bars, events.BarArbitration)
	}
	if sp.arms {
		s.bars = append(s.bars, events.BarCommitConfirmed)
	}
	return s
}
