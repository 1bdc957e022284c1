package mattermosttest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// Typed is a command /detour, or what somebody wants to be taken for one.
type Typed struct {
	URL     string // to which it is sent
	Account string
	Text    string
	Trigger string
	Token   string
}

// Write is a command with a text, as the server would send it to an address when an account of a short name types it.
func (s *Server) Write(name, text, address string) Typed {
	return Typed{URL: address, Account: ID(name), Text: text, Trigger: s.Trigger(ID(name), time.Now()), Token: Command}
}

// Type sends a command, and shows the answer to whom it is sent of.
func (s *Server) Type(c Typed) error {
	form := url.Values{
		"token": {c.Token}, "team_id": {ID("team")}, "team_domain": {"noc"}, "channel_id": {ID("elsewhere")}, "channel_name": {"elsewhere"}, "user_id": {c.Account},
		"user_name": {"name"}, "command": {"/detour"}, "text": {c.Text}, "trigger_id": {c.Trigger}, "response_url": {s.URL() + "/hooks/commands/" + ID("hook")},
	}
	raw, err := s.post(c.URL, "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err != nil {
		return err
	}
	var told struct {
		Type string `json:"response_type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &told); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if told.Type != "ephemeral" {
		return fmt.Errorf("everybody would see the answer: %q", told.Type)
	}
	if told.Text != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.messages = append(s.messages, Message{ID: s.id("post"), ChannelID: ID("elsewhere"), UserID: c.Account, Text: told.Text, OnlyFor: c.Account})
	}
	return nil
}
