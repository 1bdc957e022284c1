package mattermost

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/mattermost/mattermosttest"
	"github.com/detour-net/detour/internal/chatops/roomtest"
)

// posted is a stage with a card whose buttons are there to be pressed, and every press that was let in.
func posted(t *testing.T) (s *stage, message string, presses chan chatops.Press) {
	s, presses = newStage(t), make(chan chatops.Press, 100)
	s.start(func(_ context.Context, p chatops.Press) { presses <- p })
	s.Join(nil, "ann", "eve")
	at, err := s.client.Post(t.Context(), chatops.Place{}, "key", chatops.Card{Title: "a card", Parts: []chatops.Part{{Label: "plan", Lines: []string{"drain"}}}, Buttons: []chatops.Button{
		{Act: chatops.Approve, Label: "Approve", Value: "key sha256:01", Confirm: "drain link den-kcy?"}, {Act: chatops.Why, Label: "Why not", Value: "key sha256:01"},
		{Act: chatops.Freeze, Label: "Freeze", Value: "key sha256:01"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s, at.Message, presses
}

// counted is how many reports came to an outcome.
func (s *stage) counted(t *testing.T, outcome string) (n float64) {
	t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "detour_chat_callbacks_total" && l.GetValue() == outcome {
					n = m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

// TestForgedPresses reports what nobody pressed. None is let in, each is counted, and none is asked of the server about.
func TestForgedPresses(t *testing.T) {
	s, message, presses := posted(t)
	other := mattermosttest.New(t)
	for name, change := range map[string]func(*mattermosttest.Press){
		"no context":                  func(p *mattermosttest.Press) { p.Context = nil },
		"no mac":                      func(p *mattermosttest.Press) { delete(p.Context, "mac") },
		"a mac of nothing":            func(p *mattermosttest.Press) { p.Context["mac"] = "" },
		"another act":                 func(p *mattermosttest.Press) { p.Context["act"] = "freeze" },
		"another plan":                func(p *mattermosttest.Press) { p.Context["value"] = "key sha256:02" },
		"not asked whether it counts": func(p *mattermosttest.Press) { delete(p.Context, "confirm") },
		"lent to another account":     func(p *mattermosttest.Press) { p.Account = mattermosttest.ID("eve") },
		"another's trigger":           func(p *mattermosttest.Press) { p.Trigger = s.Server.Trigger(mattermosttest.ID("eve"), time.Now()) },
		"a trigger of another server": func(p *mattermosttest.Press) { p.Trigger = other.Trigger(p.Account, time.Now()) },
		"no trigger":                  func(p *mattermosttest.Press) { p.Trigger = "" },
		"half a trigger":              func(p *mattermosttest.Press) { p.Trigger = p.Trigger[:len(p.Trigger)/2] },
		"a trigger that is no base64": func(p *mattermosttest.Press) { p.Trigger = "{}" },
		"of another channel":          func(p *mattermosttest.Press) { p.Channel = mattermosttest.ID("elsewhere") },
		"a mac of a client that is not us": func(p *mattermosttest.Press) {
			c := Client{Config: s.client.Config}
			c.Secret = "another secret"
			p.Context["mac"] = c.sign(button{Act: chatops.Approve, Value: "key sha256:01", Confirm: "drain link den-kcy?"}).MAC
		},
	} {
		p, err := s.Find("ann", message, "approve")
		if err != nil {
			t.Fatal(err)
		}
		change(&p)
		if err := s.Send(p); err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), "key") {
			t.Errorf("%s: answered with %v", name, err)
		}
	}
	if n := s.counted(t, "refused"); n != 14 || len(presses) > 0 || len(s.Dialogs("ann")) > 0 || len(s.Dialogs("eve")) > 0 {
		t.Errorf("%v of 14 counted, %d presses, dialogs %v", n, len(presses), s.Dialogs("ann"))
	}
	if _, err := s.report(`{"type": 3}`); err == nil || s.counted(t, "refused") != 15 {
		t.Errorf("what cannot be read: %v", err)
	}
}

// report sends a body of any kind to where presses are reported.
func (s *stage) report(body string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Post(s.client.Callback, "application/json", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answered %d", reply.StatusCode)
	}
	return "", nil
}

// TestPressTime: when it was pressed is what the server has signed, however late it is delivered.
func TestPressTime(t *testing.T) {
	s, message, presses := posted(t)
	p, err := s.Find("ann", message, "why")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	p.Trigger = s.Server.Trigger(p.Account, at)
	if err := s.Send(p); err != nil {
		t.Fatal(err)
	}
	if got := <-presses; !got.At.Equal(at) || got.Trigger != p.Trigger {
		t.Errorf("%+v, want it at %s", got, at)
	}
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if n := f.GetMetric()[0].GetHistogram().GetSampleCount(); f.GetName() == "detour_chat_ack_seconds" && n != 1 {
			t.Errorf("%d acknowledgements were timed, want one", n)
		}
	}
}

// TestKeys: a server that has got another key is believed once it says so, and asked no more often than once in a while;
// one that does not say its key is not believed, and not called a forger.
func TestKeys(t *testing.T) {
	s, message, presses := posted(t)
	s.Trouble("GET /config/client", mattermosttest.Trouble{Status: http.StatusBadGateway})
	if err := s.Press("ann", message, "why"); err == nil || !strings.Contains(err.Error(), "502") || s.counted(t, "failed") != 1 {
		t.Errorf("without the server's key: %v", err)
	}
	if err := s.Press("ann", message, "why"); err != nil {
		t.Fatal(err)
	}
	s.NewKey()
	if err := s.Press("ann", message, "why"); err == nil || s.Calls("GET /config/client") != 1 {
		t.Errorf("a new key a moment after the old one was told: %v, asked %d times", err, s.Calls("GET /config/client"))
	}
	s.client.mu.Lock()
	s.client.key.asked = time.Now().Add(-askAgain)
	s.client.mu.Unlock()
	if err := s.Press("ann", message, "why"); err != nil || s.Calls("GET /config/client") != 2 {
		t.Errorf("a new key: %v, asked %d times", err, s.Calls("GET /config/client"))
	}
	if len(presses) != 2 {
		t.Errorf("%d presses, want 2", len(presses))
	}
}

// TestBusy: more presses than can be judged at once are turned away, and so shown to whoever pressed.
func TestBusy(t *testing.T) {
	s, message, _ := posted(t)
	judging, release := make(chan struct{}, maxPresses), make(chan struct{})
	s.start(func(context.Context, chatops.Press) { judging <- struct{}{}; <-release })
	var pressing sync.WaitGroup
	for range maxPresses {
		pressing.Go(func() {
			if err := s.Press("ann", message, "why"); err != nil {
				t.Error(err)
			}
		})
	}
	for range maxPresses {
		<-judging
	}
	if err := s.Press("ann", message, "why"); err == nil || !strings.Contains(err.Error(), "503") || s.counted(t, "turned-away") != 1 {
		t.Errorf("one more: %v", err)
	}
	close(release)
	pressing.Wait()
	if err := s.Press("ann", message, "why"); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

// TestConfirm: a button that asks before it counts counts when the dialog is sent, once, and by whom it was put before.
func TestConfirm(t *testing.T) {
	s, message, presses := posted(t)
	if err := s.Press("ann", message, "approve"); err != nil {
		t.Fatal(err)
	}
	dialogs := s.Dialogs("ann")
	if len(presses) > 0 || len(dialogs) != 1 || dialogs[0].Title != "Approve?" || !strings.Contains(dialogs[0].Text, "drain link den-kcy?") || len(dialogs[0].Elements) > 0 {
		t.Fatalf("%d presses, dialogs %+v", len(presses), dialogs)
	}
	for name, change := range map[string]func(*mattermosttest.Dialog){
		"another account's": func(d *mattermosttest.Dialog) { d.Account = mattermosttest.ID("eve") },
		"no state":          func(d *mattermosttest.Dialog) { d.State = "" },
		"a changed state":   func(d *mattermosttest.Dialog) { d.State = "e30" + d.State[strings.Index(d.State, "."):] },
		"an unsigned state": func(d *mattermosttest.Dialog) { d.State = d.State[:strings.Index(d.State, ".")] },
	} {
		d := dialogs[0]
		change(&d)
		if err := s.Submit(d, nil); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("%s: answered with %v", name, err)
		}
	}
	if _, err := s.report(`{"type": "dialog_submission", "cancelled": true, "user_id": "` + dialogs[0].Account + `", "state": "` + dialogs[0].State + `"}`); err != nil || len(presses) > 0 {
		t.Errorf("cancelled: %v, %d presses", err, len(presses))
	}
	if err := s.Submit(dialogs[0], nil); err != nil {
		t.Fatal(err)
	}
	p := <-presses
	want := chatops.Press{ID: p.ID, Account: mattermosttest.ID("ann"), Channel: mattermosttest.Channel, Message: message, Act: chatops.Approve, Value: "key sha256:01", At: p.At}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("press (-want +got):\n%s", diff)
	}
	s.Trouble("POST /actions/dialogs/open", mattermosttest.Trouble{Status: http.StatusForbidden})
	if err := s.Press("ann", message, "approve"); err != nil || len(presses) > 0 {
		t.Errorf("%v, %d presses", err, len(presses))
	}
	if told := strings.Join(s.Whispers("ann"), ""); !strings.Contains(told, "nothing was recorded") || !strings.Contains(told, "detour approve") {
		t.Errorf("without a dialog ann is told %q", told)
	}
}

// TestForms: what is filled in comes back with the press that it was asked for.
func TestForms(t *testing.T) {
	s, message, presses := posted(t)
	form := chatops.Form{Title: "Freeze", Submit: "Freeze", Lines: []string{"Why?", "```evil"}, Scopes: []chatops.Choice{{Value: "network", Label: "the network"}, {Value: "site:den", Label: "Denver"}}, Reason: true}
	s.start(func(ctx context.Context, p chatops.Press) {
		if p.Answer == nil {
			if err := s.client.Ask(ctx, p, form); err != nil {
				t.Error(err)
			}
		}
		presses <- p
	})
	for _, c := range []struct {
		filled map[string]string
		want   chatops.Answer
	}{
		{map[string]string{"reason": "a fire"}, chatops.Answer{Scope: "network", Reason: "a fire"}},
		{map[string]string{"reason": "a flood", "scope": "site:den", "more": "x"}, chatops.Answer{Scope: "site:den", Reason: "a flood"}},
		{nil, chatops.Answer{Scope: "network"}},
	} {
		if err := s.Press("ann", message, "freeze"); err != nil {
			t.Fatal(err)
		}
		pressed, dialogs := <-presses, s.Dialogs("ann")
		d := dialogs[len(dialogs)-1]
		if !strings.Contains(d.Text, "'''evil") {
			t.Errorf("the dialog says %q", d.Text)
		}
		if err := s.Submit(d, c.filled); err != nil {
			t.Fatal(err)
		}
		want := pressed
		want.ID, want.Trigger, want.Answer = pressed.ID+" sent", "", &c.want
		if diff := cmp.Diff(want, <-presses); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.filled, diff)
		}
	}
	if err := s.client.Ask(t.Context(), chatops.Press{Trigger: s.Server.Trigger(mattermosttest.ID("ann"), time.Now().Add(-time.Hour))}, form); err == nil {
		t.Error("a form an hour after the press")
	}
}

// TestAnswers: what comes of a press is told in the answer to it, and what comes of a dialog as a direct message.
func TestAnswers(t *testing.T) {
	s, message, _ := posted(t)
	s.start(func(ctx context.Context, p chatops.Press) {
		if err := s.client.Whisper(ctx, p.Account, chatops.Place{Channel: p.Channel, Message: p.Message}, "it is `frozen`\nby @ann"); err != nil {
			t.Error(err)
		}
	})
	if err := s.pressed("ann", message, chatops.Why, 1, nil); err != nil {
		t.Fatal(err)
	}
	if told := s.Whispers("ann"); len(told) != 1 || told[0] != "```\nit is 'frozen'\nby @ann\n```" || s.Calls("POST /channels/direct") != 0 {
		t.Errorf("told %q with %d direct messages", told, s.Calls("POST /channels/direct"))
	}
	if err := s.pressed("ann", message, chatops.Approve, 1, nil); err != nil {
		t.Fatal(err)
	}
	roomtest.Wait(t, "a direct message", func() bool { return len(s.Whispers("ann")) == 2 })
	if told := s.Whispers("ann")[1]; !strings.HasSuffix(told, "\n"+s.URL()+"/_redirect/pl/"+message) || s.Calls("POST /channels/direct") != 1 {
		t.Errorf("told %q", told)
	}
}
