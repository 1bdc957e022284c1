package mattermosttest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Props are the properties of a message, as far as they are looked at.
type Props struct {
	Key         string       `json:"detour_key,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`
}

// Attachment is a block of a message with its buttons.
type Attachment struct {
	Fallback string   `json:"fallback"`
	Text     string   `json:"text"`
	Actions  []Action `json:"actions,omitempty"`
}

// Action is a button.
type Action struct {
	ID          string       `json:"id"`
	Type        string       `json:"type"`
	Name        string       `json:"name"`
	Style       string       `json:"style,omitempty"`
	Integration *Integration `json:"integration,omitempty"`
}

// Integration is what is done with a press. Clients never see it.
type Integration struct {
	URL     string         `json:"url"`
	Context map[string]any `json:"context"`
}

// Mattermost's limits, in characters.
const (
	maxText  = 16_383
	maxProps = 800_000
)

// fits holds a message against Mattermost's limits and its rules of actions.
func (m Message) fits() bool {
	if m.Text == "" && len(m.Props.Attachments) == 0 || utf8.RuneCountInString(m.Text) > maxText {
		return false
	}
	raw, err := json.Marshal(m.Props)
	if err != nil || utf8.RuneCount(raw) > maxProps {
		return false
	}
	styles := []string{"", "default", "primary", "success", "good", "warning", "danger"}
	plain := regexp.MustCompile(`^[A-Za-z0-9]+$`) // an action's id is part of a path that takes no other characters
	seen := map[string]bool{}
	for _, a := range m.Props.Attachments {
		for _, b := range a.Actions {
			if !plain.MatchString(b.ID) || seen[b.ID] || b.Type != "button" || b.Name == "" || !slices.Contains(styles, b.Style) {
				return false
			}
			if b.Integration == nil || !strings.HasPrefix(b.Integration.URL, "http") {
				return false
			}
			seen[b.ID] = true
		}
	}
	return true
}

// stripped is the message as clients get it.
func (m Message) stripped() Message {
	m.Props.Attachments = slices.Clone(m.Props.Attachments)
	for i, a := range m.Props.Attachments {
		a.Actions = slices.Clone(a.Actions)
		for k := range a.Actions {
			a.Actions[k].Integration = nil
		}
		m.Props.Attachments[i] = a
	}
	return m
}

// written is everything that a message says, as it was written.
func (m Message) written() string {
	text := m.Text
	for _, a := range m.Props.Attachments {
		text += "\n" + a.Text
	}
	return text
}

var (
	fenced = regexp.MustCompile("(?s)```\n(.*?)\n```")
	inline = regexp.MustCompile("`([^`\n]*)`")
)

// Shown is everything that a message says, as people read it.
func (m Message) Shown() string {
	text := fenced.ReplaceAllString(m.written(), "$1")
	return strings.ReplaceAll(inline.ReplaceAllString(text, "$1"), "**", "")
}

// Markup is everything in a message that Mattermost would interpret: what is no code.
func (m Message) Markup() string {
	return inline.ReplaceAllString(fenced.ReplaceAllString(m.written(), ""), "")
}

// Buttons are the ids of what can be pressed.
func (m Message) Buttons() (ids []string) {
	for _, a := range m.Props.Attachments {
		for _, b := range a.Actions {
			ids = append(ids, b.ID)
		}
	}
	return ids
}
