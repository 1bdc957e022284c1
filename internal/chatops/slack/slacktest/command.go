package slacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxResponses is how often a command may be answered at the address that goes with it.
const maxResponses = 5

// Type sends the command /detour with a text, as an account would in a channel without the bot, and returns once it is acknowledged.
func (s *Server) Type(account, text string) error {
	trigger := s.trigger(account)
	s.mu.Lock()
	id := s.id("response")
	s.responses[id] = response{account: account, left: maxResponses}
	s.mu.Unlock()
	fields := map[string]any{}
	form := url.Values{}
	for name, value := range map[string]string{
		"token": "unused", "team_id": Team, "team_domain": "noc", "channel_id": Elsewhere, "channel_name": "elsewhere", "user_id": account, "user_name": "name",
		"command": "/detour", "text": text, "api_app_id": "A1", "is_enterprise_install": "false", "response_url": s.http.URL + "/response/" + id, "trigger_id": trigger,
	} {
		form.Set(name, value)
		if fields[name] = value; name == "is_enterprise_install" {
			fields[name] = false
		}
	}
	return s.deliver(0, delivery{"slash_commands", fields, mediaForm, []byte(form.Encode())})
}

// Mention posts a message in the channel, or in a thread of it, in which an account speaks to the bot, and tells the app of it.
// It is told times over, as Slack does when it has heard no answer.
func (s *Server) Mention(account, text, thread string, times int) error {
	s.mu.Lock()
	m := Message{TS: s.stamp(), Thread: thread, Text: "<@" + bot + "> " + text}
	s.messages = append(s.messages, m)
	id := s.id("Ev")
	s.mu.Unlock()
	event := map[string]any{"type": "app_mention", "user": account, "text": m.Text, "ts": m.TS, "channel": Channel, "event_ts": m.TS, "client_msg_id": id, "team": Team}
	if thread != "" {
		event["thread_ts"] = thread
	}
	payload := map[string]any{
		"token": "unused", "team_id": Team, "api_app_id": "A1", "type": "event_callback", "event_id": id, "event_time": time.Now().Unix(), "event": event,
		"authorizations": []any{map[string]any{"team_id": Team, "user_id": bot, "is_bot": true}},
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	for range times {
		err = errors.Join(err, s.deliver(0, delivery{"events_api", payload, mediaJSON, raw}))
	}
	return err
}

// response is where a command can be answered.
type response struct {
	account string
	left    int
}

// respond takes an answer to a command, which only who typed it sees.
func (s *Server) respond(w http.ResponseWriter, r *http.Request) {
	var said struct {
		Type   string          `json:"response_type"`
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}
	id := strings.TrimPrefix(r.URL.Path, "/response/")
	err := json.NewDecoder(r.Body).Decode(&said)
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known := s.responses[id]
	switch {
	case !known || at.left == 0:
		http.Error(w, "used_url", http.StatusNotFound)
		return
	case err != nil || said.Type != "ephemeral" || said.Text == "" || said.Blocks != nil && !blocksFit(said.Blocks):
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	at.left--
	s.responses[id] = at
	s.messages = append(s.messages, Message{TS: s.stamp(), Text: said.Text, Blocks: said.Blocks, OnlyFor: at.account})
	w.Header()["Content-Type"] = nil // it is Slack's word to whoever waits for a status alone
	_, _ = io.WriteString(w, "ok")
}
