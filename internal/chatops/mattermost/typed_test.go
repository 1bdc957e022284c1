package mattermost

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/mattermost/mattermosttest"
)

// TestForgedCommands sends commands as the server does, and as it does not: only the former are taken.
func TestForgedCommands(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		change  func(*stage, *mattermosttest.Typed)
		want    string // of the error; "": it is taken
	}{
		"as the server sends it":    {command: mattermosttest.Command},
		"with another token":        {mattermosttest.Command, func(_ *stage, c *mattermosttest.Typed) { c.Token = "guess" }, "403"},
		"with none":                 {mattermosttest.Command, func(_ *stage, c *mattermosttest.Typed) { c.Token = "" }, "403"},
		"where there is no command": {"", func(_ *stage, c *mattermosttest.Typed) { c.Token = "" }, "403"},
		"lent to another account":   {mattermosttest.Command, func(_ *stage, c *mattermosttest.Typed) { c.Account = mattermosttest.ID("bob") }, "403"},
		"with a trigger of no form": {mattermosttest.Command, func(_ *stage, c *mattermosttest.Typed) { c.Trigger = "abc" }, "403"},
		"with a trigger of another": {mattermosttest.Command, func(s *stage, c *mattermosttest.Typed) {
			c.Trigger = mattermosttest.New(t).Trigger(c.Account, time.Now())
		}, "403"},
		"while the key is not known": {mattermosttest.Command, func(s *stage, _ *mattermosttest.Typed) {
			s.Trouble("GET /config/client", mattermosttest.Trouble{Lost: true})
		}, "502"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, func(config *Config) { config.Command = c.command })
			s.Join(nil, "ann", "bob")
			var got []chatops.Press
			s.start(func(_ context.Context, p chatops.Press) { got = append(got, p) })
			typed := s.Write("ann", "freeze", s.client.Callback)
			if c.change != nil {
				c.change(s, &typed)
			}
			err := s.Type(typed)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), "answers "+c.want) || len(got) > 0 {
					t.Errorf("%v, want %s; taken: %+v", err, c.want, got)
				}
				return
			}
			if err != nil || len(got) != 1 {
				t.Fatalf("%v, %d presses", err, len(got))
			}
			want := chatops.Press{
				ID: got[0].ID, Account: mattermosttest.ID("ann"), Channel: mattermosttest.ID("elsewhere"), Act: chatops.Freeze, At: got[0].At, Trigger: typed.Trigger, Typed: true,
			}
			if diff := cmp.Diff(want, got[0]); diff != "" || got[0].ID == "" || time.Since(got[0].At).Abs() > time.Minute {
				t.Errorf("press (-want +got):\n%s", diff)
			}
		})
	}
}
