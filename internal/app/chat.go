package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/mattermost"
	"github.com/detour-net/detour/internal/chatops/slack"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/web"
)

// room is where a chat shows incidents.
type room interface {
	chatops.Room
	chatops.Members
	State() (connected bool, why string)
}

// chat is a desk and the room that it serves.
type chat struct {
	name string
	desk *chatops.Desk
	room room
	run  func(context.Context) error // keeps the room in touch with its chat

	path     string // where the chat reports what is pressed; "" if it does not
	callback http.Handler
}

// slackPath is where Slack sends presses to, if it sends them by HTTP.
const slackPath = "/chat/slack"

// openChats makes a desk for every chat that the configuration names. None says anything before it runs. Each shows the same
// Board and gives orders to the same worker: what is decided in one is shown as decided in all.
func (a *App) openChats(registry prometheus.Registerer) {
	a.peopleFile = config.NewPeopleFile(a.cfg.Files.People)
	a.duty = a.openDuty(registry)
	if s := a.cfg.Slack; s != nil {
		log, metrics := a.ofChat("slack", registry)
		room := slack.New(slack.Config{
			API: s.API, AppToken: a.cfg.Secrets.App, BotToken: a.cfg.Secrets.Bot, Signing: a.cfg.Secrets.Signing, Channel: s.Channel, Log: log, Metrics: metrics,
		})
		c := a.openChat("slack", room, func(m config.Member) string { return m.Slack }, log, metrics)
		c.run = func(ctx context.Context) error { return room.Run(ctx, c.desk.Press) }
		if a.cfg.Secrets.Signing != "" {
			c.path, c.callback = slackPath, room.Callback(c.desk.Press)
		}
	}
	if m := a.cfg.Mattermost; m != nil {
		log, metrics := a.ofChat("mattermost", registry)
		room := mattermost.New(mattermost.Config{
			URL: m.URL, Token: a.cfg.MattermostSecrets.Token, Channel: m.Channel, Secret: a.cfg.MattermostSecrets.Secret, Command: a.cfg.MattermostSecrets.Command,
			Callback: m.Callback + config.MattermostPath, Log: log, Metrics: metrics,
		})
		c := a.openChat("mattermost", room, func(m config.Member) string { return m.Mattermost }, log, metrics)
		c.run, c.path, c.callback = room.Run, config.MattermostPath, room.Pressed(c.desk.Press)
	}
}

// ofChat is the log of one chat, and its metrics: they have the chat's name as a label.
func (a *App) ofChat(name string, registry prometheus.Registerer) (*zap.Logger, prometheus.Registerer) {
	return a.log.Named("chat").Named(name), prometheus.WrapRegistererWith(prometheus.Labels{"chat": name}, registry)
}

// openChat makes the desk of a room. account is a person's there, "" for none.
func (a *App) openChat(name string, room room, account func(config.Member) string, log *zap.Logger, metrics prometheus.Registerer) *chat {
	c := &chat{name: name, room: room}
	c.desk = chatops.New(chatops.Config{
		Chat: name, Me: a.worker.Me(), Rank: a.cfg.Replica.Rank, Board: a.worker, Orders: a.worker, Room: room, Members: room,
		People: func() (chatops.People, error) { return a.people(account) }, OnCall: a.onCall, Scopes: a.cfg.Resolver.Scopes(),
		Invite: a.invite(), Console: a.console(),
		Notices: chatops.Handovers(shifts(a.cfg.Handover)), Now: now, NewKey: uuid.NewString, Log: log, Metrics: chatops.NewMetrics(metrics),
	})
	a.chats = append(a.chats, c)
	return c
}

// shifts are those of the configuration.
func shifts(h *config.Handover) chatops.Shifts {
	s := chatops.Shifts{Zone: h.Location()}
	for _, at := range h.Times() {
		s.At = append(s.At, chatops.Clock{Hour: int(at / time.Hour), Minute: int(at % time.Hour / time.Minute)})
	}
	return s
}

// people reads the table of people as a desk wants it, with their accounts in its chat.
func (a *App) people(account func(config.Member) string) (chatops.People, error) {
	read, err := a.peopleFile.Read()
	if err != nil {
		return chatops.People{}, err
	}
	p := chatops.People{OnCall: read.OnCall}
	for _, m := range read.People {
		p.List = append(p.List, chatops.Person{Name: m.Name, Account: account(m), Roles: web.Expand(m.Roles)})
	}
	return p, nil
}

// callbacks are what the chats call back, by path.
func (a *App) callbacks() map[string]http.Handler {
	by := map[string]http.Handler{}
	for _, c := range a.chats {
		if c.path != "" {
			by[c.path] = c.callback
		}
	}
	return by
}

// chatTasks are what runs of the chats while the replica does.
func (a *App) chatTasks() map[string]func(context.Context) error {
	tasks := map[string]func(context.Context) error{}
	if a.duty != nil {
		tasks["on call"] = a.duty.Run
	}
	for _, c := range a.chats {
		tasks[c.name+" desk"], tasks[c.name+" room"] = c.desk.Run, c.run
	}
	return tasks
}

// chatStatus says how the chats are, for people: which are away, and why. It is "" without any.
func (a *App) chatStatus() string {
	var away []string
	for _, c := range a.chats {
		if connected, why := c.room.State(); !connected {
			away = append(away, fmt.Sprintf("%s: %s", c.name, why))
		}
	}
	switch {
	case len(a.chats) == 0:
		return ""
	case len(away) == 0:
		return web.ChatConnected
	}
	return strings.Join(away, "; ")
}

// invite is how whoever presses without being known is sent to the console, nil where nobody can sign in at a provider there.
func (a *App) invite() func(events.ChatAccount, string) (string, error) {
	if a.cfg.Auth.OIDC == nil {
		return nil
	}
	return func(account events.ChatAccount, name string) (string, error) { return a.web.Invite(account, name) }
}

// console is where people's browsers reach the console: where the provider sends them, or "" without one.
func (a *App) console() string {
	if a.cfg.Auth.OIDC == nil {
		return ""
	}
	return strings.TrimSuffix(a.cfg.Auth.OIDC.RedirectURL, config.CallbackPath)
}
