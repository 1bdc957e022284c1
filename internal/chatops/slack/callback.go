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
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/chatops"
)

// maxCallback bounds a request of Slack's, in bytes: a press brings the whole message along, and a form all of its blocks.
const maxCallback = 256 << 10

// Callback takes the presses, commands and mentions that Slack sends as signed HTTP requests, and hands each to press. It answers within Slack's
// three seconds, with 200 once a press is taken, whatever becomes of it; with 401 if the signature is not of the app's secret
// or its time is more than five minutes off, 413, 415 and 400 for what Slack does not send, and 503 if too much is being
// judged. What is delivered twice passes twice: that it counts once is for press.
func (s *Client) Callback(press func(context.Context, chatops.Press)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told, refused := s.signed(w, r)
		if refused != nil {
			s.callbacks.WithLabelValues("refused").Inc()
			s.seldom.Do(func() {
				s.log.Warn("a request that is not taken for Slack's; at most one in a second is logged", zap.String("from", r.RemoteAddr), zap.Error(refused))
			})
			http.Error(w, http.StatusText(refused.status), refused.status)
			return
		}
		if told.challenge != "" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, told.challenge) // whether Slack has got it, it says itself
			return
		}
		came := time.Now()
		judged := s.intake.take(r.Context(), told.list, press)
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

// told is what a request says.
type told struct {
	list      []heard
	challenge string // Slack asks whether this is the app's address: it wants this back
}

// What Slack sends: forms of what is pressed and typed, and events as JSON.
const (
	mediaForm = "application/x-www-form-urlencoded"
	mediaJSON = "application/json"
)

// signed reads a request that Slack has signed.
func (s *Client) signed(w http.ResponseWriter, r *http.Request) (t told, no *unsigned) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaForm && media != mediaJSON {
		return t, &unsigned{http.StatusUnsupportedMediaType, fmt.Errorf("its Content-Type is %q", chatops.Clean(r.Header.Get("Content-Type")))}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCallback))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return t, &unsigned{http.StatusRequestEntityTooLarge, err}
	case err != nil:
		return t, &unsigned{http.StatusBadRequest, err}
	}
	verifier, err := slack.NewSecretsVerifier(r.Header, s.secret)
	if err == nil {
		if _, err = verifier.Write(raw); err == nil {
			err = verifier.Ensure()
		}
	}
	if err != nil {
		return t, &unsigned{http.StatusUnauthorized, err}
	}
	if media == mediaJSON {
		t, err = readEvent(raw)
	} else {
		t.list, err = readForm(raw, timestamp(r.Header.Get("X-Slack-Request-Timestamp")))
	}
	if err != nil {
		return t, &unsigned{http.StatusBadRequest, err}
	}
	return t, nil
}

// readForm reads what was pressed, or typed and sent at a time.
func readForm(raw []byte, at time.Time) ([]heard, error) {
	form, err := url.ParseQuery(string(raw))
	switch {
	case err != nil:
		return nil, err
	case len(form["command"]) == 1 && len(form["payload"]) == 0:
		list := commanded(slack.SlashCommand{
			UserID: form.Get("user_id"), ChannelID: form.Get("channel_id"), Text: form.Get("text"), ResponseURL: form.Get("response_url"), TriggerID: form.Get("trigger_id"),
		}, at)
		if len(list) == 0 {
			return nil, errors.New("a command of nobody")
		}
		return list, nil
	case len(form["payload"]) != 1:
		return nil, fmt.Errorf("it has %d payloads, want 1", len(form["payload"]))
	}
	var c slack.InteractionCallback
	if err := json.Unmarshal([]byte(form.Get("payload")), &c); err != nil {
		return nil, fmt.Errorf("its payload: %w", err)
	}
	return pressed(c), nil
}

// readEvent reads an event, of which only those count in which the bot is spoken to.
func readEvent(raw []byte) (t told, err error) {
	e, err := slackevents.ParseEvent(raw, slackevents.OptionNoVerifyToken())
	if err != nil {
		return t, fmt.Errorf("its event: %w", err)
	}
	if v, ok := e.Data.(*slackevents.EventsAPIURLVerificationEvent); ok {
		t.challenge = v.Challenge
		return t, nil
	}
	t.list = mentioned(e)
	return t, nil
}
