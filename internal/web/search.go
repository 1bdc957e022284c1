package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
)

// Bounds on one search: commits that are read, and how many of them at a time.
const (
	searchAtMost = 20_000
	searchChunk  = 500
)

// search looks through the ledger from its newest commit backwards, until enough is found or enough was read.
func (s *Server) search(r *http.Request, _ events.Person) (any, error) {
	q, err := ask(r, "text", "kind", "incident", "before", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.OrderWithin)
	defer cancel()
	last, err := s.cfg.Ledger.LastPosition(ctx)
	if err != nil {
		return nil, err
	}
	before, err := positionOf(q, "before", last+1)
	if err != nil {
		return nil, err
	}
	found := api.Hits{Last: last, Hits: []api.Hit{}}
	wanted := newSought(q)
	end := min(before-1, last) // the newest commit that was not looked at
	for end > 0 && len(found.Hits) < limit && found.Read < searchAtMost {
		from := end - min(end, searchChunk) + 1
		part, err := s.sift(ctx, from, end, wanted)
		if err != nil {
			return nil, err
		}
		for _, hits := range slices.Backward(part) {
			if len(found.Hits) >= limit {
				break
			}
			found.Hits = append(found.Hits, hits...)
			end, found.Read = end-1, found.Read+1
		}
	}
	if end > 0 {
		found.Older = end + 1
	}
	return found, nil
}

// sift returns what is wanted of each commit from one position to another, an empty list for those that cannot be read.
func (s *Server) sift(ctx context.Context, from, to uint64, wanted sought) ([][]api.Hit, error) {
	part := make([][]api.Hit, to-from+1)
	err := s.cfg.Ledger.Lines(ctx, from, to, func(position uint64, line []byte) error {
		if position < from || position > to || !wanted.may(line) {
			return nil
		}
		c, err := commitOf(line)
		if err != nil {
			return nil // detour ledger verify names it; a search goes on
		}
		hits, err := wanted.in(c)
		part[position-from] = hits
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search positions %d to %d: %w", from, to, err)
	}
	return part, nil
}

// sought is what is searched for.
type sought struct {
	text     []byte // lower case
	kinds    []string
	incident string
}

func newSought(q url.Values) sought {
	return sought{text: bytes.ToLower([]byte(q.Get("text"))), kinds: q["kind"], incident: q.Get("incident")}
}

// may reports whether a line may hold what is wanted; it is much cheaper than to read it.
func (w sought) may(line []byte) bool {
	if w.incident != "" && !bytes.Contains(line, []byte(w.incident)) {
		return false
	}
	return len(w.text) == 0 || bytes.Contains(bytes.ToLower(line), w.text)
}

// in is what is wanted of a commit, its newest record first.
func (w sought) in(c events.Commit) (hits []api.Hit, err error) {
	for _, r := range slices.Backward(c.Records) {
		kind := r.Body.Kind()
		if w.incident != "" && r.Incident != w.incident || len(w.kinds) > 0 && !slices.Contains(w.kinds, string(kind)) {
			continue
		}
		body, err := json.Marshal(r.Body)
		if err != nil {
			return nil, fmt.Errorf("position %d: %w", c.Position, err)
		}
		if len(w.text) > 0 && !w.says(r.Incident, string(kind), c.By, string(c.Digest), string(body)) {
			continue
		}
		hits = append(hits, api.Hit{Incident: r.Incident, Entry: api.Entry{Position: c.Position, Digest: c.Digest, At: c.At, By: c.By, Kind: kind, Body: body}})
	}
	return hits, nil
}

func (w sought) says(parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return bytes.Contains(bytes.ToLower([]byte(p)), w.text) })
}
