package slacktest

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// block is a block of a message or a view, as far as it is looked at.
type block struct {
	Type     string    `json:"type"`
	BlockID  string    `json:"block_id"`
	Text     *object   `json:"text"`
	Fields   []*object `json:"fields"`
	Elements []element `json:"elements"`
	Label    *object   `json:"label"`   // of an input
	Element  *input    `json:"element"` // of an input
}

// input is what is filled in.
type input struct {
	Type      string   `json:"type"`
	ActionID  string   `json:"action_id"`
	MaxLength int      `json:"max_length"`
	Options   []option `json:"options"`
	Initial   *option  `json:"initial_option"`
}

type option struct {
	Text  *object `json:"text"`
	Value string  `json:"value"`
}

type object struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type element struct {
	Type     string   `json:"type"`
	ActionID string   `json:"action_id"`
	Value    string   `json:"value"`
	Style    string   `json:"style"`
	Text     *object  `json:"text"`
	Confirm  *confirm `json:"confirm"`
}

type confirm struct {
	Title   *object `json:"title"`
	Text    *object `json:"text"`
	Confirm *object `json:"confirm"`
	Deny    *object `json:"deny"`
}

func (m Message) read() (list []block) {
	_ = json.Unmarshal(m.Blocks, &list) // it was read when it was posted
	return list
}

// blocksFit holds blocks against the limits of Slack's Block Kit reference.
func blocksFit(raw json.RawMessage) bool {
	var list []block
	if json.Unmarshal(raw, &list) != nil || len(list) > 50 {
		return false
	}
	ids := map[string]bool{}
	for _, b := range list {
		switch b.Type {
		case "header":
			if b.Text == nil || b.Text.Type != "plain_text" || !b.Text.fits(150) {
				return false
			}
		case "section":
			if b.Text == nil && len(b.Fields) == 0 || b.Text != nil && !b.Text.fits(3000) || len(b.Fields) > 10 {
				return false
			}
			for _, f := range b.Fields {
				if !f.fits(2000) {
					return false
				}
			}
		case "actions":
			if len(b.Elements) == 0 || len(b.Elements) > 25 {
				return false
			}
			for _, e := range b.Elements {
				if ids[e.ActionID] || !e.fits() {
					return false
				}
				ids[e.ActionID] = true
			}
		default:
			return false
		}
	}
	return true
}

// fits: not empty, not too long, and no "<" that stands for itself.
func (o *object) fits(most int) bool {
	if o == nil || o.Text == "" || utf8.RuneCountInString(o.Text) > most {
		return false
	}
	switch o.Type {
	case "mrkdwn":
		return true
	case "plain_text":
		return !strings.ContainsAny(o.Text, "<>")
	}
	return false
}

func (e element) fits() bool {
	if e.Type != "button" || e.ActionID == "" || len(e.ActionID) > 255 || len(e.Value) > 2000 || !e.Text.fits(75) || e.Text.Type != "plain_text" {
		return false
	}
	if e.Style != "" && e.Style != "primary" && e.Style != "danger" {
		return false
	}
	c := e.Confirm
	return c == nil || c.Title.fits(100) && c.Text.fits(300) && c.Confirm.fits(30) && c.Deny.fits(30)
}
