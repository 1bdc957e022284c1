package incident

import (
	"hash/maphash"
	"slices"
)

// sightings are the newest events that were recorded, at most maxSeen of them, and what became of each.
type sightings struct {
	where  index // of each in list, by its id
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

func idOf(source, event string) (id eventID) {
	var room [128]byte // of its own, for all but the longest
	identity := append(append(append(room[:0], source...), 0), event...)
	for n, seed := range idSeeds {
		id[n] = maphash.Bytes(seed, identity)
	}
	return id
}

func (s *sightings) saw(id eventID) bool {
	_, ok := s.find(id)
	return ok
}

func (s *sightings) of(id eventID) (Trace, bool) {
	at, ok := s.find(id)
	if !ok {
		return Trace{}, false
	}
	return s.list[at].Trace, true
}

func (s *sightings) find(id eventID) (at int, ok bool) {
	return s.where.find(id, func(at int) bool { return s.list[at].id == id })
}

// add remembers an event, unless it was seen before. One too many drops the oldest.
func (s *sightings) add(id eventID, t Trace) {
	if s.saw(id) {
		return
	}
	if len(s.list) < maxSeen {
		s.where.add(id, len(s.list))
		s.list = append(s.list, sighting{id, t})
		return
	}
	s.where.remove(s.list[s.oldest].id, s.oldest)
	s.where.add(id, s.oldest)
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
