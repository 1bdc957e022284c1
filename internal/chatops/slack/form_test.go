package slack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
)

// form is one with everything in it.
func form() chatops.Form {
	return chatops.Form{
		Title: "Freeze", Submit: "Freeze", Lines: []string{"Nothing that adds risk is begun there.", "<!channel> & more"}, Reason: true,
		Scopes: []chatops.Choice{{Value: "network", Label: "network"}, {Value: "site:den", Label: "site:den"}},
	}
}

// TestForm opens a form and gets back what is filled in, with all that the button said: over a connection, and by HTTP.
func TestForm(t *testing.T) {
	t.Parallel()
	for name, by := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := slacktest.New(t)
			c, _ := newClient(t, s)
			presses := make(chan chatops.Press, 10)
			by(t, s, c, func(_ context.Context, p chatops.Press) { presses <- p })
			at := time.Unix(1700000000, 123456000)
			if err := s.Send(slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "freeze", Value: "key sha256:01", At: at}); err != nil {
				t.Fatal(err)
			}
			p := <-presses
			if err := c.Ask(t.Context(), p, form()); err != nil {
				t.Fatal(err)
			}
			views := s.Views("U1")
			if len(views) != 1 || len(s.Views("U2")) > 0 {
				t.Fatalf("%+v", views)
			}
			if diff := cmp.Diff("Freeze\nNothing that adds risk is begun there.\n<!channel> & more\nWhere:\nnetwork\nsite:den\nWhy:", views[0].Shown()); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}
			if err := s.Submit(views[0], map[string]string{"reason": "works <&> ü", "scope": "site:den"}); err != nil {
				t.Fatal(err)
			}
			want := chatops.Press{
				ID: "form " + views[0].ID + " U1", Account: "U1", Channel: slacktest.Channel, Message: "1.2", Act: chatops.Freeze, Value: "key sha256:01", At: at,
				Answer: &chatops.Answer{Scope: "site:den", Reason: "works <&> ü"},
			}
			if diff := cmp.Diff(want, <-presses); diff != "" {
				t.Errorf("filled in (-want +got):\n%s", diff)
			}
			if len(s.Views("U1")) > 0 {
				t.Error("the form is still there")
			}
			var no *chatops.Refusal
			if err := c.Ask(t.Context(), p, form()); !errors.As(err, &no) || !strings.Contains(err.Error(), "exchanged_trigger_id") {
				t.Errorf("a second form after one press: %v", err)
			}
		})
	}
}

// TestFormLimits: what is asked fits Slack's limits, whatever is asked.
func TestFormLimits(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	c, _ := newClient(t, s)
	presses := make(chan chatops.Press, 1)
	overSocket(t, s, c, func(_ context.Context, p chatops.Press) { presses <- p })
	press := func() chatops.Press {
		t.Helper()
		if err := s.Send(slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "freeze", Value: strings.Repeat("v", 2000), At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		return <-presses
	}
	long := form()
	long.Title, long.Submit, long.Lines, long.Scopes = strings.Repeat("<", 100), strings.Repeat("&", 100), strings.Split(strings.Repeat("<&> line,", 5000), ","), nil
	for n := range chatops.MaxChoices {
		long.Scopes = append(long.Scopes, chatops.Choice{Value: fmt.Sprint("site:", n), Label: strings.Repeat("<", 75)})
	}
	for name, f := range map[string]chatops.Form{"everything": form(), "nothing but a reason": {Title: "Reject", Submit: "Reject", Reason: true}, "too much": long} {
		if err := c.Ask(t.Context(), press(), f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	late := press()
	s.Exhaust()
	if err := c.Ask(t.Context(), late, form()); err == nil || !strings.Contains(err.Error(), "expired_trigger_id") {
		t.Errorf("too late: %v", err)
	}
	if err := c.Ask(t.Context(), chatops.Press{}, form()); err == nil {
		t.Error("a form without a press")
	}
}
