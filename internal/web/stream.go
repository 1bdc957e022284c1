package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

// sender writes a stream's messages, each within writeWithin. It may be used by several goroutines.
type sender struct {
	mu    sync.Mutex
	w     http.ResponseWriter
	ctl   *http.ResponseController
	begun bool
}

func newSender(w http.ResponseWriter) *sender {
	return &sender{w: w, ctl: http.NewResponseController(w)}
}

func (o *sender) send(p []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun = true
	// A writer without deadlines has none to miss.
	_ = o.ctl.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, err := o.w.Write(p); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := o.ctl.Flush(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// event sends one server-sent event. data has no line break.
func (o *sender) event(id uint64, name string, data []byte) error {
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "id: %d\nevent: %s\ndata: ", id, name)
	buf.Write(data)
	buf.WriteString("\n\n")
	return o.send(buf.Bytes())
}

// beat tells a reader that nothing has changed since position, so that it can tell a quiet network from a dead stream.
func (o *sender) beat(position uint64, at time.Time) error {
	return o.event(position, "beat", fmt.Appendf(nil, `{"position":%d,"at":%q}`, position, at.UTC().Format(time.RFC3339Nano)))
}

// comment keeps proxies from taking a quiet stream for a dead one.
func (o *sender) comment() error { return o.send([]byte(": still here\n\n")) }

// streaming is the context of a stream: it ends with the request, the session in which it was made, or the server.
func (s *Server) streaming(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	unhook := context.AfterFunc(s.ending, cancel)
	var watch sync.WaitGroup
	if within := sessionOf(ctx); within != nil {
		watch.Go(func() { s.followSession(ctx, within, cancel) })
	}
	return ctx, func() { unhook(); cancel(); watch.Wait() }
}

// openStream begins an answer of server-sent events and counts it; the caller takes it off the count.
func (s *Server) openStream(w http.ResponseWriter) (*sender, error) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s.metrics.streams.Inc()
	out := newSender(w)
	if err := out.send([]byte("retry: 1000\n\n")); err != nil {
		s.metrics.streams.Dec()
		return nil, err
	}
	return out, nil
}

// lastEventID is the position that a reader who comes back knows.
func lastEventID(r *http.Request) (uint64, bool) {
	known, err := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	return known, err == nil
}

// stream sends what has changed, whenever something has. A reader that names no position is first sent everything open.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	q, err := ask(r, "from")
	if err != nil {
		return err
	}
	from, err := positionOf(q, "from", 1)
	if err != nil {
		return err
	}
	known, resumed := from-1, q.Has("from")
	if id, ok := lastEventID(r); ok {
		known, resumed = id, true
	}
	ctx, cancel := s.streaming(r)
	defer cancel()
	out, err := s.openStream(w)
	if err != nil {
		return nil // the reader has gone
	}
	defer s.metrics.streams.Dec()
	return s.follow(ctx, out, known, resumed)
}

// follow looks at the Board every Refresh and sends what is new.
func (s *Server) follow(ctx context.Context, out *sender, known uint64, resumed bool) error {
	look := time.NewTicker(s.cfg.Refresh)
	defer look.Stop()
	var sent api.Status
	quietSince := s.cfg.Now()
	for first := true; ; first = false {
		status := s.cfg.Health.Status()
		now := s.cfg.Now()
		said := status
		said.Position, said.Digest = 0, ""
		stirred := first || said != sent
		change := view(s, func(b *incident.Board) api.Change {
			if stirred = stirred || b.Position != known; !stirred {
				return api.Change{}
			}
			return changes(b, known, resumed || !first, now, s.frozen.of(b))
		})
		switch {
		case stirred:
			change.Status = status
			data, err := json.Marshal(change)
			if err != nil {
				return fmt.Errorf("encode change: %w", err)
			}
			if out.event(change.Position, "change", data) != nil {
				return nil // the reader has gone
			}
			known, sent, quietSince = change.Position, said, now
		case now.Sub(quietSince) >= s.cfg.Heartbeat:
			if out.beat(known, now) != nil {
				return nil
			}
			quietSince = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// standstills are the freezes in force, found once for each position of the Board, however many readers are told of them.
type standstills struct {
	mu       sync.Mutex
	position uint64
	list     []incident.Standstill // nil: not found yet
}

// of are those of a Board; nobody may change them.
func (s *standstills) of(b *incident.Board) []incident.Standstill {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil || s.position != b.Position {
		s.position, s.list = b.Position, b.Standstills()
	}
	return s.list
}

// changes is what a reader that knows the Board as of known must be told; ended incidents only if it has known any.
func changes(b *incident.Board, known uint64, ended bool, now time.Time, freezes []incident.Standstill) api.Change {
	c := api.Change{Position: b.Position, At: now.UTC(), Incidents: []api.Summary{}, Freezes: freezes, Windows: windows(b, now)}
	if b.Position == known {
		return c
	}
	list := b.Open()
	if ended {
		list = append(list, b.Closed()...)
	}
	for _, i := range list {
		if newest(i) > known {
			c.Incidents = append(c.Incidents, Summarize(b, i))
		}
	}
	slices.SortStableFunc(c.Incidents, func(x, y api.Summary) int { return cmp.Compare(x.Position, y.Position) })
	return c
}
