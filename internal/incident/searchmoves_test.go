package incident

import "slices"

// look raises the router's election id and reads it.
func (s *search) look(st state, n, r int, fence uint8) state {
	p := s.nodes[s.at(&st, n)]
	if s.fence {
		s.raise(&st, r, fence)
	}
	early := !s.fence && s.time(st.now).Before(p.i.Intent.Deadline.Add(p.i.Intent.Margin.Std()))
	h := &st.replicas[n].knows.heard[r]
	at := st.routers[r].at
	switch after := at == p.step+1; {
	case !after && at != p.step:
		*h = foundOther
	case after && early:
		*h = foundAfterEarly
	case after:
		*h = foundAfter
	case early:
		*h = foundBeforeEarly
	default:
		*h = foundBefore
	}
	return st
}

// confirm tells a router to keep the change. The answer may be lost, or the request.
func (s *search) confirm(st state, n, r int, fence uint8, add func(state)) {
	keeps := st.routers[r].rolls > 0 && !(s.fence && fence < st.routers[r].master)
	c := st
	c.replicas[n].knows.heard[r] = unconfirmed
	if !keeps {
		add(c)
		return
	}
	if st.left.dropped > 0 {
		d := c
		d.left.dropped--
		add(d)
	}
	c.routers[r].rolls = 0
	if st.left.lost > 0 {
		d := c
		d.left.lost--
		add(d)
	}
	c.replicas[n].knows.heard[r] = confirmed
	add(c)
}

// arrive lets one request arrive, be refused, be given up on, or vanish.
func (s *search) arrive(st state, k int, add func(state)) {
	list := s.bags[st.requests].list()
	r := list[k]
	gone := st
	gone.requests = s.bag(slices.Delete(slices.Clone(list), k, k+1))
	tell := func(c state, h heard) {
		s.tell(&c, r, h)
		add(c)
	}
	if s.fence && r.fence < st.routers[r.change].master {
		tell(gone, refusedByFence)
		return
	}
	taken := gone
	s.take(&taken, r)
	tell(taken, applied)
	switch {
	case r.orphan:
		add(gone) // it never left
	case st.left.dropped > 0:
		c := gone
		c.left.dropped--
		tell(c, unknown)
	}
	if st.left.refusals > 0 {
		c := gone
		c.left.refusals--
		tell(c, refusedByRouter)
	}
	if st.left.silences > 0 && r.who != nobody && !r.undo {
		c := gone
		c.left.silences--
		tell(c, refusedInSilence)
	}
	if r.who != nobody && (st.left.lost > 0 || r.sent != st.now) {
		c := st
		if r.sent == st.now {
			c.left.lost--
		}
		s.tell(&c, r, unknown)
		rest := slices.Clone(list)
		rest[k].who = nobody
		c.requests = s.bag(rest)
		add(c)
	}
}

// take lets a router carry out a request.
func (s *search) take(st *state, r request) {
	to := &st.routers[r.change]
	at := r.step
	if !r.undo {
		at++
	}
	if to.at != at {
		to.turns++
	}
	to.at, to.rolls = at, 0
	if r.arm {
		to.rolls = st.now + 2
	}
	if s.fence {
		s.raise(st, int(r.change), r.fence)
	}
}

// forget lets a router lose by itself what was set; it is as if it had not been.
func (r *router) forget() {
	r.at, r.rolls = 0, 0
	r.turns = max(r.turns, 1) - 1
}

// raise makes a router refuse everything with a lower election id. What nobody waits for and would be refused can do
// nothing any more, and is forgotten.
func (s *search) raise(st *state, router int, fence uint8) {
	st.routers[router].master = max(st.routers[router].master, fence)
	st.requests = s.bag(slices.DeleteFunc(slices.Clone(s.bags[st.requests].list()), func(r request) bool {
		return int(r.change) == router && r.fence < st.routers[router].master && r.who == nobody
	}))
}

// tell gives the answer to whoever waits for it. What comes after its deadline has been given up on by then.
func (s *search) tell(st *state, r request, h heard) {
	if r.who == nobody {
		return
	}
	if r.sent != st.now {
		h = unknown
	}
	p := s.nodes[s.at(st, int(r.who))]
	if p.fence == r.fence && p.pending[r.change] {
		st.replicas[r.who].knows.heard[r.change] = h
	}
}

// mayTick keeps requests from outliving their deadline and margin where the space says that they cannot: the margin ends
// before the second tick.
func (s *search) mayTick(st *state) bool {
	if s.nodes[st.head].i == nil {
		return false // the life of the incident begins at tick 0
	}
	return s.late || !slices.ContainsFunc(s.bags[st.requests].list(), func(r request) bool { return st.now+1 >= r.sent+2 })
}

// tick lets time pass. Where requests may be late, deadline and margin end with the tick, so that everybody gives up alike.
func (s *search) tick(st state) state {
	st.now++
	if s.late {
		list := slices.Clone(s.bags[st.requests].list())
		for k := range list {
			list[k].who, list[k].sent = nobody, past
		}
		st.requests = s.bag(slices.DeleteFunc(list, func(r request) bool { return r.fence < st.routers[r.change].master }))
	}
	for r := range st.routers {
		if to := &st.routers[r]; to.rolls > 0 && st.now >= to.rolls {
			to.forget()
		}
	}
	for n := range st.replicas {
		switch s.nodes[s.at(&st, n)].phase {
		case Verifying, Confirming, Holding, Reverting, Probation, Stuck:
		default: // what was seen is no longer fresh, and nothing else asks for it
			k := &st.replicas[n].knows
			k.facts, k.factsAt, k.seen = false, 0, [2]uint8{}
		}
	}
	return st
}

// inspect looks for what must never be.
func (s *search) inspect(st *state) {
	p := s.nodes[st.head]
	if p.i == nil {
		return
	}
	if f, frozen := p.board.FrozenBy(nil); frozen {
		s.fail("unlawful record: %s", f.Reason)
		return
	}
	for n, r := range st.routers {
		if int(r.turns) > 2*int(s.steps)*p.i.Cycle && s.fence {
			s.fail("%s: Sets changed router %d %d times in %d drains", p.phase, n, r.turns, p.i.Cycle)
		}
	}
	if st.requests != 0 || p.phase != Closed && p.phase != Holding {
		return
	}
	s.settled[p.phase]++
	if p.i.Cycle > 1 {
		s.again++
	}
	if p.phase == Closed {
		s.ends[p.i.End.Outcome]++
	}
	if n, ok := s.agrees(st); !ok && (p.phase == Closed || s.left.reboots == st.left.reboots) {
		s.disagreeing++
		s.fail("%s: router %d is %+v, the ledger says %d (%+v)", p.phase, n, st.routers[n], p.at[n], *st)
	}
}

// agrees reports whether every router stands, and will stay, as the ledger says.
func (s *search) agrees(st *state) (router int, ok bool) {
	p := s.nodes[st.head]
	for n, r := range st.routers {
		if p.at[n] != r.at || r.rolls > 0 {
			return n, false
		}
	}
	return 0, true
}

// proceed follows a state from which nothing more can happen within the bounds to its end: from here on nothing goes
// wrong, and time goes on.
func (s *search) proceed(st state) {
	const patience = 400
	var way []state
	for range patience {
		if s.closes[st] {
			break
		}
		way = append(way, st)
		if s.over(&st) {
			break
		}
		st = s.step(st)
		s.inspect(&st)
	}
	if len(way) == patience {
		s.fail("stuck for ever in phase %s: %+v", s.nodes[st.head].phase, st)
	}
	s.continued += len(way)
	for _, st := range way {
		s.closes[st] = true
	}
}

// over reports whether the incident has come to an end, to a hold that will last, or to a person.
func (s *search) over(st *state) bool {
	p := s.nodes[st.head]
	if _, ok := s.agrees(st); !ok && !s.space.wrong {
		return false
	}
	return st.requests == 0 && (p.phase == Closed || p.phase == Stuck || p.phase == Holding && st.told != hasCleared)
}

// step is one thing that happens when nothing goes wrong.
func (s *search) step(st state) state {
	if list := s.bags[st.requests].list(); len(list) > 0 {
		r := list[0]
		st.requests = s.bag(slices.Clone(list[1:]))
		if s.fence && r.fence < st.routers[r.change].master {
			s.tell(&st, r, refusedByFence)
			return st
		}
		s.take(&st, r)
		s.tell(&st, r, applied)
		return st
	}
	left := st.left
	for n := range st.replicas {
		if st.replicas[n].behind {
			s.follow(&st, n)
			return st
		}
		next, moved := st, false
		s.act(st, n, func(c state) {
			if c != st && c.left == left {
				next, moved = c, true
			}
		})
		if moved {
			return next
		}
	}
	return s.tick(st)
}
