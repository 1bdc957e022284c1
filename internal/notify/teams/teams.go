// Package teams sends notices to a channel of Microsoft Teams, by the webhook of a workflow ("when a Teams webhook request is
// received"), as Adaptive Cards. It is one way: a card links to the console, and nothing comes back from it.
//
// A workflow knows no message again. So every notice is a card of its own, and one that is sent twice is shown twice.
//
// Texts are runs of rich text, in which Teams reads no markup.
package teams

import (
	"context"
	"net/http"
	"time"

	"github.com/detour-net/detour/internal/chatops/clean"
	"github.com/detour-net/detour/internal/notify"
)

// within bounds one request.
const within = 7 * time.Second

// Channel is a notify.Channel.
type Channel struct {
	webhook string
	client  *http.Client
}

// New returns a channel to a workflow's webhook, whose address is a secret.
func New(webhook string) *Channel {
	return &Channel{webhook: webhook, client: notify.Client(within)}
}

// message is what a workflow takes.
type message struct {
	Type        string       `json:"type"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	Content     card   `json:"content"`
}

type card struct {
	Schema  string   `json:"$schema"`
	Type    string   `json:"type"`
	Version string   `json:"version"`
	Body    []block  `json:"body"`
	Actions []action `json:"actions"`
}

type block struct {
	Type    string `json:"type"`
	Inlines []run  `json:"inlines"`
}

type run struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Weight string `json:"weight,omitempty"`
	Size   string `json:"size,omitempty"`
	Color  string `json:"color,omitempty"`
}

type action struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Bounds of a card, in characters. Teams takes 28 KB of a message, and a character may be six bytes of it.
const (
	maxSummary = 600
	maxDetail  = 200
	maxDetails = 6
)

// Send is notify.Channel's.
func (c *Channel) Send(ctx context.Context, n notify.Notice) error {
	return notify.Post(ctx, c.client, c.webhook, message{
		Type:        "message",
		Attachments: []attachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: cardOf(n)}},
	})
}

func cardOf(n notify.Notice) card {
	rich := func(runs ...run) block { return block{Type: "RichTextBlock", Inlines: runs} }
	body := []block{
		rich(run{Type: "TextRun", Text: heading(n), Weight: "Bolder", Size: "Medium", Color: color(n)}),
		rich(run{Type: "TextRun", Text: clean.Cut(n.Summary, maxSummary)}),
	}
	if n.Action == notify.Trigger {
		for _, d := range n.Details[:min(len(n.Details), maxDetails)] {
			body = append(body, rich(run{Type: "TextRun", Text: clean.Cut(d.Name, maxDetail) + ": ", Weight: "Bolder"}, run{Type: "TextRun", Text: clean.Cut(d.Text, maxDetail)}))
		}
	}
	return card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4", Body: body,
		Actions: []action{{Type: "Action.OpenUrl", Title: "Open " + clean.Cut(n.Incident, maxDetail), URL: n.Link}},
	}
}

// heading says in a word what is wanted of whoever reads it; colour never says it alone.
func heading(n notify.Notice) string {
	switch n.Action {
	case notify.Acknowledge:
		return "Being seen to"
	case notify.Resolve:
		return "Over"
	}
	return string(n.Severity) + ": " + map[notify.Situation]string{
		notify.Asking: "a decision is needed", notify.Waiting: "held up", notify.Acting: "a mitigation", notify.Stuck: "a person is needed", notify.Failed: "left as it is",
		notify.Frozen: "FROZEN",
	}[n.Situation]
}

func color(n notify.Notice) string {
	switch {
	case n.Action != notify.Trigger:
		return "Good"
	case n.Severity == notify.Critical || n.Severity == notify.Error:
		return "Attention"
	case n.Severity == notify.Warning:
		return "Warning"
	}
	return "Default"
}
