package mattermost

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/clean"
)

// Names of what is filled in.
const (
	fieldScope  = "scope"
	fieldReason = "reason"
)

// maxTitleOfDialog is Mattermost's, in bytes.
const maxTitleOfDialog = 24

// dialog is what is put before whoever pressed. Without elements it asks for no more than yes or no.
type dialog struct {
	Title    string    `json:"title"`
	Text     string    `json:"introduction_text"`
	Elements []element `json:"elements,omitempty"`
	Submit   string    `json:"submit_label"`
	State    string    `json:"state"`
}

type element struct {
	Label   string   `json:"display_name"`
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Default string   `json:"default,omitempty"`
	Max     int      `json:"max_length,omitempty"`
	Options []option `json:"options,omitempty"`
}

type option struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}

// Ask is chatops.Members'.
func (c *Client) Ask(ctx context.Context, p chatops.Press, f chatops.Form) error {
	d := dialog{Title: f.Title, Submit: f.Submit, Text: block(strings.Join(f.Lines, "\n"))}
	if len(f.Scopes) > 0 {
		e := element{Label: "Scope", Name: fieldScope, Type: "select", Default: f.Scopes[0].Value}
		for _, s := range f.Scopes {
			e.Options = append(e.Options, option{Text: s.Label, Value: s.Value})
		}
		d.Elements = append(d.Elements, e)
	}
	if f.Reason {
		d.Elements = append(d.Elements, element{Label: "Reason", Name: fieldReason, Type: "textarea", Max: chatops.MaxReason})
	}
	return c.open(ctx, p, d, true)
}

// confirm asks whether a press counts, and returns what whoever pressed is told if it cannot.
func (c *Client) confirm(ctx context.Context, p chatops.Press, question string) (told string) {
	act := strings.ToUpper(string(p.Act[:1])) + string(p.Act[1:])
	if err := c.open(ctx, p, dialog{Title: act + "?", Submit: act, Text: block(question)}, false); err != nil {
		c.Log.Warn("ask whether a press counts", zap.String("account", p.Account), zap.String("act", string(p.Act)), zap.Error(err))
		return fmt.Sprintf("Mattermost did not ask whether you are sure, so nothing was recorded. Press again, or use detour %s.", p.Act)
	}
	return ""
}

// open puts a dialog before whoever made a press. The server takes it for some seconds after the press.
func (c *Client) open(ctx context.Context, p chatops.Press, d dialog, form bool) error {
	var err error
	d.Title = clean.Cut(d.Title, maxTitleOfDialog)
	d.State, err = c.seal(pending{ID: p.ID, Account: p.Account, Message: p.Message, Act: p.Act, Value: p.Value, At: p.At, Form: form, Typed: p.Typed})
	if err != nil {
		return fmt.Errorf("open a dialog: %w", err)
	}
	request := struct {
		Trigger string `json:"trigger_id"`
		URL     string `json:"url"`
		Dialog  dialog `json:"dialog"`
	}{p.Trigger, c.Callback, d}
	if err := c.call(ctx, http.MethodPost, "/actions/dialogs/open", request, nil); err != nil {
		return fmt.Errorf("open a dialog: %w", certain(err))
	}
	return nil
}

// provedDialog is the press that a dialog was opened for, with what was filled in. The state that comes back with it is what
// proves it: it was given to nobody but whoever pressed.
func (c *Client) provedDialog(r report) (chatops.Press, error) {
	sent, ok := c.unseal(r.State)
	if !ok || sent.Account != r.Account {
		return chatops.Press{}, errForged
	}
	p := chatops.Press{ID: sent.ID + " sent", Account: sent.Account, Channel: c.Channel, Message: sent.Message, Act: sent.Act, Value: sent.Value, At: sent.At, Typed: sent.Typed}
	if sent.Form {
		p.Answer = &chatops.Answer{Scope: r.Submission[fieldScope], Reason: r.Submission[fieldReason]}
	}
	return p, nil
}
