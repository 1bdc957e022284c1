package mattermosttest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// ask makes one request, and returns the status and the body.
func ask(t *testing.T, s *Server, token, method, path string, body any) (int, string, http.Header) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/api/v4"+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer reply.Body.Close()
	raw, err = io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(raw), reply.Header
}

type object = map[string]any

// TestRefusals: what Mattermost refuses is refused, with its status and its word.
func TestRefusals(t *testing.T) {
	s := New(t)
	s.Join(nil, "ann")
	root := s.Say("ann", "hers", Props{})
	button := func(change func(object)) object {
		b := object{"id": "why", "type": "button", "name": "Why", "integration": object{"url": "http://x/"}}
		change(b)
		return object{"channel_id": Channel, "props": object{"attachments": []any{object{"text": "t", "actions": []any{b}}}}}
	}
	for _, c := range []struct {
		name, token, method, path string
		body                      any
		status                    int
		says                      string
	}{
		{"a token", Token, "GET", "/users/me", nil, 200, `"username":"detour"`},
		{"another token", "guess", "GET", "/users/me", nil, 401, "session_expired"},
		{"another token for what is not there", "guess", "GET", "/posts/x", nil, 401, "session_expired"},
		{"another path", Token, "GET", "/teams", nil, 404, "api.context.404"},
		{"nobody", Token, "GET", "/users/" + ID("eve"), nil, 404, "missing_account"},
		{"another channel", Token, "GET", "/channels/" + ID("x") + "/posts", nil, 403, "permissions"},
		{"a post elsewhere", Token, "POST", "/posts", object{"channel_id": ID("x"), "message": "m"}, 403, "permissions"},
		{"an empty post", Token, "POST", "/posts", object{"channel_id": Channel}, 400, "invalid"},
		{"a long post", Token, "POST", "/posts", object{"channel_id": Channel, "message": strings.Repeat("x", 16_384)}, 400, "invalid"},
		{"no such thread", Token, "POST", "/posts", object{"channel_id": Channel, "message": "m", "root_id": ID("x")}, 400, "root_id"},
		{"a button", Token, "POST", "/posts", button(func(object) {}), 200, `"id":"why"`},
		{"a button with a dash", Token, "POST", "/posts", button(func(b object) { b["id"] = "why-not" }), 400, "invalid"},
		{"a button without a name", Token, "POST", "/posts", button(func(b object) { delete(b, "name") }), 400, "invalid"},
		{"a button that does nothing", Token, "POST", "/posts", button(func(b object) { delete(b, "integration") }), 400, "invalid"},
		{"a button of no style", Token, "POST", "/posts", button(func(b object) { b["style"] = "loud" }), 400, "invalid"},
		{"another's post", Token, "PUT", "/posts/" + root + "/patch", object{"message": "mine"}, 403, "permissions"},
		{"no such post to change", Token, "PUT", "/posts/" + ID("x") + "/patch", object{"message": "mine"}, 403, "permissions"},
		{"no such post", Token, "GET", "/posts/" + ID("x"), nil, 404, "app.post.get"},
		{"no such thread to read", Token, "GET", "/posts/" + ID("x") + "/thread", nil, 404, "app.post.get"},
		{"a talk with nobody", Token, "POST", "/channels/direct", []string{Bot, ID("eve")}, 400, "invalid_user"},
		{"a talk of others", Token, "POST", "/channels/direct", []string{ID("ann"), ID("ann")}, 400, "invalid"},
		{"the key in no format", Token, "GET", "/config/client", nil, 400, "invalid"},
		{"the key", Token, "GET", "/config/client?format=old", nil, 200, "AsymmetricSigningPublicKey"},
	} {
		if status, body, _ := ask(t, s, c.token, c.method, c.path, c.body); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, status, body, c.status, c.says)
		}
	}
}

// TestMessages: threads, the order of lists, deleted messages, and what clients never see.
func TestMessages(t *testing.T) {
	s := New(t)
	post := func(body object) (m Message) {
		t.Helper()
		body["channel_id"] = Channel
		status, raw, _ := ask(t, s, Token, "POST", "/posts", body)
		if err := json.Unmarshal([]byte(raw), &m); err != nil || status != 200 {
			t.Fatal(status, raw, err)
		}
		return m
	}
	actions := []any{object{"id": "why", "type": "button", "name": "Why", "integration": object{"url": "http://x/", "context": object{"mac": "secret"}}}}
	root := post(object{"message": "`one` *m*", "props": object{"attachments": []any{object{"text": "**a**\n```\nb @all\n```", "actions": actions}}}})
	reply := post(object{"message": "two", "root_id": root.ID})
	for _, path := range []string{"/posts/" + root.ID, "/channels/" + Channel + "/posts", "/posts/" + root.ID + "/thread"} {
		if _, body, _ := ask(t, s, Token, "GET", path, nil); strings.Contains(body, "secret") || !strings.Contains(body, root.ID) {
			t.Errorf("%s: %s", path, body)
		}
	}
	m := s.Threads()[0]
	if m.Shown() != "one *m*\na\nb @all" || m.Markup() != " *m*\n**a**\n" || len(m.Buttons()) != 1 || m.Props.Attachments[0].Actions[0].Integration.Context["mac"] != "secret" {
		t.Errorf("shown %q, markup %q, %+v", m.Shown(), m.Markup(), m)
	}
	if _, body, _ := ask(t, s, Token, "GET", "/channels/"+Channel+"/posts?per_page=1", nil); !strings.Contains(body, `"order":["`+reply.ID+`"]`) {
		t.Errorf("the newest: %s", body)
	}
	if status, _, _ := ask(t, s, Token, "PUT", "/posts/"+root.ID+"/patch", object{"message": "three", "props": object{}}); status != 200 || len(s.Threads()[0].Buttons()) != 0 || s.Threads()[0].Edits != 1 {
		t.Errorf("changed: %d %+v", status, s.Threads()[0])
	}
	s.Delete(root.ID)
	if status, _, _ := ask(t, s, Token, "GET", "/posts/"+root.ID, nil); status != 404 || len(s.Threads()) != 0 {
		t.Errorf("deleted: %d", status)
	}
}

// TestTroubles: each befalls one request.
func TestTroubles(t *testing.T) {
	s := New(t)
	body := object{"channel_id": Channel, "message": "m"}
	s.Trouble("POST /posts", Trouble{RetryAfter: 7 * time.Second}, Trouble{Status: 502}, Trouble{Lost: true}, Trouble{Unheard: true})
	if status, text, header := ask(t, s, Token, "POST", "/posts", body); status != 429 || header.Get("Retry-After") != "7" || text != "limit exceeded\n" {
		t.Errorf("limited: %d %q %v", status, text, header)
	}
	for n, want := range []struct{ status, stand int }{{502, 0}, {0, 0}, {0, 1}, {200, 2}} {
		if status, text, _ := ask(t, s, Token, "POST", "/posts", body); status != want.status || len(s.Messages()) != want.stand || s.Calls("POST /posts") != want.stand {
			t.Errorf("%d: %d %s, %d messages; want %+v", n, status, text, len(s.Messages()), want)
		}
	}
	s.Trouble("POST /posts", Trouble{Lost: true})
	s.Mend()
	if status, _, _ := ask(t, s, Token, "POST", "/posts", body); status != 200 {
		t.Errorf("mended: %d", status)
	}
}

// TestDialogs: a trigger id opens a dialog before whom it names, for a while, and nothing else does.
func TestDialogs(t *testing.T) {
	s := New(t)
	s.Join(nil, "ann")
	good := s.Trigger(ID("ann"), time.Now())
	dialog := object{"title": "Freeze", "submit_label": "Freeze", "state": "s"}
	long := object{"title": strings.Repeat("x", 25)}
	old := s.Trigger(ID("ann"), time.Now().Add(-time.Hour))
	elements := object{"title": "t", "elements": []any{object{"display_name": "Scope", "name": "scope", "type": "select"}}}
	for _, c := range []struct {
		name, trigger string
		dialog        object
		status        int
	}{
		{"a dialog", good, dialog, 200}, {"late", old, dialog, 400}, {"no trigger", "", dialog, 400}, {"a made up trigger", "YTpiOjE6ZA==", dialog, 400},
		{"a long title", good, long, 400}, {"a choice of nothing", good, elements, 400},
	} {
		if status, body, _ := ask(t, s, Token, "POST", "/actions/dialogs/open", object{"trigger_id": c.trigger, "url": "http://x/", "dialog": c.dialog}); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, status, body, c.status)
		}
	}
	s.NewKey()
	if status, _, _ := ask(t, s, Token, "POST", "/actions/dialogs/open", object{"trigger_id": good, "dialog": dialog}); status != 400 || len(s.Dialogs("ann")) != 1 {
		t.Errorf("a trigger of the key before: %d", status)
	}
}

// TestReports: an integration is told what Mattermost tells it, and its answer is shown to whoever pressed.
func TestReports(t *testing.T) {
	s := New(t)
	s.Join(nil, "ann")
	answers, reports := []string{`{"ephemeral_text": "psst"}`, `{}`, "", "no JSON"}, 0
	integration := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got object
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || got["user_id"] != ID("ann") || got["context"].(object)["mac"] != "secret" || got["trigger_id"] == "" {
			t.Errorf("%v %v", got, err)
		}
		_, _ = w.Write([]byte(answers[reports%len(answers)]))
		reports++
	}))
	defer integration.Close()
	actions := []any{object{"id": "why", "type": "button", "name": "Why", "integration": object{"url": integration.URL, "context": object{"mac": "secret"}}}}
	if status, _, _ := ask(t, s, Token, "POST", "/posts", object{"channel_id": Channel, "props": object{"attachments": []any{object{"actions": actions}}}}); status != 200 {
		t.Fatal(status)
	}
	id := s.Threads()[0].ID
	for n, bad := range []bool{false, false, false, true} {
		if err := s.Press("ann", id, "why"); (err != nil) != bad {
			t.Errorf("answered with %q: %v", answers[n], err)
		}
	}
	if told := s.Whispers("ann"); len(told) != 1 || told[0] != "psst" || reports != 4 {
		t.Errorf("told %q after %d reports", told, reports)
	}
	for _, f := range []func() error{func() error { return s.Press("ann", id, "freeze") }, func() error { return s.Press("ann", "nothing", "why") }} {
		if f() == nil || reports != 4 {
			t.Error("what is not there was pressed")
		}
	}
}
