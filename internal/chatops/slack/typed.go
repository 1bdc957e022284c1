package slack

import (
	"strings"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"

	"github.com/detour-net/detour/internal/chatops"
)

// commanded is what a slash command says that was sent at a time; nothing if it is none of a person's.
func commanded(c slack.SlashCommand, at time.Time) (list []heard) {
	if c.UserID == "" || c.TriggerID == "" {
		return nil
	}
	p := chatops.Press{ID: strings.Join([]string{"command", c.TriggerID, c.UserID}, " "), Account: c.UserID, Channel: c.ChannelID, At: at, Trigger: c.TriggerID}
	return []heard{{chatops.Typed(p, c.Text), c.ResponseURL}}
}

// mentioned is what an event says in which the bot is spoken to; nothing of any other, and of what bots say.
func mentioned(e slackevents.EventsAPIEvent) (list []heard) {
	m, ok := e.InnerEvent.Data.(*slackevents.AppMentionEvent)
	if !ok || m.User == "" || m.BotID != "" || m.Edited != nil {
		return nil
	}
	p := chatops.Press{
		ID: strings.Join([]string{"mention", m.Channel, m.TimeStamp, m.User}, " "), Account: m.User, Channel: m.Channel, Message: m.ThreadTimeStamp, At: timestamp(m.TimeStamp),
	}
	text := strings.TrimSpace(m.Text)
	if name, rest, found := strings.Cut(text, ">"); found && strings.HasPrefix(name, "<@") {
		text = rest
	}
	text = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
	return []heard{{Press: chatops.Typed(p, text)}}
}
