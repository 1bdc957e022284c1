package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
	texts    [][]byte // any of which will do, in lower case: as it is, and as JSON writes it; none for anything
	kinds    []string
	incident string
}

func newSought(q url.Values) sought {
	return sought{texts: written(strings.ToLower(q.Get("text"))), kinds: q["kind"], incident: q.Get("incident")}
}

// written are the ways in which a text may stand in a record.
func written(text string) (ways [][]byte) {
	if text == "" {
		return nil
	}
	ways = [][]byte{[]byte(text)}
	for _, html := range []bool{true, false} {
		var buf bytes.Buffer
		e := json.NewEncoder(&buf)
		e.SetEscapeHTML(html)
		if e.Encode(text) == nil { // a text always is
			ways = append(ways, buf.Bytes()[1:buf.Len()-2]) // without the quotes and the line's end
		}
	}
	return ways
}

// may reports whether a line may hold what is wanted; it is much cheaper than to read it.
func (w sought) may(line []byte) bool {
	if w.incident != "" && !bytes.Contains(line, []byte(w.incident)) {
		return false
	}
	return w.says(line)
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
		if !w.says([]byte(r.Incident), []byte(kind), []byte(c.By), []byte(c.Digest), body) {
			continue
		}
		hits = append(hits, api.Hit{Incident: r.Incident, Entry: api.Entry{Position: c.Position, Digest: c.Digest, At: c.At, By: c.By, Kind: kind, Body: body}})
	}
	return hits, nil
}

// says reports whether the text that is searched for is in one of some parts.
func (w sought) says(parts ...[]byte) bool {
	return len(w.texts) == 0 || slices.ContainsFunc(parts, func(p []byte) bool {
		p = bytes.ToLower(p)
		return slices.ContainsFunc(w.texts, func(text []byte) bool { return bytes.Contains(p, text) })
	})
}
