package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/login"
)

// watched is a server with its log.
func watched(t *testing.T, more ...func(*web.Config)) (*server, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	return start(t, people(), append(more, atConsole, func(c *web.Config) { c.Log = zap.New(core) })...), logs
}

// accounted are the lines of the log about calls that would change something.
func accounted(logs *observer.ObservedLogs) (lines []observer.LoggedEntry) {
	for _, e := range logs.All() {
		if strings.HasPrefix(e.Message, "order ") {
			lines = append(lines, e)
		}
	}
	return lines
}

// Every operation of the document that changes something, taken, refused and turned away, is in the log once, with who,
// route, status and from where; and no secret is.
func TestEveryCallIsAccountedFor(t *testing.T) {
	doc := documentOf(t)
	doc.each(func(name, method, path string, op operation) {
		if method == http.MethodGet {
			return
		}
		for text := range op.Responses {
			status := 0
			if _, err := fmt.Sscan(text, &status); err != nil || status == http.StatusTooManyRequests {
				continue // see TestTooManyAreCounted
			}
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				s, logs := watched(t, troubles(status))
				a := s.provoke(t, name, method, path, status)
				lines := accounted(logs)
				if a.status != status || len(lines) != 1 {
					t.Fatalf("status %d, want %d; in the log %d times, want once: %v", a.status, status, len(lines), logs.All())
				}
				line := lines[0].ContextMap()
				want := map[string]any{"status": int64(status), "who": "admin", "route": method + " " + path}
				switch {
				case status == http.StatusUnauthorized, path == "/api/v1/session" && method == http.MethodPost && status != http.StatusOK:
					want["who"] = ""
				case path == "/api/v1/session" && method == http.MethodPost:
					want["who"] = "viewer"
				}
				if status == http.StatusForbidden { // turned away before anybody looks at who asks and what for
					want["who"], want["route"] = "", ""
				}
				for key, value := range want {
					if line[key] != value {
						t.Errorf("%s is %v, want %v", key, line[key], value)
					}
				}
				if line["from"] == "" || line["request"] != a.header.Get(web.RequestIDHeader) || (lines[0].Message == "order taken") != (status == http.StatusOK) {
					t.Errorf("%s: %v", lines[0].Message, line)
				}
				for _, e := range logs.All() {
					if said := fmt.Sprint(e.Message, e.ContextMap()); strings.Contains(said, "-secret") {
						t.Errorf("the log has a secret in it: %s", said)
					}
				}
			})
		}
	})
}

// What is taken stands on the ledger with the person; what is refused does not.
func TestTakenStandsOnTheLedger(t *testing.T) {
	s, logs := watched(t)
	if a := s.do("POST", "/api/v1/freeze", "operator", `{"scope":"site:den","reason":"storm"}`, web.ViaHeader, "cli"); a.status != http.StatusOK {
		t.Fatalf("%s", a.body)
	}
	wantProblem(t, s.do("POST", "/api/v1/freeze", "viewer", `{"scope":"site:kcy","reason":"storm"}`), http.StatusForbidden, api.ProblemForbidden)
	s.View(func(b *incident.Board) {
		if f := b.Freezes()["site:den"]; f.By.Name != "operator" || f.By.Via != "cli" || b.Position != 16 {
			t.Errorf("%+v at position %d", f, b.Position)
		}
	})
	lines := accounted(logs)
	if len(lines) != 2 || lines[0].ContextMap()["position"] != uint64(16) || lines[1].ContextMap()["who"] != "viewer" || lines[1].ContextMap()["status"] != int64(403) {
		t.Errorf("%v", lines)
	}
}

// Whoever asks as another site's page does, or comes back from the provider, and does so too often does not fill the log either.
func TestStrangersAreCounted(t *testing.T) {
	s, logs := watched(t, func(c *web.Config) { c.Login = noLogin{} }) // its clock stands, so nobody is allowed more
	for name, c := range map[string]struct {
		ask  func() answer
		most int // lines, one of them of those that ask too often
	}{
		"another site's page": {func() answer {
			return s.do("POST", "/api/v1/freeze", "", `{"reason":"x"}`, "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example")
		}, 201},
		"back from the provider": {func() answer { return s.do("GET", "/auth/callback?state=guessed", "", "") }, 10 + 1},
	} {
		logs.TakeAll()
		var last answer
		for range 300 {
			last = c.ask()
		}
		if lines := len(logs.All()); last.status != http.StatusTooManyRequests || lines > c.most {
			t.Errorf("%s: after 300 times %d, and %d lines, want at most %d", name, last.status, lines, c.most)
		}
	}
	logs.TakeAll()
	for range 300 {
		s.do("GET", "/auth/login", "", "")
	}
	if lines := logs.All(); len(lines) > 0 {
		t.Errorf("on the way to a provider that is away: %d lines, such as %q", len(lines), lines[0].Message)
	}
}

// noLogin is a provider that is away.
type noLogin struct{}

func (noLogin) Begin(string, time.Duration) (login.Attempt, string, error) {
	return login.Attempt{}, "", login.ErrAway
}
func (noLogin) Finish(context.Context, login.Attempt, url.Values) (login.Identity, error) {
	return login.Identity{}, login.ErrAway
}
func (noLogin) Away() string  { return "it is away" }
func (noLogin) Leave() string { return "" }

// Whoever asks too often does not fill the log: it counts.
func TestTooManyAreCounted(t *testing.T) {
	s, logs := watched(t)
	refused := 0
	for range 230 {
		if a := s.do("DELETE", "/api/v1/freeze?scope=site:nowhere", "operator", ""); a.status == http.StatusTooManyRequests {
			refused++
		}
	}
	if a := s.do("DELETE", "/api/v1/freeze?scope=site:sea", "admin", ""); a.status != http.StatusOK {
		t.Errorf("another caller is told %d %s", a.status, a.body)
	}
	told := 0
	for _, e := range accounted(logs) {
		if e.ContextMap()["status"] == int64(http.StatusTooManyRequests) {
			told++
		}
	}
	if refused != 30 || told != 1 {
		t.Errorf("%d were refused and %d told of, want 30 and 1", refused, told)
	}
}
