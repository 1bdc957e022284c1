package web

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/login"
	"github.com/detour-net/detour/internal/web/seal"
)

// Where people are sent to sign in at the provider, and where that sends them back to. CallbackPath is the path of the
// redirect URL.
const (
	loginPath    = "/auth/login"
	CallbackPath = "/auth/callback"
)

// Login is a provider at which people sign in.
type Login interface {
	// Begin returns where to send a browser, and what it keeps meanwhile. With within, whoever has shown who they are longer
	// ago than that must show it anew. The error is login.ErrAway.
	Begin(to string, within time.Duration) (login.Attempt, string, error)
	// Finish says who has come back. The error wraps login.ErrAway, login.ErrDenied, or says what is wrong with the answer.
	Finish(ctx context.Context, a login.Attempt, answer url.Values) (login.Identity, error)
	// Away says why nobody can sign in now, "" if they can.
	Away() string
	// Leave is where people sign out of the provider itself, "" if there is no such place.
	Leave() string
}

// Bounds of an attempt to sign in.
const (
	attemptKept = 15 * time.Minute // by the browser; it counts for less
	anew        = time.Minute      // who must show anew who they are does so within this
	maxWhereTo  = 512              // bytes of a path
)

// attempts seals what a browser keeps while it is at the provider. Its cookie must come back with the provider's answer, so
// unlike a session's it comes with every visit that another site leads to; it lets nobody in.
type attempts struct {
	key  seal.Key
	name string // of the cookie
}

func (a attempts) cookie(r *http.Request, value string, kept time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: a.name, Value: value, Path: "/auth/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure(r), MaxAge: int(kept.Seconds()),
	}
}

// of is the attempt of the browser that asks; a zero one, which no answer fits, if there is none.
func (a attempts) of(r *http.Request) (kept login.Attempt) {
	if c, err := r.Cookie(a.name); err == nil && a.key.Open(c.Value, &kept) != nil {
		return login.Attempt{}
	}
	return kept
}

// showLogin says how people can sign in.
func (s *Server) showLogin(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	l := api.Login{Tokens: len(s.cfg.Auth.Tokens) > 0}
	if s.cfg.Login != nil {
		l.Provider, l.Away = loginPath, s.cfg.Login.Away()
	}
	return l, nil
}

// toProvider sends a browser to the provider.
func (s *Server) toProvider(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	if s.cfg.Login == nil {
		return turnAway(w, noProvider())
	}
	q := r.URL.Query()
	within := time.Duration(0)
	if q.Has("anew") {
		within = anew
	}
	attempt, where, err := s.cfg.Login.Begin(inside(q.Get("to")), within)
	if err != nil {
		return turnAway(w, notSignedIn(err))
	}
	sealed, err := s.attempts.key.Seal(attempt)
	if err != nil {
		return err
	}
	http.SetCookie(w, s.attempts.cookie(r, sealed, attemptKept))
	http.Redirect(w, r, where, http.StatusSeeOther)
	return nil
}

// inside is a path of our own console; the first page for anything else.
func inside(to string) string {
	u, err := url.Parse(to)
	if err != nil || len(to) > maxWhereTo || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") ||
		strings.HasPrefix(u.Path, "/auth/") || strings.ContainsFunc(to, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }) {
		return "/"
	}
	return to
}

// fromProvider takes a browser back, and gives it a session if the provider's answer is in order.
func (s *Server) fromProvider(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	if s.cfg.Login == nil {
		return turnAway(w, noProvider())
	}
	if !s.limits.signIn(r, s.cfg.Now()) {
		p := signsInTooOften()
		s.audit(r, events.Person{}, signInThere, "", 0, p)
		return turnAway(w, p)
	}
	attempt := s.attempts.of(r)
	http.SetCookie(w, s.attempts.cookie(r, "", -time.Second)) // it counts once
	found, err := s.cfg.Login.Finish(r.Context(), attempt, r.URL.Query())
	who := events.Person{Name: found.Name, Role: Expand(found.Roles), Via: "console"}
	s.audit(r, who, signInThere, "", 0, err)
	if err != nil {
		return turnAway(w, notSignedIn(err))
	}
	if _, err := s.begin(w, r, session{Name: found.Name, Shown: found.Shown, Roles: found.Roles, Login: true}); err != nil {
		return err
	}
	http.Redirect(w, r, inside(attempt.To), http.StatusSeeOther)
	return nil
}

// signInThere is what is said in the log of whoever comes back from the provider.
const signInThere = "sign in at the provider"

func noProvider() *api.Problem {
	return problem(api.ProblemNotFound, "this server knows no provider to sign in at", "sign in with a token, or configure auth.oidc")
}

// notSignedIn says what an error of the provider's means to whoever wants to sign in.
func notSignedIn(err error) *api.Problem {
	switch {
	case errors.Is(err, login.ErrDenied):
		return problem(api.ProblemForbidden, err.Error(), "ask whoever keeps your groups at the provider, and auth.oidc here")
	case errors.Is(err, login.ErrAway):
		return problem(api.ProblemUnavailable, err.Error(), "try again; whoever has a token can sign in with it meanwhile")
	}
	return problem(api.ProblemUnauthorized, "the provider's answer is not in order: "+err.Error(), "begin anew; if it happens again, whoever keeps auth.oidc and the provider should know")
}

// turnedAway is what a browser shows to whoever was not signed in.
const turnedAway = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Not signed in · Detour</title>
<link rel="stylesheet" href="/assets/console.css">
<main id="page"><section class="welcome"><h1>Not signed in</h1><p>{{.Detail}}.</p><p class="note">{{.Remedy}}.</p>
<p><a href="/">Back to the console</a></p></section></main></html>
`

// turnAway answers a browser with a page. Anybody can ask for it as often as they like, so nothing is said of it in the log.
func turnAway(w http.ResponseWriter, p *api.Problem) error {
	page, err := template.New("").Parse(turnedAway)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", consoleCSP)
	w.WriteHeader(p.Status)
	return page.Execute(w, p)
}
