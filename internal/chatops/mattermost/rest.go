package mattermost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/detour-net/detour/internal/chatops"
)

// maxReply bounds what is read of the server's reply, in bytes.
const maxReply = 8 << 20

// failure is a reply that is no success.
type failure struct {
	status int
	why    string        // the server's word for it
	after  time.Duration // when it may be asked again, 0: it did not say
}

// Error gives the status and the server's word.
func (f *failure) Error() string { return fmt.Sprintf("Mattermost answers %d: %s", f.status, f.why) }

// status is the status that an error is of, 0 if it is of none.
func status(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.status
	}
	return 0
}

// certain says of an error what is known of the request. What the server turned down was certainly not done; a reply that
// says that something broke leaves that open.
func certain(err error) error {
	var f *failure
	switch {
	case !errors.As(err, &f) || f.status >= 500 || f.status == http.StatusRequestTimeout:
		return err
	case f.status == http.StatusTooManyRequests:
		return &chatops.Refusal{Reason: "Mattermost wants fewer requests", After: f.after}
	}
	return &chatops.Refusal{Reason: chatops.Clean(f.Error())}
}

// call makes one request to the API. in and out are JSON; nil for none.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.URL+"/api/v4"+path, body)
	if err != nil {
		return fmt.Errorf("ask Mattermost: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	r.Header.Set("Content-Type", "application/json")
	reply, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("ask Mattermost: %w", err)
	}
	defer reply.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(reply.Body, maxReply))
	if reply.StatusCode < 200 || reply.StatusCode > 299 {
		return failed(reply, raw)
	}
	if err != nil {
		return fmt.Errorf("read Mattermost's reply: %w", err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("read Mattermost's reply: %w", err)
	}
	return nil
}

// failed reads a reply that is no success; a proxy's need not be the server's JSON.
func failed(reply *http.Response, raw []byte) *failure {
	var body struct {
		ID string `json:"id"`
	}
	f := &failure{status: reply.StatusCode, why: http.StatusText(reply.StatusCode)}
	if json.Unmarshal(raw, &body) == nil && body.ID != "" {
		f.why = body.ID
	}
	if to := reply.Header.Get("Location"); to != "" {
		f.why += ", go to " + to
	}
	for _, header := range []string{"Retry-After", "X-Ratelimit-Reset"} {
		if seconds, err := strconv.Atoi(reply.Header.Get(header)); err == nil && seconds > 0 && f.after == 0 {
			f.after = time.Duration(seconds) * time.Second
		}
	}
	return f
}

// isID knows the ids that Mattermost makes, and isName the names by which it mentions.
func isID(text string) bool { return regexp.MustCompile(`^[a-z0-9]{26}$`).MatchString(text) }
func isName(text string) bool {
	return regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`).MatchString(text)
}
