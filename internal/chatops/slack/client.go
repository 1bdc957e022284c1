package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/slack-go/slack"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/detour-net/detour/internal/chatops"
)

// Config says where the room is.
type Config struct {
	API      string // of the Web API, ending in "/"
	AppToken string // opens the socket; "": presses come through Callback alone
	BotToken string // for everything else
	Signing  string // the secret by which Callback knows Slack; "": it knows nobody
	Channel  string // its id
	Log      *zap.Logger
	Metrics  prometheus.Registerer
}

// requestWithin bounds one HTTP request, whatever its context says.
const requestWithin = 10 * time.Second

// Client speaks with Slack.
type Client struct {
	api      *slack.Client
	http     *http.Client
	appToken bool
	secret   string
	channel  string
	log      *zap.Logger

	intake    *intake
	answering sync.WaitGroup // acknowledgements over the socket
	callbacks *prometheus.CounterVec
	acked     prometheus.Histogram
	seldom    rate.Sometimes // for the log of what anybody can send

	mu        sync.Mutex
	workspace *slack.AuthTestResponse // who we are there; nil until it is known
	connected bool
	detail    string // why it is not connected
}

// New returns a client that has not begun. It sends nothing before it is asked to.
func New(c Config) *Client {
	s := &Client{
		http: &http.Client{Timeout: requestWithin}, appToken: c.AppToken != "", secret: c.Signing, channel: c.Channel, log: c.Log, detail: "not connected yet",
		intake: newIntake(c.Log), seldom: rate.Sometimes{Interval: time.Second}, callbacks: chatops.Callbacks(), acked: chatops.Acknowledged(),
	}
	s.api = slack.New(c.BotToken, slack.OptionAppLevelToken(c.AppToken), slack.OptionAPIURL(c.API), slack.OptionHTTPClient(s.http))
	c.Metrics.MustRegister(s.callbacks, s.acked, chatops.Connected(s.State))
	return s
}

// State reports whether the socket is connected, or, without one, whether Slack answers, and, if not, why.
func (s *Client) State() (connected bool, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connected, s.detail
}

func (s *Client) setState(connected bool, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected, s.detail = connected, detail
}

// home is the workspace that the bot belongs to.
func (s *Client) home(ctx context.Context) (*slack.AuthTestResponse, error) {
	s.mu.Lock()
	known := s.workspace
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	w, err := s.api.AuthTestContext(ctx)
	if err != nil {
		return nil, outcome("ask who the bot is", err)
	}
	if w.TeamID == "" {
		return nil, errors.New("ask who the bot is: Slack names no workspace")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workspace = w
	return w, nil
}

// Post is chatops.Room's.
func (s *Client) Post(ctx context.Context, thread chatops.Place, key string, c chatops.Card) (chatops.Place, error) {
	options := message(key, c)
	if thread.Message != "" {
		options = append(options, slack.MsgOptionTS(thread.Message))
	}
	channel, ts, err := s.api.PostMessageContext(ctx, s.channel, options...)
	if err != nil {
		return chatops.Place{}, outcome("post a message", err)
	}
	return s.place(ctx, channel, ts), nil
}

// Update is chatops.Room's.
func (s *Client) Update(ctx context.Context, at chatops.Place, key string, c chatops.Card) error {
	_, _, _, err := s.api.UpdateMessageContext(ctx, at.Channel, at.Message, message(key, c)...)
	return outcome("change a message", err)
}

// newest is how many messages Find looks at.
const newest = 100

// Find is chatops.Room's.
func (s *Client) Find(ctx context.Context, thread chatops.Place, key string) (at chatops.Place, found bool, err error) {
	var list []slack.Message
	if thread.Message != "" {
		list, _, _, err = s.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{ChannelID: thread.Channel, Timestamp: thread.Message, Limit: newest, IncludeAllMetadata: true})
	} else {
		var history *slack.GetConversationHistoryResponse
		if history, err = s.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: s.channel, Limit: newest, IncludeAllMetadata: true}); err == nil {
			list = history.Messages
		}
	}
	if err != nil {
		return at, false, outcome("look for a message", err)
	}
	for _, m := range list {
		if m.Metadata.EventType == metadataType && m.Metadata.EventPayload[metadataKey] == key {
			return s.place(ctx, s.channel, m.Timestamp), true, nil
		}
	}
	return at, false, nil
}

// place is a message with a link to it; without one if the workspace's address cannot be learnt.
func (s *Client) place(ctx context.Context, channel, ts string) chatops.Place {
	at := chatops.Place{Channel: channel, Message: ts}
	if w, err := s.home(ctx); err == nil {
		at.Link = strings.TrimSuffix(w.URL, "/") + "/archives/" + channel + "/p" + strings.ReplaceAll(ts, ".", "")
	}
	return at
}

// Member is chatops.Members'.
func (s *Client) Member(ctx context.Context, account string) (chatops.Member, error) {
	home, err := s.home(ctx)
	if err != nil {
		return chatops.Member{}, err
	}
	u, err := s.api.GetUserInfoContext(ctx, account)
	if err != nil {
		return chatops.Member{}, outcome("ask who "+account+" is", err)
	}
	return chatops.Member{
		Name: u.Name, Team: home.TeamID, Deleted: u.Deleted, Guest: u.IsRestricted || u.IsUltraRestricted, Bot: u.IsBot || u.IsAppUser || u.IsWorkflowBot || u.IsConnectorBot,
		Stranger:    u.ID != account || u.IsStranger || u.TeamID != home.TeamID && !slices.Contains(u.Enterprise.Teams, home.TeamID),
		Unconfirmed: !u.IsEmailConfirmed || u.IsInvitedUser,
	}, nil
}

// Whisper is chatops.Members': where a command is answered that ctx is of, or else where it was pressed.
func (s *Client) Whisper(ctx context.Context, account string, thread chatops.Place, text string) error {
	if reply, _ := ctx.Value(replyKey{}).(string); reply != "" {
		return outcome("answer a command", s.answer(ctx, reply, text))
	}
	options := plain(text)
	if thread.Message != "" {
		options = append(options, slack.MsgOptionTS(thread.Message))
	}
	_, err := s.api.PostEphemeralContext(ctx, thread.Channel, account, options...)
	return outcome("whisper", err)
}

// answer answers a command where Slack said, an address that nobody else should know. Any reply of success will do.
func (s *Client) answer(ctx context.Context, address, words string) error {
	err := slack.PostWebhookCustomHTTPContext(ctx, address, s.http, &slack.WebhookMessage{
		ResponseType: slack.ResponseTypeEphemeral, Text: escape(words, maxText), Blocks: &slack.Blocks{BlockSet: []slack.Block{slack.NewSectionBlock(text(words, maxText), nil, nil)}},
	})
	var shown *url.Error
	if errors.As(err, &shown) {
		return shown.Err
	}
	return err
}

// outcome says of an error what is known of the request: that it was certainly refused, or nothing.
func outcome(what string, err error) error {
	if err == nil {
		return nil
	}
	var limited *slack.RateLimitedError
	var answer slack.SlackErrorResponse
	switch {
	case errors.As(err, &limited):
		return fmt.Errorf("%s: %w", what, &chatops.Refusal{Reason: "Slack wants fewer requests", After: limited.RetryAfter})
	case errors.As(err, &answer):
		switch answer.Err {
		case "message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found":
			return fmt.Errorf("%s: %w (%s)", what, chatops.ErrGone, answer.Err)
		case "fatal_error", "internal_error", "request_timeout", "service_unavailable":
			return fmt.Errorf("%s: %w", what, err) // Slack says of these that some of it may have been done
		}
		return fmt.Errorf("%s: %w", what, &chatops.Refusal{Reason: "Slack answers " + chatops.Clean(answer.Err)})
	}
	return fmt.Errorf("%s: %w", what, err)
}
