package slacktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// methods are those of the Web API. They are called under the lock, and return the answer or an error's name.
func (s *Server) methods() map[string]func(*http.Request) (map[string]any, string) {
	return map[string]func(*http.Request) (map[string]any, string){
		"auth.test": func(*http.Request) (map[string]any, string) {
			return map[string]any{"url": "https://noc.example.com/", "team": "NOC", "team_id": Team, "user": "detour", "user_id": bot, "bot_id": "B1"}, ""
		},
		"apps.connections.open": s.openConnection,
		"chat.postMessage":      s.postMessage,
		"chat.update":           s.update,
		"chat.postEphemeral":    s.postEphemeral,
		"conversations.history": s.history,
		"conversations.replies": s.replies,
		"users.info":            s.userInfo,
		"views.open":            s.openView,
	}
}

// stamp is a new message id: a time in seconds, unique in the channel.
func (s *Server) stamp() string {
	s.clock++
	return fmt.Sprintf("%d.%06d", time.Now().Unix(), s.clock)
}

// content reads what is posted, and says what is wrong with it.
func content(r *http.Request) (m Message, why string) {
	if r.Form.Get("channel") != Channel {
		return m, "channel_not_found"
	}
	m.Text, m.Thread = r.Form.Get("text"), r.Form.Get("thread_ts")
	if raw := r.Form.Get("blocks"); raw != "" {
		m.Blocks = json.RawMessage(raw)
		if !blocksFit(m.Blocks) {
			return m, "invalid_blocks"
		}
	}
	if raw := r.Form.Get("metadata"); raw != "" {
		var meta struct {
			Type    string         `json:"event_type"`
			Payload map[string]any `json:"event_payload"`
		}
		if json.Unmarshal([]byte(raw), &meta) != nil || meta.Type == "" || meta.Payload == nil {
			return m, "invalid_metadata_format"
		}
		m.Metadata = json.RawMessage(raw)
	}
	if m.Text == "" && m.Blocks == nil {
		return m, "no_text"
	}
	return m, ""
}

func (s *Server) postMessage(r *http.Request) (map[string]any, string) {
	m, why := content(r)
	if why != "" {
		return nil, why
	}
	if m.Thread != "" && s.find(m.Thread) == nil {
		return nil, "thread_not_found"
	}
	m.TS = s.stamp()
	s.messages = append(s.messages, m)
	return map[string]any{"channel": Channel, "ts": m.TS, "message": m}, ""
}

func (s *Server) update(r *http.Request) (map[string]any, string) {
	m, why := content(r)
	if why != "" {
		return nil, why
	}
	old := s.find(r.Form.Get("ts"))
	if old == nil || old.OnlyFor != "" {
		return nil, "message_not_found"
	}
	old.Text, old.Blocks = m.Text, m.Blocks
	if m.Metadata != nil {
		old.Metadata = m.Metadata
	}
	old.Edits++
	return map[string]any{"channel": Channel, "ts": old.TS, "text": old.Text}, ""
}

func (s *Server) postEphemeral(r *http.Request) (map[string]any, string) {
	m, why := content(r)
	if why != "" {
		return nil, why
	}
	m.OnlyFor = r.Form.Get("user")
	if _, ok := s.users[m.OnlyFor]; !ok {
		return nil, "user_not_in_channel"
	}
	m.TS = s.stamp()
	s.messages = append(s.messages, m)
	return map[string]any{"message_ts": m.TS}, ""
}

func (s *Server) find(ts string) *Message {
	n := slices.IndexFunc(s.messages, func(m Message) bool { return m.TS == ts })
	if n < 0 {
		return nil
	}
	return &s.messages[n]
}

// history is the channel without its threads, newest first.
func (s *Server) history(r *http.Request) (map[string]any, string) {
	return s.list(r, func(m Message) bool { return m.Thread == "" }, true)
}

// replies is a thread with the message that it begins with, oldest first.
func (s *Server) replies(r *http.Request) (map[string]any, string) {
	ts := r.Form.Get("ts")
	if s.find(ts) == nil {
		return nil, "thread_not_found"
	}
	return s.list(r, func(m Message) bool { return m.TS == ts || m.Thread == ts }, false)
}

func (s *Server) list(r *http.Request, wanted func(Message) bool, newestFirst bool) (map[string]any, string) {
	if r.Form.Get("channel") != Channel {
		return nil, "channel_not_found"
	}
	all := r.Form.Get("include_all_metadata") == "true" || r.Form.Get("include_all_metadata") == "1"
	list := []Message{}
	for _, m := range s.messages {
		if m.OnlyFor != "" || !wanted(m) {
			continue
		}
		if !all {
			m.Metadata = nil
		}
		list = append(list, m)
	}
	if newestFirst {
		slices.Reverse(list)
	}
	var limit int
	if _, err := fmt.Sscan(r.Form.Get("limit"), &limit); err == nil && limit < len(list) {
		list = list[:limit]
	}
	return map[string]any{"messages": list, "has_more": false}, ""
}

func (s *Server) userInfo(r *http.Request) (map[string]any, string) {
	u, ok := s.users[r.Form.Get("user")]
	if !ok {
		return nil, "user_not_found"
	}
	return map[string]any{"user": u}, ""
}

// Shown is everything that a message says, as text that nobody interprets.
func (m Message) Shown() string {
	var text strings.Builder
	for _, b := range m.read() {
		for _, t := range append([]*object{b.Text}, b.Fields...) {
			if t != nil {
				text.WriteString(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(t.Text) + "\n")
			}
		}
	}
	return text.String()
}

// Markup is everything in a message that Slack would interpret.
func (m Message) Markup() string {
	var text strings.Builder
	for _, b := range m.read() {
		for _, t := range append([]*object{b.Text}, b.Fields...) {
			if t != nil && t.Type == "mrkdwn" {
				text.WriteString(t.Text + "\n")
			}
		}
	}
	return text.String()
}

// Buttons are the action ids of what can be pressed.
func (m Message) Buttons() (ids []string) {
	for _, b := range m.read() {
		for _, e := range b.Elements {
			ids = append(ids, e.ActionID)
		}
	}
	return ids
}
