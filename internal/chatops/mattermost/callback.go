package mattermost

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/chatops"
)

// maxPresses is how many are judged at once; more are turned away, and the server shows so to whoever pressed.
const maxPresses = 32

// report is what the server says was pressed, or sent in a dialog.
type report struct {
	Type      string `json:"type"` // "button", or "dialog_submission"
	Account   string `json:"user_id"`
	ChannelID string `json:"channel_id"`
	PostID    string `json:"post_id"`
	Trigger   string `json:"trigger_id"`
	Context   button `json:"context"`

	State      string            `json:"state"`
	Submission map[string]string `json:"submission"`
	Cancelled  bool              `json:"cancelled"`
}

// answer is what whoever pressed is told in the reply to the press.
type answer struct {
	account string
	text    string
}

type answerKey struct{}

// reply is what the server takes for an answer.
type reply struct {
	Text string `json:"ephemeral_text,omitempty"`
	Raw  bool   `json:"skip_slack_parsing"`
}

// Pressed takes the server's reports of what was pressed, and hands every press that is proved to press. The request's body
// must be bounded.
func (c *Client) Pressed(press func(context.Context, chatops.Press)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case c.judging <- struct{}{}:
			defer func() { <-c.judging }()
		default:
			c.turnAway(w, http.StatusServiceUnavailable, "turned-away", errors.New("too many presses at once"))
			return
		}
		var report report
		if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
			c.turnAway(w, http.StatusBadRequest, "refused", err)
			return
		}
		ctx := context.WithoutCancel(r.Context()) // a press is judged to its end, also when whoever reports it is gone
		text, err := c.take(ctx, report, press)
		switch {
		case errors.Is(err, errForged):
			c.turnAway(w, http.StatusForbidden, "refused", err)
			return
		case err != nil:
			c.turnAway(w, http.StatusBadGateway, "failed", err)
			return
		}
		c.callbacks.WithLabelValues("taken").Inc()
		out := reply{Raw: true}
		if text != "" {
			out.Text = block(text)
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(out); err != nil {
			c.Log.Warn("answer a press", zap.String("account", report.Account), zap.Error(err))
		}
	})
}

// turnAway answers what is no press. The reason is for our log alone.
func (c *Client) turnAway(w http.ResponseWriter, code int, outcome string, why error) {
	c.callbacks.WithLabelValues(outcome).Inc()
	c.Log.Warn("a report of Mattermost's is not taken", zap.String("outcome", outcome), zap.Error(why))
	http.Error(w, outcome, code)
}

// take proves a report and has it judged. It returns what whoever pressed is to be told.
func (c *Client) take(ctx context.Context, r report, press func(context.Context, chatops.Press)) (string, error) {
	if r.Type == "dialog_submission" {
		return "", c.takeDialog(ctx, r, press)
	}
	if !c.ours(r.Context) {
		return "", errForged
	}
	t, err := c.vouched(ctx, r.Trigger)
	if err != nil {
		return "", err
	}
	if t.account != r.Account || r.ChannelID != c.Channel {
		return "", errForged
	}
	p := chatops.Press{
		ID: t.id, Account: t.account, Channel: r.ChannelID, Message: r.PostID, Act: r.Context.Act, Value: r.Context.Value, At: t.at, Trigger: r.Trigger,
	}
	if r.Context.Confirm != "" {
		return c.confirm(ctx, p, r.Context.Confirm), nil
	}
	a := &answer{account: t.account}
	press(context.WithValue(ctx, answerKey{}, a), p)
	return a.text, nil
}
