package incident

import (
	"hash/maphash"
	"slices"
)

// sightings are the newest events that were recorded, at most maxSeen of them, and what became of each.
type sightings struct {
	known  map[eventID]int // by source and id: where in list
	list   []sighting
	oldest int // in list, once that is full
}

type sighting struct {
	id eventID
	Trace
}

// eventID identifies an event in less memory than its source and id take. Two events that somebody made to share one
// would be taken for duplicates, so it is as long as that nobody meets two by chance, and under seeds that nobody knows.
type eventID [2]uint64

var idSeeds = [len(eventID{})]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func idOf(identity string) (id eventID) {
	for n, seed := range idSeeds {
		id[n] = maphash.String(seed, identity)
	}
	return id
}

func (s *sightings) saw(id eventID) bool {
	_, ok := s.known[id]
	return ok
}

func (s *sightings) of(id eventID) (Trace, bool) {
	at, ok := s.known[id]
	if !ok {
		return Trace{}, false
	}
	return s.list[at].Trace, true
}

// add remembers an event, unless it was seen before. One too many drops the oldest.
func (s *sightings) add(id eventID, t Trace) {
	if s.saw(id) {
		return
	}
	if s.known == nil {
		s.known = map[eventID]int{}
	}
	if len(s.list) < maxSeen {
		s.known[id] = len(s.list)
		s.list = append(s.list, sighting{id, t})
		return
	}
	delete(s.known, s.list[s.oldest].id)
	s.known[id] = s.oldest
	s.list[s.oldest] = sighting{id, t}
	s.oldest = (s.oldest + 1) % maxSeen
}

// trace finds the newest event with an id. Only people ask, so it looks through all of them.
func (s *sightings) trace(event string) (Trace, bool) {
	for _, part := range [][]sighting{s.list[:s.oldest], s.list[s.oldest:]} {
		for _, seen := range slices.Backward(part) {
			if seen.Event == event {
				return seen.Trace, true
			}
		}
	}
	return Trace{}, false
}
