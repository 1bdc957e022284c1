package slacktest

import (
	"fmt"
	"time"
)

// Press is a button pressed, or what somebody wants to be taken for one.
type Press struct {
	Account string
	Message string
	Channel string
	Action  string
	Value   string
	At      time.Time
	Over    int // which of the open connections it comes over, counted from the newest
}

// Find is a press of a button as the message shows it now.
func (s *Server) Find(account, ts, action string) (Press, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.find(ts)
	if m == nil {
		return Press{}, fmt.Errorf("there is no message %s", ts)
	}
	for _, b := range m.read() {
		for _, e := range b.Elements {
			if e.ActionID == action {
				return Press{Account: account, Message: ts, Channel: Channel, Action: action, Value: e.Value, At: time.Now()}, nil
			}
		}
	}
	return Press{}, fmt.Errorf("message %s has no button %s, but %v", ts, action, m.Buttons())
}

// Send delivers a press to the app, whoever made it up, and returns once it is acknowledged.
func (s *Server) Send(p Press) error {
	return s.interact(p.Over, map[string]any{
		"type": "block_actions", "api_app_id": "A1", "token": "unused", "trigger_id": s.trigger(p.Account),
		"team": map[string]any{"id": Team}, "user": map[string]any{"id": p.Account, "team_id": Team}, "channel": map[string]any{"id": p.Channel},
		"container": map[string]any{"type": "message", "message_ts": p.Message, "channel_id": p.Channel, "is_ephemeral": false},
		"message":   map[string]any{"type": "message", "ts": p.Message},
		"actions": []any{map[string]any{
			"type": "button", "action_id": p.Action, "block_id": "b1", "value": p.Value,
			"action_ts": fmt.Sprintf("%d.%06d", p.At.Unix(), p.At.Nanosecond()/1000), "text": map[string]any{"type": "plain_text", "text": p.Action},
		}},
	})
}

// Press presses a button as a person would.
func (s *Server) Press(account, ts, action string) error {
	p, err := s.Find(account, ts, action)
	if err != nil {
		return err
	}
	return s.Send(p)
}

// Garble sends a press that no client can read.
func (s *Server) Garble() error {
	return s.interact(0, map[string]any{"type": "block_actions", "actions": []any{map[string]any{"type": "button", "block_id": "b1", "text": 7}}})
}
