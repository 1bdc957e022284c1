package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// The exhaustive search: two replicas with views as stale as they like, one incident on a link of two routers, and every
// order of following, deciding, sending, delivering, losing, crashing and waiting, within the bounds of a searchSpace. It
// visits each reachable state once and looks for one in which nothing is under way any more and a router and the ledger
// disagree. With the fence taken out it must find some: that is how we know that it looks in the right place.

// searchSpace bounds one search.
type searchSpace struct {
	fence    bool // routers refuse a Set with a lower election id than they have seen
	helps    bool // the drain helps: verification passes
	crashes  int
	lost     int  // replies that are lost after the router has done as it was told
	dropped  int  // requests that never arrive
	refusals int  // Sets that a router refuses
	late     bool // requests may arrive after their deadline and margin
	resolves bool // the fault clears, so that the drain is released and undone
	ticks    int
	lag      int // commits that a replica may be behind
}

const tick = 10 * time.Second

// node is one position of the ledger, with the Board up to it.
type node struct {
	id     int
	parent *node
	board  *Board
	next   map[string]*node
}

// rpc is a Set on its way.
type rpc struct {
	order   events.Order
	replica int
	boot    int
}

func (r rpc) key() string {
	return fmt.Sprintf("%d.%d:%d.%d.%t.%d", r.replica, r.boot, r.order.Step, r.order.Act.Change, r.order.Undo, r.order.Fence)
}

// process is one replica as it runs now.
type process struct {
	boot    int
	at      *node
	results []events.Body
	factsAt int // the tick at which it last observed, -1: never
	seen    [2]events.Seen
	started []string // keys of the commands that it has run and that might be asked again, sorted
}

// follow reads one commit. As in the worker, what was seen before a record of the incident is not used after it; results
// and commands that nothing waits for any more are forgotten.
func (p *process) follow(n *node) {
	p.at, p.factsAt, p.seen = n, -1, [2]events.Seen{}
	i, ok := n.board.Latest("link/a-b")
	if !ok {
		return
	}
	waits := map[string]bool{}
	for c, state := range slices.Concat(i.Steps...) {
		switch {
		case state.Pending:
			waits[Actuate{i.order(0, c, i.Intent.Undo, i.Intent.Position)}.Key()] = true
		case state.Doubt > 0:
			waits[Look{Order: i.order(0, c, false, i.Intent.Position), Fence: state.Doubt}.Key()] = true
		}
	}
	p.started = slices.DeleteFunc(slices.Clone(p.started), func(key string) bool { return !waits[key] })
	p.results = slices.DeleteFunc(slices.Clone(p.results), func(b events.Body) bool {
		switch b := b.(type) {
		case events.Found:
			return i.Steps[b.Step][b.Change].Doubt != b.Doubt
		default:
			a, _ := actOf(b)
			return i.Intent.Position != a.Fence || !i.Steps[a.Step][a.Change].Pending
		}
	})
}

// heard keeps a result; their order does not matter.
func (p *process) heard(b events.Body) {
	p.results = append(slices.Clone(p.results), b)
	slices.SortFunc(p.results, func(a, b events.Body) int { return cmp.Compare(fmt.Sprint(a.Kind(), a), fmt.Sprint(b.Kind(), b)) })
}

func (p *process) start(key string) {
	p.started = append(slices.Clone(p.started), key)
	slices.Sort(p.started)
}

type router struct {
	value  events.Seen
	master uint64
}

type state struct {
	head     *node
	replicas [2]process
	routers  [2]router
	rpcs     []rpc
	now      int
	left     searchSpace // what is left of the bounds
	told     bool        // the fault's end has been published
}

func (s *state) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d|%d|%v|%t|%d.%d.%d.%d|", s.head.id, s.now, s.routers, s.told, s.left.crashes, s.left.lost, s.left.dropped, s.left.refusals)
	for _, p := range s.replicas {
		fmt.Fprintf(&b, "%d,%d,%d,%v,%v,%v|", p.boot, p.at.id, p.factsAt, p.seen, p.results, p.started)
	}
	for _, r := range s.rpcs {
		b.WriteString(r.key() + " ")
	}
	return b.String()
}

func (s *state) clone() *state {
	c := *s
	c.rpcs = slices.Clone(s.rpcs)
	return &c
}

type search struct {
	t         *testing.T
	space     searchSpace
	world     World
	start     time.Time
	nodes     int
	visited   map[string]bool
	decisions map[string]Decision
	states    int
	settled   int
	wrong     []string
	ends      map[events.Outcome]int
}

func newSearch(t *testing.T, space searchSpace) *search {
	return &search{t: t, space: space, world: testWorld(t, searchPolicy), start: testStart, visited: map[string]bool{}, decisions: map[string]Decision{}, ends: map[events.Outcome]int{}}
}

const searchPolicy = `
rules:
  - {name: drain, match: {kinds: [link-errors]}, remediation: link-drain, with: {style: soft}, autonomy: auto}
max_age: {default: 2h}
clocks:
  set_deadline: 10s
  margin: 10s
  fresh: 10s
  verify_within: 20s
  observe_every: 10s
  look_every: 10s
  look_for: 1h
  hold: 10s
  hold_max: 24h
  clear_for: 0s
  probation: 10s
  undo_attempts: 3
`

func (s *search) run() {
	root := &node{board: NewBoard(), next: map[string]*node{}}
	first := &state{head: root, left: s.space}
	for n := range first.replicas {
		first.replicas[n] = process{at: root, factsAt: -1}
	}
	for n := range first.routers {
		first.routers[n].value = events.SeenBefore
	}
	stack := []*state{first}
	for len(stack) > 0 {
		st := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		key := st.key()
		if s.visited[key] {
			continue
		}
		s.visited[key] = true
		s.states++
		s.inspect(st)
		stack = append(stack, s.moves(st)...)
	}
}

// inspect looks for a settled state in which a router and the ledger disagree.
func (s *search) inspect(st *state) {
	i, ok := st.head.board.Latest("link/a-b")
	if !ok {
		return
	}
	if f, frozen := st.head.board.FrozenBy(nil); frozen {
		s.wrong = append(s.wrong, "unlawful record: "+f.Reason)
		return
	}
	if len(st.rpcs) > 0 || i.Phase != Closed && i.Phase != Holding {
		return
	}
	s.settled++
	if i.Phase == Closed {
		s.ends[i.End.Outcome]++
	}
	for n, r := range st.routers {
		if want := i.Steps[0][n].Seen; r.value != want {
			s.wrong = append(s.wrong, fmt.Sprintf("%s: router %d holds %q, the ledger says %q (state %s)", i.Phase, n, r.value, want, st.key()))
		}
	}
}

func (s *search) moves(st *state) []*state {
	var next []*state
	add := func(f func(*state)) {
		c := st.clone()
		f(c)
		next = append(next, c)
	}
	for n := range st.replicas {
		if p := st.replicas[n]; p.at != st.head {
			add(func(c *state) { c.replicas[n].follow(ahead(p.at, st.head)) })
		}
		if st.left.crashes > 0 {
			add(func(c *state) {
				c.left.crashes--
				c.replicas[n] = process{boot: c.replicas[n].boot + 1, at: st.head, factsAt: -1}
			})
		}
		s.act(st, n, add)
	}
	for k := range st.rpcs {
		s.deliver(st, k, add)
	}
	if s.space.resolves && !st.told {
		if i, ok := st.head.board.Latest("link/a-b"); ok && i.Phase == Holding {
			add(func(c *state) { c.told = true })
		}
	}
	if st.now < s.space.ticks && s.mayTick(st) {
		add(func(c *state) { c.now++ })
	}
	return next
}

// mayTick keeps requests from outliving their deadline and margin where the space says that they cannot.
func (s *search) mayTick(st *state) bool {
	for _, r := range st.rpcs {
		if !s.space.late && !s.time(st.now+1).Before(r.order.Deadline.Add(tick)) {
			return false
		}
	}
	return true
}

func (s *search) time(n int) time.Time { return s.start.Add(time.Duration(n) * tick) }

// ahead is the node after at on the way to head.
func ahead(at, head *node) *node {
	for head.parent != at {
		head = head.parent
	}
	return head
}

// act lets one replica decide: append at the position that it has followed to, or run one of its commands.
func (s *search) act(st *state, n int, add func(func(*state))) {
	p := st.replicas[n]
	d := s.decide(st, n)
	if d.Fault != "" {
		s.wrong = append(s.wrong, "fault: "+d.Fault)
		return
	}
	if len(d.Records) > 0 && p.at == st.head {
		add(func(c *state) {
			c.head = s.append(st, n, d.Records)
			for m := range c.replicas {
				for c.replicas[m].at.board.Position+uint64(s.space.lag) < c.head.board.Position {
					c.replicas[m].follow(ahead(c.replicas[m].at, c.head))
				}
			}
		})
		return
	}
	for _, cmd := range d.Commands {
		if key := cmd.Key(); !slices.Contains(p.started, key) {
			add(func(c *state) { s.perform(c, n, cmd, key) })
		}
	}
}

func (s *search) decide(st *state, n int) Decision {
	p := st.replicas[n]
	clear := s.space.resolves && st.told
	key := fmt.Sprintf("%d|%d|%d.%d|%d|%v|%v|%t", p.at.id, st.now, n, p.boot, p.factsAt, p.seen, p.results, clear)
	if d, ok := s.decisions[key]; ok {
		return d
	}
	w := s.world
	w.Now, w.Me = s.time(st.now).Add(time.Millisecond), fmt.Sprintf("r%d/%d", n, p.boot)
	w.Events = []events.Event{testEvent("e1", events.Firing, s.start)}
	if clear {
		w.Events = append(w.Events, testEvent("e2", events.Resolved, s.start.Add(time.Second)))
	}
	w.Events = slices.DeleteFunc(w.Events, p.at.board.Seen)
	if p.factsAt >= 0 {
		w.Facts = map[string]events.Facts{"a-b-1": s.facts(p)}
	}
	w.Results = map[string][]events.Body{"a-b-1": p.results}
	d := Decide(p.at.board, w)
	s.decisions[key] = d
	return d
}

func (s *search) facts(p process) events.Facts {
	return testFacts(s.time(p.factsAt).Add(2*time.Millisecond), p.seen, s.space.helps)
}

func (s *search) append(st *state, n int, records []events.Record) *node {
	c := events.Commit{
		At: s.time(st.now), By: fmt.Sprintf("r%d/%d", n, st.replicas[n].boot), Position: st.head.board.Position + 1, Records: records,
	}
	raw, digest, err := c.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	if known, ok := st.head.next[string(raw)]; ok {
		return known
	}
	c.Digest = digest
	s.nodes++
	board := st.head.board.Fork()
	if err := board.Apply(c); err != nil {
		s.t.Fatal(err)
	}
	child := &node{id: s.nodes, parent: st.head, board: board, next: map[string]*node{}}
	st.head.next[string(raw)] = child
	return child
}

// perform runs one command in c.
func (s *search) perform(c *state, n int, cmd Command, key string) {
	p := &c.replicas[n]
	switch cmd := cmd.(type) {
	case Observe:
		p.factsAt, p.seen = c.now, [2]events.Seen{c.routers[0].value, c.routers[1].value}
	case Actuate:
		p.start(key)
		c.rpcs = append(c.rpcs, rpc{order: cmd.Order, replica: n, boot: p.boot})
		slices.SortFunc(c.rpcs, func(a, b rpc) int { return cmp.Compare(a.key(), b.key()) })
	case Look:
		p.start(key)
		r := &c.routers[cmd.Order.Act.Change]
		if s.space.fence && cmd.Fence > r.master {
			r.master = cmd.Fence
		}
		p.heard(events.Found{Step: cmd.Order.Step, Change: cmd.Order.Act.Change, Seen: r.value, Fence: cmd.Fence, Doubt: cmd.Fence})
	default:
		s.t.Fatalf("unexpected command %T", cmd)
	}
}

// deliver lets one request arrive, be refused, be lost on the way, or have its reply lost.
func (s *search) deliver(st *state, k int, add func(func(*state))) {
	r := st.rpcs[k]
	heard := st.replicas[r.replica].boot == r.boot
	reply := func(c *state, body events.Body) {
		if heard {
			c.replicas[r.replica].heard(body)
		}
	}
	gone := func(c *state) { c.rpcs = slices.Delete(c.rpcs, k, k+1) }
	if s.space.fence && r.order.Fence < st.routers[r.order.Act.Change].master {
		add(func(c *state) {
			gone(c)
			reply(c, events.Refused{Act: r.order.Act, Class: events.RefusedByFence})
		})
		return
	}
	take := func(c *state) {
		gone(c)
		to := &c.routers[r.order.Act.Change]
		to.value = events.SeenAfter
		if r.order.Undo {
			to.value = events.SeenBefore
		}
		if s.space.fence {
			to.master = max(to.master, r.order.Fence)
		}
	}
	inTime := !s.time(st.now).After(r.order.Deadline)
	add(func(c *state) {
		take(c)
		if inTime {
			reply(c, events.Applied{Act: r.order.Act, Sets: 1})
		} else {
			reply(c, events.Unknown{Act: r.order.Act, Sets: 1})
		}
	})
	if st.left.lost > 0 && heard {
		add(func(c *state) {
			c.left.lost--
			take(c)
			reply(c, events.Unknown{Act: r.order.Act, Sets: 1})
		})
	}
	if st.left.dropped > 0 {
		add(func(c *state) {
			c.left.dropped--
			gone(c)
			reply(c, events.Unknown{Act: r.order.Act, Sets: 1})
		})
	}
	if st.left.refusals > 0 {
		add(func(c *state) {
			c.left.refusals--
			gone(c)
			reply(c, events.Refused{Act: r.order.Act, Class: events.RefusedByRouter, Sets: 1})
		})
	}
}

func TestSearch(t *testing.T) {
	for _, space := range []searchSpace{
		{fence: true, late: true, helps: true, lost: 1, refusals: 1, ticks: 3, lag: 1},
		{fence: true, late: true, helps: true, crashes: 1, dropped: 1, ticks: 3, lag: 1},
		{fence: true, late: true, crashes: 1, lost: 1, ticks: 3, lag: 1},
		{fence: true, late: true, helps: true, resolves: true, lost: 1, ticks: 4, lag: 1},
		{fence: true, late: true, helps: true, resolves: true, crashes: 1, ticks: 4, lag: 1},
		{fence: false, late: true, helps: true, ticks: 3, lag: 1},
		{fence: false, late: false, helps: true, ticks: 3, lag: 1},
	} {
		start := time.Now()
		s := newSearch(t, space)
		s.run()
		t.Logf("%+v: %d states, %d ledger positions, %d settled, ends %v, wrong %d %s", space, s.states, s.nodes, s.settled, s.ends, len(s.wrong), time.Since(start))
		for _, w := range s.wrong[:min(3, len(s.wrong))] {
			t.Error(w)
		}
	}
}
