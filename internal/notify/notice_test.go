package notify

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// TestWanted asks of incidents in every state what is to be said, given what was said last.
func TestWanted(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	when := map[Situation]Severity{Asking: Own, Stuck: Critical, Failed: Warning}
	asking := incident.Incident{ID: "i", Phase: incident.Asking, Severity: events.Major, Ask: &events.Asked{Quorum: 1}}
	with := func(i incident.Incident, change func(*incident.Incident)) incident.Incident { change(&i); return i }
	closed := func(o events.Outcome, ago time.Duration) incident.Incident {
		return incident.Incident{ID: "i", Phase: incident.Closed, End: &events.Closed{Outcome: o}, Changed: now.Add(-ago)}
	}
	other := func(i *incident.Incident) { i.Cause = &events.Cause{Lead: "another"} }
	for _, c := range []struct {
		name       string
		i          incident.Incident
		last, want string
	}{
		{"asked", asking, "", "trigger asking error"},
		{"asked, and it was said", asking, "trigger asking error", "trigger asking error"},
		{"asked again after a decision", asking, "acknowledge", "trigger asking error"},
		{"asked, worse than before", with(asking, func(i *incident.Incident) { i.Severity = events.Critical }), "trigger asking error", "trigger asking critical"},
		{"asked of a minor fault", with(asking, func(i *incident.Incident) { i.Severity = events.Minor }), "", "trigger asking warning"},
		{"asked for information", with(asking, func(i *incident.Incident) { i.Severity = events.Info }), "", "trigger asking info"},
		{"approved", with(asking, func(i *incident.Incident) { i.Approvals = make([]events.Approved, 1) }), "trigger asking error", "acknowledge"},
		{"rejected", with(asking, func(i *incident.Incident) { i.Rejection = &events.Rejected{} }), "trigger asking error", "acknowledge"},
		{"lapsed", with(asking, func(i *incident.Incident) { i.Lapsed = true }), "trigger asking error", "acknowledge"},
		{"aborted", with(asking, func(i *incident.Incident) { i.Abort = &events.Aborted{} }), "trigger asking error", "acknowledge"},
		{"another is asked", with(asking, other), "", ""},
		{"another is stuck", incident.Incident{ID: "i", Phase: incident.Stuck, Cause: &events.Cause{Lead: "another"}}, "", "trigger stuck critical"},
		{"decided anew", incident.Incident{Phase: incident.Open}, "trigger asking error", "trigger asking error"},
		{"held up, of which nothing is said", incident.Incident{Phase: incident.Waiting}, "", ""},
		{"acts, of which nothing is said", incident.Incident{Phase: incident.Acting}, "", ""},
		{"acts after a call", incident.Incident{Phase: incident.Holding}, "trigger stuck critical", "acknowledge"},
		{"stuck", incident.Incident{Phase: incident.Stuck}, "acknowledge", "trigger stuck critical"},
		{"restored", closed(events.Restored, 0), "acknowledge", "resolve"},
		{"restored, and nobody was called", closed(events.Restored, 0), "", ""},
		{"over, and it was said", closed(events.Restored, 0), "resolve", "resolve"},
		{"refused", closed(events.WasRefused, 0), "", "trigger failed warning"},
		{"refused, and it was said", closed(events.WasRefused, 48*time.Hour), "trigger failed warning", "trigger failed warning"},
		{"refused long ago, and nothing was said", closed(events.WasRefused, 2*time.Hour), "", ""},
		{"lapsed and over", closed(events.HasLapsed, 0), "acknowledge", "trigger failed warning"},
		{"what is written there is no saying", asking, "a b", "trigger asking error"},
	} {
		if got := wantedOf(&c.i, when, readSaying(c.last), now).String(); got != c.want {
			t.Errorf("%s, after %q: %q, want %q", c.name, c.last, got, c.want)
		}
	}
	silent := closed(events.WasRefused, 0)
	if got := wantedOf(&silent, map[Situation]Severity{}, readSaying("trigger stuck critical"), now).String(); got != "resolve" {
		t.Errorf("a failure of which nothing is to be said: %q, want it to be over", got)
	}
	for _, s := range Situations() {
		if got := readSaying(saying{Trigger, s, Error}.String()); got != (saying{Trigger, s, Error}) {
			t.Errorf("%s is read as %v", s, got)
		}
	}
}

// TestNotice holds what a notice says against the incident that it is of.
func TestNotice(t *testing.T) {
	ledger := boardtest.New(t)
	id, p := ledger.Ask("den-kcy", 1)
	s := New(Config{Domain: "west", Console: "https://detour.example.net", Board: ledger})
	ledger.View(func(b *incident.Board) {
		i, _ := b.Incident(id)
		for _, c := range []struct {
			last string
			anew bool
		}{{"", false}, {"trigger asking error", false}, {"trigger waiting error", true}, {"acknowledge", true}, {"resolve", false}} {
			if n := s.noticeOf(b, i, saying{Trigger, Asking, Error}, readSaying(c.last)); n.Anew != c.anew {
				t.Errorf("after %q anew: %t", c.last, n.Anew)
			}
		}
		if s.noticeOf(b, i, saying{action: Resolve}, readSaying("acknowledge")).Anew {
			t.Error("an end calls anew")
		}
		n := s.noticeOf(b, i, saying{Trigger, Asking, Error}, saying{})
		want := Notice{
			Key: "west/" + id, Incident: id, Action: Trigger, Situation: Asking, Severity: Error, At: i.Changed, Source: "link/den-kcy", Symptom: "link-errors",
			Summary: n.Summary, Details: n.Details, Link: "https://detour.example.net/incidents/" + id,
		}
		if diff := cmp.Diff(want, n); diff != "" || !strings.HasPrefix(n.Summary, "den-kcy-1: link-errors, major on link/den-kcy: 0 of 1 approvals are there") {
			t.Errorf("%q (-want +got):\n%s", n.Summary, diff)
		}
		details := map[string]string{}
		for _, d := range n.Details {
			details[d.Name] = d.Text
		}
		if details["plan"] != "drain link den-kcy" || !strings.Contains(details["terms"], p.Digest.Short()) || details["held by autonomy"] != "approve, limit auto; the rule wants a person" {
			t.Errorf("details %v", details)
		}
	})
}

// TestHostileNotice puts control characters and more than there is room for into what comes from outside.
func TestHostileNotice(t *testing.T) {
	const evil = "\u202E\x1b[2J\nX"
	ledger := boardtest.New(t)
	p := boardtest.Plan("den-kcy", 1)
	p.Plan.Sentence, p.Rule, p.Plan.Target.Name = evil, evil, evil+strings.Repeat("x", 5000)
	p.Digest = p.Plan.Digest()
	id := p.Plan.Target.Slug() + "-1"
	r := boardtest.Ruled(p, events.Deny)
	for range 50 {
		r.Checks = append(r.Checks, events.Check{Name: evil, Value: evil, Detail: evil, Remedy: evil})
	}
	ledger.Say(id, events.Opened{Target: p.Plan.Target, Epoch: 1, Symptom: evil, Severity: events.Major}, p, r)
	s := New(Config{Domain: "west", Console: "https://detour.example.net", Board: ledger})
	ledger.View(func(b *incident.Board) {
		i, _ := b.Incident(id)
		n := s.noticeOf(b, i, saying{Trigger, Failed, Error}, saying{})
		texts := []string{n.Summary, n.Source, n.Symptom, n.Incident}
		for _, d := range n.Details {
			texts = append(texts, d.Name, d.Text)
		}
		for _, text := range texts {
			if strings.ContainsAny(text, "\u202E\x1b\n") || len([]rune(text)) > 1500 {
				t.Errorf("%q", text)
			}
		}
		if len(n.Details) != maxDetails || len([]rune(n.Summary)) > maxSummary {
			t.Errorf("%d details, a summary of %d", len(n.Details), len([]rune(n.Summary)))
		}
	})
}
