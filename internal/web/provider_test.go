package web_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/login"
	"github.com/detour-net/detour/internal/web/login/logintest"
	"github.com/detour-net/detour/internal/web/webtest"
)

// entrance is a server at which people sign in at a provider. Both go by the clock of the story.
type entrance struct {
	*server
	op    *logintest.Provider
	since time.Duration // the beginning
}

func entranceOf(t *testing.T, more ...func(*web.Config)) *entrance {
	t.Helper()
	e := &entrance{op: logintest.Start(t)}
	e.op.FastForward(time.Until(webtest.Start.Add(10 * time.Minute)).Round(time.Second))
	e.server = start(t, people(), append(more, func(c *web.Config) {
		l := e.op.Client("http://" + "console.test" + web.CallbackPath)
		l.Now = c.Now
		p := login.New(l)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = p.Run(ctx) })
		t.Cleanup(func() { cancel(); running.Wait() })
		logintest.Settle(t, p, "")
		c.Login = p
	})...)
	return e
}

// pass lets time pass for everybody.
func (e *entrance) pass(d time.Duration) {
	e.since += d
	e.op.FastForward(d)
	now := webtest.Start.Add(10*time.Minute + e.since)
	e.SetClock(func() time.Time { return now })
}

// visit asks for a page as a browser does that follows nowhere by itself, and returns the answer with its cookies.
func (e *entrance) visit(path string, cookies ...*http.Cookie) (answer, map[string]*http.Cookie) {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), "GET", e.url+path, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, c := range cookies {
		req.AddCookie(c)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	set := map[string]*http.Cookie{}
	for _, c := range resp.Cookies() {
		kind := "session"
		if strings.HasSuffix(c.Name, "-login") {
			kind = "attempt"
		}
		set[kind] = c
	}
	return answer{resp.StatusCode, resp.Header, raw}, set
}

// away goes to the provider as u: what the browser keeps, and where it is sent back to.
func (e *entrance) away(path string, u logintest.User) (attempt *http.Cookie, back url.Values) {
	e.t.Helper()
	e.op.QueueUser(u)
	a, set := e.visit(path)
	if a.status != http.StatusSeeOther || set["attempt"] == nil {
		e.t.Fatalf("%d %s", a.status, a.body)
	}
	return set["attempt"], logintest.Visit(e.t, a.header.Get("Location"))
}

// enter goes there and comes back.
func (e *entrance) enter(path string, u logintest.User) (answer, map[string]*http.Cookie) {
	e.t.Helper()
	attempt, back := e.away(path, u)
	return e.visit(web.CallbackPath+"?"+back.Encode(), attempt)
}

// at is the browser that has entered.
func (e *entrance) at(set map[string]*http.Cookie) *browser {
	e.t.Helper()
	if set["session"] == nil {
		e.t.Fatal("there is no session")
	}
	b := &browser{server: e.server, cookie: set["session"].Name + "=" + set["session"].Value}
	b.csrf = into[api.Session](e.t, b.ask("GET", "/api/v1/session", "")).CSRF
	return b
}

var nora = logintest.User{Email: "nora@example.net", Groups: []string{"noc"}}

// fresh is Nora who has just typed her password.
func fresh() logintest.User {
	u := nora
	u.Bend = func(c jwt.MapClaims) { c["auth_time"] = c["iat"] }
	return u
}

func approveAt(b *browser) answer {
	return b.ask("POST", "/api/v1/incidents/"+webtest.Asking+"/approve", `{"plan":"`+string(plan(b.t, b.server))+`"}`)
}

// Who comes back from the provider is who it says, may do what the groups may, and goes where they wanted to.
func TestProvider(t *testing.T) {
	e := entranceOf(t)
	if l := into[api.Login](t, e.do("GET", "/api/v1/login", "", "")); l != (api.Login{Tokens: true, Provider: "/auth/login"}) {
		t.Errorf("%+v", l)
	}
	a, set := e.enter("/auth/login?to=/drains", fresh())
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/drains" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	if c := set["session"]; c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" {
		t.Errorf("session: %+v", c)
	}
	if c := set["attempt"]; c == nil || c.MaxAge >= 0 {
		t.Errorf("the attempt is kept: %+v", c)
	}
	if got := e.op.Asked().Get("redirect_uri"); got != "http://console.test/auth/callback" {
		t.Errorf("sent back to %s", got)
	}
	b := e.at(set)
	who := into[api.Session](t, b.ask("GET", "/api/v1/session", ""))
	if who.Name != nora.Email || !slices.Equal(who.Roles, []string{"approver", "operator"}) || !who.SignedIn || who.Again {
		t.Errorf("%+v", who)
	}
	if a := approveAt(b); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	e.View(func(board *incident.Board) {
		i, _ := board.Incident(webtest.Asking)
		if by := i.Approvals[0].By; by.Name != nora.Email || by.Via != "console" || !slices.Equal(by.Role, []string{"approver", "operator"}) {
			t.Errorf("on the record is %+v", by)
		}
	})
	wantProblem(t, b.do("DELETE", "/api/v1/session", "", "", "Cookie", b.cookie), http.StatusForbidden, api.ProblemForbidden)
	wantProblem(t, b.ask("POST", "/api/v1/incidents/x/abort", `{"reason":"x"}`), http.StatusNotFound, api.ProblemNotFound)
	e.op.Tamper(mockoidc.DiscoveryEndpoint, http.StatusServiceUnavailable, nil) // it is not asked again
	b.wants(http.StatusOK)
	if a := b.ask("DELETE", "/api/v1/session", ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.wants(http.StatusUnauthorized)
}

// turned checks that somebody was turned away with a page that says why, and without a session.
func turned(t *testing.T, a answer, set map[string]*http.Cookie, status int, words ...string) {
	t.Helper()
	if a.status != status || set["session"] != nil || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || a.header.Get("Content-Security-Policy") == "" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	for _, w := range words {
		if !strings.Contains(string(a.body), w) {
			t.Errorf("%q is not in %s", w, a.body)
		}
	}
}

// Forged, replayed and strangers' answers let nobody in, and what they say is shown as text.
func TestProviderAnswersRefused(t *testing.T) {
	e := entranceOf(t)
	attempt, back := e.away("/auth/login", nora)
	_, theirs := e.away("/auth/login", logintest.User{Email: "mallory@example.net", Groups: []string{"noc"}})

	a, set := e.visit(web.CallbackPath+"?"+theirs.Encode(), attempt)
	turned(t, a, set, http.StatusUnauthorized, "not the answer to what this browser asked")
	a, set = e.visit(web.CallbackPath + "?" + back.Encode())
	turned(t, a, set, http.StatusUnauthorized, "not the answer")
	a, set = e.visit(web.CallbackPath+"?"+back.Encode(), &http.Cookie{Name: attempt.Name, Value: attempt.Value[1:]})
	turned(t, a, set, http.StatusUnauthorized, "not the answer")
	a, set = e.visit(web.CallbackPath+"?error=%3Cscript%3E&state="+back.Get("state"), attempt)
	turned(t, a, set, http.StatusUnauthorized, "&lt;script&gt;")

	if a, set = e.visit(web.CallbackPath+"?"+back.Encode(), attempt); a.status != http.StatusSeeOther || set["session"] == nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a, set = e.visit(web.CallbackPath+"?"+back.Encode(), attempt)
	turned(t, a, set, http.StatusUnauthorized, "invalid_grant")

	a, set = e.enter("/auth/login", logintest.User{Email: "nora@example.net", Groups: []string{"sales"}})
	turned(t, a, set, http.StatusForbidden, "none of the groups")
	for range 20 {
		if a, set = e.visit(web.CallbackPath+"?"+back.Encode(), attempt); a.status == http.StatusTooManyRequests {
			turned(t, a, set, http.StatusTooManyRequests, "more often than people do")
			return
		}
	}
	t.Error("guessing goes on unhindered")
}

// A session is no attempt, and an attempt no session, though both are sealed.
func TestSealsAreNotInterchanged(t *testing.T) {
	e := entranceOf(t)
	attempt, back := e.away("/auth/login", nora)
	name := strings.TrimSuffix(attempt.Name, "-login")
	wantProblem(t, e.do("GET", "/api/v1/session", "", "", "Cookie", name+"="+attempt.Value), http.StatusUnauthorized, api.ProblemUnauthorized)
	_, c := signIn(t, e.server, "viewer")
	a, set := e.visit(web.CallbackPath+"?"+back.Encode(), &http.Cookie{Name: attempt.Name, Value: c.Value})
	turned(t, a, set, http.StatusUnauthorized, "not the answer")
}

// People are sent to pages of the console and nowhere else.
func TestWhereTo(t *testing.T) {
	e := entranceOf(t)
	for to, want := range map[string]string{
		"/incidents/den-kcy-1?x=1": "/incidents/den-kcy-1?x=1", "": "/", "https://evil.example/": "/", "//evil.example/": "/", `/\evil.example`: "/",
		"/%5cevil.example": "/%5cevil.example", "javascript:alert(1)": "/", "/auth/login?to=/": "/", "drains": "/", "/a\r\nSet-Cookie: x": "/", "/" + strings.Repeat("a", 600): "/",
	} {
		e.server = beside(t, e.server, func(c *web.Config) { c.Login = e.server.login })
		if a, _ := e.enter("/auth/login?to="+url.QueryEscape(to), nora); a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("%q: %d to %q, want %q", to, a.status, a.header.Get("Location"), want)
		}
	}
}

// What the provider said that somebody may do counts for a while; then they may look, and are told to sign in again. Whoever
// has lost a role there meanwhile comes back without it.
func TestRolesAreAskedAnew(t *testing.T) {
	e := entranceOf(t)
	_, set := e.enter("/auth/login", fresh())
	b := e.at(set)
	e.pass(15 * time.Minute)
	if a := b.ask("POST", "/api/v1/freeze", `{"scope":"site:den","reason":"storm"}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	e.pass(time.Second)
	wantProblem(t, b.ask("POST", "/api/v1/freeze", `{"scope":"site:chi","reason":"storm"}`), http.StatusForbidden, api.ProblemSignIn)
	wantProblem(t, approveAt(b), http.StatusForbidden, api.ProblemSignIn)
	if a := b.ask("GET", "/api/v1/incidents", ""); a.status != http.StatusOK {
		t.Errorf("who may look: %d %s", a.status, a.body)
	}
	if who := into[api.Session](t, b.ask("GET", "/api/v1/session", "")); !who.Again || !slices.Equal(who.Roles, []string{"viewer"}) {
		t.Errorf("%+v", who)
	}
	wantProblem(t, b.ask("DELETE", "/api/v1/session?person=ada", ""), http.StatusForbidden, api.ProblemForbidden)
	root := logintest.User{Email: "root@example.net", Groups: []string{"root"}}
	e.linked("U1", "nora")
	_, set = e.enter("/auth/login", root)
	admin := e.at(set)
	e.pass(15*time.Minute + time.Second)
	for _, path := range []string{"/api/v1/session?person=ada", "/api/v1/links/slack/T1/U1"} { // an admin is not told to ask one
		wantProblem(t, admin.ask("DELETE", path, ""), http.StatusForbidden, api.ProblemSignIn)
	}
	_, set = e.enter("/auth/login", root)
	if a := e.at(set).ask("DELETE", "/api/v1/session?person=ada", ""); a.status != http.StatusOK {
		t.Errorf("signed in again: %d %s", a.status, a.body)
	}
	lost := fresh()
	lost.Groups = []string{"desk"}
	_, set = e.enter("/auth/login", lost)
	wantProblem(t, e.at(set).ask("POST", "/api/v1/freeze", `{"reason":"storm"}`), http.StatusForbidden, api.ProblemForbidden)
}

// What takes more than a click takes somebody who has just shown who they are. That they have a session at the provider is not
// enough.
func TestStepUp(t *testing.T) {
	e := entranceOf(t)
	old := nora
	old.Bend = func(c jwt.MapClaims) { c["auth_time"] = c["iat"].(int64) - 3600 }
	for name, u := range map[string]logintest.User{"long ago": old, "the provider does not say": nora} {
		_, set := e.enter("/auth/login", u)
		wantProblem(t, approveAt(e.at(set)), http.StatusForbidden, api.ProblemSignIn)
		a, set := e.enter("/auth/login?anew", u)
		if e.op.Asked().Get("max_age") != "60" {
			t.Errorf("%s: asked with %v", name, e.op.Asked())
		}
		turned(t, a, set, http.StatusForbidden)
	}
	_, set := e.enter("/auth/login?anew", fresh())
	if a := approveAt(e.at(set)); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// While the provider is away it is said so, and tokens work.
func TestProviderAway(t *testing.T) {
	s := start(t, people(), func(c *web.Config) {
		c.Login = login.New(login.Config{Issuer: "http://127.0.0.1:1/", Now: time.Now})
	})
	e := &entrance{server: s}
	a, set := e.visit("/auth/login")
	turned(t, a, set, http.StatusServiceUnavailable, "does not answer", "token")
	if l := into[api.Login](t, s.do("GET", "/api/v1/login", "", "")); l.Away == "" || !l.Tokens {
		t.Errorf("%+v", l)
	}
	if _, c := signIn(t, s, "viewer"); c.Value == "" {
		t.Error("a token lets nobody in")
	}
	ready := s.do("GET", "/readyz", "", "")
	if ready.status != http.StatusOK || !strings.Contains(string(ready.body), "nobody can sign in at the provider, tokens still work") {
		t.Errorf("%d %s", ready.status, ready.body)
	}
	none := &entrance{server: start(t, people())}
	for _, path := range []string{"/auth/login", web.CallbackPath} {
		a, set := none.visit(path)
		turned(t, a, set, http.StatusNotFound, "no provider")
	}
}

// A server with a provider and no tokens is one that can be signed in at; one that has lost its provider takes none of its
// sessions.
func TestProviderAlone(t *testing.T) {
	e := entranceOf(t, shares, func(c *web.Config) { c.Auth = web.Auth{} })
	p := wantProblem(t, e.do("POST", "/api/v1/freeze", "", `{"reason":"x"}`), http.StatusUnauthorized, api.ProblemUnauthorized)
	if strings.Contains(p.Detail, "neither") {
		t.Errorf("%s", p.Detail)
	}
	_, set := e.enter("/auth/login", nora)
	b := e.at(set)
	b.wants(http.StatusOK)
	b.at(beside(t, e.server, shares)).wants(http.StatusUnauthorized)
}
