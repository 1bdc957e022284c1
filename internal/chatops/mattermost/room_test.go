package mattermost

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/mattermost/mattermosttest"
	"github.com/detour-net/detour/internal/chatops/roomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a server, a client that has not begun, and where the server reports what is pressed.
type stage struct {
	*mattermosttest.Server
	client   *Client
	registry *prometheus.Registry

	mu    sync.Mutex
	press func(context.Context, chatops.Press)
}

func newStage(t *testing.T, change ...func(*Config)) *stage {
	s := &stage{Server: mattermosttest.New(t), registry: prometheus.NewRegistry()}
	callbacks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		press := s.press
		s.mu.Unlock()
		s.client.Pressed(press).ServeHTTP(w, r)
	}))
	t.Cleanup(callbacks.Close)
	c := Config{
		URL: s.URL(), Token: mattermosttest.Token, Channel: mattermosttest.Channel, Secret: "a secret of 32 characters or more", Command: mattermosttest.Command,
		Callback: callbacks.URL + "/chat/mattermost", Log: zaptest.NewLogger(t), Metrics: s.registry,
	}
	for _, f := range change {
		f(&c)
	}
	s.client = New(c)
	t.Cleanup(s.client.http.CloseIdleConnections)
	return s
}

func (s *stage) start(press func(context.Context, chatops.Press)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.press = press
}

// TestContract holds the room against what every chat must do.
func TestContract(t *testing.T) {
	roomtest.Run(t, func(t *testing.T) roomtest.Chat { return newStage(t).chat() })
}

// chat is the stage as the contract takes it.
func (s *stage) chat() roomtest.Chat {
	return roomtest.Chat{
		Name: "mattermost", Room: s.client, Members: s.client, Start: s.start,
		Join: func(name string, m chatops.Member) string {
			s.Join(func(u *mattermosttest.User) {
				u.IsBot = m.Bot
				if m.Deleted {
					u.DeleteAt = 1
				}
				if m.Guest {
					u.Roles = "system_guest"
				}
				if m.Stranger {
					u.RemoteID = "elsewhere"
				}
			}, name)
			return mattermosttest.ID(name)
		},
		Messages: func() (list []roomtest.Message) {
			for _, m := range s.Messages() {
				if m.OnlyFor == "" {
					markup := strings.NewReplacer("@ann", "", "**", "").Replace(m.Markup())
					list = append(list, roomtest.Message{ID: m.ID, Thread: m.RootID, Shown: m.Shown(), Markup: markup, Buttons: m.Buttons()})
				}
			}
			return list
		},
		Whispers: s.Whispers,
		Press:    func(name, message string, act chatops.Act) error { return s.pressed(name, message, act, 1, nil) },
		Again:    func(name, message string, act chatops.Act) error { return s.pressed(name, message, act, 2, nil) },
		Fill: func(name, message string, act chatops.Act, reason string) error {
			return s.pressed(name, message, act, 1, map[string]string{"reason": reason})
		},
		Type: func(name, text string) error { return s.Type(s.Write(name, text, s.client.Callback)) },
		Send: func(name, reason string) error {
			dialogs := s.Dialogs(name)
			if len(dialogs) == 0 {
				return errors.New("no dialog came")
			}
			return s.Submit(dialogs[len(dialogs)-1], map[string]string{"reason": reason})
		},
		Delete: s.Delete,
		Post: func(trouble roomtest.Trouble) {
			s.Trouble("POST /posts", map[roomtest.Trouble]mattermosttest.Trouble{
				roomtest.Limited: {RetryAfter: 30 * time.Second}, roomtest.Refused: {Status: http.StatusForbidden}, roomtest.Broken: {Status: http.StatusBadGateway},
				roomtest.Lost: {Lost: true}, roomtest.Unheard: {Unheard: true},
			}[trouble])
		},
	}
}

// pressed presses a button and sends the dialog that comes, if one does; the last of it is delivered so many times.
func (s *stage) pressed(name, message string, act chatops.Act, times int, filled map[string]string) error {
	p, err := s.Find(name, message, string(act))
	if err != nil {
		return err
	}
	before := len(s.Dialogs(name))
	if err := s.Send(p); err != nil {
		return err
	}
	dialogs := s.Dialogs(name)
	for n := range times {
		switch {
		case len(dialogs) > before:
			err = s.Submit(dialogs[before], filled)
		case filled != nil:
			err = fmt.Errorf("no dialog came")
		case n > 0:
			err = s.Send(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
