package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// The simulation's replicas: three members of a ledger before one lab.

// replica is one member with what surrounds its process.
type replica struct {
	*member
	up    bool
	cut   bool                 // from the ledger and from its peers
	skew  time.Duration        // of its clock
	wake  time.Time            // of the next turn, by the true clock
	reach uint64               // position up to which commits have arrived
	alone map[string]bool      // undone while it is cut off, by change
	known *Board               // with what came of its acts while it is cut off; nil: the ledger says all
	retry map[string]time.Time // commands that may not run again before, by the true clock
	rests map[string]Rest
	moved map[string]time.Time // by incident: when its newest record was folded here
}

// message is one event on the bus.
type message struct {
	event events.Event
	acked bool
}

func (r *replica) hears() bool { return r.up && !r.cut }

func (s *simulation) clock(r *replica) time.Time { return s.now.Add(r.skew) }

// soon lets a replica have a turn.
func (s *simulation) soon(r *replica, d time.Duration) {
	at := s.now.Add(d)
	if !r.wake.IsZero() && !r.wake.After(at) {
		return
	}
	r.wake = at
	s.after(d, func() {
		if r.wake.Equal(s.now) {
			r.wake = time.Time{}
			s.turn(r)
		}
	})
}

// turn is one turn of a replica's loop: follow, decide, append or do.
func (s *simulation) turn(r *replica) {
	if !r.up {
		return
	}
	s.follow(r, r.reach)
	if s.flaw == eachAlone {
		for id, f := range r.facts {
			if f.Prospect != nil {
				f.Prospect.Besides = r.board.Besides(id) // as if it counted them
			}
		}
	}
	w := s.world
	w.Pursues, w.Rests = s.pursues(r), r.rests
	d := r.decide(w, s.clock(r), s.lab.carryOut)
	if d.Fault != "" {
		s.fail("%s decided unlawfully: %s", r.me(), d.Fault)
		return
	}
	if len(d.Records) > 0 {
		if r.cut {
			s.offline(r, w)
			s.soon(r, 500*time.Millisecond)
			return
		}
		// An append whose answer is lost stands all the same; its writer reads it like everybody else.
		heard := !s.chance(5) || s.calm
		if s.append(r, d.Records, heard) {
			r.rests = d.Rests
		}
		s.soon(r, s.between(time.Millisecond, 5*time.Millisecond))
		return
	}
	r.rests = d.Rests
	for _, c := range d.Commands {
		s.begin(r, c)
	}
	if !d.Wake.IsZero() {
		s.soon(r, max(time.Millisecond, d.Wake.Sub(s.clock(r))))
	}
}

// follow folds what has arrived of the ledger up to a position.
func (s *simulation) follow(r *replica, to uint64) {
	for !r.cut && r.board.Position < to {
		s.fold(r, s.commits[r.board.Position])
	}
}

func (s *simulation) fold(r *replica, c events.Commit) {
	had := maps.Clone(r.facts)
	r.fold(s.tb, c)
	r.known = nil
	if s.flaw == staleFacts {
		for id, f := range had {
			f.At = s.clock(r) // as if they showed what the commit says
			r.facts[id] = f
		}
	}
	for _, record := range c.Records {
		if record.Body.Kind() != events.KindObserved {
			r.moved[record.Incident] = s.now
		}
	}
}

// append puts records at the position that a replica has followed to, unless another stands there.
func (s *simulation) append(r *replica, records []events.Record, heard bool) bool {
	c := events.Commit{At: s.clock(r), By: r.me(), Records: records}
	read, ok := s.ledger.append(c, r.board.Position)
	if !ok {
		s.tally.conflicts++
		r.reach = uint64(len(s.commits))
		return false
	}
	s.commits = append(s.commits, read)
	s.audit(read)
	if heard {
		before := slices.Clone(r.pending)
		c.Position, c.ID, c.Prev, c.Digest = read.Position, read.ID, read.Prev, read.Digest
		s.fold(r, c) // as decided, not as read: both must fold alike
		s.ack(before, r.pending)
	}
	for _, other := range s.replicas {
		s.after(s.between(time.Millisecond, 50*time.Millisecond), func() {
			other.reach = max(other.reach, read.Position)
			s.soon(other, time.Millisecond)
		})
	}
	return true
}

// ack tells the bus which events stand. Some of these answers are lost.
func (s *simulation) ack(before, after []events.Event) {
	for _, m := range s.bus {
		is := func(e events.Event) bool { return e.Identity() == m.event.Identity() }
		if slices.ContainsFunc(before, is) && !slices.ContainsFunc(after, is) && !s.chance(5) {
			m.acked = true
		}
	}
}

// pursues is the economy that heartbeats allow.
func (s *simulation) pursues(r *replica) func(*Incident) bool {
	if !s.ranked {
		return nil
	}
	var alive []string
	for _, other := range s.replicas {
		if other.hears() || other == r {
			alive = append(alive, other.me())
		}
	}
	return func(i *Incident) bool {
		if i.Intent == nil || !slices.Contains(alive, i.Intent.Owner) {
			return alive[0] == r.me()
		}
		return i.Intent.Owner == r.me()
	}
}

// begin runs a command beside the loop. What comes of it is heard only by the process that began it.
func (s *simulation) begin(r *replica, c Command) {
	key, boot := c.Key(), r.boot
	if r.running[key] || s.now.Before(r.retry[key]) {
		return
	}
	r.running[key] = true
	lasts := func() time.Duration {
		if s.chance(8) {
			return s.between(40*time.Millisecond, 2*time.Second)
		}
		return s.between(time.Millisecond, 40*time.Millisecond)
	}
	begins := lasts()
	if a, ok := c.(Actuate); ok && begins > time.Second && s.chance(30) && !s.calm {
		s.after(begins/8, func() { s.freeze(events.ScopeOf("device", a.Order.Change.Device), staff[2]) })
	}
	s.after(begins, func() {
		s.mayDie(r)
		if r.boot != boot || !r.up {
			return
		}
		var incident string
		var body events.Body
		var facts *events.Facts
		takes, read := lasts(), s.now
		switch c := c.(type) {
		case Observe:
			if s.flaw == eachAlone {
				c.Besides = nil
			}
			f := s.lab.carryOut(c)
			f.At = f.At.Add(r.skew)
			if f.Prospect != nil {
				f.Prospect.At = f.At
			}
			incident, facts = c.Incident, &f
		case Look:
			incident = c.Order.Incident
			began := s.clock(r)
			if f, ok := s.lab.look(c.Order, c.Fence); ok {
				f.At = began
				body = f
			}
		case Confirm:
			incident, body = c.Order.Incident, s.lab.confirm(c.Order)
		case Actuate:
			incident = c.Order.Incident
			if body = s.send(r, c.Order); body == nil {
				body = events.Unknown{Act: c.Order.Act, Sets: 1, Detail: "no answer until the deadline"}
				takes = max(0, c.Order.Deadline.Sub(s.clock(r)))
			}
		}
		s.mayDie(r)
		s.after(takes, func() {
			if r.boot == boot && r.up {
				switch {
				case facts == nil:
				case s.flaw == staleFacts:
					facts.At = s.clock(r) // when they came, not when they were read
				case !read.After(r.moved[incident]):
					facts = nil // seen before the incident's newest record was
				}
				s.hear(r, key, incident, body, facts)
			}
		})
	})
}

// mayDie kills a replica in the middle of an effect now and then.
func (s *simulation) mayDie(r *replica) {
	if !s.calm && r.hears() && s.others(r) > 0 && s.chance(1) {
		s.crash(r)
		s.after(s.between(100*time.Millisecond, 10*time.Second), func() { s.restart(r) })
	}
}

// others counts the replicas besides r that are well.
func (s *simulation) others(r *replica) (n int) {
	for _, other := range s.replicas {
		if other != r && other.hears() {
			n++
		}
	}
	return n
}

// hear hands what came of a command to its replica.
func (s *simulation) hear(r *replica, key, incident string, body events.Body, facts *events.Facts) {
	delete(r.running, key)
	wait := 50 * time.Millisecond
	switch {
	case facts != nil:
		r.facts[incident] = *facts
	case body != nil:
		wait = 0
		r.results[incident] = append(r.results[incident], body)
	default:
		wait = time.Second
	}
	r.retry[key] = s.now.Add(wait)
	s.soon(r, time.Millisecond)
	if wait > 0 {
		s.after(wait, func() { s.soon(r, time.Millisecond) })
	}
}

// send is a Set with the permit right before it. Who cannot have heard of a freeze sends nothing that adds risk.
func (s *simulation) send(r *replica, o events.Order) events.Body {
	switch err := r.permit(o); {
	case s.flaw == noPermit:
	case err != nil:
		return events.Refused{Act: o.Act, Class: events.RefusedByPermit, Detail: err.Error()}
	case r.cut && !o.Undo:
		return events.Refused{Act: o.Act, Class: events.RefusedInSilence, Detail: "the ledger cannot be reached"}
	}
	if !s.clock(r).Before(o.Deadline) {
		return events.Refused{Act: o.Act, Class: events.RefusedLate}
	}
	s.inspectSend(o)
	return s.lab.set(o)
}

// offline takes back what failed its verification while nothing can be recorded, as its intent authorises.
func (s *simulation) offline(r *replica, w World) {
	if r.known == nil {
		r.known = r.board
	}
	w.Now, w.Me, w.Facts, w.Results = s.clock(r), r.me(), r.facts, r.results
	if outcomes := Outcomes(r.known, r.results); len(outcomes) > 0 {
		r.known = Suppose(r.known, outcomes, w.Now, w.Me)
	}
	d := Decide(r.known, w)
	for _, c := range d.Commands {
		if o, ok := c.(Observe); ok {
			s.begin(r, o)
		}
	}
	if undo := Authorised(r.board, r.known, d.Records, w.Me); len(undo) > 0 {
		r.known = Suppose(r.known, undo, w.Now, w.Me)
	}
	for _, o := range Undoing(r.board, r.known, w.Me) {
		key := fmt.Sprintf("%s %d.%d %d", o.Incident, o.Step, o.Act.Change, o.Fence)
		if r.alone[key] {
			continue
		}
		o.Deadline = s.now.Add(10 * time.Second)
		if _, ok := s.lab.set(o).(events.Applied); ok {
			s.tally.offline++
			r.alone[key] = true
			r.results[o.Incident] = append(r.results[o.Incident], events.Found{Step: o.Step, Change: o.Act.Change, Seen: events.SeenBefore, Fence: o.Fence})
		}
	}
}

// crash ends a process; the next one knows only what the ledger says.
func (s *simulation) crash(r *replica) {
	r.up = false
	s.tally.crashes++
}

func (s *simulation) restart(r *replica) {
	if r.up {
		return
	}
	r.member.restart()
	r.up, r.cut = true, false
	r.known = nil
	r.alone, r.retry, r.moved = map[string]bool{}, map[string]time.Time{}, map[string]time.Time{}
	r.reach, r.rests = uint64(len(s.commits)), nil
	s.soon(r, time.Millisecond)
}

// heal lets everything that is wrong with replicas end.
func (s *simulation) heal() {
	for _, r := range s.replicas {
		s.restart(r)
		r.cut, r.reach = false, uint64(len(s.commits))
		s.soon(r, time.Millisecond)
	}
}

// anybody is a replica that can be asked.
func (s *simulation) anybody() *replica {
	for _, n := range s.rng.Perm(len(s.replicas)) {
		if s.replicas[n].hears() {
			return s.replicas[n]
		}
	}
	return nil
}

// order carries out what a person asks of any replica; it reports whether it was taken.
func (s *simulation) order(o Order) bool {
	r := s.anybody()
	if r == nil {
		return false
	}
	s.follow(r, uint64(len(s.commits)))
	records, err := o(r.board, s.clock(r))
	return err == nil && s.append(r, records, true)
}

// open returns the incidents that have not ended, by id.
func (s *simulation) open() []*Incident {
	list := s.auditor.board.Open()
	slices.SortFunc(list, func(a, b *Incident) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// freezes returns the scopes of the freezes in force, in order.
func (s *simulation) freezes() []events.Scope {
	return slices.Sorted(maps.Keys(s.auditor.board.Freezes()))
}
