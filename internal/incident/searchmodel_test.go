package incident

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/detour-net/detour/events"
)

// The search's model: two replicas, two routers, the requests between them, and what can happen next. A state is
// comparable and small, for there are many.

// state is everything that what happens next depends on.
type state struct {
	head     uint32 // newest position of the ledger
	prev     uint32 // the one before, where a replica that is behind stands
	requests uint32 // on their way, see bag
	now      uint8  // tick
	told     uint8  // what has been published, see published
	left     allowance
	routers  [2]router
	replicas [2]process
}

// router is one end of the link.
type router struct {
	at     uint8 // steps of the drain that stand
	master uint8 // highest election id seen
	rolls  uint8 // tick at which it undoes what nobody has confirmed, 0: never
	turns  uint8 // how often a Set has changed it since the link was last whole and watched
}

// process is one replica as it runs now.
type process struct {
	boot   uint8
	behind bool    // it has not followed to head
	sent   [2]bool // changes of the newest intent that it has sent
	knows  knowledge
}

// knowledge is what a process has seen that is not on the ledger.
type knowledge struct {
	facts   bool
	factsAt uint8
	seen    [2]uint8 // of each router: the steps that stand
	heard   [2]heard
}

// heard is what came of a command for one router.
type heard uint8

const (
	nothing heard = iota
	applied
	refusedByFence
	refusedByRouter
	refusedInSilence
	unknown
	foundBefore // once the deadline and margin of the intent had passed, or behind a fence
	foundAfter
	foundBeforeEarly
	foundAfterEarly
	confirmed
	unconfirmed
	foundOther
)

// request is a Set on its way.
type request struct {
	fence  uint8
	change uint8
	step   uint8
	undo   bool
	arm    bool
	who    uint8 // replica that waits for the answer, nobody: it gave up or died
	sent   uint8 // tick, or past
	orphan bool  // its sender died, perhaps before it was sent
}

const (
	nobody = 2
	past   = 255
)

// bag is a set of requests in order; unused places are zero and last.
type bag [8]request

func (b bag) list() []request {
	n := slices.IndexFunc(b[:], func(r request) bool { return r.fence == 0 })
	if n < 0 {
		n = len(b)
	}
	return b[:n]
}

func (s *search) bag(list []request) uint32 {
	var b bag
	if len(list) > len(b) {
		s.tb.Fatalf("more than %d requests on their way", len(b))
	}
	slices.SortFunc(list, func(x, y request) int {
		return cmp.Or(cmp.Compare(x.fence, y.fence), cmp.Compare(x.change, y.change), cmp.Compare(x.who, y.who), cmp.Compare(x.sent, y.sent))
	})
	copy(b[:], list)
	if n, ok := s.bagIDs[b]; ok {
		return n
	}
	n := uint32(len(s.bags))
	s.bagIDs[b] = n
	s.bags = append(s.bags, b)
	return n
}

// search is one search under way.
type search struct {
	space
	tb      testing.TB
	world   World
	bars    []events.Bar
	nodes   []*position
	known   map[string]uint32
	reached map[string]bool // canonical Boards, when they are to be compared
	answers map[question]answer
	records map[question][]events.Record // decided on and not appended yet
	commits map[question]uint32
	aborts  map[question]uint32
	bags    []bag
	bagIDs  map[bag]uint32

	visited   map[state]struct{}
	closes    map[state]bool // states from which the incident was followed to its end
	continued int
	settled   map[Phase]int
	ends      map[events.Outcome]int
	wrong     []string

	again       int // settled states of a second drain
	disagreeing int // settled states in which a router and the ledger disagree
}

func (s *search) run() {
	s.bagIDs = map[bag]uint32{}
	s.bag(nil)
	s.place(0, NewBoard(), 0)
	stack := []state{{left: s.left}}
	s.visited[stack[0]] = struct{}{}
	for len(stack) > 0 {
		st := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		s.inspect(&st)
		if s.compared {
			s.reached[s.nodes[st.head].canonical] = true
		}
		before := len(stack)
		s.moves(st, func(c state) {
			if _, ok := s.visited[c]; !ok {
				s.visited[c] = struct{}{}
				stack = append(stack, c)
			}
		})
		if len(stack) == before {
			s.proceed(st)
		}
	}
}

// moves calls add with every state that may come next.
func (s *search) moves(st state, add func(state)) {
	head := s.nodes[st.head]
	settled := st.requests == 0 && (head.phase == Closed || head.phase == Holding && st.told != hasCleared)
	if settled && head.phase == Closed {
		return
	}
	for n := range st.replicas {
		if n == 1 && head.i == nil {
			break // whoever opens the incident is called the first
		}
		if st.replicas[n].behind {
			c := st
			s.follow(&c, n)
			add(c)
		}
		if st.left.crashes > 0 && head.i != nil && (s.full || s.missed(&st, n)) {
			add(s.crash(st, n))
		}
		s.act(st, n, add)
	}
	for k := range s.bags[st.requests].list() {
		s.arrive(st, k, add)
	}
	if head.i != nil && head.phase != Closed {
		s.outside(st, head, add)
	}
	if st.now < s.ticks && s.mayTick(&st) && !settled {
		add(s.tick(st))
	}
}

// outside is what people, the fault and routers do of themselves.
func (s *search) outside(st state, head *position, add func(state)) {
	c := st
	switch {
	case s.clears && st.told == 0 && head.phase == Holding:
		c.told = hasCleared
		add(c)
	case s.relapses && st.told == hasCleared && head.phase == Probation:
		c.told = isBack + st.now
		add(c)
	}
	if st.left.aborts > 0 && head.i.Abort == nil {
		c := st
		c.left.aborts--
		s.advance(&c, s.abort(question{at: st.head, now: st.now}))
		add(c)
	}
	for r := range st.routers {
		if st.left.reboots > 0 && st.routers[r].at > 0 {
			c := st
			c.left.reboots--
			c.routers[r].forget()
			add(c)
		}
	}
}

// missed reports whether anything is different when a replica has crashed: it owns an intent whose outcome is awaited, or
// a change that is to be confirmed.
func (s *search) missed(st *state, n int) bool {
	p := s.nodes[st.head]
	waits := p.pending[0] || p.pending[1] || s.arms && (p.phase == Verifying || p.phase == Confirming)
	return waits && p.i.Intent.Owner == s.me(n, st.replicas[n].boot)
}

func (s *search) me(n int, boot uint8) string { return fmt.Sprintf("r%d/%d", n, boot) }

// crash ends a process; the next one begins at the ledger's head. What it sent may or may not have left.
func (s *search) crash(st state, n int) state {
	list := slices.Clone(s.bags[st.requests].list())
	for k := range list {
		if int(list[k].who) == n {
			list[k].who, list[k].orphan = nobody, true
		}
	}
	st.requests = s.bag(list)
	st.left.crashes--
	st.replicas[n] = process{boot: st.replicas[n].boot + 1}
	return st
}

// act lets one replica decide: append at the position that it has followed to, or run one of its commands.
func (s *search) act(st state, n int, add func(state)) {
	p := &st.replicas[n]
	a := s.decided(&st, n)
	if a.commit && !p.behind {
		c := st
		s.advance(&c, s.commit(s.question(&st, n)))
		add(c)
	}
	if a.observe {
		c := st
		k := &c.replicas[n].knows
		k.facts, k.factsAt, k.seen = true, st.now, [2]uint8{st.routers[0].at, st.routers[1].at}
		add(c)
	}
	for r := range st.routers {
		if a.look[r] > 0 {
			add(s.look(st, n, r, a.look[r]))
		}
		if a.confirm[r] > 0 {
			s.confirm(st, n, r, a.confirm[r], add)
		}
		if a.set[r] && s.full && !p.sent[r] {
			c := st
			s.send(&c, n, r)
			add(c)
		}
	}
}

func (s *search) decided(st *state, n int) answer { return s.decide(s.question(st, n)) }

func (s *search) question(st *state, n int) question {
	return question{at: s.at(st, n), now: st.now, who: uint8(n), boot: st.replicas[n].boot, told: st.told, knows: st.replicas[n].knows}
}

// at is the position up to which a replica has followed.
func (s *search) at(st *state, n int) uint32 {
	if st.replicas[n].behind {
		return st.prev
	}
	return st.head
}

// advance puts a commit on the ledger. In a full search its writer does not know yet that it stands.
func (s *search) advance(st *state, to uint32) {
	for n := range st.replicas {
		if st.replicas[n].behind {
			s.follow(st, n)
		}
	}
	st.prev, st.head = st.head, to
	for n := range st.replicas {
		st.replicas[n].behind = true
	}
	if s.full {
		return
	}
	for n := range st.replicas {
		s.follow(st, n)
	}
	st.prev = 0
	for n := range st.replicas {
		a := s.decided(st, n)
		for r := range a.set {
			if a.set[r] && !st.replicas[n].sent[r] {
				s.send(st, n, r)
			}
		}
	}
}

// follow brings a replica to the head. As in the worker, what was seen before a record of the incident is not used after
// it; and what nothing waits for any more can make no difference.
func (s *search) follow(st *state, n int) {
	p := &st.replicas[n]
	from, to := s.nodes[st.prev], s.nodes[st.head]
	p.behind = false
	if from.moved != to.moved {
		p.knows.facts, p.knows.factsAt, p.knows.seen = false, 0, [2]uint8{}
	}
	for c := range p.sent {
		p.sent[c] = p.sent[c] && from.fence == to.fence
		if !awaited(from, to, c, p.knows.heard[c]) {
			p.knows.heard[c] = nothing
		}
	}
}

// awaited reports whether what was heard at one position is still of use at another.
func awaited(from, to *position, c int, h heard) bool {
	switch h {
	case applied, refusedByFence, refusedByRouter, refusedInSilence, unknown:
		return to.pending[c] && from.fence == to.fence
	case foundBefore, foundAfter, foundBeforeEarly, foundAfterEarly, foundOther:
		return to.doubt[c] > 0 && to.doubt[c] == from.doubt[c]
	case confirmed, unconfirmed:
		return to.armed[c] && from.armed[c]
	}
	return false
}

func (s *search) send(st *state, n, r int) {
	p := s.nodes[s.at(st, n)]
	st.replicas[n].sent[r] = true
	list := append(slices.Clone(s.bags[st.requests].list()), request{fence: p.fence, change: uint8(r), step: p.step, undo: p.undo, arm: p.arm && !p.undo, who: uint8(n), sent: st.now})
	st.requests = s.bag(list)
}

// fail keeps the first few of what must never be.
func (s *search) fail(format string, args ...any) {
	if len(s.wrong) < 5 {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}
