package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/detour-net/detour/internal/chatops/clean"
)

// Bounds of a reply: what is read of it, in bytes, and what is told of it, in characters.
const (
	maxReply = 64 << 10
	maxWhy   = 300
)

// Post sends v as JSON to an address, and says as a Channel does what came of it: any 2xx is a success, a 429 is a Later, and
// any other 4xx, or a redirection, which is not followed, is a Refusal. No error shows the address, which may be a secret.
func Post(ctx context.Context, client *http.Client, address string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return &Refusal{Reason: fmt.Sprintf("encode a notice: %s", err)}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(raw))
	if err != nil {
		return &Refusal{Reason: "the address cannot be used"}
	}
	r.Header.Set("Content-Type", "application/json")
	reply, err := client.Do(r)
	var shown *url.Error
	if errors.As(err, &shown) {
		err = shown.Err
	}
	if err != nil {
		return fmt.Errorf("send a notice: %w", err)
	}
	defer reply.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(reply.Body, maxReply)) // the status says it all; the body is for people
	why := clean.Cut(clean.Text(fmt.Sprintf("answered with %d: %s", reply.StatusCode, body)), maxWhy)
	switch code := reply.StatusCode; {
	case code >= 200 && code <= 299:
		return nil
	case code == http.StatusTooManyRequests:
		return &Later{Reason: why, After: after(reply.Header)}
	case code >= 300 && code <= 499 && code != http.StatusRequestTimeout:
		return &Refusal{Reason: why}
	}
	return errors.New(why)
}

// after is when the other side may be asked again, 0 if it does not say.
func after(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// Client is one for Post: it waits no longer than within for anything, and follows no redirection.
func Client(within time.Duration) *http.Client {
	return &http.Client{Timeout: within, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
