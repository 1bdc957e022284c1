package slack

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
)

func newClient(t *testing.T, s *slacktest.Server, change ...func(*Config)) (*Client, *prometheus.Registry) {
	registry := prometheus.NewRegistry()
	c := Config{API: s.URL(), AppToken: slacktest.AppToken, BotToken: slacktest.BotToken, Signing: slacktest.Signing, Channel: slacktest.Channel, Log: zaptest.NewLogger(t), Metrics: registry}
	for _, f := range change {
		f(&c)
	}
	return New(c), registry
}

func card() chatops.Card {
	return chatops.Card{
		Title: "den-kcy-1: link-errors", Call: []string{"U1"},
		Parts:   []chatops.Part{{Label: "plan", Lines: []string{"drain link den-kcy", "digest 0123456789ab"}}},
		Buttons: []chatops.Button{{Act: chatops.Approve, Label: "Approve", Value: "key sha256:01", Confirm: "drain?"}, {Act: chatops.Why, Label: "Why not", Value: "key sha256:01"}},
	}
}

func TestRoom(t *testing.T) {
	s := slacktest.New(t)
	s.Join(nil, "U1")
	c, _ := newClient(t, s)
	ctx := t.Context()
	at, err := c.Post(ctx, chatops.Place{}, "key", card())
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://noc.example.com/archives/" + slacktest.Channel + "/p" + strings.ReplaceAll(at.Message, ".", ""); at.Link != want || at.Channel != slacktest.Channel {
		t.Errorf("%+v, want the link %s", at, want)
	}
	m := s.Threads()[0]
	if diff := cmp.Diff("<@U1>\nden-kcy-1: link-errors\n*plan*\ndrain link den-kcy\ndigest 0123456789ab\n", m.Shown()); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"approve", "why"}, m.Buttons()); diff != "" {
		t.Errorf("buttons (-want +got):\n%s", diff)
	}
	note, err := c.Post(ctx, at, "key 2", chatops.Card{Title: "A decision is needed."})
	if err != nil || s.Messages()[1].Thread != at.Message {
		t.Errorf("a reply: %+v %v", s.Messages()[1], err)
	}
	for _, f := range []struct {
		thread chatops.Place
		key    string
		want   chatops.Place
	}{{chatops.Place{}, "key", at}, {at, "key 2", note}, {chatops.Place{}, "key 2", chatops.Place{}}, {at, "key 3", chatops.Place{}}} {
		if got, ok, err := c.Find(ctx, f.thread, f.key); got != f.want || ok != (f.want != chatops.Place{}) || err != nil {
			t.Errorf("find %q in %q: %+v %t %v, want %+v", f.key, f.thread.Message, got, ok, err, f.want)
		}
	}
	decided := card()
	decided.Call, decided.Buttons = nil, nil
	if err := c.Update(ctx, at, "key", decided); err != nil {
		t.Fatal(err)
	}
	if m = s.Threads()[0]; len(m.Buttons()) > 0 || m.Edits != 1 || strings.Contains(m.Shown(), "@U1") {
		t.Errorf("after the change: %+v", m)
	}
	if _, ok, _ := c.Find(ctx, chatops.Place{}, "key"); !ok {
		t.Error("after the change it is not found by its key")
	}
	if err := c.Whisper(ctx, "U1", at, "Recorded. <&>"); err != nil || s.Whispers("U1")[0] != "Recorded. &lt;&amp;&gt;" {
		t.Errorf("whispered %q %v", s.Whispers("U1"), err)
	}
	s.Delete(at.Message)
	if err := c.Update(ctx, at, "key", decided); !errors.Is(err, chatops.ErrGone) {
		t.Errorf("change what is deleted: %v", err)
	}
}

// TestMembers asks about every sort of account.
func TestMembers(t *testing.T) {
	s := slacktest.New(t)
	for id, as := range map[string]func(*slacktest.User){
		"UOK": nil, "UGONE": func(u *slacktest.User) { u.Deleted = true }, "UGUEST": func(u *slacktest.User) { u.Restricted = true },
		"USINGLE": func(u *slacktest.User) { u.SingleChannel = true }, "USTRANGE": func(u *slacktest.User) { u.Stranger = true },
		"UOTHER": func(u *slacktest.User) { u.TeamID = "T2" }, "UBOTTY": func(u *slacktest.User) { u.Bot = true }, "UNEW": func(u *slacktest.User) { u.EmailConfirmed = false },
		"ULIE": func(u *slacktest.User) { u.ID = "UOK" },
	} {
		s.Join(as, id)
	}
	c, _ := newClient(t, s)
	for id, want := range map[string]chatops.Member{
		"UOK": {}, "UGONE": {Deleted: true}, "UGUEST": {Guest: true}, "USINGLE": {Guest: true}, "USTRANGE": {Stranger: true}, "UOTHER": {Stranger: true},
		"UBOTTY": {Bot: true}, "UNEW": {Unconfirmed: true}, "ULIE": {Stranger: true},
	} {
		got, err := c.Member(t.Context(), id)
		want.Name, want.Team = strings.ToLower(id), slacktest.Team
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", id, err, diff)
		}
	}
	if _, err := c.Member(t.Context(), "UNOBODY"); err == nil {
		t.Error("nobody is somebody")
	}
	s.Trouble("auth.test", slacktest.Trouble{Lost: true})
	stranger, _ := newClient(t, s)
	if _, err := stranger.Member(t.Context(), "UOK"); err == nil {
		t.Error("a member of an unknown workspace")
	}
}

// TestOutcomes: what Slack has certainly not done is told apart from what it may have done.
func TestOutcomes(t *testing.T) {
	s := slacktest.New(t)
	c, _ := newClient(t, s)
	for _, f := range []struct {
		name    string
		trouble slacktest.Trouble
		refused bool
		after   time.Duration
	}{
		{"limited", slacktest.Trouble{RetryAfter: 30 * time.Second}, true, 30 * time.Second},
		{"refused", slacktest.Trouble{Error: "is_archived"}, true, 0},
		{"half done", slacktest.Trouble{Error: "fatal_error"}, false, 0},
		{"lost", slacktest.Trouble{Lost: true}, false, 0},
		{"unheard", slacktest.Trouble{Unheard: true}, false, 0},
	} {
		s.Trouble("chat.postMessage", f.trouble)
		_, err := c.Post(t.Context(), chatops.Place{}, "key", card())
		var no *chatops.Refusal
		if err == nil || errors.As(err, &no) != f.refused || no != nil && no.After != f.after {
			t.Errorf("%s: %v", f.name, err)
		}
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	var no *chatops.Refusal
	if _, err := c.Post(late, chatops.Place{}, "key", card()); err == nil || errors.As(err, &no) {
		t.Errorf("out of time: %v", err)
	}
}

// TestHostileText posts what Slack would read as markup, and more than it takes: all of it is letters, and it fits.
func TestHostileText(t *testing.T) {
	s := slacktest.New(t)
	c, _ := newClient(t, s)
	const evil = "<!channel> <@U1> <https://evil.example|click> *b* `c` & &lt;"
	long := strings.Repeat("<&>", 500)
	for name, c2 := range map[string]chatops.Card{
		"markup":     {Title: evil, Parts: []chatops.Part{{Label: "plan", Lines: []string{evil}}}, Buttons: []chatops.Button{{Act: chatops.Freeze, Label: "Freeze", Value: "k", Confirm: evil}}},
		"long":       {Title: long, Parts: []chatops.Part{{Label: "checks", Lines: []string{long, long, long}}}, Buttons: []chatops.Button{{Act: chatops.Freeze, Label: "Freeze", Value: "k", Confirm: long}}},
		"many":       {Title: "t", Parts: []chatops.Part{{Label: "a", Lines: strings.Split(strings.Repeat("x", 100), "")}, {Label: "b", Lines: []string{long, long, long, long, long, long, long, long, long, long, long, long}}, {Label: "c", Lines: []string{"last"}}}},
		"notice":     {Title: evil},
		"longnotice": {Title: long},
	} {
		if _, err := c.Post(t.Context(), chatops.Place{}, name, c2); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := s.Messages()[len(s.Messages())-1]
		if got := m.Markup(); strings.ContainsAny(got, "<>&`") {
			t.Errorf("%s: markup %q", name, got)
		}
		if strings.ContainsAny(m.Text, "<>") {
			t.Errorf("%s: text %q", name, m.Text)
		}
		if name == "markup" && strings.Count(m.Shown(), evil) != 2 {
			t.Errorf("%s: shown %q", name, m.Shown())
		}
		if len(m.Shown()) > 12_000 {
			t.Errorf("%s: %d characters", name, len(m.Shown()))
		}
	}
}

// TestBlockNames: the buttons of a message are a block of a name of ours, which is another for each version of it: what the chat
// says was pressed names it.
func TestBlockNames(t *testing.T) {
	s := slacktest.New(t)
	s.Join(nil, "U1")
	c, _ := newClient(t, s)
	at, err := c.Post(t.Context(), chatops.Place{}, "key", card())
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		_, rest, _ := strings.Cut(string(s.Messages()[0].Blocks), `"block_id":"acts `)
		name, _, _ := strings.Cut(rest, `"`)
		return name
	}
	first, again := name(), card()
	again.Title = "den-kcy-1: over"
	if err := c.Update(t.Context(), at, "key", again); err != nil {
		t.Fatal(err)
	}
	if second := name(); first == "" || second == "" || first == second {
		t.Errorf("%q, then %q", first, second)
	}
}
