package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// browser is somebody at the console: a cookie, and what the page was given to prove that it is one.
type browser struct {
	*server
	cookie, csrf string
}

// signIn signs in at s with the token of a name.
func signIn(t *testing.T, s *server, name string) (*browser, *http.Cookie) {
	t.Helper()
	a := s.do("POST", "/api/v1/session", "", `{"token":"`+name+`-secret"}`)
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	session := into[api.Session](t, a)
	c, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil || session.Name != name || !session.SignedIn || session.CSRF == "" {
		t.Fatalf("%v: %+v", err, session)
	}
	return &browser{server: s, cookie: c.Name + "=" + c.Value, csrf: session.CSRF}, c
}

// ask asks as the console does.
func (b *browser) ask(method, path, body string) answer {
	b.t.Helper()
	return b.do(method, path, "", body, "Cookie", b.cookie, web.CSRFHeader, b.csrf)
}

// The cookie is out of every script's reach and goes to this site alone; the token itself is not in it.
func TestSignIn(t *testing.T) {
	s := start(t, people())
	b, c := signIn(t, s, "approver")
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure || c.MaxAge <= 0 || strings.Contains(c.Value, "secret") {
		t.Errorf("%+v", c)
	}
	over := s.do("POST", "/api/v1/session", "", `{"token":"approver-secret"}`, "X-Forwarded-Proto", "https")
	if c, err := http.ParseSetCookie(over.header.Get("Set-Cookie")); err != nil || !c.Secure {
		t.Errorf("behind TLS: %+v, %v", c, err)
	}
	who := into[api.Session](t, b.ask("GET", "/api/v1/session", ""))
	if who.Name != "approver" || who.CSRF != b.csrf || !who.Expires.Equal(webtest.Start.Add(10*time.Minute+8*time.Hour)) {
		t.Errorf("%+v", who)
	}
	if a := b.ask("POST", "/api/v1/incidents/"+webtest.Asking+"/approve", `{"plan":"`+string(plan(t, s))+`"}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.View(func(board *incident.Board) {
		i, _ := board.Incident(webtest.Asking)
		if by := i.Approvals[0].By; by.Name != "approver" || by.Via != "console" {
			t.Errorf("on the record is %+v", by)
		}
	})
	for name, a := range map[string]answer{
		"a role that the token has not":    b.ask("POST", "/api/v1/freeze", `{"reason":"x"}`),
		"without the page's proof":         b.do("POST", "/api/v1/incidents/"+webtest.Held+"/approve", "", `{"plan":"x"}`, "Cookie", b.cookie),
		"with another's proof":             b.do("DELETE", "/api/v1/session", "", "", "Cookie", b.cookie, web.CSRFHeader, "guessed"),
		"from a page of another's":         b.do("POST", "/api/v1/incidents/x/approve", "", `{"plan":"x"}`, "Cookie", b.cookie, web.CSRFHeader, b.csrf, "Sec-Fetch-Site", "cross-site"),
		"from a page of a neighbour's":     b.do("POST", "/api/v1/incidents/x/approve", "", `{"plan":"x"}`, "Cookie", b.cookie, web.CSRFHeader, b.csrf, "Sec-Fetch-Site", "same-site"),
		"signing somebody in from outside": s.do("POST", "/api/v1/session", "", `{"token":"approver-secret"}`, "Sec-Fetch-Site", "cross-site"),
	} {
		t.Run(name, func(t *testing.T) { wantProblem(t, a, http.StatusForbidden, api.ProblemForbidden) })
	}
}

// Whoever has no token, or another's cookie, is nobody.
func TestSignInRefused(t *testing.T) {
	s := start(t, people())
	_, c := signIn(t, s, "viewer")
	for _, body := range []string{`{"token":"guessed"}`, `{"token":""}`} {
		a := s.do("POST", "/api/v1/session", "", body)
		wantProblem(t, a, http.StatusUnauthorized, api.ProblemUnauthorized)
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie was given", body)
		}
	}
	wantProblem(t, s.do("POST", "/api/v1/session", "", `{"token":"x","more":1}`), http.StatusBadRequest, api.ProblemInvalid)
	wantProblem(t, s.do("GET", "/api/v1/session", "", "", "Cookie", c.Name+"=guessed"), http.StatusUnauthorized, api.ProblemUnauthorized)
	other := start(t, people())
	wantProblem(t, other.do("GET", "/api/v1/incidents", "", "", "Cookie", c.Name+"="+c.Value), http.StatusUnauthorized, api.ProblemUnauthorized)
	for range 40 { // faster than any person
		if a := s.do("POST", "/api/v1/session", "", `{"token":"guessed"}`); a.status == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("guessing goes on unhindered")
}

// meanwhile has something happen between an order that was admitted and its record.
type meanwhile struct {
	web.Orders
	happens func()
}

func (m *meanwhile) Submit(ctx context.Context, order incident.Order) (events.Commit, error) {
	if happens := m.happens; happens != nil {
		m.happens = nil
		happens()
	}
	return m.Orders.Submit(ctx, order)
}

// An order counts by what its session is where the record would stand: one that was admitted just before somebody ended the
// session, or before it ended by itself, is not carried out.
func TestSessionEndsBeforeRecord(t *testing.T) {
	for name, happens := range map[string]func(*server){
		"by an admin": func(s *server) {
			if _, err := s.Replica.Submit(t.Context(), incident.SignOutEverywhere("operator", events.Person{Name: "admin"})); err != nil {
				t.Error(err)
			}
		},
		"by itself": func(s *server) { s.SetClock(func() time.Time { return webtest.Start.Add(9 * time.Hour) }) },
		"not":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			m := new(meanwhile)
			s := start(t, people(), func(c *web.Config) { m.Orders, c.Orders = c.Orders, m })
			b, _ := signIn(t, s, "operator")
			if happens != nil {
				m.happens = func() { happens(s) }
			}
			a := b.ask("POST", "/api/v1/freeze", `{"reason":"storm"}`)
			frozen := false
			s.View(func(b *incident.Board) { _, frozen = b.Freezes()[events.Network] })
			if happens == nil {
				if a.status != http.StatusOK || !frozen {
					t.Errorf("%d %s", a.status, a.body)
				}
				return
			}
			wantProblem(t, a, http.StatusUnauthorized, api.ProblemUnauthorized)
			if frozen {
				t.Error("it was carried out")
			}
		})
	}
}

// What the provider said that somebody may do must count where the record would stand, too.
func TestRolesAgeBeforeRecord(t *testing.T) {
	m := new(meanwhile)
	e := entranceOf(t, func(c *web.Config) { m.Orders, c.Orders = c.Orders, m })
	_, set := e.enter("/auth/login", fresh())
	b := e.at(set)
	e.pass(15 * time.Minute)
	m.happens = func() { e.pass(time.Second) }
	wantProblem(t, b.ask("POST", "/api/v1/freeze", `{"reason":"storm"}`), http.StatusForbidden, api.ProblemSignIn)
	e.View(func(b *incident.Board) {
		if _, frozen := b.Freezes()[events.Network]; frozen {
			t.Error("it was carried out")
		}
	})
}

// looked has something happen between the admission of a request and what it does to a router.
type looked struct {
	web.Network
	happens func()
}

func (l *looked) Routers() []api.Router {
	if happens := l.happens; happens != nil {
		l.happens = nil
		happens()
	}
	return l.Network.Routers()
}

// No router is set for somebody whose session was ended after they were admitted.
func TestSessionEndsBeforeRouterIsSet(t *testing.T) {
	for path, body := range map[string]string{"prove": "", "reboot-trial": "{}"} {
		t.Run(path, func(t *testing.T) {
			l := new(looked)
			s := start(t, people(), func(c *web.Config) { l.Network, c.Network = c.Network, l })
			b, _ := signIn(t, s, "operator")
			var ended uint64
			l.happens = func() {
				c, err := s.Replica.Submit(t.Context(), incident.SignOutEverywhere("operator", events.Person{Name: "admin"}))
				if err != nil {
					t.Error(err)
				}
				ended = c.Position
			}
			wantProblem(t, b.ask("POST", "/api/v1/routers/den/"+path, body), http.StatusUnauthorized, api.ProblemUnauthorized)
			s.View(func(b *incident.Board) {
				if ended == 0 || b.Position != ended {
					t.Errorf("the session ended at position %d, and the ledger is at %d", ended, b.Position)
				}
			})
		})
	}
}

// Replicas on one host do not take each other's cookies for their own.
func TestCookieNames(t *testing.T) {
	named := func(replica string) *http.Cookie {
		_, c := signIn(t, start(t, people(), func(c *web.Config) {
			c.Health.(*webtest.Replica).SetStatus(func(st *api.Status) { st.Replica = replica })
		}), "viewer")
		return c
	}
	mine, its, after := named("replica-1/4711"), named("replica-2/4711"), named("replica-2/4712")
	if mine.Name == its.Name || its.Name != after.Name {
		t.Errorf("%s, %s, and after a restart %s", mine.Name, its.Name, after.Name)
	}
}

// A session ends by the hand of who has it, and by itself; streams that are read in it end with it.
func TestSessionEnds(t *testing.T) {
	s := start(t, people())
	b, _ := signIn(t, s, "admin")
	r := open(t, s, "/api/v1/stream", "", "Authorization", "", "Cookie", b.cookie)
	r.change()
	if a := b.ask("DELETE", "/api/v1/session", ""); a.status != http.StatusOK || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	for m := r.next(); m != (message{}); m = r.next() {
		t.Logf("still under way: %+v", m)
	}
	wantProblem(t, b.ask("GET", "/api/v1/session", ""), http.StatusUnauthorized, api.ProblemUnauthorized)

	b, _ = signIn(t, s, "admin")
	now := webtest.Start.Add(10 * time.Minute)
	for after, want := range map[time.Duration]int{8*time.Hour - time.Second: http.StatusOK, 8 * time.Hour: http.StatusUnauthorized} {
		s.SetClock(func() time.Time { return now.Add(after) })
		if a := b.ask("GET", "/api/v1/session", ""); a.status != want {
			t.Errorf("after %s: %d, want %d", after, a.status, want)
		}
	}
}

// A viewer on this machine signs in to do more; where there are no tokens the console does not offer it.
func TestLocalViewerSignsIn(t *testing.T) {
	auth := people()
	auth.LocalViewer = true
	s := start(t, auth)
	if who := into[api.Session](t, s.do("GET", "/api/v1/session", "", "")); who.SignedIn || !who.CanSign || who.Name != "local" || who.CSRF != "" {
		t.Errorf("%+v", who)
	}
	wantProblem(t, s.do("POST", "/api/v1/freeze", "", `{"reason":"x"}`), http.StatusForbidden, api.ProblemForbidden)
	b, _ := signIn(t, s, "operator")
	if a := b.ask("POST", "/api/v1/freeze", `{"reason":"storm"}`); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if who := into[api.Session](t, start(t, web.Auth{LocalViewer: true}).do("GET", "/api/v1/session", "", "")); who.CanSign {
		t.Errorf("nobody can sign in, and yet %+v", who)
	}
}
