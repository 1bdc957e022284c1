package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
)

// How large a request's body may be, in bytes.
const (
	maxBody     = 64 << 10
	maxCallback = 256 << 10 // of another program, which may tell more than is asked for
)

type requestKey struct{}

// requestID is the id that the request was given, for the log and for problem documents.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// RequestIDHeader carries the id that the server gave the request.
const RequestIDHeader = "Detour-Request-Id"

// build puts everything around the routes that every request meets.
func (s *Server) build() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range s.routes {
		mux.Handle(rt.method+" "+rt.path, s.guard(rt))
	}
	mux.Handle("/", http.HandlerFunc(s.missing))
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := problem(api.ProblemForbidden, "a cross-origin request that would change something", "use the console that this server serves, or call the API from a program, with a token")
		if !s.limits.allow(r, "", false, s.cfg.Now()) {
			err = tooOften()
		}
		s.audit(r, events.Person{}, r.Method+" "+r.URL.Path, "", 0, err)
		fail(w, r, err)
	}))
	return s.outer(cross.Handler(s.methods(mux)))
}

var errDefect = errors.New("the server met a defect of its own")

// outer names the request, sets the headers that every answer has, and survives a handler that panics.
func (s *Server) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.Must(uuid.NewV7()).String()
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, id))
		h := w.Header()
		h.Set(RequestIDHeader, id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		most := int64(maxBody)
		if s.cfg.Callbacks[r.URL.Path] != nil {
			most = maxCallback
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		rec := &recorder{ResponseWriter: w}
		defer func() {
			what := recover()
			if what == nil {
				return
			}
			if what == http.ErrAbortHandler {
				panic(what)
			}
			s.log.Error("a request made the server panic", zap.String("request", id), zap.String("path", r.URL.Path),
				zap.Any("panic", what), zap.ByteString("stack", debug.Stack()))
			if rec.status == 0 {
				fail(rec, r, errDefect)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// methods answers a known path with the wrong method the way every other problem is answered.
func (s *Server) methods(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		if pattern != "/" {
			mux.ServeHTTP(w, r)
			return
		}
		for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
			probe := r.Clone(r.Context())
			probe.Method = m
			if _, p := mux.Handler(probe); p != "/" && m != r.Method {
				w.Header().Add("Allow", m)
			}
		}
		s.missing(w, r)
	})
}

func (s *Server) missing(w http.ResponseWriter, r *http.Request) {
	if allow := w.Header().Values("Allow"); len(allow) > 0 {
		p := invalid(fmt.Sprintf("%s is not answered by %s", r.Method, r.URL.Path), fmt.Sprintf("use one of %v", allow))
		p.Status = http.StatusMethodNotAllowed
		fail(w, r, p)
		return
	}
	fail(w, r, noPath(r))
}

func noPath(r *http.Request) *api.Problem {
	return problem(api.ProblemNotFound, "no such path: "+r.URL.Path, "GET /api/v1/openapi.json lists every one")
}

// guard is what stands before one route: how often, who, and then the answer, counted and timed.
func (s *Server) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() { s.metrics.answered(rt, rec.status, time.Since(start)) }()
		s.deadlines(rt, w, start)
		r = withEntry(r)
		who, within, err := s.admit(rt, r)
		if err != nil {
			s.auditRest(rt, r, who, err)
			fail(rec, r, err)
			return
		}
		if within != nil {
			r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, within))
		}
		if rt.streams && r.Method == http.MethodHead {
			rec.Header().Set("Content-Type", rt.media)
			rec.WriteHeader(http.StatusOK) // an answer without a body has ended: whoever asked does not wait for more
			return
		}
		if rt.streams {
			end, ok := s.limits.stream(r, who.Name, identified(r, within))
			if !ok {
				err = problem(api.ProblemTooMany, fmt.Sprintf("this caller follows %d streams already", maxStreams), "end some of them")
				s.auditRest(rt, r, who, err)
				fail(rec, r, err)
				return
			}
			defer end()
		}
		err = errDefect // unless serve comes back
		defer func() { s.auditRest(rt, r, who, err) }()
		err = rt.serve(rec, r, who)
		s.auditRest(rt, r, who, err)
		if err != nil {
			if rec.status == 0 {
				fail(rec, r, err)
			}
			if problemOf(err).Status >= http.StatusInternalServerError {
				s.log.Warn("a request was not answered", zap.String("request", requestID(r.Context())), zap.String("route", rt.name()), zap.Error(err))
			}
		}
	})
}

// deadlines bounds the answer. A stream bounds each of its messages instead. Where no body is read there is nothing to
// wait for any more, and a read deadline would end the request's context in the middle of a long answer. A writer
// without deadlines has none to miss.
func (s *Server) deadlines(rt route, w http.ResponseWriter, start time.Time) {
	ctl := http.NewResponseController(w)
	if !rt.streams {
		_ = ctl.SetWriteDeadline(start.Add(writeWithin + s.cfg.ProveWithin))
	}
	if rt.body == nil && !rt.foreign {
		_ = ctl.SetReadDeadline(time.Time{})
	}
}

// canSign reports whether anybody can sign in.
func (s *Server) canSign() bool { return len(s.cfg.Auth.Tokens) > 0 || s.cfg.Login != nil }

// admit finds out who calls and whether they may.
func (s *Server) admit(rt route, r *http.Request) (who events.Person, within *session, err error) {
	if rt.role == "" {
		return who, nil, nil
	}
	who, within, ok := s.caller(r)
	if !ok {
		who = events.Person{}
	}
	shown := ok && identified(r, within)
	if !s.limits.allow(r, who.Name, shown, s.cfg.Now()) {
		return who, nil, tooOften()
	}
	switch {
	case ok && !genuine(r, within):
		return who, nil, problem(api.ProblemForbidden, "a request that changes something was made in a session without the session's "+CSRFHeader, "load the console anew; a program sends a token instead")
	case !ok && !s.canSign():
		return who, nil, problem(api.ProblemUnauthorized, "this server has neither tokens nor a provider to sign in at, and answers only callers on its own machine", "configure auth.tokens")
	case !ok && r.Header.Get("Authorization") == "":
		return who, nil, problem(api.ProblemUnauthorized, "the request carries no token", "sign in at the console, or send \"Authorization: Bearer TOKEN\"; with the command line, --token-file or DETOUR_TOKEN_FILE")
	case !ok:
		return who, nil, problem(api.ProblemUnauthorized, "the token is not one of those configured", "check the token file, and auth.tokens of this server")
	case !may(who, rt.role) && s.held(within, rt.role):
		return who, nil, s.outdatedRole(who)
	case !may(who, rt.role) && !s.canSign():
		return who, nil, problem(api.ProblemForbidden, "this server has no tokens, so nobody may change anything through it", "configure auth.tokens and give a token the role "+string(rt.role))
	case !may(who, rt.role):
		return who, nil, problem(api.ProblemForbidden, fmt.Sprintf("%s has the roles %v; this needs %s", who.Name, who.Role, rt.role), "ask someone who has the role "+string(rt.role)+", or have it added to the token in auth.tokens")
	case alters(rt.method) && !shown:
		return who, nil, problem(api.ProblemUnauthorized, "a caller on this machine may look without saying who they are, and change nothing", "sign in at the console, or send a token")
	}
	return who, within, nil
}

// identified reports whether an admitted caller has shown who they are. A viewer on this machine has shown nothing.
func identified(r *http.Request, within *session) bool {
	return within != nil || r.Header.Get("Authorization") != ""
}

func tooOften() *api.Problem {
	return problem(api.ProblemTooMany, "this caller asks more often than it may", "wait a second; GET /api/v1/stream tells of changes without asking")
}

// recorder knows which status was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write notes that a body without a status is an OK.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
