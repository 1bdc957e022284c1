package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
)

// CSRFHeader carries what the server gave the session when it began. A page of another origin cannot read it.
const CSRFHeader = "Detour-CSRF"

// Bounds on sessions. One lasts for a shift, whatever is done in it; who comes when there are too many ends the oldest.
const (
	sessionLasts = 8 * time.Hour
	maxSessions  = 1024
)

// session is one browser in which somebody has signed in. It remembers who, not what they may: roles are those of the
// token at the moment of the request.
type session struct {
	name    string
	csrf    string
	expires time.Time
	ctx     context.Context // ends with the session
	end     context.CancelFunc
}

// sessions are those of this replica, in memory alone: whoever comes to another replica, or after a restart, signs in
// there. They are kept by the digest of the cookie, which is kept nowhere.
type sessions struct {
	now    func() time.Time
	ending context.Context

	mu   sync.Mutex
	live map[[sha256.Size]byte]*session
}

func newSessions(ending context.Context, now func() time.Time) *sessions {
	return &sessions{now: now, ending: ending, live: map[[sha256.Size]byte]*session{}}
}

// begin makes a session of the bearer of a token, and the cookie's value.
func (s *sessions) begin(name string) (*session, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for key, old := range s.live {
		if !now.Before(old.expires) {
			old.end()
			delete(s.live, key)
		}
	}
	for len(s.live) >= maxSessions {
		s.dropOldest()
	}
	begun := &session{name: name, csrf: rand.Text(), expires: now.Add(sessionLasts)}
	begun.ctx, begun.end = context.WithTimeout(s.ending, sessionLasts)
	secret := rand.Text()
	s.live[sha256.Sum256([]byte(secret))] = begun
	return begun, secret
}

func (s *sessions) dropOldest() {
	var oldest [sha256.Size]byte
	for key, one := range s.live {
		if first := s.live[oldest]; first == nil || one.expires.Before(first.expires) {
			oldest = key
		}
	}
	s.live[oldest].end()
	delete(s.live, oldest)
}

// of finds the session that a request belongs to. It is found by the digest of a secret of 128 bits and more, so how long
// that takes tells nobody anything.
func (s *sessions) of(r *http.Request, cookie string) (*session, bool) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.live[sha256.Sum256([]byte(c.Value))]
	if !ok || !s.now().Before(found.expires) {
		return nil, false
	}
	return found, true
}

// finish ends a session, and every stream that is read in it.
func (s *sessions) finish(over *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.live {
		if one == over {
			delete(s.live, key)
		}
	}
	over.end()
}

// cookieName is of this replica alone: browsers send cookies to every port of a host, where there may be others.
func (s *Server) cookieName() string {
	name, _, _ := strings.Cut(s.cfg.Health.Status().Replica, "/")
	sum := sha256.Sum256([]byte(name))
	return "detour-" + hex.EncodeToString(sum[:4])
}

// cookie is what a browser is given: no script can read it, and no page of another site makes a browser send it.
func (s *Server) cookie(r *http.Request, value string, lasts time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: s.cookieName(), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https", MaxAge: int(lasts.Seconds()),
	}
}

// caller finds out who calls: by the token in the header, else by the session, else as a viewer on this machine. within is
// nil without a session.
func (s *Server) caller(r *http.Request) (who events.Person, within *session, ok bool) {
	if r.Header.Get("Authorization") != "" {
		who, ok = s.cfg.Auth.identify(r)
		return who, nil, ok
	}
	if within, ok = s.sessions.of(r, s.cookieName()); ok {
		if t, known := s.cfg.Auth.named(within.name); known {
			return events.Person{Name: t.Name, Role: Expand(t.Roles), Via: "console"}, within, true
		}
	}
	who, ok = s.cfg.Auth.identify(r)
	return who, nil, ok
}

// genuine reports whether a request that is made within a session, and would change something, was made by our own page.
func genuine(r *http.Request, within *session) bool {
	if within == nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	return subtle.ConstantTimeCompare([]byte(r.Header.Get(CSRFHeader)), []byte(within.csrf)) == 1
}

type sessionKey struct{}

// sessionOf is the session that an admitted request was made in, nil for none.
func sessionOf(ctx context.Context) *session {
	within, _ := ctx.Value(sessionKey{}).(*session)
	return within
}

func (s *Server) showSession(r *http.Request, who events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	return s.describe(who, sessionOf(r.Context())), nil
}

func (s *Server) describe(who events.Person, within *session) api.Session {
	st := s.cfg.Health.Status()
	d := api.Session{Name: who.Name, Roles: orEmpty(who.Role), CanSign: len(s.cfg.Auth.Tokens) > 0, Replica: st.Replica, Revision: st.Version, At: s.cfg.Now().UTC()}
	if within != nil {
		d.SignedIn, d.CSRF, d.Expires = true, within.csrf, within.expires.UTC()
	}
	return d
}

// signIn takes a token from a person at a browser, once, and gives the browser a session instead.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	if !s.limits.signIn.Allow() {
		return problem(api.ProblemTooMany, "sign-ins are tried more often than people do", "wait a second")
	}
	if _, err := ask(r); err != nil {
		return err
	}
	var body api.SignIn
	if err := readJSON(r, &body); err != nil {
		return err
	}
	t, ok := s.cfg.Auth.holder(strings.TrimSpace(body.Token))
	who := events.Person{Name: t.Name, Role: Expand(t.Roles), Via: "console"}
	if !ok {
		err := problem(api.ProblemUnauthorized, "the token is not one of those configured", "check the token, and auth.tokens of this server")
		s.audit(r, who, "sign in", "", 0, err)
		return err
	}
	if old, signed := s.sessions.of(r, s.cookieName()); signed {
		s.sessions.finish(old)
	}
	begun, secret := s.sessions.begin(t.Name)
	s.audit(r, who, "sign in", "", 0, nil)
	http.SetCookie(w, s.cookie(r, secret, sessionLasts))
	return writeJSON(w, http.StatusOK, s.describe(who, begun))
}

// signOut ends the session that the request was made in, if any.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request, who events.Person) error {
	if _, err := ask(r); err != nil {
		return err
	}
	if within := sessionOf(r.Context()); within != nil {
		s.sessions.finish(within)
		s.audit(r, who, "sign out", "", 0, nil)
	}
	http.SetCookie(w, s.cookie(r, "", -time.Second))
	return writeJSON(w, http.StatusOK, s.describe(who, nil))
}
