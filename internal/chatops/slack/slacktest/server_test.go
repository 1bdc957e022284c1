package slacktest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
)

// client is slack-go, a client by other authors than the server's.
func client(s *slacktest.Server, bot, app string) *slack.Client {
	return slack.New(bot, slack.OptionAPIURL(s.URL()), slack.OptionAppLevelToken(app))
}

func failure(err error) string {
	var answer slack.SlackErrorResponse
	if errors.As(err, &answer) {
		return answer.Err
	}
	return ""
}

func TestTokens(t *testing.T) {
	s := slacktest.New(t)
	for _, c := range []struct{ bot, want string }{
		{slacktest.BotToken, ""}, {"xoxb-guess", "invalid_auth"}, {slacktest.AppToken, "not_allowed_token_type"},
	} {
		if _, err := client(s, c.bot, slacktest.AppToken).AuthTestContext(t.Context()); failure(err) != c.want {
			t.Errorf("bot token %s: %v, want %q", c.bot, err, c.want)
		}
	}
	if _, _, err := client(s, slacktest.BotToken, "xapp-guess").StartSocketModeContext(t.Context()); failure(err) != "invalid_auth" {
		t.Errorf("another app's token: %v", err)
	}
}

func TestMessages(t *testing.T) {
	s := slacktest.New(t)
	s.Join(nil, "U1")
	api, ctx := client(s, slacktest.BotToken, slacktest.AppToken), t.Context()
	text := func(words string) slack.MsgOption {
		return slack.MsgOptionBlocks(slack.NewSectionBlock(slack.NewTextBlockObject(slack.PlainTextType, words, false, false), nil, nil))
	}
	channel, ts, err := api.PostMessageContext(ctx, slacktest.Channel, text("one"), slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "x", EventPayload: map[string]any{"key": "k"}}))
	if err != nil || channel != slacktest.Channel {
		t.Fatal(channel, err)
	}
	_, reply, err := api.PostMessageContext(ctx, slacktest.Channel, text("two"), slack.MsgOptionTS(ts))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.PostEphemeralContext(ctx, slacktest.Channel, "U1", slack.MsgOptionText("psst", false), slack.MsgOptionTS(ts)); err != nil {
		t.Error(err)
	}
	if _, _, _, err := api.UpdateMessageContext(ctx, slacktest.Channel, ts, text("three")); err != nil {
		t.Error(err)
	}
	for _, with := range []bool{true, false} {
		h, err := api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: slacktest.Channel, IncludeAllMetadata: with})
		if err != nil || len(h.Messages) != 1 || h.Messages[0].Timestamp != ts || (h.Messages[0].Metadata.EventPayload["key"] == "k") != with {
			t.Errorf("history with metadata %t: %+v %v", with, h, err)
		}
	}
	list, _, _, err := api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: slacktest.Channel, Timestamp: ts})
	if err != nil || len(list) != 2 || list[1].Timestamp != reply {
		t.Errorf("replies: %d %v", len(list), err)
	}
	if m := s.Messages(); len(m) != 3 || m[0].Shown() != "three\n" || m[0].Edits != 1 || s.Whispers("U1")[0] != "psst" {
		t.Errorf("%+v", m)
	}
	for _, c := range []struct {
		name, want string
		do         func() error
	}{
		{"another channel", "channel_not_found", func() error { _, _, err := api.PostMessageContext(ctx, "C9", text("x")); return err }},
		{"no such thread", "thread_not_found", func() error {
			_, _, err := api.PostMessageContext(ctx, slacktest.Channel, text("x"), slack.MsgOptionTS("1.2"))
			return err
		}},
		{"no such message", "message_not_found", func() error {
			_, _, _, err := api.UpdateMessageContext(ctx, slacktest.Channel, "1.2", text("x"))
			return err
		}},
		{"a text that is too long", "invalid_blocks", func() error {
			_, _, err := api.PostMessageContext(ctx, slacktest.Channel, text(strings.Repeat("x", 3001)))
			return err
		}},
		{"an empty text", "invalid_blocks", func() error { _, _, err := api.PostMessageContext(ctx, slacktest.Channel, text("")); return err }},
		{"a letter that is not escaped", "invalid_blocks", func() error { _, _, err := api.PostMessageContext(ctx, slacktest.Channel, text("<b>")); return err }},
		{"nobody of that name", "user_not_found", func() error { _, err := api.GetUserInfoContext(ctx, "U7"); return err }},
	} {
		if err := c.do(); failure(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestTrouble(t *testing.T) {
	s := slacktest.New(t)
	api := client(s, slacktest.BotToken, slacktest.AppToken)
	s.Trouble("chat.postMessage", slacktest.Trouble{RetryAfter: 7 * time.Second}, slacktest.Trouble{Lost: true}, slacktest.Trouble{Unheard: true}, slacktest.Trouble{Error: "is_archived"})
	var limited *slack.RateLimitedError
	post := func() error {
		_, _, err := api.PostMessageContext(t.Context(), slacktest.Channel, slack.MsgOptionText("x", false))
		return err
	}
	if err := post(); !errors.As(err, &limited) || limited.RetryAfter != 7*time.Second {
		t.Errorf("%v", err)
	}
	for _, stand := range []int{0, 1} {
		if err := post(); err == nil || len(s.Messages()) != stand {
			t.Errorf("%v, %d messages, want %d", err, len(s.Messages()), stand)
		}
	}
	if err := post(); failure(err) != "is_archived" {
		t.Errorf("%v", err)
	}
	if err := post(); err != nil || len(s.Messages()) != 2 {
		t.Errorf("%v, %d messages, want 2", err, len(s.Messages()))
	}
}

// listen runs slack-go's Socket Mode client until the test ends, and returns what it tells.
func listen(t *testing.T, s *slacktest.Server) (*socketmode.Client, <-chan socketmode.Event) {
	ctx, cancel := context.WithCancel(t.Context())
	k := socketmode.New(client(s, slacktest.BotToken, slacktest.AppToken))
	var running sync.WaitGroup
	running.Go(func() { _ = k.RunContext(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return k, k.Events
}

// await returns the next event of a type.
func await(t *testing.T, events <-chan socketmode.Event, kind socketmode.EventType) socketmode.Event {
	t.Helper()
	over := time.After(30 * time.Second)
	for {
		select {
		case e := <-events:
			if e.Type == kind {
				return e
			}
		case <-over:
			t.Fatalf("no %s", kind)
		}
	}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	k, events := listen(t, s)
	await(t, events, socketmode.EventTypeHello)
	press := slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "approve", Value: "v", At: time.Unix(1700000000, 123456000)}
	sent := make(chan error, 1)
	go func() { sent <- s.Send(press) }()
	e := await(t, events, socketmode.EventTypeInteractive)
	c, ok := e.Data.(slack.InteractionCallback)
	if !ok || c.User.ID != "U1" || c.Channel.ID != slacktest.Channel || c.Container.MessageTs != "1.2" || len(c.ActionCallback.BlockActions) != 1 {
		t.Fatalf("%+v", e.Data)
	}
	if a := c.ActionCallback.BlockActions[0]; a.ActionID != "approve" || a.Value != "v" || a.ActionTs != "1700000000.123456" {
		t.Errorf("%+v", a)
	}
	if err := k.Ack(*e.Request); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if err := s.Send(press); !errors.Is(err, slacktest.ErrNotAcknowledged) {
		t.Errorf("nobody acknowledges: %v", err)
	}
	for _, end := range []func(){s.Refresh, s.Disconnect} {
		end()
		await(t, events, socketmode.EventTypeHello)
	}
}

// TestCommands: a command and a mention come to slack-go over a socket as what they are, and a command is answered where it says.
func TestCommands(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	k, events := listen(t, s)
	await(t, events, socketmode.EventTypeHello)
	sent := make(chan error, 1)
	go func() { sent <- s.Type("U1", "why den-kcy-1") }()
	e := await(t, events, socketmode.EventTypeSlashCommand)
	c, ok := e.Data.(slack.SlashCommand)
	if !ok || c.Command != "/detour" || c.Text != "why den-kcy-1" || c.UserID != "U1" || c.ChannelID != slacktest.Elsewhere || c.TriggerID == "" {
		t.Fatalf("%+v", e.Data)
	}
	if err := k.Ack(*e.Request); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	answer := func(kind string) error {
		return slack.PostWebhookContext(t.Context(), c.ResponseURL, &slack.WebhookMessage{ResponseType: kind, Text: "because"})
	}
	if err := answer(slack.ResponseTypeInChannel); err == nil {
		t.Error("everybody was answered")
	}
	for n := range 6 {
		if err := answer(slack.ResponseTypeEphemeral); (err == nil) != (n < 5) {
			t.Errorf("answer %d: %v", n+1, err)
		}
	}
	if got := s.Whispers("U1"); len(got) != 5 || got[0] != "because" {
		t.Errorf("answered with %q", got)
	}
	go func() { sent <- s.Mention("U1", "open", "1.2", 1) }()
	e = await(t, events, socketmode.EventTypeEventsAPI)
	all, ok := e.Data.(slackevents.EventsAPIEvent)
	m, mention := all.InnerEvent.Data.(*slackevents.AppMentionEvent)
	if !ok || !mention || m.User != "U1" || m.Text != "<@UBOT> open" || m.ThreadTimeStamp != "1.2" || m.Channel != slacktest.Channel {
		t.Fatalf("%+v", e.Data)
	}
	if err := k.Ack(*e.Request); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestConnections: a ticket opens one connection, and the eleventh is turned away.
func TestConnections(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	ctx := t.Context()
	api := client(s, slacktest.BotToken, slacktest.AppToken)
	for range 10 {
		_, events := listen(t, s)
		await(t, events, socketmode.EventTypeHello)
	}
	if n := s.Connections(); n != 10 {
		t.Fatalf("%d connections", n)
	}
	_, url, err := api.StartSocketModeContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	first, err := slacktest.Dial(ctx, url)
	if err != nil || !strings.Contains(first, "too_many_websockets") {
		t.Errorf("the eleventh is told %q %v", first, err)
	}
	if _, err := slacktest.Dial(ctx, url); err == nil {
		t.Error("a ticket was taken twice")
	}
	if _, err := slacktest.Dial(ctx, strings.Replace(url, "ticket-", "ticket-9", 1)); err == nil {
		t.Error("a ticket that was never issued was taken")
	}
}
