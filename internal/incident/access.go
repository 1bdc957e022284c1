package incident

import (
	"maps"
	"time"

	"github.com/detour-net/detour/events"
)

// Bounds of signing out.
const (
	maxSignedOut = 4096        // single sessions that are remembered; from then on all of whoever signs out are ended
	clocksApart  = time.Minute // by how much the clocks of two replicas may differ: one of them begins a session, another ends it
)

// signOut names sessions that were ended: one, or, without an id, all of a person's that were begun until a moment.
type signOut struct{ person, session string }

// foldAccess keeps who may come in as whom. It is no part of any incident's life, and always lawful.
func (b *Board) foldAccess(at time.Time, body events.Body) string {
	switch r := body.(type) {
	case events.SignedOut:
		b.foldSignedOut(r)
	case events.Linked:
		b.foldLinked(at, r)
	case events.Unlinked:
		delete(b.links, r.ChatAccount)
	}
	return ""
}

// foldSignedOut remembers which sessions were ended, for longer than any lasts.
func (b *Board) foldSignedOut(s events.SignedOut) {
	maps.DeleteFunc(b.signedOut, func(_ signOut, until time.Time) bool { return until.Before(b.Now.Add(-history)) })
	if s.Session != "" && len(b.signedOut) >= maxSignedOut {
		s.Session, s.Until = "", b.Now
	}
	if s.Session == "" {
		maps.DeleteFunc(b.signedOut, func(o signOut, _ time.Time) bool { return o.person == s.Person && o.session != "" })
		s.Until = later(s.Until, b.AllSignedOut(s.Person))
	}
	b.signedOut[signOut{s.Person, s.Session}] = s.Until
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// SignedOut reports whether a session, which must have an id, was ended before its time.
func (b *Board) SignedOut(person, session string, begun time.Time) bool {
	_, ended := b.signedOut[signOut{person, session}]
	return ended || !begun.After(b.AllSignedOut(person))
}

// AllSignedOut is the moment until which every session was ended that a person has begun; the zero time for none. It may
// lie ahead by a little.
func (b *Board) AllSignedOut(person string) time.Time { return b.signedOut[signOut{person: person}] }

// SignOut ends one session of a person's, which would have lasted until the given time.
func SignOut(person, session string, until time.Time, by events.Person) Order {
	return func(b *Board, _ time.Time) ([]events.Record, error) {
		if session == "" {
			return nil, refuse("the session has no id")
		}
		return []events.Record{{Body: events.SignedOut{Person: person, Session: session, Until: until.UTC(), By: by}}}, nil
	}
}

// SignOutEverywhere ends every session that a person has begun, wherever.
func SignOutEverywhere(person string, by events.Person) Order {
	return func(b *Board, now time.Time) ([]events.Record, error) {
		until := later(now.Add(clocksApart), b.AllSignedOut(person).Add(time.Millisecond))
		return []events.Record{{Body: events.SignedOut{Person: person, Until: until.UTC(), By: by}}}, nil
	}
}
