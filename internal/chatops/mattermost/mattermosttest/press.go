package mattermosttest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// triggerFor is how long a trigger id opens a dialog. Mattermost gives 3 to 30 seconds; here a busy machine gets more.
const triggerFor = 2 * time.Minute

// Press is a button pressed, or what somebody wants to be taken for one.
type Press struct {
	URL     string // where it is reported
	Account string
	Channel string
	Message string
	Trigger string
	Context map[string]any
}

// Dialog is what was put before an account.
type Dialog struct {
	Account  string    `json:"-"`
	Title    string    `json:"title"`
	Text     string    `json:"introduction_text"`
	Elements []Element `json:"elements"`
	Submit   string    `json:"submit_label"`
	State    string    `json:"state"`
	URL      string    `json:"-"`
}

// Element is something to be filled in.
type Element struct {
	Label   string `json:"display_name"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default string `json:"default"`
	Max     int    `json:"max_length"`
	Options []struct {
		Text  string `json:"text"`
		Value string `json:"value"`
	} `json:"options"`
}

// Trigger is a trigger id that the server would give to a press of an account at a time.
func (s *Server) Trigger(account string, at time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	signed := s.id("trigger") + ":" + account + ":" + strconv.FormatInt(at.UnixMilli(), 10) + ":"
	sum := sha256.Sum256([]byte(signed))
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString([]byte(signed + base64.StdEncoding.EncodeToString(signature)))
}

// Find is a press of a button as the message shows it now, by an account of a short name.
func (s *Server) Find(name, message, act string) (Press, error) {
	s.mu.Lock()
	m := s.find(message)
	s.mu.Unlock()
	if m == nil {
		return Press{}, fmt.Errorf("there is no message %s", message)
	}
	for _, a := range m.Props.Attachments {
		for _, b := range a.Actions {
			if b.ID == act {
				return Press{
					URL: b.Integration.URL, Account: ID(name), Channel: m.ChannelID, Message: m.ID, Context: maps.Clone(b.Integration.Context),
					Trigger: s.Trigger(ID(name), time.Now()),
				}, nil
			}
		}
	}
	return Press{}, fmt.Errorf("message %s has no button %s, but %v", message, act, m.Buttons())
}

// Send reports a press, whoever made it up, and shows what the answer says to whom it is reported of.
func (s *Server) Send(p Press) error {
	raw, err := s.report(p.URL, map[string]any{
		"user_id": p.Account, "user_name": "name", "channel_id": p.Channel, "channel_name": "noc", "team_id": ID("team"), "team_domain": "noc",
		"post_id": p.Message, "trigger_id": p.Trigger, "type": "button", "data_source": "", "context": p.Context,
	})
	if err != nil {
		return err
	}
	var told struct {
		Text string `json:"ephemeral_text"`
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &told); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
	}
	if told.Text != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.messages = append(s.messages, Message{ID: s.id("post"), ChannelID: p.Channel, RootID: p.Message, UserID: p.Account, Text: told.Text, OnlyFor: p.Account})
	}
	return nil
}

// Press presses a button as a person of a short name would.
func (s *Server) Press(name, message, act string) error {
	p, err := s.Find(name, message, act)
	if err != nil {
		return err
	}
	return s.Send(p)
}

// report makes one request to an integration, as Mattermost does.
func (s *Server) report(url string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return s.post(url, "application/json", raw)
}

// post makes a request: anything but 200 is an error.
func (s *Server) post(url, media string, raw []byte) ([]byte, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Post(url, media, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	raw, err = io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("the integration answers %d: %s", reply.StatusCode, strings.TrimSpace(string(raw)))
	}
	return raw, err
}

// openDialog puts a dialog before whom the trigger id names.
func (s *Server) openDialog(r *http.Request) (any, *refusal) {
	var request struct {
		Trigger string `json:"trigger_id"`
		URL     string `json:"url"`
		Dialog  Dialog `json:"dialog"`
	}
	if json.NewDecoder(r.Body).Decode(&request) != nil {
		return nil, errInvalid
	}
	raw, err := base64.StdEncoding.DecodeString(request.Trigger)
	fields := strings.Split(string(raw), ":")
	if err != nil || len(fields) != 4 {
		return nil, &refusal{http.StatusBadRequest, "interactive_message.decode_trigger_id.missing_data"}
	}
	signature, err := base64.StdEncoding.DecodeString(fields[3])
	sum := sha256.Sum256([]byte(strings.Join(fields[:3], ":") + ":"))
	if err != nil || !ecdsa.VerifyASN1(&s.key.PublicKey, sum[:], signature) {
		return nil, &refusal{http.StatusBadRequest, "interactive_message.decode_trigger_id.verify_signature_failed"}
	}
	millis, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || time.Since(time.UnixMilli(millis)) > triggerFor {
		return nil, &refusal{http.StatusBadRequest, "interactive_message.decode_trigger_id.expired"}
	}
	d := request.Dialog
	if !d.fits() {
		return nil, errInvalid
	}
	d.Account, d.URL = fields[1], request.URL
	s.dialogs = append(s.dialogs, d)
	return map[string]string{"status": "OK"}, nil
}

// fits holds a dialog against Mattermost's limits, in bytes.
func (d Dialog) fits() bool {
	if d.Title == "" || len(d.Title) > 24 || len(d.Elements) > 5 {
		return false
	}
	for _, e := range d.Elements {
		if e.Label == "" || len(e.Label) > 24 || e.Name == "" || e.Type != "select" && e.Type != "textarea" || e.Max > 3000 || (e.Type == "select") != (len(e.Options) > 0) {
			return false
		}
	}
	return true
}

// Dialogs returns what was put before an account of a short name, oldest first.
func (s *Server) Dialogs(name string) (list []Dialog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.dialogs {
		if d.Account == ID(name) {
			list = append(list, d)
		}
	}
	return list
}

// Submit sends a dialog as its account would, with what was filled in.
func (s *Server) Submit(d Dialog, filled map[string]string) error {
	for _, e := range d.Elements {
		if _, ok := filled[e.Name]; !ok && e.Default != "" {
			filled = maps.Clone(filled)
			if filled == nil {
				filled = map[string]string{}
			}
			filled[e.Name] = e.Default
		}
	}
	_, err := s.report(d.URL, map[string]any{
		"type": "dialog_submission", "callback_id": "", "state": d.State, "user_id": d.Account, "channel_id": Channel, "team_id": ID("team"),
		"submission": filled, "cancelled": false,
	})
	return err
}
