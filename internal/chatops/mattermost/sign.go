package mattermost

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/detour-net/detour/internal/chatops"
)

// button is the context of a button: what comes back when it is pressed.
type button struct {
	Act     chatops.Act `json:"act"`
	Value   string      `json:"value"`
	Confirm string      `json:"confirm,omitempty"` // asked before it counts
	MAC     string      `json:"mac"`
}

// mac is of fields, for one use: what was signed for another is good for nothing here.
func (c *Client) mac(use string, fields ...string) string {
	sum := hmac.New(sha256.New, []byte(c.Secret))
	for _, f := range append([]string{use, c.Channel}, fields...) {
		fmt.Fprintf(sum, "%d:%s", len(f), f) // so that no two lists of fields look alike
	}
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

func (c *Client) sign(b button) button {
	b.MAC = c.mac("button", string(b.Act), b.Value, b.Confirm)
	return b
}

// ours reports whether we have made the button.
func (c *Client) ours(b button) bool {
	return hmac.Equal([]byte(b.MAC), []byte(c.mac("button", string(b.Act), b.Value, b.Confirm)))
}

// pending is the press that a dialog was opened for.
type pending struct {
	ID      string      `json:"id"`
	Account string      `json:"account"`
	Message string      `json:"message"`
	Act     chatops.Act `json:"act"`
	Value   string      `json:"value"`
	At      time.Time   `json:"at"`
	Form    bool        `json:"form"`            // it is the desk's form; false: it asks no more than whether the press counts
	Typed   bool        `json:"typed,omitempty"` // it came of a command
}

// seal makes a dialog's state of a press, and unseal reads it. It goes to the client of whoever pressed, who can read it and
// not change it.
func (c *Client) seal(p pending) (string, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	return text + "." + c.mac("dialog", text), nil
}

func (c *Client) unseal(state string) (p pending, ok bool) {
	text, mac, _ := strings.Cut(state, ".")
	if !hmac.Equal([]byte(mac), []byte(c.mac("dialog", text))) {
		return p, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	return p, err == nil && json.Unmarshal(raw, &p) == nil
}
