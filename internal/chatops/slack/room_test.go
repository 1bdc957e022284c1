package slack

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/roomtest"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
)

// TestContract holds the room against what every chat must do, with presses over each of the ways in.
func TestContract(t *testing.T) {
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			roomtest.Run(t, func(t *testing.T) roomtest.Chat { return chat(t, way) })
		})
	}
}

// chat is a workspace as the contract takes it.
func chat(t *testing.T, way way) roomtest.Chat {
	s := slacktest.New(t)
	c, _ := newClient(t, s, func(c *Config) { c.Signing = slacktest.Signing })
	id := func(name string) string { return "U0" + strings.ToUpper(name) }
	pressed := func(name, message string, act chatops.Act, times int) error {
		p, err := s.Find(id(name), message, string(act))
		for n := 0; n < times && err == nil; n++ {
			err = s.Send(p)
		}
		return err
	}
	send := func(name, reason string) error {
		views := s.Views(id(name))
		if len(views) == 0 {
			return errors.New("no form came")
		}
		return s.Submit(views[len(views)-1], map[string]string{"reason": reason})
	}
	return roomtest.Chat{
		Name: "slack", Room: c, Members: c,
		Start: func(press func(context.Context, chatops.Press)) { way(t, s, c, press) },
		Join: func(name string, m chatops.Member) string {
			s.Join(func(u *slacktest.User) {
				u.Deleted, u.Restricted, u.Stranger, u.Bot = m.Deleted, m.Guest, m.Stranger, m.Bot
			}, id(name))
			return id(name)
		},
		Messages: func() (list []roomtest.Message) {
			for _, m := range s.Messages() {
				if m.OnlyFor == "" {
					markup := strings.NewReplacer("<@U0ANN>", "").Replace(m.Markup())
					list = append(list, roomtest.Message{ID: m.TS, Thread: m.Thread, Shown: m.Shown(), Markup: markup, Buttons: m.Buttons()})
				}
			}
			return list
		},
		Whispers: func(name string) []string { return s.Whispers(id(name)) },
		Press:    func(name, message string, act chatops.Act) error { return pressed(name, message, act, 1) },
		Again:    func(name, message string, act chatops.Act) error { return pressed(name, message, act, 2) },
		Fill: func(name, message string, act chatops.Act, reason string) error {
			if err := pressed(name, message, act, 1); err != nil {
				return err
			}
			return send(name, reason)
		},
		Type:   func(name, text string) error { return s.Type(id(name), text) },
		Send:   send,
		Delete: s.Delete,
		Post: func(trouble roomtest.Trouble) {
			s.Trouble("chat.postMessage", map[roomtest.Trouble]slacktest.Trouble{
				roomtest.Limited: {RetryAfter: 30 * time.Second}, roomtest.Refused: {Error: "is_archived"}, roomtest.Broken: {Error: "fatal_error"},
				roomtest.Lost: {Lost: true}, roomtest.Unheard: {Unheard: true},
			}[trouble])
		},
	}
}
