package mattermost

import (
	"context"
	"crypto/hmac"
	"net/http"
	"net/url"

	"github.com/detour-net/detour/internal/chatops"
)

const mediaForm = "application/x-www-form-urlencoded"

// ephemeral is an answer to a command, which only who typed it sees.
type ephemeral struct {
	Type string `json:"response_type"`
	Text string `json:"text,omitempty"`
	Raw  bool   `json:"skip_slack_parsing"`
}

// typed answers a command.
func (c *Client) typed(w http.ResponseWriter, r *http.Request, press func(context.Context, chatops.Press)) {
	if err := r.ParseForm(); err != nil {
		c.turnAway(w, http.StatusBadRequest, "refused", err)
		return
	}
	ctx := context.WithoutCancel(r.Context()) // it is judged to its end, also when whoever reports it is gone
	p, err := c.provedCommand(ctx, r.PostForm)
	c.answer(w, p, err, func() any {
		a := &said{account: p.Account}
		press(context.WithValue(ctx, saidKey{}, a), p)
		out := ephemeral{Type: "ephemeral", Raw: true}
		if a.text != "" {
			out.Text = answer(a.text)
		}
		return out
	})
}

// provedCommand is the press that a command comes to. Its token shows that the server sends it as the command of ours, and is
// known to both alone; who typed it and when the server vouches for in the trigger id.
func (c *Client) provedCommand(ctx context.Context, form url.Values) (chatops.Press, error) {
	if c.Command == "" || !hmac.Equal([]byte(form.Get("token")), []byte(c.Command)) {
		return chatops.Press{}, errForged
	}
	t, err := c.vouched(ctx, form.Get("trigger_id"))
	if err != nil {
		return chatops.Press{}, err
	}
	if t.account != form.Get("user_id") {
		return chatops.Press{}, errForged
	}
	p := chatops.Press{ID: t.id, Account: t.account, Channel: form.Get("channel_id"), At: t.at, Trigger: form.Get("trigger_id")}
	return chatops.Typed(p, form.Get("text")), nil
}
