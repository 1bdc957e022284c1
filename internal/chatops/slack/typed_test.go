package slack

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/roomtest"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// TestMentions speaks to the bot, over each of the ways in: it answers whoever has, once, where they have, and nobody else.
func TestMentions(t *testing.T) {
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			var s *slacktest.Server
			c := chatOn(t, way, func(server *slacktest.Server) { s = server })
			ledger := boardtest.New(t)
			c.Serve(t, ledger)
			id, _ := ledger.Ask("den-kcy", 1)
			card := c.Card(t, id, "0 of 1 approvals")
			for _, m := range []struct{ text, thread, told string }{
				{"why " + id, card.ID, id + " is asking"},
				{"open", "", "is asking: 0 of 1 approvals"},
				{"what is going on?", "", "/detour help"},
				{"freeze", "", "No form can be opened for you from here"},
			} {
				before := len(c.Whispers("ann"))
				if err := s.Mention("U0ANN", m.text, m.thread, 2); err != nil {
					t.Errorf("%q: %v", m.text, err)
				}
				roomtest.Wait(t, "the answer", func() bool { return len(c.Whispers("ann")) > before })
				c.Heard(t, "ann", m.told)
				list := slices.DeleteFunc(s.Messages(), func(m slacktest.Message) bool { return m.OnlyFor != "U0ANN" })
				if n := len(list); n != before+1 || list[n-1].Thread != m.thread {
					t.Errorf("%q: answered %d times, the last in thread %q", m.text, n-before, list[n-1].Thread)
				}
			}
			if err := s.Mention("U0BOB", "why "+id, "", 1); err != nil || len(c.Whispers("carol")) > 0 {
				t.Errorf("%v; carol was told %q", err, c.Whispers("carol"))
			}
		})
	}
}

// TestVerified: Slack asks whether an address is the app's, and only whoever knows the secret is answered.
func TestVerified(t *testing.T) {
	s := slacktest.New(t)
	c, _ := newClient(t, s, func(c *Config) { c.Signing = slacktest.Signing })
	url := serveCallback(t, c, func(context.Context, chatops.Press) { t.Error("a press was taken") })
	if err := s.Verify(url); err != nil {
		t.Error(err)
	}
	r, err := slacktest.Signed(url, []byte(`{"type": "url_verification", "challenge": "x"}`), strings.Repeat("0", 32), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if status := send(t, r); status != http.StatusUnauthorized {
		t.Errorf("answered with %d", status)
	}
}

// TestNotSpoken: an event in which no person speaks to the bot is taken, and is nothing.
func TestNotSpoken(t *testing.T) {
	s := slacktest.New(t)
	c, _ := newClient(t, s, func(c *Config) { c.Signing = slacktest.Signing })
	url := serveCallback(t, c, func(_ context.Context, p chatops.Press) { t.Errorf("a press was taken: %+v", p) })
	for name, event := range map[string]string{
		"a bot's":        `{"type": "app_mention", "user": "U1", "bot_id": "B7", "text": "<@UBOT> open", "ts": "1.2", "channel": "C0NOC"}`,
		"changed later":  `{"type": "app_mention", "user": "U1", "text": "<@UBOT> open", "ts": "1.2", "channel": "C0NOC", "edited": {"user": "U1", "ts": "1.3"}}`,
		"nobody's":       `{"type": "app_mention", "text": "<@UBOT> open", "ts": "1.2", "channel": "C0NOC"}`,
		"another's post": `{"type": "message", "user": "U1", "text": "open", "ts": "1.2", "channel": "C0NOC"}`,
	} {
		body := `{"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": "Ev1", "event": ` + event + `}`
		r, err := slacktest.Signed(url, []byte(body), slacktest.Signing, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if status := send(t, r); status != http.StatusOK {
			t.Errorf("%s: answered with %d", name, status)
		}
	}
}

// TestCommandIsDatedBySlack: a command by HTTP is of when Slack signed it, so that one that is sent again much later is late.
func TestCommandIsDatedBySlack(t *testing.T) {
	s := slacktest.New(t)
	c, _ := newClient(t, s, func(c *Config) { c.Signing = slacktest.Signing })
	var got chatops.Press
	server := httptest.NewServer(c.Callback(func(_ context.Context, p chatops.Press) { got = p }))
	t.Cleanup(func() { server.Close(); c.intake.end() })
	at := time.Now().Add(-3 * time.Minute).Truncate(time.Second)
	r, err := slacktest.Signed(server.URL, []byte("command=%2Fdetour&text=why+x&user_id=U1&channel_id=C7&trigger_id=9.8.7"), slacktest.Signing, at)
	if err != nil {
		t.Fatal(err)
	}
	if status := send(t, r); status != http.StatusOK {
		t.Fatalf("answered with %d", status)
	}
	want := chatops.Press{ID: "command 9.8.7 U1", Account: "U1", Channel: "C7", Act: chatops.WhyOf, At: at, Answer: &chatops.Answer{Reason: "x"}, Typed: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("press (-want +got):\n%s", diff)
	}
}

// chatOn is chat, whose server is handed out.
func chatOn(t *testing.T, way way, on func(*slacktest.Server)) roomtest.Chat {
	return chat(t, func(t *testing.T, s *slacktest.Server, c *Client, press func(context.Context, chatops.Press)) {
		on(s)
		way(t, s, c, press)
	})
}
