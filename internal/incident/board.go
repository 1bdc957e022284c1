package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Bounds on what the Board remembers, so that its memory does not grow with the ledger.
const (
	maxClosed = 4096           // ended incidents that can still be shown
	maxSeen   = 1 << 16        // event identities, for duplicates that are not of an open incident's newest events
	maxReason = 4096           // bytes of a freeze's reason, from which on alarms add nothing
	history   = 24 * time.Hour // admissions and failed verifications, for rates and the breaker; windows that are over
)

// Board is everything the ledger says, up to Position.
type Board struct {
	Position uint64        // of the last commit folded, 0 before the first
	Digest   events.Digest // of that commit
	Now      time.Time     // ledger time: the latest time of any commit

	base      *Board // what this Board was forked from; nil for one that is folded for good
	incidents map[string]*Incident
	latest    map[string]string // target key -> id of its newest incident
	epochs    map[string]uint64 // target key -> how many incidents it has had
	open      map[string]bool
	begun     map[string]bool // open incidents whose drain was admitted, and which have not ended or gone on probation since
	closed    []string        // ids in the order in which they ended
	seen      sightings
	symptoms  symptomKeys
	endings   endings

	freezes    map[events.Scope]events.Frozen
	frozen     map[events.Scope]time.Time // since when each of freezes is in force
	thawed     time.Time                  // when a freeze was last ended
	thaws      []PastFreeze               // the newest ends of freezes, the oldest first, at most maxThaws
	told       []Telling                  // what people were shown in chats that is of no incident, the oldest first, at most maxToldOfAll
	windows    map[string]events.MaintenanceBegun
	proofs     map[string]events.Proved
	trials     map[string]events.RebootTrial // the newest of each router
	policies   map[string]Course             // by replica
	signedOut  map[signOut]time.Time
	links      map[events.ChatAccount]Link
	tickets    map[string]time.Time // what let people link accounts and was used up, and until when it could have been
	admissions []Admission
	failures   []time.Time
	freed      time.Time // when an incident last gave its claims back
	moved      uint64    // counts what was recorded, but for events that moved no incident to another phase
	foreign    string    // why this replica must not decide, "" when it may
}

// Admission is one act that was admitted, for rates.
type Admission struct {
	At     time.Time
	Scopes []events.Scope
}

// NewBoard returns the Board of an empty ledger.
func NewBoard() *Board {
	return &Board{
		incidents: map[string]*Incident{}, latest: map[string]string{}, epochs: map[string]uint64{}, open: map[string]bool{}, begun: map[string]bool{},
		freezes: map[events.Scope]events.Frozen{}, frozen: map[events.Scope]time.Time{}, windows: map[string]events.MaintenanceBegun{},
		proofs: map[string]events.Proved{}, trials: map[string]events.RebootTrial{}, policies: map[string]Course{}, signedOut: map[signOut]time.Time{},
		links: map[events.ChatAccount]Link{}, tickets: map[string]time.Time{},
	}
}

// Fork returns a Board that starts as b and can be folded further without changing b. It is valid while b is unchanged.
func (b *Board) Fork() *Board {
	f := *b
	f.base = b
	f.incidents, f.latest, f.epochs, f.seen = map[string]*Incident{}, map[string]string{}, map[string]uint64{}, sightings{}
	f.endings, f.symptoms = endings{}, symptomKeys{}
	f.open, f.begun = maps.Clone(b.open), maps.Clone(b.begun)
	f.freezes, f.frozen, f.windows = maps.Clone(b.freezes), maps.Clone(b.frozen), maps.Clone(b.windows)
	f.told = slices.Clip(b.told)
	f.proofs, f.trials = maps.Clone(b.proofs), maps.Clone(b.trials)
	f.policies, f.signedOut = maps.Clone(b.policies), maps.Clone(b.signedOut)
	f.links, f.tickets = maps.Clone(b.links), maps.Clone(b.tickets)
	f.closed = slices.Clip(b.closed)
	f.admissions, f.failures = slices.Clip(b.admissions), slices.Clip(b.failures)
	return &f
}

// Incident returns an incident as it stands; ok is false when the Board does not know it. It must not be changed.
func (b *Board) Incident(id string) (i *Incident, ok bool) {
	for ; b != nil; b = b.base {
		if i, ok = b.incidents[id]; ok {
			return i, i != nil
		}
	}
	return nil, false
}

// change returns an incident that the fold may change.
func (b *Board) change(id string) (*Incident, bool) {
	if i, ok := b.incidents[id]; ok {
		return i, i != nil
	}
	i, ok := b.Incident(id)
	if !ok {
		return nil, false
	}
	i = i.clone()
	b.incidents[id] = i
	return i, true
}

// Latest returns the newest incident of a target.
func (b *Board) Latest(key string) (*Incident, bool) {
	for l := b; l != nil; l = l.base {
		if id, ok := l.latest[key]; ok {
			return b.Incident(id)
		}
	}
	return nil, false
}

func (b *Board) epoch(key string) uint64 {
	for ; b != nil; b = b.base {
		if n, ok := b.epochs[key]; ok {
			return n
		}
	}
	return 0
}

// Open returns the incidents that have not ended, the most severe first, then the oldest.
func (b *Board) Open() []*Incident {
	list := make([]*Incident, 0, len(b.open))
	for id := range b.open {
		i, _ := b.Incident(id)
		list = append(list, i)
	}
	slices.SortFunc(list, func(x, y *Incident) int {
		return cmp.Or(x.Severity.Rank()-y.Severity.Rank(), x.Opened.Compare(y.Opened), cmp.Compare(x.ID, y.ID))
	})
	return list
}

// Closed returns the ended incidents that the Board still remembers, the newest first.
func (b *Board) Closed() []*Incident {
	var list []*Incident
	for _, id := range slices.Backward(b.closed) {
		if i, ok := b.Incident(id); ok {
			list = append(list, i)
		}
	}
	return list
}

// Remembers reports whether every incident that ended after since can still be shown.
func (b *Board) Remembers(since time.Time) bool {
	if len(b.closed) < maxClosed {
		return true
	}
	oldest, ok := b.Incident(b.closed[0])
	return ok && !oldest.Changed.After(since)
}

// Freezes returns every freeze in force, by scope.
func (b *Board) Freezes() map[events.Scope]events.Frozen { return maps.Clone(b.freezes) }

// Thawed returns when a freeze was last ended, the zero time if none was.
func (b *Board) Thawed() time.Time { return b.thawed }

// FrozenBy returns the freeze that covers any of scopes.
func (b *Board) FrozenBy(scopes []events.Scope) (events.Frozen, bool) {
	for _, s := range append([]events.Scope{events.Network}, scopes...) {
		if f, ok := b.freezes[s]; ok {
			return f, true
		}
	}
	return events.Frozen{}, false
}

// Windows returns the maintenance windows that people began and that are in force at now, by id.
func (b *Board) Windows(now time.Time) map[string]events.MaintenanceBegun {
	in := map[string]events.MaintenanceBegun{}
	for id, w := range b.windows {
		if now.Before(w.Until) {
			in[id] = w
		}
	}
	return in
}

// Proofs returns the newest proof of each router.
func (b *Board) Proofs() map[string]events.Proved { return maps.Clone(b.proofs) }

// Admissions returns what was admitted within the last day, oldest first.
func (b *Board) Admissions() []Admission { return slices.Clone(b.admissions) }

// Failures returns when verifications failed within the last day, oldest first.
func (b *Board) Failures() []time.Time { return slices.Clone(b.failures) }

// Halted says why this replica must not decide, "" when it may.
func (b *Board) Halted() string { return b.foreign }

// Seen reports whether an event was recorded, as far back as the Board remembers.
func (b *Board) Seen(e events.Event) bool { return b.saw(idOf(e.Source, e.ID)) }

func (b *Board) saw(id eventID) bool {
	for ; b != nil; b = b.base {
		if b.seen.saw(id) {
			return true
		}
	}
	return false
}

// TraceOf returns what became of the event that an Observed is about when it was first recorded, as far back as the Board
// remembers.
func (b *Board) TraceOf(o *events.Observed) (t Trace, ok bool) {
	for id := idOf(o.Source, o.Event); b != nil; b = b.base {
		if t, ok = b.seen.of(id); ok {
			return t, ok
		}
	}
	return Trace{}, false
}

// Trace returns what became of the newest event with an id, as far back as the Board remembers.
func (b *Board) Trace(event string) (t Trace, ok bool) {
	for ; b != nil; b = b.base {
		if t, ok = b.seen.trace(event); ok {
			return t, ok
		}
	}
	return Trace{}, false
}

// remember keeps the identity of a recorded event and what became of it.
func (b *Board) remember(position uint64, incident string, o *events.Observed) {
	id := idOf(o.Source, o.Event)
	if b.base.saw(id) {
		return
	}
	b.seen.add(id, Trace{Event: o.Event, Incident: incident, Disposition: o.Disposition, Detail: o.Detail, Position: position})
}

// alarm freezes the network because a record was not lawful.
func (b *Board) alarm(c events.Commit, r events.Record, why string) {
	f, frozen := b.freezes[events.Network]
	reason := fmt.Sprintf("record %s of incident %q at position %d is not lawful (%s): compare routers and ledger, then thaw", r.Body.Kind(), r.Incident, c.Position, why)
	switch {
	case !frozen:
		b.frozen[events.Network] = b.Now
		f = events.Frozen{Scope: events.Network, By: events.Person{Name: events.Identity}, Reason: reason}
	case len(f.Reason) < maxReason:
		f.Reason += "; and: " + reason // a person's freeze stays that person's
	}
	b.freezes[events.Network] = f
}
