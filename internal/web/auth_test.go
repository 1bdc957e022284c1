package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// Without tokens a caller on this machine may look and nobody may change anything; from elsewhere, or by another name,
// not even that.
func TestLocalViewer(t *testing.T) {
	s := start(t, web.Auth{LocalViewer: true}, atConsole)
	if a := s.do("GET", "/api/v1/incidents", "", ""); a.status != http.StatusOK {
		t.Fatalf("local: %d %s", a.status, a.body)
	}
	p := wantProblem(t, s.do("POST", "/api/v1/freeze", "", `{"reason":"x"}`), http.StatusForbidden, api.ProblemForbidden)
	if !strings.Contains(p.Remedy, "auth.tokens") {
		t.Errorf("the remedy does not name the setting: %s", p.Remedy)
	}
	before := s.Status().Position
	for _, path := range []string{"session?everywhere=true", "session", "links/slack/T1/U1"} {
		wantProblem(t, s.do("DELETE", "/api/v1/"+path, "", ""), http.StatusUnauthorized, api.ProblemUnauthorized)
	}
	wantProblem(t, s.do("POST", "/api/v1/links", "", fmt.Sprintf(`{"ticket":%q,"confirm":true}`, s.ticket("U1"))), http.StatusUnauthorized, api.ProblemUnauthorized)
	if after := s.Status().Position; after != before {
		t.Errorf("whoever has not said who they are has written what stands at %d to %d", before+1, after)
	}
	for name, headers := range map[string][]string{
		"another name for this machine": {"Host", "evil.example:8080"}, "a proxy's caller": {"X-Forwarded-For", "192.0.2.1"}, "a standard proxy's": {"Forwarded", "for=192.0.2.1"},
		"one that says only that it is there": {"Via", "1.1 proxy"}, "one that names the caller otherwise": {"X-Real-IP", "192.0.2.1"}, "one that says what was asked": {"X-Forwarded-Host", "detour.example.net"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, s.do("GET", "/api/v1/incidents", "", "", headers...), http.StatusUnauthorized, api.ProblemUnauthorized)
		})
	}
	if got := s.raw("GET /api/v1/incidents HTTP/1.0\r\nHost: localhost\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 401 ") {
		t.Errorf("a proxy that says nothing: %.200q", got)
	}
	wantProblem(t, s.do("GET", "/api/v1/incidents", "guessed", ""), http.StatusUnauthorized, api.ProblemUnauthorized)
	wantProblem(t, start(t, web.Auth{}).do("GET", "/api/v1/incidents", "", ""), http.StatusUnauthorized, api.ProblemUnauthorized)
}

func TestBearer(t *testing.T) {
	s := start(t, people())
	for name, header := range map[string]string{
		"no scheme": "viewer-secret", "other scheme": "Basic viewer-secret", "a prefix": "Bearer viewer-secre", "longer": "Bearer viewer-secret1", "nothing": "Bearer ", "the name": "Bearer viewer",
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, s.do("GET", "/api/v1/status", "", "", "Authorization", header), http.StatusUnauthorized, api.ProblemUnauthorized)
		})
	}
	for _, header := range []string{"Bearer viewer-secret", "bearer viewer-secret"} {
		if a := s.do("GET", "/api/v1/status", "", "", "Authorization", header); a.status != http.StatusOK {
			t.Errorf("%q: %d", header, a.status)
		}
	}
}

func TestNewRefusesTokens(t *testing.T) {
	for want, tokens := range map[string][]web.Token{
		"has no name":          {web.NewToken("", "a", "viewer")},
		"two tokens are named": {web.NewToken("a", "a", "viewer"), web.NewToken("a", "b", "viewer")},
		"are the same secret":  {web.NewToken("a", "a", "viewer"), web.NewToken("b", "a", "viewer")},
		`token "a" is empty`:   {web.NewToken("a", "", "viewer")},
		"may do nothing":       {web.NewToken("a", "a", "aprover")},
	} {
		if _, err := web.New(webtest.New().Config(web.Auth{Tokens: tokens})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

// The record says who decided, with which roles and over which channel; admin is spelled out, so that the policy's list
// of approvers need not know of it.
func TestWhoIsOnRecord(t *testing.T) {
	for _, c := range []struct{ name, via, wantVia, wantRoles string }{
		{"approver", "cli", "cli", "approver,noc-lead"},
		{"admin", "carrier-pigeon", "api", "admin,viewer,operator,approver"},
	} {
		s := start(t, people())
		a := s.do("POST", "/api/v1/incidents/"+webtest.Asking+"/approve", c.name, `{"plan":"`+string(plan(t, s))+`"}`, web.ViaHeader, c.via)
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		s.View(func(b *incident.Board) {
			i, _ := b.Incident(webtest.Asking)
			if by := i.Approvals[0].By; by.Name != c.name || by.Via != c.wantVia || strings.Join(by.Role, ",") != c.wantRoles {
				t.Errorf("on record is %+v, want %+v", by, c)
			}
		})
	}
}

// A page of another origin cannot make a browser change anything, token or not.
func TestCrossOrigin(t *testing.T) {
	s := start(t, people())
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		wantProblem(t, s.do("POST", "/api/v1/freeze", "operator", `{"reason":"x"}`, headers...), http.StatusForbidden, api.ProblemForbidden)
	}
}

func TestRateLimit(t *testing.T) {
	s := start(t, people())
	for range 1000 {
		if a := s.do("GET", "/api/v1/status", "guessed", ""); a.status == http.StatusTooManyRequests {
			wantProblem(t, a, http.StatusTooManyRequests, api.ProblemTooMany)
			if a := s.do("GET", "/api/v1/status", "viewer", ""); a.status != http.StatusOK {
				t.Errorf("who has a token is kept out by who has not: %d", a.status)
			}
			return
		}
	}
	t.Error("a thousand requests without a pause were all taken")
}
