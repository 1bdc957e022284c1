package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/detour-net/detour/internal/chatops"
)

// The names of a form and of its fields.
const (
	formID   = "detour_form"
	scopeID  = "scope"
	reasonID = "reason"
)

// carried is what a form brings back of the button that it came of, in its private metadata: Slack shows it to nobody, and
// nobody can change it.
type carried struct {
	Act     chatops.Act `json:"act"`
	Value   string      `json:"value"`
	Channel string      `json:"channel"`
	Message string      `json:"message"`
	At      time.Time   `json:"at"`
	Typed   bool        `json:"typed,omitempty"`
	Reply   string      `json:"reply,omitempty"`
}

// Ask is chatops.Members'.
func (s *Client) Ask(ctx context.Context, p chatops.Press, f chatops.Form) error {
	view, err := modal(ctx, p, f)
	if err != nil {
		return err
	}
	_, err = s.api.OpenViewContext(ctx, p.Trigger, view)
	return outcome("open a form", err)
}

// modal is a form as Slack's blocks.
func modal(ctx context.Context, p chatops.Press, f chatops.Form) (slack.ModalViewRequest, error) {
	reply, _ := ctx.Value(replyKey{}).(string)
	meta, err := json.Marshal(carried{Act: p.Act, Value: p.Value, Channel: p.Channel, Message: p.Message, At: p.At, Typed: p.Typed, Reply: reply})
	if err != nil {
		return slack.ModalViewRequest{}, fmt.Errorf("encode a form: %w", err)
	}
	var blocks []slack.Block
	for n, chunk := range chunks(f.Lines) {
		if chunk == "" || n == maxFields {
			break
		}
		blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.PlainTextType, chunk, false, false), nil, nil))
	}
	if len(f.Scopes) > 0 {
		var options []*slack.OptionBlockObject
		for _, c := range f.Scopes {
			options = append(options, slack.NewOptionBlockObject(c.Value, text(c.Label, maxLabel), nil))
		}
		menu := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, nil, scopeID, options...).WithInitialOption(options[0])
		blocks = append(blocks, slack.NewInputBlock(scopeID, text("Where", maxLabel), nil, menu))
	}
	if f.Reason {
		field := slack.NewPlainTextInputBlockElement(nil, reasonID).WithMinLength(1).WithMaxLength(chatops.MaxReason)
		blocks = append(blocks, slack.NewInputBlock(reasonID, text("Why", maxLabel), nil, field))
	}
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: formID, PrivateMetadata: string(meta), Blocks: slack.Blocks{BlockSet: blocks},
		Title: text(f.Title, maxTitle), Submit: text(f.Submit, maxTitle), Close: text("Cancel", maxTitle),
	}, nil
}

// filledIn is what came back of a form of ours.
func filledIn(c slack.InteractionCallback) (heard, bool) {
	var was carried
	if c.View.CallbackID != formID || c.View.ID == "" || json.Unmarshal([]byte(c.View.PrivateMetadata), &was) != nil {
		return heard{}, false
	}
	answer := &chatops.Answer{}
	if c.View.State != nil {
		answer.Scope = c.View.State.Values[scopeID][scopeID].SelectedOption.Value
		answer.Reason = strings.TrimSpace(c.View.State.Values[reasonID][reasonID].Value)
	}
	p := chatops.Press{
		ID: strings.Join([]string{"form", c.View.ID, c.User.ID}, " "), Account: c.User.ID,
		Channel: was.Channel, Message: was.Message, Act: was.Act, Value: was.Value, At: was.At, Answer: answer, Typed: was.Typed,
	}
	return heard{p, was.Reply}, true
}
