package chatops

import (
	"context"
	"errors"
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// tell shows one item that was found to be behind at a moment, if it is this replica's turn. It reports whether something was
// shown.
func (d *Desk) tell(ctx context.Context, it item, found time.Time) (shown bool) {
	s := d.late[it.name]
	if s == nil {
		s = &behind{position: it.told.Position}
		if it.told.Owner != d.Me || it.told.Message != "" {
			s.since = found
		}
		d.late[it.name] = s
	}
	if s.position < it.told.Position { // somebody is at it
		s.position, s.since = it.told.Position, found
	}
	now := d.Now()
	turn, take := d.turn(it, s.since, now)
	s.turn = turn
	if ctx.Err() != nil || now.Before(s.turn) || now.Before(s.retry) || now.Before(d.hold) {
		return false
	}
	mine := it.told.Told
	switch {
	case mine.Owner != d.Me:
		s.doubt = mine.Owner != "" && mine.Message == ""
		mine.Incident, mine.Chat, mine.What, mine.Key, mine.Owner = it.incident, d.Chat, it.what, it.key, d.Me
	case mine.Message == "" && s.failures == 0:
		s.doubt = true // this process has taken it and does not know what came of it
	}
	stands, ok := it.told, true
	if take {
		if stands, ok = d.record(ctx, s, mine, stands); !ok {
			return false
		}
		s.position, s.since = stands.Position, now
	}
	at, err := d.show(ctx, it, s, mine)
	switch {
	case errors.Is(err, ErrGone) && mine.Message == "" && it.begins.Message != "": // its thread is, which begins anew
		_, ok = d.record(ctx, s, d.lost(it.begins.Told), it.begins)
		return ok
	case errors.Is(err, ErrGone):
		_, ok = d.record(ctx, s, d.lost(mine), stands)
		return ok
	case err != nil:
		d.failed(it, s, err)
		return false
	}
	mine.Channel, mine.Message, mine.Link, mine.Shown, mine.Called = at.Channel, at.Message, at.Link, events.DigestOf(it.card), it.called
	s.doubt = true // until that is on the ledger
	s.failures = 0
	if _, ok = d.record(ctx, s, mine, stands); !ok {
		return false
	}
	delete(d.late, it.name)
	if it.incident == "" {
		maps.DeleteFunc(d.shown, func(_ name, at time.Time) bool { return now.Sub(at) > calm })
		d.shown[it.name] = now
	}
	return true
}

// lost is what is on record of a message once it is not there any more: it is to be posted anew.
func (d *Desk) lost(t events.Told) events.Told {
	t.Key, t.Owner = d.NewKey(), d.Me
	t.Channel, t.Message, t.Link, t.Shown, t.Called = "", "", "", "", ""
	return t
}

// turn is when the item is this replica's to show, that nobody has touched since a moment, and whether it must take it by a
// record first: unless it holds it, and no other can be about to take it. Who does not get it shown in its time leaves it to the
// others, and goes on with it if none of them takes it.
func (d *Desk) turn(it item, since, now time.Time) (at time.Time, take bool) {
	lease := it.told.Lease(takeAfter)
	switch {
	case it.told.Owner == "":
		lease = 0
	case it.told.Owner == d.Me && now.Sub(since) <= lease-takesMost:
		return since, false
	case it.told.Owner == d.Me:
		return since.Add(lease + goesLast), true
	}
	return since.Add(lease + time.Duration(d.Rank)*stagger), true
}

// record puts t in the place of was, and returns what stands there then.
func (d *Desk) record(ctx context.Context, s *behind, t events.Told, was incident.Telling) (stands incident.Telling, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	c, err := d.Orders.Submit(ctx, incident.Tell(t, was))
	if err == nil {
		s.lost = 0
		return incident.Telling{Told: t, Position: c.Position}, true
	}
	log, fields := d.Log.Warn, []zap.Field{zap.String("incident", t.Incident), zap.String("what", t.What), zap.Error(err)}
	if errors.Is(err, incident.ErrRefused) || errors.Is(err, incident.ErrNotFound) {
		if s.lost++; s.lost%unlawful != 0 {
			log = d.Log.Debug // another replica has been faster, most likely
		} else {
			s.retry = d.Now().Add(retryMost)
			d.Metrics.message("failed")
		}
	} else {
		d.hold = d.Now().Add(retryFirst)
	}
	log("record what is shown in the chat", fields...)
	return incident.Telling{}, false
}

// show makes the call.
func (d *Desk) show(ctx context.Context, it item, s *behind, mine events.Told) (Place, error) {
	call := func(f func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, callWithin)
		defer cancel()
		return f(ctx)
	}
	at, done := placeOf(mine), "updated"
	if mine.Message == "" && s.doubt {
		var found bool
		err := call(func(ctx context.Context) (err error) {
			at, found, err = d.Room.Find(ctx, placeOf(it.begins.Told), mine.Key)
			return err
		})
		if err != nil {
			return at, err
		}
		s.doubt = false
		if found {
			d.Metrics.message("found")
		}
	}
	err := call(func(ctx context.Context) (err error) {
		if at.Message == "" {
			done = "posted"
			at, err = d.Room.Post(ctx, placeOf(it.begins.Told), mine.Key, it.card)
			return err
		}
		return d.Room.Update(ctx, at, mine.Key, it.card)
	})
	if err != nil {
		var no *Refusal
		s.doubt = done == "posted" && !errors.As(err, &no)
		return at, err
	}
	d.Metrics.message(done)
	return at, nil
}

// failed keeps from trying again at once.
func (d *Desk) failed(it item, s *behind, err error) {
	now := d.Now()
	pause := min(retryFirst<<min(s.failures, 8), retryMost)
	s.failures++
	s.retry = now.Add(pause)
	var no *Refusal
	if errors.As(err, &no) && no.After > 0 {
		d.hold = now.Add(no.After) // the chat has had enough of all of it
	}
	d.Metrics.message("failed")
	d.Log.Warn("show in the chat", zap.String("incident", it.incident), zap.String("what", it.what), zap.Int("failures", s.failures), zap.Error(err))
}
