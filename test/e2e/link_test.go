package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/login/logintest"
)

// oidc is the configuration of the provider. It sends people back to what stands before the replicas, which have a key in
// common. Of those who sign in there, Nora has no account on the table of people.
func (s *stage) oidc() string {
	if s.provider == nil {
		return ""
	}
	s.write("people.yaml", strings.Replace(chatPeople, "on_call:", "  - {name: nora@example.net, roles: [approver]}\non_call:", 1))
	s.write("session-key", strings.Repeat("k", 32))
	s.write("oidc-secret", s.provider.ClientSecret)
	return fmt.Sprintf(`, session_key: "file:session-key", oidc: {issuer: %q, client_id: %q, client_secret: "file:oidc-secret", redirect_url: %q, scopes: [email, groups], roles: {desk: [viewer]}}`,
		s.provider.Issuer(), s.provider.ClientID, s.balance()+web.CallbackPath)
}

// surfer is a browser that follows nowhere by itself.
type surfer struct {
	t       *testing.T
	front   string
	cookies []*http.Cookie
	csrf    string
}

func (b *surfer) ask(method, path, body string) (*http.Response, []byte) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.front+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(web.CSRFHeader, b.csrf)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.cookies = append(b.cookies, resp.Cookies()...)
	return resp, raw
}

// signIn goes to the provider and comes back with a session.
func (b *surfer) signIn() {
	b.t.Helper()
	var who api.Session
	away, raw := b.ask("GET", "/auth/login?to=/link", "")
	if away.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("%s %s", away.Status, raw)
	}
	back, raw := b.ask("GET", web.CallbackPath+"?"+logintest.Visit(b.t, away.Header.Get("Location")).Encode(), "")
	if back.StatusCode != http.StatusSeeOther || back.Header.Get("Location") != "/link" {
		b.t.Fatalf("%s %s", back.Status, raw)
	}
	if _, raw = b.ask("GET", "/api/v1/session", ""); json.Unmarshal(raw, &who) != nil || !who.SignedIn {
		b.t.Fatalf("no session: %s", raw)
	}
	b.csrf = who.CSRF
}

// TestLinkedAtTheConsole has somebody press whose account nobody knows: they are told where to sign in, link the account to
// themselves there, at whichever replica, and the same button then decides in their name. The address works once.
func TestLinkedAtTheConsole(t *testing.T) {
	t.Parallel()
	workspace, op := slacktest.New(t), logintest.Start(t)
	workspace.Join(nil, "U0ALICE", "U0BOB", "U0CAROL", "U0NORA")
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Autonomy: "approve", Click: true}, slack: workspace, provider: op})
	s.wait("both sockets", func() bool { return workspace.Connections() == 2 })
	i := s.asked(linkPlain)
	m := s.card(i.ID, "approve")
	told := func(words string) (text string) {
		t.Helper()
		s.wait("U0NORA to be told "+words, func() bool {
			list := workspace.Whispers("U0NORA")
			n := slices.IndexFunc(list, func(w string) bool { return strings.Contains(w, words) })
			if n >= 0 {
				text = list[n]
			}
			return n >= 0
		})
		return text
	}
	press := func() {
		t.Helper()
		if err := workspace.Press("U0NORA", m.TS, "approve"); err != nil {
			t.Fatal(err)
		}
	}
	press()
	_, rest, _ := strings.Cut(told("Sign in at the console"), s.balance()+"/link#")
	ticket, _, found := strings.Cut(rest, " ")
	if !found {
		t.Fatalf("no address in %q", told("Sign in at the console"))
	}
	s.untouched()

	nora := &surfer{t: t, front: s.balance()}
	if resp, _ := nora.ask("POST", "/api/v1/links", `{"ticket":"`+ticket+`","confirm":true}`); resp.StatusCode == http.StatusOK {
		t.Fatal("it was linked to nobody")
	}
	op.QueueUser(logintest.User{Email: "nora@example.net", Groups: []string{"desk"}})
	nora.signIn()
	for _, c := range []struct {
		name, body string
		status     int
		words      string
	}{
		{"asked which", `{"ticket":"` + ticket + `"}`, http.StatusOK, `"account":"U0NORA"`},
		{"confirmed", `{"ticket":"` + ticket + `","confirm":true}`, http.StatusOK, `"person":"nora@example.net"`},
		{"again", `{"ticket":"` + ticket + `","confirm":true}`, http.StatusConflict, "used already"},
		{"forged", `{"ticket":"` + url.QueryEscape(ticket[1:]) + `","confirm":true}`, http.StatusBadRequest, "no link that a chat was given here"},
	} {
		if resp, raw := nora.ask("POST", "/api/v1/links", c.body); resp.StatusCode != c.status || !strings.Contains(string(raw), c.words) {
			t.Errorf("%s: %s %s", c.name, resp.Status, raw)
		}
	}
	press()
	told("your approve stands on the ledger")
	i = s.reaches(linkPlain, incident.Holding)
	if by := i.Approvals[0].By; by.Name != "nora@example.net" || by.Via != "slack" || by.Account != "U0NORA" || !slices.Equal(by.Role, []string{"approver"}) {
		t.Errorf("on the record: %+v", by)
	}
	if kinds := s.kinds(""); kinds[events.KindLinked] != 1 {
		t.Errorf("of no incident the ledger has %v", kinds)
	}
	s.heal(linkPlain)
	s.reaches(linkPlain, incident.Closed)
	s.account()
}
