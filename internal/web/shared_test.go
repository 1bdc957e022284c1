package web_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// shares gives a server the secret that replicas share.
func shares(c *web.Config) { c.SessionKey = bytes.Repeat([]byte("k"), 32) }

// beside serves another replica over the ledger of s.
func beside(t *testing.T, s *server, more ...func(*web.Config)) *server {
	t.Helper()
	c := s.Config(people())
	for _, f := range more {
		f(&c)
	}
	w, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(w.Handler())
	t.Cleanup(func() { w.Close(); srv.Close() })
	return (&server{t: t, url: srv.URL, web: w, Replica: s.Replica, login: c.Login}).held()
}

// at is the same browser at another replica.
func (b *browser) at(s *server) *browser { return &browser{server: s, cookie: b.cookie, csrf: b.csrf} }

func (b *browser) wants(status int) {
	b.t.Helper()
	if a := b.ask("GET", "/api/v1/session", ""); a.status != status {
		b.t.Errorf("status %d, want %d: %s", a.status, status, a.body)
	}
}

// Whoever has signed in at one replica has at all that share the key; whoever signs out at one has at all, and the streams
// that they read anywhere end.
func TestSessionsOfAllReplicas(t *testing.T) {
	first := start(t, people(), shares)
	quick := func(c *web.Config) { c.Heartbeat = 30 * time.Millisecond }
	second, stranger := beside(t, first, shares, quick), beside(t, first)
	b, _ := signIn(t, first, "operator")
	b.at(second).wants(http.StatusOK)
	b.at(stranger).wants(http.StatusUnauthorized)
	r := open(t, second, "/api/v1/ledger/stream?from=1", "", "Authorization", "", "Cookie", b.cookie)
	if a := b.ask("DELETE", "/api/v1/session", ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.wants(http.StatusUnauthorized)
	b.at(second).wants(http.StatusUnauthorized)
	for m := r.next(); m != (message{}); m = r.next() {
		t.Logf("still under way: %s", m.name)
	}
}

// Everywhere means everywhere: all of one person's sessions, and nobody else's. Whoever comes back at once is let in, also
// when the clock of the replica that let them in before runs ahead.
func TestSignOutEverywhere(t *testing.T) {
	first := start(t, people(), shares)
	ahead := func(c *web.Config) {
		now := c.Now
		c.Now = func() time.Time { return now().Add(20 * time.Second) }
	}
	second := beside(t, first, shares, ahead)
	desk, _ := signIn(t, first, "viewer")
	phone, _ := signIn(t, second, "viewer")
	other, _ := signIn(t, first, "operator")
	for range 2 {
		if a := desk.ask("DELETE", "/api/v1/session?everywhere=true", ""); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		desk.wants(http.StatusUnauthorized)
		phone.wants(http.StatusUnauthorized)
		other.wants(http.StatusOK)
		desk, _ = signIn(t, first, "viewer")
		phone, _ = signIn(t, second, "viewer")
		desk.wants(http.StatusOK)
		phone.at(first).wants(http.StatusOK)
	}
	wantProblem(t, other.ask("DELETE", "/api/v1/session?person=viewer", ""), http.StatusForbidden, api.ProblemForbidden)
	wantProblem(t, other.ask("DELETE", "/api/v1/session?everywhere=perhaps", ""), http.StatusBadRequest, api.ProblemInvalid)
	phone.wants(http.StatusOK)
	if a := first.do("DELETE", "/api/v1/session?person=viewer", "admin", ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	phone.wants(http.StatusUnauthorized)
	other.wants(http.StatusOK)
}

// A cookie that was changed anywhere is nobody's; and nothing in it can be read.
func TestForgedCookie(t *testing.T) {
	s := start(t, people(), shares)
	b, c := signIn(t, s, "viewer")
	if strings.Contains(c.Value, b.csrf) {
		t.Error("the cookie tells what the page alone was told")
	}
	for n := range c.Value {
		forged := []byte(c.Value)
		if forged[n]++; n%7 != 0 {
			continue
		}
		(&browser{server: s, cookie: c.Name + "=" + string(forged)}).wants(http.StatusUnauthorized)
	}
}

// Where nothing can be recorded, signing out still takes the cookie away, and does not say that it did more.
func TestSignOutUnrecorded(t *testing.T) {
	s := start(t, people())
	b, _ := signIn(t, s, "viewer")
	s.Deafen()
	a := b.ask("DELETE", "/api/v1/session", "")
	wantProblem(t, a, http.StatusGatewayTimeout, api.ProblemTimeout)
	if !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("the browser keeps its cookie: %v", a.header)
	}
}

// What takes more than a click takes a sign-in of not long ago; a no does not, nor does what a click may approve, nor a token.
func TestApprovalTakesFreshSignIn(t *testing.T) {
	later := webtest.Start.Add(10*time.Minute + 15*time.Minute + time.Second)
	approve := "/api/v1/incidents/" + webtest.Asking + "/approve"
	byClick := func(s *server) {
		s.View(func(b *incident.Board) {
			i, _ := b.Incident(webtest.Asking)
			again := *i.Ask
			again.ByClick = true
			i.Ask = &again
		})
	}
	for name, c := range map[string]struct {
		prepare func(*server)
		again   bool
		token   string
		status  int
	}{
		"long ago":             {status: http.StatusForbidden},
		"signed in again":      {again: true, status: http.StatusOK},
		"a click is enough":    {prepare: byClick, status: http.StatusOK},
		"with a token at hand": {token: "approver", status: http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, people())
			b, _ := signIn(t, s, "approver")
			if c.prepare != nil {
				c.prepare(s)
			}
			s.SetClock(func() time.Time { return later })
			if c.again {
				b, _ = signIn(t, s, "approver")
			}
			body := `{"plan":"` + string(plan(t, s)) + `"}`
			a := b.ask("POST", approve, body)
			if c.token != "" {
				a = s.do("POST", approve, c.token, body)
			}
			if a.status != c.status {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if c.status != http.StatusOK {
				wantProblem(t, a, c.status, api.ProblemSignIn)
				if a := b.ask("POST", "/api/v1/incidents/"+webtest.Asking+"/reject", `{"reason":"no"}`); a.status != http.StatusOK {
					t.Errorf("a no: %d %s", a.status, a.body)
				}
			}
		})
	}
}

// What is signed out stands on the ledger, with the person and without anything that lets anybody in.
func TestSignOutOnRecord(t *testing.T) {
	s := start(t, people())
	b, c := signIn(t, s, "viewer")
	b.ask("DELETE", "/api/v1/session", "")
	last, err := s.LastPosition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var line string
	if err := s.Lines(t.Context(), last, last, func(_ uint64, l []byte) error { line = string(l); return nil }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(line, string(events.KindSignedOut)) || !strings.Contains(line, `"person":"viewer"`) || strings.Contains(line, c.Value) || strings.Contains(line, b.csrf) {
		t.Errorf("%s", line)
	}
}
