package slacktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// View is a modal before an account.
type View struct {
	ID      string
	Account string
	Title   string

	callback, meta string
	blocks         []block
}

// trigger is a new one, which opens one view before an account. Slack's are good for three seconds; here a busy machine gets
// as long as it takes.
func (s *Server) trigger(account string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.id("trigger")
	s.triggers[id] = account
	return id
}

// Exhaust lets every trigger that has not been used run out.
func (s *Server) Exhaust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.triggers {
		s.triggers[id] = ""
	}
}

// opening is a call of views.open.
type opening struct {
	Trigger string  `json:"trigger_id"`
	View    written `json:"view"`
}

// written is a view as an app writes it.
type written struct {
	Type     string  `json:"type"`
	Title    *object `json:"title"`
	Submit   *object `json:"submit"`
	Close    *object `json:"close"`
	Callback string  `json:"callback_id"`
	Meta     string  `json:"private_metadata"`
	Blocks   []block `json:"blocks"`
}

// readOpening reads a call, which may be JSON or a form with JSON in it.
func readOpening(r *http.Request) (call opening, ok bool) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return call, json.NewDecoder(r.Body).Decode(&call) == nil
	}
	call.Trigger = r.Form.Get("trigger_id")
	return call, json.Unmarshal([]byte(r.Form.Get("view")), &call.View) == nil
}

// openView is views.open.
func (s *Server) openView(r *http.Request) (map[string]any, string) {
	call, ok := readOpening(r)
	if !ok {
		return nil, "invalid_arguments"
	}
	account, known := s.triggers[call.Trigger]
	delete(s.triggers, call.Trigger)
	switch v := call.View; {
	case !known:
		return nil, "exchanged_trigger_id"
	case account == "":
		return nil, "expired_trigger_id"
	case v.Type != "modal" || !v.Title.plain(24) || !v.Submit.plain(24) || !v.Close.plain(24), len(v.Callback) > 255, len(v.Meta) > 3000, !inputsFit(v.Blocks):
		return nil, "invalid_arguments"
	}
	view := View{ID: s.id("V"), Account: account, Title: call.View.Title.Text, callback: call.View.Callback, meta: call.View.Meta, blocks: call.View.Blocks}
	s.views = append(s.views, view)
	return map[string]any{"view": map[string]any{"id": view.ID, "type": "modal"}}, ""
}

// inputsFit holds a view's blocks against the limits of Slack's Block Kit reference.
func inputsFit(list []block) bool {
	if len(list) == 0 || len(list) > 100 {
		return false
	}
	ids := map[string]bool{}
	for _, b := range list {
		switch {
		case b.Type == "section" && b.Text != nil && b.Text.fits(3000):
		case b.Type == "input" && b.BlockID != "" && !ids[b.BlockID] && b.Label.plain(2000) && b.Element != nil && b.Element.fits():
			ids[b.BlockID] = true
		default:
			return false
		}
	}
	return true
}

func (o *object) plain(most int) bool { return o.fits(most) && o.Type == "plain_text" }

func (i input) fits() bool {
	switch i.Type {
	case "plain_text_input":
		return i.MaxLength <= 3000
	case "static_select":
		good := len(i.Options) > 0 && len(i.Options) <= 100
		for _, o := range i.Options {
			good = good && o.Text.plain(75) && o.Value != "" && utf8.RuneCountInString(o.Value) <= 150
		}
		return good && (i.Initial == nil || slices.ContainsFunc(i.Options, func(o option) bool { return o.Value == i.Initial.Value && *o.Text == *i.Initial.Text }))
	}
	return false
}

// Views are the modals that stand before an account, the oldest first.
func (s *Server) Views(account string) []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.views), func(v View) bool { return v.Account != account })
}

// Shown is everything that a view says, its choices included.
func (v View) Shown() string {
	lines := []string{v.Title}
	for _, b := range v.blocks {
		if b.Text != nil {
			lines = append(lines, b.Text.Text)
		}
		if b.Element != nil {
			lines = append(lines, b.Label.Text+":")
			for _, o := range b.Element.Options {
				lines = append(lines, o.Text.Text)
			}
		}
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(strings.Join(lines, "\n"))
}

// Submit fills in a view and sends it, as a person would: what is not filled in is as it was offered. It returns once that is
// acknowledged, which closes the view.
func (s *Server) Submit(v View, filled map[string]string) error {
	for _, b := range v.blocks {
		if b.Element == nil {
			continue
		}
		text, given := filled[b.BlockID]
		switch e := b.Element; {
		case e.Type == "plain_text_input" && (text == "" || e.MaxLength > 0 && utf8.RuneCountInString(text) > e.MaxLength):
			return fmt.Errorf("%s: a person can send no text of %d characters there", b.BlockID, utf8.RuneCountInString(text))
		case e.Type == "static_select" && given && !slices.ContainsFunc(e.Options, func(o option) bool { return o.Value == text }):
			return fmt.Errorf("%s: there is no %q to be chosen", b.BlockID, text)
		}
	}
	if err := s.Forge(v, v.Account, filled, 0); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.views = slices.DeleteFunc(s.views, func(other View) bool { return other.ID == v.ID })
	return nil
}

// Forge sends what somebody wants to be taken for a view that an account has filled in, over one of the open connections,
// counted from the newest.
func (s *Server) Forge(v View, account string, filled map[string]string, over int) error {
	values := map[string]any{}
	for _, b := range v.blocks {
		if b.Element == nil {
			continue
		}
		e, field := b.Element, map[string]any{"type": b.Element.Type}
		text, given := filled[b.BlockID]
		if e.Type == "static_select" {
			if !given && e.Initial != nil {
				text = e.Initial.Value
			}
			field["selected_option"] = map[string]any{"value": text, "text": map[string]any{"type": "plain_text", "text": text}}
		} else {
			field["value"] = text
		}
		values[b.BlockID] = map[string]any{e.ActionID: field}
	}
	return s.interact(over, map[string]any{
		"type": "view_submission", "api_app_id": "A1", "token": "unused", "trigger_id": s.trigger(account),
		"team": map[string]any{"id": Team}, "user": map[string]any{"id": account, "team_id": Team},
		"view": map[string]any{
			"id": v.ID, "team_id": Team, "type": "modal", "callback_id": v.callback, "private_metadata": v.meta, "hash": "1700000000.abcdef",
			"state": map[string]any{"values": values}, "blocks": []any{},
		},
	})
}
