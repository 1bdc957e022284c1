package chatops

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Config is what a Desk is made of.
type Config struct {
	Chat    string // "slack": the name on the record
	Me      string // this replica's process
	Rank    int    // of this replica: who tries first; an economy
	Board   Board
	Orders  Orders
	Room    Room
	Members Members
	People  func() (People, error) // reads the table of people; called every second and for every press
	// OnCall is who is on call now, by name, and why others may be, "" if it is known. nil: the table of people alone says so.
	OnCall func() (names []string, doubt string)
	Scopes []events.Scope // that can be frozen, besides the network and what an incident is in; the widest first
	// Notices is what should have been told by now of no incident, and when there is more, the zero time for never. nil: nothing.
	Notices func(b *incident.Board, now time.Time) (list []Notice, next time.Time)
	// Invite returns the address at which whoever has an account links it to the person that they sign in as, once and soon;
	// nil where nobody can.
	Invite  func(account events.ChatAccount, name string) (string, error)
	Console string // the address of the console, "" if it is not known
	Now     func() time.Time
	NewKey  func() string // an unguessable text without spaces
	Log     *zap.Logger
	Metrics *Metrics // nil: none
}

// Times of a desk.
const (
	lookEvery    = 200 * time.Millisecond
	peopleEvery  = time.Second
	callWithin   = 4 * time.Second          // one call to the chat
	recordWithin = 5 * time.Second          // one record
	takeAfter    = 15 * time.Second         // the first incident.Telling.Lease: a replica that has recorded nothing of what it holds for so long loses it
	takesMost    = 2*callWithin + 2*stagger // what it holds it begins to show so long before that at the latest
	stagger      = time.Second              // between two ranks
	goesLast     = 5 * stagger              // who has tried in vain lets the others go before
	retryFirst   = time.Second
	retryMost    = 30 * time.Second
)

// unlawful is how often in a row the ledger refuses a record before that is told: once it is another replica that was faster.
const unlawful = 10

// Desk shows the Board's incidents in one room, and carries out what is pressed there.
type Desk struct {
	Config
	known   known
	poked   chan struct{}
	presses presses

	// Of the loop alone:
	position uint64             // of the Board when everything was last found to be shown
	due      time.Time          // when to look again even if nothing happens; zero: never
	memos    map[string]memo    // incidents of which everything was found to be shown
	late     map[name]*behind   // what is not shown as it should be
	shown    map[name]time.Time // when this replica last showed what is of no incident
	hold     time.Time          // the chat wants no calls before
}

// name is that of one message.
type name struct{ incident, what string }

// behind is a message that does not show what it should.
type behind struct {
	position uint64    // of the newest record of it
	since    time.Time // so long at most there has been no newer one, or it has been behind; zero: nobody can tell
	turn     time.Time // when it is this replica's
	retry    time.Time // not tried again before
	failures int
	lost     int  // how often in a row the ledger did not take its record because it was not lawful
	doubt    bool // it may have been posted: nobody can tell
}

// New returns a desk that has not begun.
func New(c Config) *Desk {
	return &Desk{
		Config: c, known: known{read: c.People}, poked: make(chan struct{}, 1), presses: presses{seen: map[string]time.Time{}},
		memos: map[string]memo{}, late: map[name]*behind{}, shown: map[name]time.Time{},
	}
}

// Run keeps the room up to date until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	d.refreshPeople()
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { d.readPeople(ctx) })
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		for d.pass(ctx) {
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-d.poked:
		}
	}
}

// readPeople keeps the table of people as it is now: whoever is taken off it decides no more.
func (d *Desk) readPeople(ctx context.Context) {
	tick := time.NewTicker(peopleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.refreshPeople()
		}
	}
}

func (d *Desk) refreshPeople() {
	if err := d.known.refresh(); err != nil {
		d.Log.Error("nobody can decide in the chat: the table of people cannot be read", zap.Error(err))
	}
}

// poke makes the loop look at once.
func (d *Desk) poke() {
	select {
	case d.poked <- struct{}{}:
	default:
	}
}

// pass brings up to date what is this replica's to bring: what stands in the room already, and one new thread. It reports
// whether there may be more to do at once.
func (d *Desk) pass(ctx context.Context) (more bool) {
	now := d.Now()
	if ctx.Err() != nil || now.Before(d.hold) {
		return false
	}
	standing, fresh := d.look(now)
	for _, it := range standing {
		d.tell(ctx, it, now)
	}
	for _, it := range fresh {
		if d.tell(ctx, it, now) {
			return true
		}
	}
	return false
}

// forget drops what is no longer behind.
func (d *Desk) forget(lists ...[]item) {
	behindNow := map[name]bool{}
	for _, list := range lists {
		for _, it := range list {
			behindNow[it.name] = true
		}
	}
	for n := range d.late {
		if !behindNow[n] {
			delete(d.late, n)
		}
	}
}

// item is one message that does not show what it should.
type item struct {
	name
	told   incident.Telling // as it stands on the Board
	key    string
	card   Card
	called string           // whom it notifies
	begins incident.Telling // its thread: what it begins with; zero for a card
}

// memo is what an incident's messages depend on. While it stays the same, and the next notice is not due, so do they.
type memo struct {
	newest  uint64
	told    events.Told
	freezes string
	next    time.Time
}

// maxItems bounds what one pass looks for, of each sort.
const maxItems = 32

// look finds what is behind: first what changes messages that stand, then what is not shown at all, in the order of urgency.
func (d *Desk) look(now time.Time) (standing, fresh []item) {
	d.Board.View(func(b *incident.Board) {
		if b.Position == d.position && !d.lateDue(now) && (d.due.IsZero() || now.Before(d.due)) {
			return
		}
		d.position, d.due = b.Position, time.Time{}
		var next time.Time
		standing, fresh, next = d.behindOfAll(b, now)
		d.dueAt(next)
		memos, freezes := map[string]memo{}, frozen(b)
		for _, i := range append(b.Open(), b.Closed()...) {
			told := i.Shown(d.Chat, events.TheCard)
			switch {
			case told == (events.Told{}) && (!i.IsOpen() || i.Ruling == nil && i.Phase != incident.Stuck):
				continue // nothing to say yet, or any more
			case told.Message == "" && len(fresh) >= maxItems, told.Message != "" && len(standing) >= maxItems:
				continue
			}
			m := memo{newest: i.Positions[len(i.Positions)-1], told: told, next: d.memos[i.ID].next}
			if i.IsOpen() {
				m.freezes = freezes
			}
			if m == d.memos[i.ID] && (m.next.IsZero() || now.Before(m.next)) {
				memos[i.ID] = m
				d.dueAt(m.next)
				continue
			}
			behind, next := d.behindOf(b, i, now)
			d.dueAt(next)
			if len(behind) == 0 {
				m.next = next
				memos[i.ID] = m
			} else if told.Message == "" {
				fresh = append(fresh, behind...)
			} else {
				standing = append(standing, behind...)
			}
		}
		d.memos = memos
		d.forget(standing, fresh)
	})
	return standing, fresh
}

// lateDue reports whether something that is behind may be tried.
func (d *Desk) lateDue(now time.Time) bool {
	for _, s := range d.late {
		if !now.Before(s.turn) && !now.Before(s.retry) {
			return true
		}
	}
	return false
}

func (d *Desk) dueAt(t time.Time) {
	if !t.IsZero() && (d.due.IsZero() || t.Before(d.due)) {
		d.due = t
	}
}

// frozen names what is frozen, by whom and why.
func frozen(b *incident.Board) string {
	var text strings.Builder
	freezes := b.Freezes()
	for _, scope := range slices.Sorted(maps.Keys(freezes)) {
		fmt.Fprintf(&text, "%s %q %q\n", scope, freezes[scope].By.Name, freezes[scope].Reason)
	}
	return text.String()
}

// behindOf finds what is not shown of one incident as it should be, and when its next notice is due.
func (d *Desk) behindOf(b *incident.Board, i *incident.Incident, now time.Time) (list []item, next time.Time) {
	told := i.Telling(d.Chat, events.TheCard)
	key := told.Key
	if key == "" {
		key = d.NewKey()
	}
	if card := cardOf(b, i, key); told.Shown != events.DigestOf(card) {
		list = append(list, item{name: name{i.ID, events.TheCard}, told: told, key: key, card: card})
	}
	if told.Message == "" {
		return list, time.Time{} // notices follow in its thread
	}
	notices, next := noticesOf(i, now, d.dutyOn(b), d.namedOn(b), d.Console)
	for _, n := range notices {
		said := i.Telling(d.Chat, n.what)
		if said.Message == "" {
			it := item{name: name{i.ID, n.what}, told: said, key: said.Key, card: n.card, called: n.called, begins: told}
			if it.key == "" {
				it.key = d.NewKey()
			}
			list = append(list, it)
		}
	}
	return list, next
}

func placeOf(t events.Told) Place { return Place{Channel: t.Channel, Message: t.Message, Link: t.Link} }
