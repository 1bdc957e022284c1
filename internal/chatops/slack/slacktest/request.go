package slacktest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Signing is the app's signing secret.
const Signing = "0123456789abcdef0123456789abcdef"

// What the app is sent: forms of what is pressed and typed, and events as JSON.
const (
	mediaForm = "application/x-www-form-urlencoded"
	mediaJSON = "application/json"
)

// SendTo has presses sent to url as signed HTTP requests from now on, as an app without Socket Mode has it.
func (s *Server) SendTo(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requestURL = url
}

// Signed is a request as Slack sends it, signed with a secret at a time, and not sent.
func Signed(url string, body []byte, secret string, at time.Time) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	r.Header.Set("Content-Type", mediaForm)
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r, nil
}

// Body is what Signed signs of a payload.
func Body(payload any) ([]byte, error) {
	raw, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("encode a payload: %w", err)
	}
	return []byte(url.Values{"payload": {string(raw)}}.Encode()), nil
}

// request sends it by HTTP, and returns the answer. Slack sends a press once, and whoever pressed sees a warning unless the
// answer is a 200 in time.
func (s *Server) request(url string, d delivery) ([]byte, error) {
	r, err := Signed(url, d.body, Signing, time.Now())
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", d.media)
	client := &http.Client{Timeout: ackWithin, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return nil, errors.Join(ErrNotAcknowledged, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: answered with %s", ErrNotAcknowledged, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// Verify asks whether the app takes its events at url, as Slack does before it sends any.
func (s *Server) Verify(url string) error {
	const challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
	raw, err := json.Marshal(map[string]any{"type": "url_verification", "token": "unused", "challenge": challenge})
	if err != nil {
		return err
	}
	got, err := s.request(url, delivery{media: mediaJSON, body: raw})
	if err == nil && string(got) != challenge {
		err = fmt.Errorf("answered with %q, want %q", got, challenge)
	}
	return err
}
