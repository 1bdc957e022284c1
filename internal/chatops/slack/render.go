package slack

import (
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops"
)

// The metadata by which a message of ours is found again.
const (
	metadataType = "detour_message"
	metadataKey  = "key"
)

// Slack's limits, in characters of escaped text.
const (
	maxHeader  = 150
	maxField   = 2000
	maxFields  = 10
	maxConfirm = 300
	maxText    = 3000
	maxLabel   = 75
	maxTitle   = 24
	maxCard    = 9000 // of all parts together; Slack does not say where it ends, only that it does
)

// message is a card as Slack's blocks.
func message(key string, c chatops.Card) []slack.MsgOption {
	var blocks []slack.Block
	if len(c.Call) > 0 {
		var call strings.Builder
		for _, account := range c.Call {
			call.WriteString("<@" + account + "> ")
		}
		blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, strings.TrimSpace(call.String()), false, true), nil, nil))
	}
	if len(c.Parts) == 0 {
		blocks = append(blocks, slack.NewSectionBlock(text(c.Title, maxText), nil, nil))
	} else {
		blocks = append(blocks, slack.NewHeaderBlock(text(c.Title, maxHeader)))
	}
	blocks = append(blocks, parts(c.Parts)...)
	if len(c.Buttons) > 0 {
		// Named by ourselves, and anew for each version of the message: clients tell a press by its block from one of the old kind.
		blocks = append(blocks, slack.NewActionBlock("acts "+events.DigestOf(c).Short(), buttons(c.Buttons)...))
	}
	return []slack.MsgOption{
		slack.MsgOptionText(escape(c.Title, maxText), false), slack.MsgOptionBlocks(blocks...), slack.MsgOptionDisableMarkdown(),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metadataType, EventPayload: map[string]any{metadataKey: key}}),
	}
}

// parts shows each part below its heading, as far as there is room.
func parts(list []chatops.Part) (blocks []slack.Block) {
	room := maxCard
	for _, p := range list {
		var fields []*slack.TextBlockObject
		for _, chunk := range chunks(p.Lines) {
			if size := utf8.RuneCountInString(chunk); size > room || len(fields) == maxFields {
				fields = append(fields[:min(len(fields), maxFields-1)], slack.NewTextBlockObject(slack.PlainTextType, "… the rest: detour incidents", false, false))
				break
			}
			room -= utf8.RuneCountInString(chunk)
			fields = append(fields, slack.NewTextBlockObject(slack.PlainTextType, chunk, false, false))
		}
		blocks = append(blocks, slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, "*"+escape(p.Label, maxHeader)+"*", false, true), fields, nil))
	}
	return blocks
}

// chunks puts lines together to texts that are not too long for a field.
func chunks(lines []string) (list []string) {
	var chunk strings.Builder
	for _, line := range lines {
		line = escape(line, maxField)
		if chunk.Len() > 0 && utf8.RuneCountInString(chunk.String())+1+utf8.RuneCountInString(line) > maxField {
			list = append(list, chunk.String())
			chunk.Reset()
		}
		if chunk.Len() > 0 {
			chunk.WriteByte('\n')
		}
		chunk.WriteString(line)
	}
	return append(list, chunk.String())
}

func buttons(list []chatops.Button) (elements []slack.BlockElement) {
	for _, b := range list {
		e := slack.NewButtonBlockElement(string(b.Act), b.Value, text(b.Label, maxLabel))
		switch b.Act {
		case chatops.Approve:
			e = e.WithStyle(slack.StylePrimary)
		case chatops.Reject, chatops.Abort, chatops.Freeze, chatops.Thaw:
			e = e.WithStyle(slack.StyleDanger)
		}
		if b.Confirm != "" {
			e = e.WithConfirm(slack.NewConfirmationBlockObject(text(b.Label+"?", 100), text(b.Confirm, maxConfirm), text(b.Label, 30), text("Cancel", 30)))
		}
		elements = append(elements, e)
	}
	return elements
}

// plain is a message of nothing but text.
func plain(words string) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(escape(words, maxText), false), slack.MsgOptionDisableMarkdown(),
		slack.MsgOptionBlocks(slack.NewSectionBlock(text(words, maxText), nil, nil)),
	}
}

func text(words string, most int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, escape(words, most), false, false)
}

// escape makes letters of the three characters that mean something to Slack, and shortens to most characters.
func escape(words string, most int) string {
	escaper := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	escaped := escaper.Replace(words)
	for raw := []rune(words); utf8.RuneCountInString(escaped) > most; {
		raw = raw[:len(raw)*9/10]
		escaped = escaper.Replace(string(raw)) + "…"
	}
	return escaped
}
