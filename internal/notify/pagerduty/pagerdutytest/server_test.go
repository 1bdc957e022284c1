package pagerdutytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// post sends a body, and returns the status, 0 for none.
func post(t *testing.T, s *Server, body string) int {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Post(s.URL(), "application/json", strings.NewReader(body))
	if err != nil {
		return 0
	}
	defer reply.Body.Close()
	return reply.StatusCode
}

// TestFormat: what PagerDuty's documentation asks for is asked for.
func TestFormat(t *testing.T) {
	s := New(t)
	const good = `{"routing_key": "` + Key + `", "event_action": "trigger", "dedup_key": "k", "payload": {"summary": "s", "source": "x", "severity": "info"}}`
	for _, c := range []struct {
		name, old, new string
		want           int
	}{
		{"an event", "", "", 202}, {"no JSON", "{", "", 400}, {"another key", Key, "guess", 400}, {"no action", "trigger", "page", 400},
		{"no summary", `"s"`, `""`, 400}, {"no source", `"x"`, `""`, 400}, {"another severity", "info", "major", 400}, {"no payload", "payload", "body", 400},
		{"a long key", `"k"`, `"` + strings.Repeat("k", 256) + `"`, 400}, {"a long summary", `"s"`, `"` + strings.Repeat("s", 1025) + `"`, 400},
		{"too much", `"s"`, `"s", "custom_details": {"a": "` + strings.Repeat("s", 512<<10) + `"}`, 400},
		{"an end of nothing", `"trigger", "dedup_key": "k"`, `"resolve"`, 400},
	} {
		body := strings.Replace(good, c.old, c.new, 1)
		if got := post(t, s, body); got != c.want || c.old != "" && body == good {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if asked, taken := s.Counts(); asked != 12 || taken != 1 || len(s.Alerts()) != 1 {
		t.Errorf("%d requests, %d taken, alerts %+v", asked, taken, s.Alerts())
	}
}

// TestAlerts: one alert a key until it is resolved, and nothing for what follows on none.
func TestAlerts(t *testing.T) {
	s := New(t)
	send := func(key, action string) {
		t.Helper()
		if code := post(t, s, fmt.Sprintf(`{"routing_key": %q, "event_action": %q, "dedup_key": %q, "payload": {"summary": "s", "source": "x", "severity": "info"}}`, Key, action, key)); code != 202 {
			t.Fatal(code)
		}
	}
	for _, e := range []string{"a acknowledge", "a resolve", "a trigger", "b trigger", "a trigger", "a acknowledge", "a trigger", "a resolve", "a acknowledge", "a trigger"} {
		key, action, _ := strings.Cut(e, " ")
		send(key, action)
	}
	s.Acknowledge("b")
	var got []string
	for _, a := range s.Alerts() {
		got = append(got, fmt.Sprint(a.Key, " ", a.State, " ", a.Events))
	}
	if want := "[a resolved 5 b acknowledged 1 a triggered 1]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	s.Trouble(Trouble{RetryAfter: time.Second}, Trouble{Status: 500}, Trouble{Lost: true}, Trouble{Unheard: true})
	for n, want := range []int{429, 500, 0, 0} {
		if code := post(t, s, `{"routing_key": "`+Key+`", "event_action": "resolve", "dedup_key": "b"}`); code != want || (s.Alerts()[1].State == Resolved) != (n == 3) {
			t.Errorf("trouble %d: %d, %s", n, code, s.Alerts()[1].State)
		}
	}
	s.Trouble(Trouble{Lost: true})
	s.Mend()
	if code := post(t, s, "{}"); code != 400 {
		t.Errorf("mended: %d", code)
	}
}
