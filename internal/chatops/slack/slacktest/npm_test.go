package slacktest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
)

// said is one line of testdata/npm/client.mjs.
type said struct {
	State       string
	Acknowledge *bool
	Body        map[string]any

	Method     string
	Answer     map[string]any
	Code       string
	Error      string
	RetryAfter float64
}

// theirs is Slack's own npm clients in a process of their own.
type theirs struct {
	t     *testing.T
	in    io.Writer
	lines chan said
}

// npm starts them before a server. They are installed from the lockfile, by npm ci.
func npm(t *testing.T, s *slacktest.Server) *theirs {
	t.Helper()
	if os.Getenv("DETOUR_SLACK_NPM") != "1" {
		t.Skip("NOT TESTED: Slack's npm clients against our fake. DETOUR_SLACK_NPM=1 does it; it takes node 20, npm and a registry")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "npm"))); err != nil {
		t.Fatal(err)
	}
	within, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	install := exec.CommandContext(within, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	node := exec.CommandContext(t.Context(), "node", "client.mjs")
	node.Dir = dir
	node.Env = append(os.Environ(), "SLACKTEST_API="+s.URL(), "SLACKTEST_BOT="+slacktest.BotToken, "SLACKTEST_APP="+slacktest.AppToken)
	node.Stderr = os.Stderr
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	c := &theirs{t: t, in: in, lines: make(chan said, 64)}
	go func() {
		defer close(c.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			var line said
			if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
				line = said{Error: "not a line of the script: " + scan.Text()}
			}
			c.lines <- line
		}
	}()
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		for range c.lines {
		}
		var killed *exec.ExitError
		if err := node.Wait(); err != nil && !errors.As(err, &killed) {
			t.Error(err)
		}
	})
	return c
}

// next is the next line that a test wants.
func (c *theirs) next(what string, wanted func(said) bool) said {
	c.t.Helper()
	over := time.After(60 * time.Second)
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				c.t.Fatalf("they have ended before %s", what)
			}
			if wanted(line) {
				return line
			}
		case <-over:
			c.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (c *theirs) state(name string) {
	c.t.Helper()
	c.next("the socket to be "+name, func(l said) bool { return l.State == name })
}

func (c *theirs) order(order any) {
	c.t.Helper()
	raw, err := json.Marshal(order)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.in.Write(append(raw, '\n')); err != nil {
		c.t.Fatal(err)
	}
}

// call calls a method of the Web API.
func (c *theirs) call(method string, args map[string]any) said {
	c.t.Helper()
	c.order(map[string]any{"method": method, "args": args})
	return c.next(method, func(l said) bool { return l.Method == method })
}

// TestNPM is Slack's npm clients against our fake: another author's reading of the same protocol.
func TestNPM(t *testing.T) {
	s := slacktest.New(t)
	s.Join(nil, "U1")
	c := npm(t, s)
	c.state("connected")

	section := func(text string) []any {
		return []any{map[string]any{"type": "section", "text": map[string]any{"type": "plain_text", "text": text}}}
	}
	button := map[string]any{"type": "button", "action_id": "approve", "value": "v", "text": map[string]any{"type": "plain_text", "text": "Approve"}}
	posted := c.call("chat.postMessage", map[string]any{
		"channel": slacktest.Channel, "text": "one", "blocks": append(section("one"), map[string]any{"type": "actions", "elements": []any{button}}),
		"metadata": map[string]any{"event_type": "x", "event_payload": map[string]any{"key": "k"}},
	})
	ts, _ := posted.Answer["ts"].(string)
	if ts == "" {
		t.Fatalf("posted: %+v", posted)
	}
	reply := c.call("chat.postMessage", map[string]any{"channel": slacktest.Channel, "thread_ts": ts, "text": "two"})
	if m := s.Messages(); len(m) != 2 || m[1].Thread != ts || !cmp.Equal(m[0].Buttons(), []string{"approve"}) {
		t.Errorf("after two posts: %+v, the second %+v", m, reply)
	}
	for _, want := range []struct {
		method string
		args   map[string]any
		error  string
	}{
		{"auth.test", nil, ""},
		{"chat.update", map[string]any{"channel": slacktest.Channel, "ts": ts, "text": "three", "blocks": section("three")}, ""},
		{"chat.update", map[string]any{"channel": slacktest.Channel, "ts": "1.1", "text": "three"}, "message_not_found"},
		{"chat.postEphemeral", map[string]any{"channel": slacktest.Channel, "user": "U1", "text": "psst"}, ""},
		{"chat.postMessage", map[string]any{"channel": "C9", "text": "one"}, "channel_not_found"},
		{"chat.postMessage", map[string]any{"channel": slacktest.Channel, "text": "x", "blocks": section(strings.Repeat("x", 3001))}, "invalid_blocks"},
		{"users.info", map[string]any{"user": "U1"}, ""},
		{"users.info", map[string]any{"user": "U9"}, "user_not_found"},
		{"conversations.replies", map[string]any{"channel": slacktest.Channel, "ts": ts}, ""},
	} {
		if got := c.call(want.method, want.args); got.Error != want.error || (want.error == "") != (got.Answer["ok"] == true) {
			t.Errorf("%s %v: %+v, want %q", want.method, want.args, got, want.error)
		}
	}
	if m := s.Messages(); m[0].Shown() != "three\n" || len(s.Whispers("U1")) != 1 {
		t.Errorf("changed to %q, whispered %q", m[0].Shown(), s.Whispers("U1"))
	}
	for _, all := range []bool{true, false} {
		got := c.call("conversations.history", map[string]any{"channel": slacktest.Channel, "limit": 10, "include_all_metadata": all})
		list, _ := got.Answer["messages"].([]any)
		if len(list) != 1 {
			t.Fatalf("history: %+v", got)
		}
		message, _ := list[0].(map[string]any)
		if _, told := message["metadata"]; told != all {
			t.Errorf("asked for metadata: %t, got: %t", all, told)
		}
	}
	s.Trouble("auth.test", slacktest.Trouble{RetryAfter: 7 * time.Second})
	if got := c.call("auth.test", nil); got.Code != "slack_webapi_rate_limited_error" || got.RetryAfter != 7 {
		t.Errorf("limited: %+v", got)
	}
}

// TestNPMSocket: what is pressed and filled in comes to Slack's npm client over our fake's sockets, is acknowledged or not, and
// comes again after the socket was asked to end, and was cut.
func TestNPMSocket(t *testing.T) {
	s := slacktest.New(t)
	s.Join(nil, "U1")
	c := npm(t, s)
	c.state("connected")
	press := func() map[string]any {
		t.Helper()
		sent := make(chan error, 1)
		go func() {
			sent <- s.Send(slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "freeze", Value: "v", At: time.Unix(1700000000, 123456000)})
		}()
		body := c.next("a press", func(l said) bool { return l.Body["type"] == "block_actions" }).Body
		if err := <-sent; err != nil {
			t.Errorf("a press: %v", err)
		}
		return body
	}
	body := press()
	actions, _ := body["actions"].([]any)
	if len(actions) != 1 {
		t.Fatalf("%v", body)
	}
	if a, _ := actions[0].(map[string]any); a["action_id"] != "freeze" || a["value"] != "v" || a["action_ts"] != "1700000000.123456" {
		t.Errorf("%v", a)
	}
	view := map[string]any{
		"type": "modal", "callback_id": "f", "private_metadata": "m", "title": map[string]any{"type": "plain_text", "text": "Freeze"},
		"submit": map[string]any{"type": "plain_text", "text": "Freeze"}, "close": map[string]any{"type": "plain_text", "text": "Cancel"},
		"blocks": []any{map[string]any{"type": "input", "block_id": "reason", "label": map[string]any{"type": "plain_text", "text": "Why"}, "element": map[string]any{"type": "plain_text_input", "action_id": "reason"}}},
	}
	if got := c.call("views.open", map[string]any{"trigger_id": body["trigger_id"], "view": view}); got.Answer["ok"] != true {
		t.Fatalf("views.open: %+v", got)
	}
	if got := c.call("views.open", map[string]any{"trigger_id": body["trigger_id"], "view": view}); got.Error != "exchanged_trigger_id" {
		t.Errorf("a trigger, again: %+v", got)
	}
	if err := s.Submit(s.Views("U1")[0], map[string]string{"reason": "storm"}); err != nil {
		t.Error(err)
	}
	sent := c.next("the form", func(l said) bool { return l.Body["type"] == "view_submission" }).Body
	filled, _ := sent["view"].(map[string]any)
	if filled["private_metadata"] != "m" || filled["callback_id"] != "f" {
		t.Errorf("%v", filled)
	}
	typing := make(chan error, 2)
	go func() { typing <- s.Type("U1", "why den-kcy-1"); typing <- s.Mention("U1", "open", "1.2", 1) }()
	typed := c.next("a command", func(l said) bool { return l.Body["command"] == "/detour" }).Body
	if typed["text"] != "why den-kcy-1" || typed["user_id"] != "U1" || typed["response_url"] == nil {
		t.Errorf("%v", typed)
	}
	mention, _ := c.next("a mention", func(l said) bool { return l.Body["type"] == "event_callback" }).Body["event"].(map[string]any)
	if mention["text"] != "<@UBOT> open" || mention["user"] != "U1" || mention["thread_ts"] != "1.2" {
		t.Errorf("%v", mention)
	}
	for range 2 {
		if err := <-typing; err != nil {
			t.Error(err)
		}
	}
	c.order(map[string]any{"acknowledge": false})
	c.next("it to be deaf", func(l said) bool { return l.Acknowledge != nil })
	if err := s.Send(slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "why", At: time.Now()}); !errors.Is(err, slacktest.ErrNotAcknowledged) {
		t.Errorf("nobody acknowledges: %v", err)
	}
	c.order(map[string]any{"acknowledge": true})
	c.next("it to hear", func(l said) bool { return l.Acknowledge != nil })
	for _, end := range []func(){s.Refresh, s.Disconnect} {
		end()
		c.state("connected")
		press()
	}
}
