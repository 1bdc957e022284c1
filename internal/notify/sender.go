package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Channel is where notices go.
type Channel interface {
	// Send says one notice. An error that is a *Refusal says that it will never be taken as it is, one that is a *Later that it
	// was not taken now; after any other nobody can tell. A notice may be sent again after either of the latter.
	Send(ctx context.Context, n Notice) error
}

// Refusal says that a notice will not be taken.
type Refusal struct{ Reason string }

// Error is the reason.
func (r *Refusal) Error() string { return r.Reason }

// Later says that nothing is taken for a while.
type Later struct {
	Reason string
	After  time.Duration // 0: it did not say
}

// Error is the reason, and for how long.
func (l *Later) Error() string { return fmt.Sprintf("%s, again after %s", l.Reason, l.After) }

// Board gives read access to the Board. f keeps nothing of it.
type Board interface {
	View(f func(*incident.Board))
}

// Orders carries out what is asked for. Submit returns once the order's records stand on the ledger; its error wraps
// incident.ErrNotFound or incident.ErrRefused when the order was not lawful.
type Orders interface {
	Submit(ctx context.Context, order incident.Order) (events.Commit, error)
}

// Config is what a Sender is made of.
type Config struct {
	Name    string // of the channel, on the record: "pagerduty"
	Channel Channel
	When    map[Situation]Severity // what is triggered, and how badly; what is not in it is not
	Domain  string
	Console string // where people reach the console, without a slash at its end
	Me      string // this replica's process
	Rank    int    // of this replica: who tries first; an economy
	Board   Board
	Orders  Orders
	Now     func() time.Time
	Log     *zap.Logger
	Metrics *Metrics // nil: none
}

// Times of a sender.
const (
	lookEvery    = 200 * time.Millisecond
	sendWithin   = 8 * time.Second
	recordWithin = 5 * time.Second
	takeAfter    = 20 * time.Second       // the first incident.Telling.Lease: a replica that has recorded nothing of what it took for so long loses it
	takesMost    = sendWithin + 2*stagger // what it took it begins to send so long before that at the latest
	stagger      = time.Second            // between two ranks
	goesLast     = 5 * stagger            // who has tried in vain lets the others go before
	retryFirst   = time.Second
	retryMost    = 2 * time.Minute
)

// unlawful is how often in a row the ledger refuses a record before that is told: once it is another replica that was faster.
const unlawful = 10

// maxItems bounds what is looked for at once: more wait on the Board.
const maxItems = 32

// Sender says in one channel what is to be said of the Board's incidents.
type Sender struct {
	Config
	position uint64           // of the Board when nothing was found to be said
	late     map[name]*behind // what was found, and is not said yet
	hold     time.Time        // the channel takes nothing before
}

// name is that of what is told: TheNotice of an incident, or of no incident a freeze.
type name struct{ incident, what string }

// told is what stands on the Board of it.
func (n name) told(b *incident.Board, channel string) events.Told {
	if n.incident == "" {
		return b.Shown(channel, n.what)
	}
	if i, known := b.Incident(n.incident); known {
		return i.Shown(channel, n.what)
	}
	return events.Told{}
}

// behind is something that is to be said.
type behind struct {
	want     saying
	position uint64    // of the newest record of what was said of the incident
	since    time.Time // so long at most there has been no newer one; zero: nobody can tell
	retry    time.Time // not tried again before
	pause    *backoff.ExponentialBackOff
	mine     bool // it is this replica's to say
	said     bool // it was, and the ledger does not say so yet
	sent     bool // and it was taken
	lost     int  // how often the ledger did not take its record because it was not lawful
}

// New returns a sender that has not begun.
func New(c Config) *Sender { return &Sender{Config: c, late: map[name]*behind{}} }

// Run says what is to be said until ctx ends.
func (s *Sender) Run(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		for _, it := range s.look(s.Now()) {
			s.tell(ctx, it)
		}
		s.Metrics.waiting(s.Name, len(s.late))
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// item is one thing that is to be said.
type item struct {
	name
	told   incident.Telling // what stands on the Board of it
	want   saying
	notice Notice
}

// look finds what is to be said, the most severe first, and drops what no longer is.
func (s *Sender) look(now time.Time) (list []item) {
	s.Board.View(func(b *incident.Board) {
		if b.Position == s.position && !s.due(now) {
			return
		}
		s.position = b.Position
		wanted := map[name]saying{}
		add := func(n name, told incident.Telling, want saying, notice func() Notice) {
			wanted[n] = want
			l := s.late[n]
			if len(list) < maxItems && (l == nil || l.want != want || !now.Before(l.retry)) {
				list = append(list, item{name: n, told: told, want: want, notice: notice()})
			}
		}
		s.freezes(b, add)
		for _, i := range append(b.Open(), b.Closed()...) {
			told := i.Telling(s.Name, events.TheNotice)
			last := readSaying(told.Message)
			if want := wantedOf(i, s.When, last, now); want != last {
				add(name{i.ID, events.TheNotice}, told, want, func() Notice { return s.noticeOf(b, i, want, last) })
			}
		}
		s.drop(b, wanted)
	})
	return list
}

// due reports whether something that is late may be tried.
func (s *Sender) due(now time.Time) bool {
	for _, l := range s.late {
		if !now.Before(l.retry) {
			return true
		}
	}
	return false
}

// drop forgets what was said, and what is overtaken, of which one replica tells.
func (s *Sender) drop(b *incident.Board, wanted map[name]saying) {
	for n, l := range s.late {
		if wanted[n] == l.want {
			continue
		}
		delete(s.late, n)
		if !l.mine || l.said || n.told(b, s.Name).Message == l.want.String() {
			continue
		}
		s.Metrics.count(s.Name, overtaken)
		s.Log.Warn("a notice is overtaken before it was sent", zap.String("channel", s.Name), zap.String("incident", n.incident), zap.String("what", n.what), zap.Stringer("notice", l.want))
	}
}

// tell says one thing, if it is this replica's turn.
func (s *Sender) tell(ctx context.Context, it item) {
	now := s.Now()
	l := s.late[it.name]
	if l == nil {
		pause := backoff.NewExponentialBackOff()
		pause.InitialInterval, pause.MaxInterval = retryFirst, retryMost
		l = &behind{want: it.want, position: it.told.Position, pause: pause}
		if it.told.Owner != s.Me {
			l.since = now
		}
		s.late[it.name] = l
	}
	if l.position < it.told.Position { // somebody is at it
		l.position, l.since = it.told.Position, now
	}
	at, take := s.turn(it.told, l, now)
	l.retry, l.mine = at, it.told.Owner == s.Me || !now.Before(at)
	if !now.Before(at) && !l.said && now.Before(s.hold) {
		l.retry = s.hold
	}
	if ctx.Err() != nil || now.Before(l.retry) {
		return
	}
	mine := it.told.Told
	stands, ok := it.told, true
	if take {
		mine.Incident, mine.Chat, mine.What, mine.Owner, mine.Key = it.incident, s.Name, it.what, s.Me, it.want.String()
		if stands, ok = s.record(ctx, l, mine, stands); !ok {
			return
		}
		l.position, l.since = stands.Position, now
	}
	if !l.said && !s.send(ctx, l, it.notice) {
		return
	}
	mine.Message, mine.Shown = it.want.String(), ""
	if l.sent {
		mine.Shown = events.DigestOf(it.notice)
	}
	if _, ok = s.record(ctx, l, mine, stands); ok {
		delete(s.late, it.name)
	}
}

// turn is when it is this replica's to say, and whether it must take it by a record first: unless it has, and no other can be
// about to take it. That is at once if the incident is its own, soon if nobody is about to say anything of it, and otherwise once
// whoever is lets it lie. Who does not get it said in its time leaves it to the others, and goes on with it if none of them
// takes it.
func (s *Sender) turn(told incident.Telling, l *behind, now time.Time) (at time.Time, take bool) {
	lease := takeAfter
	taken := told.Key == l.want.String() && told.Key != told.Message
	if taken {
		lease = told.Lease(takeAfter)
	}
	switch {
	case told.Owner == s.Me && !taken:
		return l.since, true
	case told.Owner == s.Me && (l.said || now.Sub(l.since) <= lease-takesMost):
		return l.since, false
	case told.Owner == s.Me:
		return l.since.Add(lease + goesLast), true
	case told.Key == told.Message:
		lease = 0
	}
	return l.since.Add(lease + time.Duration(s.Rank)*stagger), true
}

// send makes the call. It reports whether there is nothing more to be sent.
func (s *Sender) send(ctx context.Context, l *behind, n Notice) bool {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	fields := []zap.Field{zap.String("channel", s.Name), zap.String("incident", n.Incident), zap.Stringer("notice", l.want)}
	err := s.Channel.Send(ctx, n)
	var no *Refusal
	var later *Later
	switch {
	case err == nil:
		s.Metrics.count(s.Name, sent)
		s.Log.Info("a notice was sent", fields...)
		l.said, l.sent = true, true
		return true
	case errors.As(err, &no):
		s.Metrics.count(s.Name, refused)
		s.Log.Error("a notice was refused and is not sent again", append(fields, zap.Error(err))...)
		l.said = true
		return true
	}
	pause := l.pause.NextBackOff()
	l.retry = s.Now().Add(pause)
	if errors.As(err, &later) {
		s.hold = s.Now().Add(max(later.After, pause)) // it has had enough of all of it
	}
	s.Metrics.count(s.Name, failed)
	s.Log.Warn("send a notice; it is tried again", append(fields, zap.Duration("after", pause), zap.Error(err))...)
	return false
}

// record puts t in the place of was, and returns what stands there then.
func (s *Sender) record(ctx context.Context, l *behind, t events.Told, was incident.Telling) (stands incident.Telling, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	c, err := s.Orders.Submit(ctx, incident.Tell(t, was))
	if err == nil {
		return incident.Telling{Told: t, Position: c.Position}, true
	}
	l.retry = s.Now().Add(retryFirst)
	log, fields := s.Log.Warn, []zap.Field{zap.String("channel", s.Name), zap.String("incident", t.Incident), zap.Error(err)}
	if errors.Is(err, incident.ErrRefused) || errors.Is(err, incident.ErrNotFound) {
		if l.lost++; l.lost%unlawful != 0 {
			log = s.Log.Debug // another replica has been faster, most likely
		} else {
			s.Metrics.count(s.Name, failed)
		}
	}
	log("record what is sent", fields...)
	return incident.Telling{}, false
}
