package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/roomtest"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
)

// way lets presses come in from a server until the test ends.
type way func(t *testing.T, s *slacktest.Server, c *Client, press func(context.Context, chatops.Press))

// ways are the two by which presses come in.
func ways() map[string]way { return map[string]way{"socket": overSocket, "HTTP": byHTTP} }

func overSocket(t *testing.T, _ *slacktest.Server, c *Client, press func(context.Context, chatops.Press)) {
	t.Helper()
	run(t, c, press)
	roomtest.Wait(t, "the connection", connected(c))
}

func byHTTP(t *testing.T, s *slacktest.Server, c *Client, press func(context.Context, chatops.Press)) {
	t.Helper()
	s.SendTo(serveCallback(t, c, press))
}

// serveCallback serves a client's callback until the test ends, and returns where.
func serveCallback(t *testing.T, c *Client, press func(context.Context, chatops.Press)) string {
	t.Helper()
	server := httptest.NewServer(c.Callback(press))
	t.Cleanup(func() { server.Close(); c.intake.end() })
	return server.URL
}

// counted is detour_chat_callbacks_total by outcome.
func counted(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "detour_chat_callbacks_total" {
			for _, m := range f.GetMetric() {
				by[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return by
}

// payload is a press as Slack tells of one.
func payload(account string) map[string]any {
	return map[string]any{
		"type": "block_actions", "user": map[string]any{"id": account}, "trigger_id": "t",
		"container": map[string]any{"channel_id": slacktest.Channel, "message_ts": "1.2"},
		"actions":   []any{map[string]any{"type": "button", "block_id": "b1", "action_id": "approve", "value": "key sha256:01", "action_ts": "1700000000.123456"}},
	}
}

// send sends a request and returns its status.
func send(t *testing.T, r *http.Request) int {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestSigned sends requests that Slack may have sent, and others that it has not: only the former are presses.
func TestSigned(t *testing.T) {
	t.Parallel()
	good, err := slacktest.Body(payload("U1"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := slacktest.Body(payload("U2"))
	if err != nil {
		t.Fatal(err)
	}
	form := func(text string) []byte { return []byte(text) }
	const wrong = "fedcba9876543210fedcba9876543210"
	for _, c := range []struct {
		name   string
		body   []byte
		secret string
		age    time.Duration
		change func(*http.Request)
		status int
	}{
		{"as Slack sends it", good, slacktest.Signing, 0, nil, http.StatusOK},
		{"with a character set", good, slacktest.Signing, 0, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		}, http.StatusOK},
		{"four minutes old", good, slacktest.Signing, 4 * time.Minute, nil, http.StatusOK},
		{"six minutes old", good, slacktest.Signing, 6 * time.Minute, nil, http.StatusUnauthorized},
		{"six minutes early", good, slacktest.Signing, -6 * time.Minute, nil, http.StatusUnauthorized},
		{"signed with another secret", good, wrong, 0, nil, http.StatusUnauthorized},
		{"with another body", good, slacktest.Signing, 0, func(r *http.Request) {
			forged, err := http.NewRequest(http.MethodPost, r.URL.String(), bytes.NewReader(other))
			if err != nil {
				t.Error(err)
				return
			}
			r.Body, r.ContentLength, r.GetBody = forged.Body, forged.ContentLength, nil
		}, http.StatusUnauthorized},
		{"with a newer time", good, slacktest.Signing, 10 * time.Minute, func(r *http.Request) {
			fresh, err := slacktest.Signed(r.URL.String(), good, wrong, time.Now())
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("X-Slack-Request-Timestamp", fresh.Header.Get("X-Slack-Request-Timestamp"))
		}, http.StatusUnauthorized},
		{"without a signature", good, slacktest.Signing, 0, func(r *http.Request) { r.Header.Del("X-Slack-Signature") }, http.StatusUnauthorized},
		{"without a time", good, slacktest.Signing, 0, func(r *http.Request) { r.Header.Del("X-Slack-Request-Timestamp") }, http.StatusUnauthorized},
		{"with half a signature", good, slacktest.Signing, 0, func(r *http.Request) {
			r.Header.Set("X-Slack-Signature", r.Header.Get("X-Slack-Signature")[:20])
		}, http.StatusUnauthorized},
		{"with the signature of another scheme", good, slacktest.Signing, 0, func(r *http.Request) {
			r.Header.Set("X-Slack-Signature", "v1="+strings.TrimPrefix(r.Header.Get("X-Slack-Signature"), "v0="))
		}, http.StatusUnauthorized},
		{"a form that says that it is JSON", good, slacktest.Signing, 0, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, http.StatusBadRequest},
		{"JSON that is no event", form(`{"type": 7}`), slacktest.Signing, 0, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, http.StatusBadRequest},
		{"text", good, slacktest.Signing, 0, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, http.StatusUnsupportedMediaType},
		{"no type", good, slacktest.Signing, 0, func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType},
		{"too large", form("payload=" + strings.Repeat("x", maxCallback)), slacktest.Signing, 0, nil, http.StatusRequestEntityTooLarge},
		{"no payload", form("text=why"), slacktest.Signing, 0, nil, http.StatusBadRequest},
		{"a command of nobody", form("command=/detour&trigger_id=1.2.3"), slacktest.Signing, 0, nil, http.StatusBadRequest},
		{"two payloads", bytes.Join([][]byte{good, other}, []byte("&")), slacktest.Signing, 0, nil, http.StatusBadRequest},
		{"not JSON", form("payload=approve"), slacktest.Signing, 0, nil, http.StatusBadRequest},
		{"not a form", form("payload=%zz"), slacktest.Signing, 0, nil, http.StatusBadRequest},
		{"nothing", nil, slacktest.Signing, 0, nil, http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := slacktest.New(t)
			client, registry := newClient(t, s)
			var got atomic.Int32
			url := serveCallback(t, client, func(_ context.Context, p chatops.Press) {
				want := chatops.Press{
					ID: "U1 " + slacktest.Channel + " 1.2 approve 1700000000.123456", Account: "U1", Channel: slacktest.Channel, Message: "1.2",
					Act: chatops.Approve, Value: "key sha256:01", At: time.Unix(1700000000, 123456000), Trigger: "t",
				}
				if diff := cmp.Diff(want, p); diff != "" {
					t.Errorf("press (-want +got):\n%s", diff)
				}
				got.Add(1)
			})
			r, err := slacktest.Signed(url, c.body, c.secret, time.Now().Add(-c.age))
			if err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(r)
			}
			status := send(t, r)
			if status != c.status || got.Load() != 0 != (c.status == http.StatusOK) {
				t.Errorf("answered with %d, want %d; %d presses", status, c.status, got.Load())
			}
			outcome := map[bool]string{true: "taken", false: "refused"}[c.status == http.StatusOK]
			if got := counted(t, registry); !cmp.Equal(got, map[string]float64{outcome: 1}) {
				t.Errorf("counted %v, want 1 %s", got, outcome)
			}
		})
	}
}

// TestSignedByNobody: without a secret nothing is taken, not even what is signed with none.
func TestSignedByNobody(t *testing.T) {
	s := slacktest.New(t)
	c, _ := newClient(t, s, func(c *Config) { c.Signing = "" })
	url := serveCallback(t, c, func(context.Context, chatops.Press) { t.Error("a press was taken") })
	body, err := slacktest.Body(payload("U1"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := slacktest.Signed(url, body, "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if status := send(t, r); status != http.StatusUnauthorized {
		t.Errorf("answered with %d", status)
	}
}

// TestCallbackInTime: a press that takes long is answered before Slack loses its patience, and is judged to its end also when
// nobody waits for the answer.
func TestCallbackInTime(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	c, _ := newClient(t, s)
	release, judged := make(chan struct{}), make(chan error, 2)
	byHTTP(t, s, c, func(ctx context.Context, _ chatops.Press) {
		<-release
		judged <- ctx.Err()
	})
	p := slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "approve", Value: "v", At: time.Now()}
	if err := s.Send(p); err != nil {
		t.Errorf("a press that takes its time: %v", err)
	}
	close(release)
	if err := <-judged; err != nil {
		t.Errorf("it was judged with %v", err)
	}
}

// TestCallbackFull: more than can be judged at once are turned away, which Slack shows to whoever pressed; there is room again
// afterwards, until the end.
func TestCallbackFull(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	c, _ := newClient(t, s)
	release := make(chan struct{})
	url := serveCallback(t, c, func(context.Context, chatops.Press) { <-release })
	status := func() int {
		raw, err := json.Marshal(payload("U1"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := slacktest.Body(json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		r, err := slacktest.Signed(url, body, slacktest.Signing, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return send(t, r)
	}
	for range cap(c.intake.room) {
		c.intake.room <- struct{}{}
	}
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("when all places are taken: %d", got)
	}
	<-c.intake.room
	close(release)
	if got := status(); got != http.StatusOK {
		t.Errorf("when there is one: %d", got)
	}
	c.intake.end()
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("after the end: %d", got)
	}
}

// TestWithoutSocket: without an app token no connection is opened, and State says whether Slack answers.
func TestWithoutSocket(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	c, registry := newClient(t, s, func(c *Config) { c.AppToken = "" })
	run(t, c, func(context.Context, chatops.Press) {})
	roomtest.Wait(t, "Slack's answer", connected(c))
	if s.Calls("apps.connections.open") > 0 || gauge(t, registry) != 1 {
		t.Errorf("%d connections were opened, the gauge is %v", s.Calls("apps.connections.open"), gauge(t, registry))
	}
	away := slacktest.New(t)
	away.Trouble("auth.test", slacktest.Trouble{Error: "account_inactive"})
	lost, registry := newClient(t, away, func(c *Config) { c.AppToken = "" })
	run(t, lost, func(context.Context, chatops.Press) {})
	roomtest.Wait(t, "the reason", func() bool { _, why := lost.State(); return why == "account_inactive" })
	if gauge(t, registry) != 0 {
		t.Errorf("the gauge is %v", gauge(t, registry))
	}
}
