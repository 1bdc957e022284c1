package teams

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/detour-net/detour/internal/notify"
	"github.com/detour-net/detour/internal/notify/teams/teamstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func channel(t *testing.T, webhook string) *Channel {
	c := New(webhook)
	t.Cleanup(c.client.CloseIdleConnections)
	return c
}

func notice(action notify.Action) notify.Notice {
	return notify.Notice{
		Incident: "den-kcy-1", Action: action, Situation: notify.Asking, Severity: notify.Error, Summary: "den-kcy-1: link-errors: 0 of 1 approvals are there",
		Details: []notify.Detail{{Name: "plan", Text: "drain link den-kcy"}}, Link: "https://detour.example.net/incidents/den-kcy-1",
	}
}

// TestCards posts one notice of every action and situation.
func TestCards(t *testing.T) {
	s := teamstest.New(t)
	c := channel(t, s.URL())
	notices := []notify.Notice{notice(notify.Trigger), notice(notify.Acknowledge), notice(notify.Resolve)}
	for _, situation := range notify.Situations() {
		n := notice(notify.Trigger)
		n.Situation, n.Severity = situation, notify.Critical
		notices = append(notices, n)
	}
	for _, n := range notices {
		if err := c.Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	const summary = "den-kcy-1: link-errors: 0 of 1 approvals are there"
	links := []string{"https://detour.example.net/incidents/den-kcy-1"}
	want := []teamstest.Card{
		{Lines: []string{"error: a decision is needed", summary, "plan: drain link den-kcy"}, Links: links},
		{Lines: []string{"Being seen to", summary}, Links: links},
		{Lines: []string{"Over", summary}, Links: links},
	}
	for _, says := range []string{"a decision is needed", "held up", "a mitigation", "a person is needed", "left as it is", "FROZEN"} {
		want = append(want, teamstest.Card{Lines: []string{"critical: " + says, summary, "plan: drain link den-kcy"}, Links: links})
	}
	if diff := cmp.Diff(want, s.Cards()); diff != "" {
		t.Errorf("cards (-want +got):\n%s", diff)
	}
}

// TestHostileCard posts what Teams would read as markup, and more than it takes.
func TestHostileCard(t *testing.T) {
	s := teamstest.New(t)
	n := notice(notify.Trigger)
	n.Summary = "[click](https://evil.example) **b** <at>all</at>"
	if err := channel(t, s.URL()).Send(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if card := s.Cards()[0]; len(card.Markup) > 0 || card.Lines[1] != n.Summary {
		t.Errorf("%+v", card)
	}
	long := strings.Repeat("<", 1500)
	n.Summary, n.Incident = long, long
	for range 20 {
		n.Details = append(n.Details, notify.Detail{Name: long, Text: long})
	}
	if err := channel(t, s.URL()).Send(t.Context(), n); err != nil || len(s.Cards()) != 2 {
		t.Fatalf("long: %v", err)
	}
	if card := s.Cards()[1]; len(card.Lines) != 2+maxDetails || len([]rune(card.Lines[1])) != maxSummary {
		t.Errorf("%d lines, a summary of %d characters", len(card.Lines), len([]rune(card.Lines[1])))
	}
}

// TestOutcomes: each is told from the others, and no error shows the webhook's address.
func TestOutcomes(t *testing.T) {
	s := teamstest.New(t)
	for _, f := range []struct {
		name    string
		webhook string
		trouble teamstest.Trouble
		refused bool
		later   bool
	}{
		{"another address", strings.Replace(s.URL(), teamstest.Secret, "sig=secret-guess", 1), teamstest.Trouble{}, true, false},
		{"too many", s.URL(), teamstest.Trouble{RetryAfter: 7 * time.Second}, false, true},
		{"broken", s.URL(), teamstest.Trouble{Status: 502}, false, false},
		{"gone", s.URL(), teamstest.Trouble{Status: 404}, true, false},
		{"elsewhere", s.URL(), teamstest.Trouble{Status: 308}, true, false},
		{"unheard", s.URL(), teamstest.Trouble{Unheard: true}, false, false},
		{"nobody there", "http://127.0.0.1:1/secret", teamstest.Trouble{}, false, false},
		{"no address", "http://127.0.0.1:port/secret", teamstest.Trouble{}, true, false},
	} {
		s.Trouble(f.trouble)
		err := channel(t, f.webhook).Send(t.Context(), notice(notify.Trigger))
		var no *notify.Refusal
		var later *notify.Later
		if err == nil || errors.As(err, &no) != f.refused || errors.As(err, &later) != f.later || f.later && later.After != 7*time.Second {
			t.Errorf("%s: %v", f.name, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the address is shown: %v", f.name, err)
		}
	}
	if len(s.Cards()) != 1 {
		t.Errorf("%d cards, want the one that was not heard of", len(s.Cards()))
	}
}
