package web

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// How far back a hand-over tells of what ended.
const (
	defaultSince = 12 * time.Hour
	maxSince     = 31 * 24 * time.Hour
)

func (s *Server) handover(r *http.Request, _ events.Person) (any, error) {
	q, err := ask(r, "since")
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	since, err := sinceOf(q, now)
	if err != nil {
		return nil, err
	}
	return view(s, func(b *incident.Board) incident.Handover { return b.Handover(since, now) }), nil
}

// sinceOf reads a moment of the past: how long ago it was, or when.
func sinceOf(q url.Values, now time.Time) (time.Time, error) {
	if !q.Has("since") {
		return now.Add(-defaultSince), nil
	}
	text := q.Get("since")
	at, err := time.Parse(time.RFC3339, text)
	if ago, notLength := time.ParseDuration(text); notLength == nil {
		at, err = now.Add(-ago), nil
	}
	if err != nil || at.After(now) || now.Sub(at) > maxSince {
		return time.Time{}, invalid(fmt.Sprintf("since is %q", text), fmt.Sprintf("give how long ago, for example 8h, or a time, for example %s, at most %s ago", now.UTC().Format(time.RFC3339), maxSince))
	}
	return at, nil
}
