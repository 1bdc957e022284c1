package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/chatops"
)

// maxCallback bounds a request of Slack's, in bytes: a press brings the whole message along, and a form all of its blocks.
const maxCallback = 256 << 10

// Callback takes the presses that Slack sends as signed HTTP requests, and hands each to press. It answers within Slack's
// three seconds, with 200 once a press is taken, whatever becomes of it; with 401 if the signature is not of the app's secret
// or its time is more than five minutes off, 413, 415 and 400 for what Slack does not send, and 503 if too much is being
// judged. What is delivered twice passes twice: that it counts once is for press.
func (s *Client) Callback(press func(context.Context, chatops.Press)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, refused := s.signed(w, r)
		if refused != nil {
			s.callbacks.WithLabelValues("refused").Inc()
			s.seldom.Do(func() {
				s.log.Warn("a request that is not taken for Slack's; at most one in a second is logged", zap.String("from", r.RemoteAddr), zap.Error(refused))
			})
			http.Error(w, http.StatusText(refused.status), refused.status)
			return
		}
		came := time.Now()
		judged := s.intake.take(r.Context(), c, press)
		if judged == nil {
			s.callbacks.WithLabelValues("turned-away").Inc()
			http.Error(w, "too many presses at once", http.StatusServiceUnavailable)
			return
		}
		s.callbacks.WithLabelValues("taken").Inc()
		patience := time.NewTimer(ackWithin)
		defer patience.Stop()
		select {
		case <-judged:
		case <-patience.C:
		}
		s.acked.Observe(time.Since(came).Seconds())
		w.WriteHeader(http.StatusOK)
	})
}

// unsigned is why a request is not taken for Slack's.
type unsigned struct {
	status int
	err    error
}

func (u *unsigned) Error() string { return u.err.Error() }

// signed reads a request that Slack has signed.
func (s *Client) signed(w http.ResponseWriter, r *http.Request) (c slack.InteractionCallback, no *unsigned) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return c, &unsigned{http.StatusUnsupportedMediaType, fmt.Errorf("its Content-Type is %q", chatops.Clean(r.Header.Get("Content-Type")))}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCallback))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return c, &unsigned{http.StatusRequestEntityTooLarge, err}
	case err != nil:
		return c, &unsigned{http.StatusBadRequest, err}
	}
	verifier, err := slack.NewSecretsVerifier(r.Header, s.secret)
	if err == nil {
		if _, err = verifier.Write(raw); err == nil {
			err = verifier.Ensure()
		}
	}
	if err != nil {
		return c, &unsigned{http.StatusUnauthorized, err}
	}
	form, err := url.ParseQuery(string(raw))
	switch {
	case err != nil:
		return c, &unsigned{http.StatusBadRequest, err}
	case len(form["payload"]) != 1:
		return c, &unsigned{http.StatusBadRequest, fmt.Errorf("it has %d payloads, want 1", len(form["payload"]))}
	}
	if err := json.Unmarshal([]byte(form.Get("payload")), &c); err != nil {
		return c, &unsigned{http.StatusBadRequest, fmt.Errorf("its payload: %w", err)}
	}
	return c, nil
}
