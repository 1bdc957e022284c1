package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/seal"
)

// CSRFHeader carries what the server gave the session when it began. A page of another origin cannot read it.
const CSRFHeader = "Detour-CSRF"

// sessionLasts is for a shift, whatever is done in it.
const sessionLasts = 8 * time.Hour

// session is one browser in which somebody has signed in. The browser keeps it, sealed: replicas that have the same key
// take it for their own, and none has to remember it.
type session struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	CSRF    string    `json:"csrf"`
	Begun   time.Time `json:"begun"`
	Expires time.Time `json:"expires"`
	Shown   time.Time `json:"shown,omitzero"` // when they last showed who they are; the zero time if that is not known

	// Login says that the provider has let them in. What they may do is what it said at At; of whoever bears a token it is what
	// that may do at the moment of the request.
	Login bool      `json:"login,omitempty"`
	Roles []string  `json:"roles,omitempty"`
	At    time.Time `json:"at"`
}

// sessions seals them.
type sessions struct {
	key  seal.Key
	name string // of the cookie
}

// keys are what a server seals with.
type keys struct {
	sessions sessions
	attempts attempts
	tickets  seal.Key
}

// newKeys takes the secret that replicas share. Without one it makes one of its own, and the sessions are of this replica
// alone, until it ends. Browsers send cookies to every port of a host, so replicas that do not share their sessions must not
// share the cookie's name.
func newKeys(secret []byte, replica string) (k keys, err error) {
	of := append([]byte("sessions by the secret "), secret...)
	if secret == nil {
		secret = make([]byte, seal.MinSecret)
		_, _ = rand.Read(secret) // it never fails
		name, _, _ := strings.Cut(replica, "/")
		of = []byte(name)
	}
	sum := sha256.Sum256(of)
	k.sessions.name = "detour-" + hex.EncodeToString(sum[:4])
	k.attempts.name = k.sessions.name + "-login"
	for purpose, key := range map[string]*seal.Key{"session": &k.sessions.key, "login": &k.attempts.key, "ticket": &k.tickets} {
		if *key, err = seal.New(secret, purpose); err != nil {
			return k, fmt.Errorf("session key: %w", err)
		}
	}
	return k, nil
}

// begin makes a session of somebody's, and gives it to the browser.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, of session) (*session, error) {
	now := s.cfg.Now().UTC()
	of.ID, of.CSRF, of.At, of.Begun, of.Expires = rand.Text(), rand.Text(), now, now, now.Add(sessionLasts)
	over := view(s, func(b *incident.Board) time.Time { return b.AllSignedOut(of.Name) })
	if !of.Begun.After(over) { // that moment may lie ahead by a little, and whoever comes back at once is welcome
		of.Begun = over.Add(time.Microsecond)
	}
	sealed, err := s.sessions.key.Seal(of)
	if err != nil {
		return nil, err
	}
	http.SetCookie(w, s.cookie(r, sealed, sessionLasts))
	return &of, nil
}

// session finds the session that a request was made in.
func (s *Server) session(r *http.Request) (*session, bool) {
	c, err := r.Cookie(s.sessions.name)
	if err != nil {
		return nil, false
	}
	found := new(session)
	if s.sessions.key.Open(c.Value, found) != nil || !s.lasts(found) {
		return nil, false
	}
	return found, true
}

// lasts reports whether a session is neither over nor ended.
func (s *Server) lasts(one *session) bool {
	return s.cfg.Now().Before(one.Expires) && !view(s, func(b *incident.Board) bool { return b.SignedOut(one.Name, one.ID, one.Begun) })
}

// cookie is what a browser is given: no script can read it, and no page of another site makes a browser send it.
func (s *Server) cookie(r *http.Request, value string, lasts time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: s.sessions.name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: secure(r), MaxAge: int(lasts.Seconds()),
	}
}

// secure reports whether the browser speaks TLS, to us or to the proxy before us.
func secure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// caller finds out who calls: by the token in the header, else by the session, else as a viewer on this machine. within is
// nil without a session.
func (s *Server) caller(r *http.Request) (who events.Person, within *session, ok bool) {
	if r.Header.Get("Authorization") != "" {
		who, ok = s.cfg.Auth.identify(r)
		return who, nil, ok
	}
	if within, ok = s.session(r); ok {
		if who, ok = s.person(within); ok {
			return who, within, true
		}
	}
	who, ok = s.cfg.Auth.identify(r)
	return who, nil, ok
}

// person is whose session it is, with what they may do now. What the provider said of that counts for a while; then they may
// look until they sign in again.
func (s *Server) person(within *session) (who events.Person, ok bool) {
	return s.personAt(within, s.cfg.Now())
}

func (s *Server) personAt(within *session, now time.Time) (who events.Person, ok bool) {
	who = events.Person{Name: within.Name, Via: "console"}
	if !within.Login {
		t, ok := s.cfg.Auth.named(within.Name)
		who.Role = Expand(t.Roles)
		return who, ok
	}
	if who.Role = Expand(within.Roles); s.outdatedAt(within, now) {
		who.Role = []string{string(Viewer)}
	}
	return who, s.cfg.Login != nil
}

// outdated reports whether what the provider said that somebody may do has to be asked for anew.
func (s *Server) outdated(within *session) bool { return s.outdatedAt(within, s.cfg.Now()) }

func (s *Server) outdatedAt(within *session, now time.Time) bool {
	return within != nil && within.Login && now.Sub(within.At) > s.cfg.Fresh
}

// held reports whether a role is one that the provider has said of whoever has the session, and that has to be asked for anew.
func (s *Server) held(within *session, role Role) bool {
	return s.outdated(within) && slices.Contains(Expand(within.Roles), string(role))
}

// outdatedRole is what whoever has held a role is told, in place of that they do not have it.
func (s *Server) outdatedRole(who events.Person) *api.Problem {
	return problem(api.ProblemSignIn, "what "+who.Name+" may do was last asked of the provider more than "+s.cfg.Fresh.String()+" ago", "sign in again")
}

// needsAdmin is what a caller is told who is no admin: detail and remedy, or, if they have been one, to sign in again; nil for an
// admin.
func (s *Server) needsAdmin(r *http.Request, who events.Person, detail, remedy string) *api.Problem {
	switch {
	case may(who, Admin):
		return nil
	case s.held(sessionOf(r.Context()), Admin):
		return s.outdatedRole(who)
	}
	return problem(api.ProblemForbidden, detail, remedy)
}

// genuine reports whether a request that is made within a session, and would change something, was made by our own page.
func genuine(r *http.Request, within *session) bool {
	if within == nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	return subtle.ConstantTimeCompare([]byte(r.Header.Get(CSRFHeader)), []byte(within.CSRF)) == 1
}

type sessionKey struct{}

// sessionOf is the session that an admitted request was made in, nil for none.
func sessionOf(ctx context.Context) *session {
	within, _ := ctx.Value(sessionKey{}).(*session)
	return within
}

// stillWithin is an order that is carried out only if the session that it was given in still counts where its record would stand.
func (s *Server) stillWithin(r *http.Request, who events.Person, order incident.Order) incident.Order {
	return func(b *incident.Board, now time.Time) ([]events.Record, error) {
		if err := s.counts(r, who, b, now); err != nil {
			return nil, err
		}
		return order(b, now)
	}
}

// counts says why the session that a request was admitted in, if there is one, does not count any more: it has ended, or whoever has it
// may not do what they might then. A request may take long to come in whole, and that may be why somebody's sessions are being ended.
func (s *Server) counts(r *http.Request, who events.Person, b *incident.Board, now time.Time) error {
	within := sessionOf(r.Context())
	if within == nil {
		return nil
	}
	if !now.Before(within.Expires) || b.SignedOut(within.Name, within.ID, within.Begun) {
		return problem(api.ProblemUnauthorized, "the session ended before this was done", "sign in, and look at it again")
	}
	if still, ok := s.personAt(within, now); !ok || !slices.Equal(still.Role, who.Role) {
		return s.outdatedRole(who)
	}
	return nil
}

// followSession ends what is done in a session once that is over, until ctx ends.
func (s *Server) followSession(ctx context.Context, within *session, end context.CancelFunc) {
	look := time.NewTicker(s.cfg.Heartbeat / 3)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			if !s.lasts(within) {
				end()
				return
			}
		}
	}
}
