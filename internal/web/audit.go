package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
)

// Every call that would change something is accounted for. What was taken stands on the ledger with the person; and the log
// has one line for each call, taken or not: who, by which route, from where, about what, and what came of it. Of those that
// are turned away because a caller asks too often there is a line now and then that counts them: or the log would be what
// such a caller fills.

// entry is whether a request stands in the log already.
type entry struct{ written bool }

type entryKey struct{}

func withEntry(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), entryKey{}, &entry{}))
}

// alters reports whether a request of this method would change something.
func alters(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// audit writes the line of one call. who is nobody when that is not known, and position 0 when nothing was recorded.
func (s *Server) audit(r *http.Request, who events.Person, what, about string, position uint64, err error) {
	if e, ok := r.Context().Value(entryKey{}).(*entry); ok {
		e.written = true
	}
	fields := []zap.Field{
		zap.String("who", who.Name), zap.Strings("roles", who.Role), zap.String("via", who.Via), zap.String("order", what),
		zap.String("about", about), zap.String("route", r.Pattern), zap.String("request", requestID(r.Context())), zap.String("from", r.RemoteAddr),
	}
	if err == nil {
		s.log.Info("order taken", append(fields, zap.Int("status", http.StatusOK), zap.Uint64("position", position))...)
		return
	}
	p := problemOf(err)
	if p.Type == api.ProblemTooMany {
		left, tell := s.quiet.one(s.cfg.Now())
		if !tell {
			return
		}
		fields = append(fields, zap.Uint64("more", left))
	}
	s.log.Warn("order not taken", append(fields, zap.Int("status", p.Status), zap.Error(err))...)
}

// auditRest writes the line of a call that would change something, unless whoever carried it out has. Callbacks are accounted
// for by whoever knows who calls.
func (s *Server) auditRest(rt route, r *http.Request, who events.Person, err error) {
	if e, ok := r.Context().Value(entryKey{}).(*entry); !alters(rt.method) || rt.foreign || ok && e.written {
		return
	}
	s.audit(r, who, rt.name(), r.PathValue("id")+r.PathValue("name"), 0, err)
}

// quiet lets one line through a second, and counts the others.
type quiet struct {
	mu   sync.Mutex
	may  *rate.Limiter
	left uint64
}

func newQuiet() *quiet { return &quiet{may: rate.NewLimiter(1, 1)} }

// one reports whether to write a line now, and how many were left out before it.
func (q *quiet) one(now time.Time) (left uint64, tell bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.may.AllowN(now, 1) {
		q.left++
		return 0, false
	}
	left, q.left = q.left, 0
	return left, true
}
