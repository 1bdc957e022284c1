package app

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/slack"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/web"
)

// chat is a desk and the room that it serves.
type chat struct {
	desk *chatops.Desk
	room *slack.Client
}

// openChat makes the desk, if the configuration names a chat. It says nothing before Run.
func (a *App) openChat(registry prometheus.Registerer) {
	s := a.cfg.Slack
	if s == nil {
		return
	}
	log := a.log.Named("chat")
	room := slack.New(slack.Config{
		API: s.API, AppToken: a.cfg.Secrets.App, BotToken: a.cfg.Secrets.Bot, Signing: a.cfg.Secrets.Signing, Channel: s.Channel, Log: log, Metrics: registry,
	})
	desk := chatops.New(chatops.Config{
		Chat: "slack", Me: a.worker.Me(), Rank: a.cfg.Replica.Rank, Board: a.worker, Orders: a.worker, Room: room, Members: room,
		People: func() (chatops.People, error) { return people(a.cfg.Files.People) }, Scopes: a.cfg.Resolver.Scopes(),
		Now: time.Now, NewKey: uuid.NewString, Log: log, Metrics: chatops.NewMetrics(registry),
	})
	a.chat = &chat{desk: desk, room: room}
}

// people reads the table of people as the desk wants it.
func people(path string) (chatops.People, error) {
	read, err := config.LoadPeople(path)
	if err != nil {
		return chatops.People{}, err
	}
	p := chatops.People{OnCall: read.OnCall}
	for _, m := range read.People {
		p.List = append(p.List, chatops.Person{Name: m.Name, Account: m.Slack, Roles: web.Expand(m.Roles)})
	}
	return p, nil
}

// slackPath is where Slack sends presses to, if it sends them by HTTP.
const slackPath = "/chat/slack"

// callbacks are what the chat calls back, by path.
func (a *App) callbacks() map[string]http.Handler {
	if a.chat == nil || a.cfg.Secrets.Signing == "" {
		return nil
	}
	return map[string]http.Handler{slackPath: a.chat.room.Callback(a.chat.desk.Press)}
}

// tasks are what runs while the replica does.
func (c *chat) tasks() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"chat":        c.desk.Run,
		"chat socket": func(ctx context.Context) error { return c.room.Run(ctx, c.desk.Press) },
	}
}

// status says how the chat's socket is, for people.
func (c *chat) status() string {
	if c == nil {
		return ""
	}
	connected, why := c.room.State()
	if connected {
		return web.ChatConnected
	}
	return why
}
