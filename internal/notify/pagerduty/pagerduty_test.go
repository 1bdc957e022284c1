package pagerduty

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/detour-net/detour/internal/notify"
	"github.com/detour-net/detour/internal/notify/pagerduty/pagerdutytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func notice(action notify.Action) notify.Notice {
	return notify.Notice{
		Key: "west/den-kcy-1", Incident: "den-kcy-1", Action: action, Situation: notify.Asking, Severity: notify.Error, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Source: "link/den-kcy", Symptom: "link-errors", Summary: "den-kcy-1: link-errors, major on link/den-kcy: 0 of 1 approvals are there",
		Details: []notify.Detail{{Name: "plan", Text: "drain link den-kcy"}, {Name: "remedy", Text: "a"}, {Name: "remedy", Text: "b"}, {Name: "remedy", Text: "c"}},
		Link:    "https://detour.example.net/incidents/den-kcy-1",
	}
}

func channel(t *testing.T, s *pagerdutytest.Server) *Channel {
	c := New(s.URL(), pagerdutytest.Key)
	t.Cleanup(c.client.CloseIdleConnections)
	return c
}

// TestAlert follows one alert: what is sent twice is taken once, and what calls anew is another alert.
func TestAlert(t *testing.T) {
	s := pagerdutytest.New(t)
	c := channel(t, s)
	send := func(n notify.Notice) {
		t.Helper()
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	states := func() (list []pagerdutytest.State) {
		for _, a := range s.Alerts() {
			list = append(list, a.State)
		}
		return list
	}
	send(notice(notify.Resolve)) // of what was never triggered
	send(notice(notify.Trigger))
	send(notice(notify.Trigger))
	want := []pagerdutytest.Alert{{
		Key: "west/den-kcy-1", State: pagerdutytest.Triggered, Severity: "error", Source: "link/den-kcy", Events: 2,
		Summary: "den-kcy-1: link-errors, major on link/den-kcy: 0 of 1 approvals are there", Links: []string{"https://detour.example.net/incidents/den-kcy-1"},
		Details: map[string]any{"situation": "asking", "plan": "drain link den-kcy", "remedy": []any{"a", "b", "c"}},
	}}
	if diff := cmp.Diff(want, s.Alerts()); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
	s.Acknowledge("west/den-kcy-1") // by a person, there
	again := notice(notify.Trigger)
	again.Situation, again.Severity, again.Anew = notify.Stuck, notify.Critical, true
	send(again)
	if diff := cmp.Diff([]pagerdutytest.State{pagerdutytest.Resolved, pagerdutytest.Triggered}, states()); diff != "" || s.Alerts()[1].Severity != "critical" {
		t.Errorf("called anew (-want +got):\n%s", diff)
	}
	send(notice(notify.Acknowledge))
	if diff := cmp.Diff([]pagerdutytest.State{pagerdutytest.Resolved, pagerdutytest.Acknowledged}, states()); diff != "" {
		t.Errorf("acknowledged (-want +got):\n%s", diff)
	}
	send(notice(notify.Resolve))
	if diff := cmp.Diff([]pagerdutytest.State{pagerdutytest.Resolved, pagerdutytest.Resolved}, states()); diff != "" {
		t.Errorf("resolved (-want +got):\n%s", diff)
	}
}

// TestOutcomes: what PagerDuty will never take is told from what it has not taken now, and from what nobody can tell.
func TestOutcomes(t *testing.T) {
	s := pagerdutytest.New(t)
	for _, f := range []struct {
		name    string
		key     string
		trouble pagerdutytest.Trouble
		refused bool
		later   time.Duration // -1: it is no Later
		says    string
	}{
		{"another key", "guess", pagerdutytest.Trouble{}, true, -1, "answered with 400: {\"errors\":[\"'routing_key' is invalid\"]"},
		{"too many", "", pagerdutytest.Trouble{RetryAfter: 7 * time.Second}, false, 7 * time.Second, "answered with 429"},
		{"broken", "", pagerdutytest.Trouble{Status: 503}, false, -1, "answered with 503"},
		{"not found", "", pagerdutytest.Trouble{Status: 404}, true, -1, "answered with 404"},
		{"lost", "", pagerdutytest.Trouble{Lost: true}, false, -1, "EOF"},
		{"unheard", "", pagerdutytest.Trouble{Unheard: true}, false, -1, "EOF"},
	} {
		c := channel(t, s)
		if f.key != "" {
			c.key = f.key
		}
		s.Trouble(f.trouble)
		err := c.Send(t.Context(), notice(notify.Trigger))
		var no *notify.Refusal
		var later *notify.Later
		if err == nil || errors.As(err, &no) != f.refused || errors.As(err, &later) != (f.later >= 0) || later != nil && later.After != f.later || !strings.Contains(err.Error(), f.says) {
			t.Errorf("%s: %v", f.name, err)
		}
		if strings.Contains(err.Error(), pagerdutytest.Key) {
			t.Errorf("%s: the key is shown", f.name)
		}
	}
	if asked, taken := s.Counts(); asked != 6 || taken != 1 {
		t.Errorf("%d requests, %d taken, want 6 and 1", asked, taken)
	}
	half := notice(notify.Trigger)
	half.Anew = true
	s.Trouble(pagerdutytest.Trouble{Status: 503})
	if err := channel(t, s).Send(t.Context(), half); err == nil {
		t.Error("what was triggered before was not resolved, and nobody says so")
	}
}

// TestLong sends more than PagerDuty takes.
func TestLong(t *testing.T) {
	s := pagerdutytest.New(t)
	n := notice(notify.Trigger)
	n.Key, n.Summary = strings.Repeat("ü", 300), strings.Repeat("ü", 2000)
	for range 20 {
		n.Details = append(n.Details, notify.Detail{Name: strings.Repeat("ü", 1500), Text: strings.Repeat("<", 1500)})
	}
	for want, key := range map[int]string{1: n.Key, 2: n.Key + "2"} {
		n.Key = key
		if err := channel(t, s).Send(t.Context(), n); err != nil {
			t.Errorf("%d: %v", want, err)
		}
	}
	if len(s.Alerts()) != 2 {
		t.Errorf("%d alerts of two keys", len(s.Alerts()))
	}
}
