package mattermost

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"time"

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

// said is what whoever pressed is told in the reply to the press.
type said struct {
	account string
	text    string
}

type saidKey struct{}

// reply is what the server takes for an answer.
type reply struct {
	Text string `json:"ephemeral_text,omitempty"`
	Raw  bool   `json:"skip_slack_parsing"`
}

// Pressed takes the server's reports of what was pressed, and of what was typed as a command, and hands every press that is
// proved to press. The request's body must be bounded. It answers with 200 what it has judged; with 400 what cannot be read, 403
// what is not proved, 502 what cannot be proved because the server does not say its key, and 503 if too much is being judged.
func (c *Client) Pressed(press func(context.Context, chatops.Press)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && media == mediaForm {
			c.typed(w, r, press)
			return
		}
		var report report
		if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
			c.turnAway(w, http.StatusBadRequest, "refused", err)
			return
		}
		ctx := context.WithoutCancel(r.Context()) // a press is judged to its end, also when whoever reports it is gone
		p, err := c.proved(ctx, report)
		c.answer(w, p, err, func() any {
			out := reply{Raw: true}
			if text := c.judge(ctx, p, report, press); text != "" {
				out.Text = answer(text)
			}
			return out
		})
	})
}

// answer answers a request with what judging it comes to, if it was proved.
func (c *Client) answer(w http.ResponseWriter, p chatops.Press, err error, judge func() any) {
	switch {
	case errors.Is(err, errForged):
		c.turnAway(w, http.StatusForbidden, "refused", err)
		return
	case err != nil:
		c.turnAway(w, http.StatusBadGateway, "failed", err)
		return
	}
	select {
	case c.judging <- struct{}{}:
		defer func() { <-c.judging }()
	default:
		c.turnAway(w, http.StatusServiceUnavailable, "turned-away", errors.New("too many presses at once"))
		return
	}
	c.callbacks.WithLabelValues("taken").Inc()
	came := time.Now()
	out := judge()
	w.Header().Set("Content-Type", "application/json")
	c.acked.Observe(time.Since(came).Seconds())
	if err := json.NewEncoder(w).Encode(out); err != nil {
		c.Log.Warn("answer a press", zap.String("account", p.Account), zap.Error(err))
	}
}

// turnAway answers what is no press. The reason is for our log alone.
func (c *Client) turnAway(w http.ResponseWriter, code int, outcome string, why error) {
	c.callbacks.WithLabelValues(outcome).Inc()
	c.seldom.Do(func() {
		c.Log.Warn("a request that is not taken for a press in Mattermost; at most one in a second is logged", zap.Int("status", code), zap.Error(why))
	})
	http.Error(w, outcome, code)
}

// proved is the press that a report is of. The server is asked for nothing before it is known that the button is ours.
func (c *Client) proved(ctx context.Context, r report) (chatops.Press, error) {
	if r.Type == "dialog_submission" {
		return c.provedDialog(r)
	}
	if !c.ours(r.Context) {
		return chatops.Press{}, errForged
	}
	t, err := c.vouched(ctx, r.Trigger)
	if err != nil {
		return chatops.Press{}, err
	}
	if t.account != r.Account || r.ChannelID != c.Channel {
		return chatops.Press{}, errForged
	}
	return chatops.Press{
		ID: t.id, Account: t.account, Channel: r.ChannelID, Message: r.PostID, Act: r.Context.Act, Value: r.Context.Value, At: t.at, Trigger: r.Trigger,
	}, nil
}

// judge has a press judged, or asks whether it counts, and returns what whoever pressed is told in the answer.
func (c *Client) judge(ctx context.Context, p chatops.Press, r report, press func(context.Context, chatops.Press)) string {
	switch {
	case r.Cancelled:
		return ""
	case p.Trigger == "": // a dialog was sent
		press(ctx, p)
		return ""
	case r.Context.Confirm != "":
		return c.confirm(ctx, p, r.Context.Confirm)
	}
	a := &said{account: p.Account}
	press(context.WithValue(ctx, saidKey{}, a), p)
	return a.text
}
