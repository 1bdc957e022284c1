package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

func (s *Server) showSession(r *http.Request, who events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	return s.describe(who, sessionOf(r.Context())), nil
}

func (s *Server) describe(who events.Person, within *session) api.Session {
	st := s.cfg.Health.Status()
	d := api.Session{Name: who.Name, Roles: orEmpty(who.Role), CanSign: s.canSign(), Replica: st.Replica, Revision: st.Version, At: s.cfg.Now().UTC()}
	if within != nil {
		d.SignedIn, d.CSRF, d.Expires, d.Again = true, within.CSRF, within.Expires.UTC(), s.outdated(within)
	}
	return d
}

// signIn takes a token from a person at a browser, once, and gives the browser a session instead.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	if !s.limits.signIn(r, s.cfg.Now()) {
		return signsInTooOften()
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
	begun, err := s.begin(w, r, session{Name: t.Name, Shown: s.cfg.Now().UTC()})
	s.audit(r, who, "sign in", "", 0, err)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.describe(who, begun))
}

func signsInTooOften() *api.Problem {
	return problem(api.ProblemTooMany, "sign-ins are tried more often than people do", "wait a second")
}

// signOut ends the session that the request was made in, if any; or, everywhere, all of the caller's, or of the person whom an
// admin names. The browser forgets its cookie in any case; that no replica takes a copy of it any more is on the ledger when
// this is answered.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request, who events.Person) error {
	q, err := ask(r, "everywhere", "person")
	if err != nil {
		return err
	}
	person, all := who.Name, q.Get("everywhere") == "true"
	switch {
	case q.Has("everywhere") && !all && q.Get("everywhere") != "false":
		return invalid("everywhere is "+q.Get("everywhere"), "give true or false")
	case q.Get("person") != "" && q.Get("person") != person:
		if p := s.needsAdmin(r, who, "somebody else's sessions are an admin's to end", "ask someone who has the role admin"); p != nil {
			return p
		}
		person, all = q.Get("person"), true
	}
	within := sessionOf(r.Context())
	if person == who.Name {
		http.SetCookie(w, s.cookie(r, "", -time.Second))
	}
	switch {
	case all:
		_, err = s.submit(r, who, "sign out everywhere", person, incident.SignOutEverywhere(person, who))
	case within != nil:
		_, err = s.submit(r, who, "sign out", person, incident.SignOut(person, within.ID, within.Expires, who))
	}
	if err != nil {
		return err
	}
	if person != who.Name {
		return writeJSON(w, http.StatusOK, s.describe(who, within))
	}
	d := s.describe(who, nil)
	if within != nil && within.Login && s.cfg.Login != nil {
		d.Leave = s.cfg.Login.Leave()
	}
	return writeJSON(w, http.StatusOK, d)
}

// shownLately refuses to approve by a session what takes more than a click, unless whoever it is has shown who they are not
// long ago. A program shows its token with every request.
func (s *Server) shownLately(r *http.Request, id string, order incident.Order) incident.Order {
	within := sessionOf(r.Context())
	return func(b *incident.Board, now time.Time) ([]events.Record, error) {
		i, ok := b.Incident(id)
		if ok && within != nil && i.Ask != nil && !i.Ask.ByClick && now.Sub(within.Shown) > s.cfg.Fresh {
			return nil, problem(api.ProblemSignIn, "approving "+id+" takes a sign-in that is younger than "+s.cfg.Fresh.String(), "sign in again, and approve it then")
		}
		return order(b, now)
	}
}
