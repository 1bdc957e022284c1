package mattermost

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/mattermost/mattermosttest"
	"github.com/detour-net/detour/internal/chatops/roomtest"
)

// TestState: whether the chat can be spoken with is known, and why not, and found anew when it changes.
func TestState(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*Config)
		trouble mattermosttest.Trouble
		want    string
	}{
		"a wrong token":   {func(c *Config) { c.Token = "wrong" }, mattermosttest.Trouble{}, "ask who the bot is: Mattermost answers 401: api.context.session_expired.app_error"},
		"another channel": {func(c *Config) { c.Channel = "x" }, mattermosttest.Trouble{}, "ask whether the bot is in the channel: Mattermost answers 403"},
		"a proxy":         {func(*Config) {}, mattermosttest.Trouble{Status: http.StatusBadGateway}, "ask for the server's key: Mattermost answers 502"},
	} {
		s := newStage(t, c.change)
		s.Trouble("GET /config/client", c.trouble)
		run(t, s.client)
		roomtest.Wait(t, name+" to be said", func() bool { ok, why := s.client.State(); return !ok && strings.HasPrefix(why, c.want) })
	}
	s := newStage(t)
	if ok, why := s.client.State(); ok || why != "not connected yet" || s.connected(t) != 0 {
		t.Errorf("before it has begun: %t %q", ok, why)
	}
	s.client.every = 5 * time.Millisecond
	run(t, s.client)
	roomtest.Wait(t, "the connection", func() bool { ok, _ := s.client.State(); return ok })
	if s.connected(t) != 1 {
		t.Error("connected, the gauge is 0")
	}
	const route = "GET /channels/{id}/members/me"
	for range 10_000 {
		s.Trouble(route, mattermosttest.Trouble{Lost: true})
	}
	roomtest.Wait(t, "the loss", func() bool { ok, why := s.client.State(); return !ok && why != "" })
	s.Mend()
	roomtest.Wait(t, "the connection", func() bool { ok, _ := s.client.State(); return ok })
}

// run runs a client until the test ends.
func run(t *testing.T, c *Client) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if ok, _ := c.State(); ok {
			t.Error("ended, and still connected")
		}
	})
}

// connected is detour_chat_connected.
func (s *stage) connected(t *testing.T) float64 {
	t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "detour_chat_connected" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("no detour_chat_connected")
	return 0
}

// TestCalled: those whom a card calls are mentioned by their names, if they have one that can be, and nobody else is.
func TestCalled(t *testing.T) {
	s := newStage(t)
	s.Join(nil, "ann", "bob")
	s.Join(func(u *mattermosttest.User) { u.Username = "channel `x" }, "eve")
	call := []string{mattermosttest.ID("ann"), mattermosttest.ID("gone"), mattermosttest.ID("eve"), "no account", mattermosttest.ID("bob")}
	_, err := s.client.Post(t.Context(), chatops.Place{}, "key", chatops.Card{Title: "@all", Call: call})
	if err == nil {
		t.Error("what is no account was called")
	}
	call = append(call[:3], call[4])
	if _, err := s.client.Post(t.Context(), chatops.Place{}, "key", chatops.Card{Title: "@all", Call: call}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("@ann @bob `@all`", s.Messages()[0].Text); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	s.Trouble("GET /users/{id}", mattermosttest.Trouble{Status: http.StatusBadGateway})
	var no *chatops.Refusal
	if _, err := s.client.Post(t.Context(), chatops.Place{}, "key", chatops.Card{Title: "again", Call: call}); !errors.As(err, &no) || len(s.Messages()) != 1 {
		t.Errorf("whom to call cannot be told: %v; nothing was posted, so it is certain", err)
	}
}

// TestOthersKeys: a message of somebody else's with our key is none of ours.
func TestOthersKeys(t *testing.T) {
	s := newStage(t)
	s.Join(nil, "eve")
	at, err := s.client.Post(t.Context(), chatops.Place{}, "key", chatops.Card{Title: "ours"})
	if err != nil {
		t.Fatal(err)
	}
	s.Say("eve", "hers", mattermosttest.Props{Key: "key"})
	for range 20 { // a map's order
		if got, ok, err := s.client.Find(t.Context(), chatops.Place{}, "key"); got != at || !ok || err != nil {
			t.Fatalf("found %+v %t %v, want %+v", got, ok, err, at)
		}
	}
}

// TestNotOurs: a message that may not be changed, and is there, is not taken for gone.
func TestNotOurs(t *testing.T) {
	s := newStage(t)
	s.Join(nil, "eve")
	id := s.Say("eve", "hers", mattermosttest.Props{})
	err := s.client.Update(t.Context(), chatops.Place{Channel: mattermosttest.Channel, Message: id}, "key", chatops.Card{Title: "ours"})
	var no *chatops.Refusal
	if errors.Is(err, chatops.ErrGone) || !errors.As(err, &no) || !strings.Contains(no.Reason, "403") {
		t.Errorf("changed: %v", err)
	}
}

// TestRedirect: a token goes to no other server, and the remedy is in the error.
func TestRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another server was asked") }))
	defer other.Close()
	redirects := httptest.NewServer(http.RedirectHandler(other.URL+"/api/v4/posts", http.StatusPermanentRedirect))
	defer redirects.Close()
	s := newStage(t, func(c *Config) { c.URL = redirects.URL })
	_, err := s.client.Post(t.Context(), chatops.Place{}, "key", chatops.Card{Title: "t"})
	var no *chatops.Refusal
	if !errors.As(err, &no) || !strings.Contains(no.Reason, "go to "+other.URL) {
		t.Errorf("redirected: %v", err)
	}
}

// TestWhatReplies: a reply that cannot be read leaves open what was done.
func TestWhatReplies(t *testing.T) {
	for body, want := range map[string]string{"<html>": "read Mattermost's reply", `{"id": 1}`: "read Mattermost's reply"} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		defer proxy.Close()
		s := newStage(t, func(c *Config) { c.URL = proxy.URL })
		_, err := s.client.Post(t.Context(), chatops.Place{}, "key", chatops.Card{Title: "t"})
		var no *chatops.Refusal
		if err == nil || errors.As(err, &no) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestTriggers reads trigger ids of every form but the server's.
func TestTriggers(t *testing.T) {
	s := newStage(t)
	good := s.Server.Trigger(mattermosttest.ID("ann"), time.UnixMilli(1_700_000_000_123))
	got, err := readTrigger(good)
	if err != nil || got.account != mattermosttest.ID("ann") || !got.at.Equal(time.UnixMilli(1_700_000_000_123)) || !isID(got.id) {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "x", "YTpiOmM6ZA==", "Og==", "Ojo6Og==", good + good, good[4:], strings.ToUpper(good)} {
		if _, err := readTrigger(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// TestLongAnswer: an answer that Mattermost has no room for is told as far as it has.
func TestLongAnswer(t *testing.T) {
	s := newStage(t)
	s.Join(nil, "ann")
	if err := s.client.Whisper(t.Context(), mattermosttest.ID("ann"), chatops.Place{}, "it waits\n"+strings.Repeat("ü\n", 20_000)); err != nil {
		t.Fatal(err)
	}
	if told := s.Whispers("ann"); len(told) != 1 || !strings.HasPrefix(told[0], "```\nit waits\nü\n") || !strings.HasSuffix(told[0], "…\n```") {
		t.Errorf("told %d times", len(told))
	}
}
