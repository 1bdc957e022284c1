package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// atConsole gives a server an address that people reach it by.
func atConsole(c *web.Config) { c.URL = "https://console.test" }

func accountOf(account string) events.ChatAccount {
	return events.ChatAccount{Chat: "slack", Team: "T1", Account: account}
}

// ticket is what the chat is given for whoever has an account.
func (s *server) ticket(account string) string {
	s.t.Helper()
	address, err := s.web.Invite(accountOf(account), "mallory")
	if err != nil {
		s.t.Fatal(err)
	}
	sealed, ok := strings.CutPrefix(address, "https://console.test/link#")
	if !ok {
		s.t.Fatal(address)
	}
	return sealed
}

// linked records that an account is somebody's.
func (s *server) linked(account, person string) {
	s.t.Helper()
	l := events.Linked{ChatAccount: accountOf(account), Person: person, By: events.Person{Name: person}, Ticket: "ticket of " + account, Until: webtest.Start}
	if _, err := s.Append(webtest.Start.Add(5*time.Minute), events.Record{Body: l}); err != nil {
		s.t.Fatal(err)
	}
}

// links are all that there are: whose account is whose.
func (s *server) links() (list []string) {
	s.View(func(b *incident.Board) {
		for _, l := range b.Links() {
			list = append(list, l.Account+" is "+l.Person)
		}
	})
	return list
}

// Whoever the chat has sent here is shown which account it is, and links it to themselves by saying so, once. It stands on the
// ledger with who, how and when, and nothing there lets anybody do it again.
func TestLink(t *testing.T) {
	s := start(t, people(), atConsole)
	ticket := s.ticket("U1")
	b, _ := signIn(t, s, "approver")
	want := api.LinkDone{Link: api.Link{Chat: "slack", Team: "T1", Account: "U1", Name: "mallory", Person: "approver"}}
	shown := into[api.LinkDone](t, b.ask("POST", "/api/v1/links", `{"ticket":"`+ticket+`"}`))
	if diff := cmp.Diff(want, shown); diff != "" || s.links() != nil {
		t.Errorf("before it is confirmed: %v (-want +got):\n%s", s.links(), diff)
	}
	done := into[api.LinkDone](t, b.ask("POST", "/api/v1/links", `{"ticket":"`+ticket+`","confirm":true}`))
	if got := s.links(); done.Position == 0 || !slices.Equal(got, []string{"U1 is approver"}) {
		t.Errorf("%+v: %v", done, got)
	}
	s.View(func(b *incident.Board) {
		l, _ := b.LinkOf(accountOf("U1"))
		if l.By.Name != "approver" || l.By.Via != "console" || !l.At.Equal(webtest.Start.Add(10*time.Minute)) {
			t.Errorf("on the record is %+v", l)
		}
	})
	var line string
	if err := s.Lines(t.Context(), done.Position, done.Position, func(_ uint64, l []byte) error { line = string(l); return nil }); err != nil || strings.Contains(line, ticket) {
		t.Errorf("%v: %s", err, line)
	}
	list := into[api.Links](t, b.ask("GET", "/api/v1/links", ""))
	if len(list.Links) != 1 || list.Links[0].Person != "approver" {
		t.Errorf("%+v", list)
	}
	wantProblem(t, b.ask("POST", "/api/v1/links", `{"ticket":"`+ticket+`","confirm":true}`), http.StatusConflict, api.ProblemRefused)
	wantProblem(t, b.ask("POST", "/api/v1/links", `{"ticket":"`+s.ticket("U1")+`","confirm":true}`), http.StatusConflict, api.ProblemRefused)
	if a := b.ask("DELETE", "/api/v1/links/slack/T1/U1", ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	wantProblem(t, b.ask("POST", "/api/v1/links", `{"ticket":"`+ticket+`","confirm":true}`), http.StatusConflict, api.ProblemRefused)
	s.linked("U1", "approver")
	other, _ := signIn(t, s, "viewer")
	wantProblem(t, other.ask("POST", "/api/v1/links", `{"ticket":"`+s.ticket("U1")+`","confirm":true}`), http.StatusConflict, api.ProblemRefused)
}

// What the chat was not given here, or too long ago, or what another page would have done, links nothing.
func TestLinkRefused(t *testing.T) {
	s := start(t, people(), atConsole)
	b, c := signIn(t, s, "viewer")
	ticket := s.ticket("U1")
	other := "x"
	if ticket[9] == 'x' {
		other = "y"
	}
	confirm := func(ticket string) string { return `{"ticket":"` + ticket + `","confirm":true}` }
	for name, forged := range map[string]string{
		"nothing": "", "guessed": "Z3Vlc3NlZA", "changed": ticket[:9] + other + ticket[10:], "a session": c.Value, "another server's": start(t, people(), atConsole).ticket("U1"),
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, b.ask("POST", "/api/v1/links", confirm(forged)), http.StatusBadRequest, api.ProblemInvalid)
		})
	}
	wantProblem(t, s.do("POST", "/api/v1/links", "", confirm(ticket)), http.StatusUnauthorized, api.ProblemUnauthorized)
	wantProblem(t, b.do("POST", "/api/v1/links", "", confirm(ticket), "Cookie", b.cookie), http.StatusForbidden, api.ProblemForbidden)
	now := webtest.Start.Add(10 * time.Minute)
	s.SetClock(func() time.Time { return now.Add(10 * time.Minute) })
	wantProblem(t, b.ask("POST", "/api/v1/links", confirm(ticket)), http.StatusConflict, api.ProblemRefused)
	s.SetClock(func() time.Time { return now.Add(15*time.Minute + time.Second) })
	wantProblem(t, b.ask("POST", "/api/v1/links", confirm(s.ticket("U1"))), http.StatusForbidden, api.ProblemSignIn)
	if got := s.links(); got != nil {
		t.Errorf("%v", got)
	}
	if address, err := start(t, people()).web.Invite(accountOf("U1"), ""); err == nil {
		t.Errorf("nobody knows where the console is, and yet %s", address)
	}
}

// Replicas with a key in common take each other's invitations; of two that are confirmed at once one counts.
func TestLinkAtAnotherReplica(t *testing.T) {
	first := start(t, people(), shares, atConsole)
	second := beside(t, first, shares, atConsole)
	ticket := first.ticket("U1")
	for _, a := range []answer{
		first.do("POST", "/api/v1/links", "viewer", `{"ticket":"`+ticket+`","confirm":true}`), second.do("POST", "/api/v1/links", "operator", `{"ticket":"`+ticket+`","confirm":true}`),
	} {
		if a.status != http.StatusOK {
			wantProblem(t, a, http.StatusConflict, api.ProblemRefused)
		}
	}
	if got := first.links(); !slices.Equal(got, []string{"U1 is viewer"}) {
		t.Errorf("%v", got)
	}
}

// A link is taken back by whose it is, or by an admin.
func TestUnlink(t *testing.T) {
	s := start(t, people(), atConsole)
	s.linked("U1", "viewer")
	s.linked("U2", "approver")
	path := func(account string) string { return "/api/v1/links/slack/T1/" + account }
	wantProblem(t, s.do("DELETE", path("U2"), "viewer", ""), http.StatusForbidden, api.ProblemForbidden)
	wantProblem(t, s.do("DELETE", path("U9"), "viewer", ""), http.StatusNotFound, api.ProblemNotFound)
	for account, caller := range map[string]string{"U1": "viewer", "U2": "admin"} {
		if a := s.do("DELETE", path(account), caller, ""); a.status != http.StatusOK {
			t.Errorf("%s takes back %s: %d %s", caller, account, a.status, a.body)
		}
	}
	if got := s.links(); got != nil {
		t.Errorf("%v", got)
	}
}
