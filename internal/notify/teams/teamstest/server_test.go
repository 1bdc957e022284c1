package teamstest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFormat: what Microsoft's documentation asks for is asked for.
func TestFormat(t *testing.T) {
	s := New(t)
	const good = `{"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": {
		"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "a*"}, {"type": "TextRun", "text": "b"}]}, {"type": "TextBlock", "text": "*c*"}],
		"actions": [{"type": "Action.OpenUrl", "title": "Open", "url": "https://x/"}]}}]}`
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, c := range []struct {
		name, old, new string
		want           int
	}{
		{"a card", "", "", 202}, {"no JSON", "{", "", 400}, {"no message", `"message"`, `"MessageCard"`, 400}, {"another attachment", "vnd.microsoft", "x", 400},
		{"no card", "AdaptiveCard", "HeroCard", 400}, {"no version", "1.4", "", 400}, {"no body", "body", "bodies", 400}, {"no text", `"a*"`, `""`, 400},
		{"another run", `"TextRun"`, `"ImageRun"`, 400}, {"another action", "Action.OpenUrl", "Action.Submit", 400}, {"no address", "https://x/", "x", 400},
		{"too much", "a*", strings.Repeat("a", 28<<10), 413},
	} {
		body := strings.Replace(good, c.old, c.new, 1)
		reply, err := client.Post(s.URL(), "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if reply.StatusCode != c.want || c.old != "" && body == good {
			t.Errorf("%s: %d, want %d", c.name, reply.StatusCode, c.want)
		}
	}
	if diff := cmp.Diff([]Card{{Lines: []string{"a*b", "*c*"}, Markup: []string{"*c*"}, Links: []string{"https://x/"}}}, s.Cards()); diff != "" || s.Asked() != 12 {
		t.Errorf("%d requests, cards (-want +got):\n%s", s.Asked(), diff)
	}
	reply, err := client.Post(strings.Replace(s.URL(), Secret, "sig=guess", 1), "application/json", strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	if reply.StatusCode != http.StatusUnauthorized || len(s.Cards()) != 1 {
		t.Errorf("another address: %d", reply.StatusCode)
	}
}
