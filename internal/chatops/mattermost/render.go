package mattermost

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/clean"
)

// Bounds of a message, in characters. Mattermost takes 16,383 in one text.
const (
	maxTitle = 1600
	maxCard  = 12_000 // of all parts together
)

// post is a message as the API knows it.
type post struct {
	ID        string `json:"id,omitempty"`
	ChannelID string `json:"channel_id,omitempty"`
	RootID    string `json:"root_id,omitempty"` // of the thread; "" for a message that is no reply
	UserID    string `json:"user_id,omitempty"`
	DeleteAt  int64  `json:"delete_at,omitempty"`
	Message   string `json:"message"`
	Props     props  `json:"props"`
}

type props struct {
	Key         string       `json:"detour_key,omitempty"` // by which a message of ours is found again
	Attachments []attachment `json:"attachments,omitempty"`
}

type attachment struct {
	Fallback string   `json:"fallback"`
	Text     string   `json:"text"`
	Actions  []action `json:"actions,omitempty"`
}

type action struct {
	ID          string      `json:"id"`
	Type        string      `json:"type"`
	Name        string      `json:"name"`
	Style       string      `json:"style,omitempty"`
	Integration integration `json:"integration"`
}

type integration struct {
	URL     string `json:"url"`
	Context button `json:"context"`
}

// message is a card as a post without a place. names are those whom it calls.
func (c *Client) message(names []string, key string, card chatops.Card) post {
	var text strings.Builder
	for _, name := range names {
		text.WriteString("@" + name + " ")
	}
	title := clean.Cut(card.Title, maxTitle)
	text.WriteString(code(title))
	p := post{Message: text.String(), Props: props{Key: key}}
	if len(card.Parts) == 0 && len(card.Buttons) == 0 {
		return p
	}
	a := attachment{Fallback: title, Text: parts(card.Parts)}
	for _, b := range card.Buttons {
		a.Actions = append(a.Actions, action{
			ID: string(b.Act), Type: "button", Name: b.Label, Style: style(b.Act),
			Integration: integration{URL: c.Callback, Context: c.sign(button{Act: b.Act, Value: b.Value, Confirm: b.Confirm})},
		})
	}
	p.Props.Attachments = []attachment{a}
	return p
}

func style(act chatops.Act) string {
	switch act {
	case chatops.Approve:
		return "primary"
	case chatops.Reject, chatops.Abort, chatops.Freeze:
		return "danger"
	}
	return "default"
}

// parts shows each part below its heading, as far as there is room.
func parts(list []chatops.Part) string {
	var text strings.Builder
	room := maxCard
	for _, p := range list {
		lines := strings.Join(p.Lines, "\n")
		size := utf8.RuneCountInString(lines)
		if size > room {
			lines = clean.Cut(lines, max(room, 1)) + "\n… the rest: detour incidents"
		}
		text.WriteString("**" + heading(p.Label) + "**\n" + block(lines) + "\n")
		if room -= size; room <= 0 {
			break
		}
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// heading leaves nothing that could be markup.
func heading(label string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' {
			return r
		}
		return -1
	}, label)
}

// code shows one line, and block several, as they are: between backticks nothing means anything but a backtick.
func code(line string) string {
	if line = quoted(line); line == "" {
		return ""
	}
	return "`" + line + "`"
}

// answer is what somebody is told, as far as there is room.
func answer(lines string) string { return block(clean.Cut(lines, maxCard)) }

func block(lines string) string { return "```\n" + quoted(lines) + "\n```" }

func quoted(text string) string { return strings.ReplaceAll(text, "`", "'") }
