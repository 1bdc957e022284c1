package mattermost

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/detour-net/detour/internal/chatops"
)

// Config says where the room is.
type Config struct {
	URL      string // of the server, without a slash at its end
	Token    string // the bot's
	Channel  string // its id
	Secret   string // what buttons are signed with; every replica has the same
	Command  string // the token of the slash command; "": there is none
	Callback string // where the server reaches Pressed, of any replica
	Log      *zap.Logger
	Metrics  prometheus.Registerer
}

// Times of a client.
const (
	requestWithin = 10 * time.Second // one HTTP request, whatever its context says
	lookEvery     = 10 * time.Second // at whether the server takes our token
)

// Client speaks with Mattermost.
type Client struct {
	Config
	http      *http.Client
	callbacks *prometheus.CounterVec
	acked     prometheus.Histogram
	judging   chan struct{}  // one for each press that is being judged
	seldom    rate.Sometimes // for the log of what anybody can send
	every     time.Duration  // lookEvery, but in tests

	mu        sync.Mutex
	bot       string // our own account; "" until it is known
	key       signer
	connected bool
	detail    string // why it is not connected
}

// New returns a client that has not begun. It sends nothing before it is asked to.
func New(c Config) *Client {
	m := &Client{
		Config: c, detail: "not connected yet", every: lookEvery, judging: make(chan struct{}, maxPresses), callbacks: chatops.Callbacks(), acked: chatops.Acknowledged(),
		seldom: rate.Sometimes{Interval: time.Second},
		http:   &http.Client{Timeout: requestWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	c.Metrics.MustRegister(m.callbacks, m.acked, chatops.Connected(m.State))
	return m
}

// State reports whether the server takes our token and has us in the channel, and, if not, why.
func (c *Client) State() (connected bool, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected, c.detail
}

// Run keeps looking whether the server can be reached, until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	look := time.NewTicker(c.every)
	defer look.Stop()
	for {
		err := c.look(ctx)
		if ctx.Err() != nil {
			err = fmt.Errorf("ending: %w", ctx.Err())
		}
		c.mu.Lock()
		was := c.connected
		if c.connected, c.detail = err == nil, ""; err != nil {
			c.detail = chatops.Clean(err.Error())
		}
		c.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && !was:
			c.Log.Info("Mattermost takes our token")
		case err != nil && was:
			c.Log.Warn("Mattermost cannot be reached; it is tried again", zap.Error(err))
		}
		select {
		case <-ctx.Done():
		case <-look.C:
		}
	}
}

// look asks for what every press and every message needs.
func (c *Client) look(ctx context.Context) error {
	if _, err := c.me(ctx); err != nil {
		return err
	}
	if err := c.call(ctx, http.MethodGet, "/channels/"+c.Channel+"/members/me", nil, nil); err != nil {
		return fmt.Errorf("ask whether the bot is in the channel: %w", certain(err))
	}
	_, err := c.signer(ctx, time.Time{})
	return err
}

// me is our own account.
func (c *Client) me(ctx context.Context) (string, error) {
	c.mu.Lock()
	known := c.bot
	c.mu.Unlock()
	if known != "" {
		return known, nil
	}
	var u user
	if err := c.call(ctx, http.MethodGet, "/users/me", nil, &u); err != nil {
		return "", fmt.Errorf("ask who the bot is: %w", certain(err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bot = u.ID
	return u.ID, nil
}

// Post is chatops.Room's. Of a thread that is not there the server says no more than that the request is a bad one.
func (c *Client) Post(ctx context.Context, thread chatops.Place, key string, card chatops.Card) (chatops.Place, error) {
	names, err := c.names(ctx, card.Call)
	if err != nil {
		return chatops.Place{}, &chatops.Refusal{Reason: chatops.Clean("ask for the names of whom to call: " + err.Error())}
	}
	p := c.message(names, key, card)
	p.ChannelID, p.RootID = c.Channel, thread.Message
	var posted post
	err = c.call(ctx, http.MethodPost, "/posts", p, &posted)
	if status(err) == http.StatusBadRequest && thread.Message != "" && c.gone(ctx, thread) {
		return chatops.Place{}, fmt.Errorf("post a message: %w", chatops.ErrGone)
	}
	if err != nil {
		return chatops.Place{}, fmt.Errorf("post a message: %w", certain(err))
	}
	return c.place(posted), nil
}

// Update is chatops.Room's. Of a message that is not there the server says that it may not be changed, so it is looked for.
func (c *Client) Update(ctx context.Context, at chatops.Place, key string, card chatops.Card) error {
	names, err := c.names(ctx, card.Call)
	if err != nil {
		return fmt.Errorf("ask for the names of whom to call: %w", certain(err))
	}
	err = c.call(ctx, http.MethodPut, "/posts/"+at.Message+"/patch", c.message(names, key, card), nil)
	if (status(err) == http.StatusForbidden || status(err) == http.StatusNotFound) && c.gone(ctx, at) {
		return fmt.Errorf("change a message: %w", chatops.ErrGone)
	}
	if err != nil {
		return fmt.Errorf("change a message: %w", certain(err))
	}
	return nil
}

// gone reports whether the server says that there is no such message.
func (c *Client) gone(ctx context.Context, at chatops.Place) bool {
	return status(c.call(ctx, http.MethodGet, "/posts/"+at.Message, nil, nil)) == http.StatusNotFound
}

// newest is how many messages Find looks at.
const newest = 100

// Find is chatops.Room's. A message counts only if it is our own: anybody can give theirs the same key.
func (c *Client) Find(ctx context.Context, thread chatops.Place, key string) (at chatops.Place, found bool, err error) {
	me, err := c.me(ctx)
	if err != nil {
		return at, false, err
	}
	path := fmt.Sprintf("/channels/%s/posts?per_page=%d", c.Channel, newest)
	if thread.Message != "" {
		path = fmt.Sprintf("/posts/%s/thread?perPage=%d&direction=up", thread.Message, newest)
	}
	var list struct {
		Posts map[string]post `json:"posts"`
	}
	err = c.call(ctx, http.MethodGet, path, nil, &list)
	if status(err) == http.StatusNotFound && thread.Message != "" {
		return at, false, fmt.Errorf("look for a message: %w", chatops.ErrGone)
	}
	if err != nil {
		return at, false, fmt.Errorf("look for a message: %w", certain(err))
	}
	for _, p := range list.Posts {
		if p.Props.Key == key && p.UserID == me && p.RootID == thread.Message && p.DeleteAt == 0 {
			return c.place(p), true, nil
		}
	}
	return at, false, nil
}

// place is a message with a link to it, which works for members of any of its teams.
func (c *Client) place(p post) chatops.Place {
	return chatops.Place{Channel: p.ChannelID, Message: p.ID, Link: c.link(p.ID)}
}

func (c *Client) link(message string) string { return c.URL + "/_redirect/pl/" + message }

// user is an account, as the server tells a bot.
type user struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Roles    string `json:"roles"` // parted by spaces
	DeleteAt int64  `json:"delete_at"`
	Bot      bool   `json:"is_bot"`
	Remote   string `json:"remote_id"` // of the other server that it belongs to
}

func (c *Client) user(ctx context.Context, account string) (u user, err error) {
	if !isID(account) {
		return u, fmt.Errorf("%q is no account of Mattermost", account)
	}
	err = c.call(ctx, http.MethodGet, "/users/"+account, nil, &u)
	return u, err
}

// server is the name of the server, whose every team has the same accounts.
func (c *Client) server() string {
	_, name, _ := strings.Cut(c.URL, "://")
	return name
}

// Member is chatops.Members'. Who has not the role of every full member is a guest.
func (c *Client) Member(ctx context.Context, account string) (chatops.Member, error) {
	u, err := c.user(ctx, account)
	if err != nil {
		return chatops.Member{}, fmt.Errorf("ask who %s is: %w", account, certain(err))
	}
	return chatops.Member{
		Name: u.Username, Team: c.server(), Deleted: u.DeleteAt != 0, Guest: !slices.Contains(strings.Fields(u.Roles), "system_user"), Bot: u.Bot,
		Stranger: u.ID != account || u.Remote != "",
	}, nil
}

// names are what accounts are mentioned by. One that is there no more is left out.
func (c *Client) names(ctx context.Context, accounts []string) (names []string, err error) {
	for _, account := range accounts {
		u, err := c.user(ctx, account)
		switch {
		case status(err) == http.StatusNotFound:
			c.Log.Warn("whoever is to be called is not known to Mattermost", zap.String("account", account))
		case err != nil:
			return nil, err
		case isName(u.Username):
			names = append(names, u.Username)
		}
	}
	return names, nil
}

// Whisper is chatops.Members': in the answer to the press that ctx is of, or else as a direct message.
func (c *Client) Whisper(ctx context.Context, account string, thread chatops.Place, text string) error {
	if a, ok := ctx.Value(saidKey{}).(*said); ok && a.account == account {
		a.text = text
		return nil
	}
	me, err := c.me(ctx)
	if err != nil {
		return err
	}
	var direct struct {
		ID string `json:"id"`
	}
	if err := c.call(ctx, http.MethodPost, "/channels/direct", []string{me, account}, &direct); err != nil {
		return fmt.Errorf("open a direct channel: %w", certain(err))
	}
	told := answer(text)
	if thread.Message != "" {
		told += "\n" + c.link(thread.Message)
	}
	if err := c.call(ctx, http.MethodPost, "/posts", post{ChannelID: direct.ID, Message: told}, nil); err != nil {
		return fmt.Errorf("whisper: %w", certain(err))
	}
	return nil
}
