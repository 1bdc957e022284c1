package notify

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// freeze has olga freeze a scope, and thaw has marc thaw it.
func (s *stage) freeze(scope events.Scope) {
	s.Record(events.Record{Body: events.Frozen{Scope: scope, By: events.Person{Name: "olga", Via: "cli"}, Reason: "storm"}})
}

func (s *stage) thaw(scope events.Scope) {
	s.Record(events.Record{Body: events.Thawed{Scope: scope, By: events.Person{Name: "marc", Via: "slack"}}})
}

// TestFreeze: a freeze and its end are said once each, whichever replica is left, and the next freeze of the same scope anew.
func TestFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		kill := s.sender(0)
		s.sender(1)
		s.sender(1)
		s.freeze(events.Network)
		s.settle(time.Minute)
		s.freeze(events.Network) // which it is already
		s.settle(time.Minute)
		kill()
		s.thaw(events.Network)
		s.settle(time.Minute)
		s.freeze(events.Network)
		s.settle(time.Hour)
		want := []string{"freeze of network trigger frozen error", "freeze of network resolve", "freeze of network trigger frozen error"}
		check(t, "said", want, s.said())
		check(t, "counted", map[string]float64{"sent": 3, "waiting": 0}, s.counted())
		was := s.Position()
		s.settle(time.Hour)
		if s.Position() != was {
			t.Errorf("with nothing new, %d records", s.Position()-was)
		}
	})
}

// TestFreezeWhileAway: what is over before it could be said is not said, and what was said is taken back as soon as it can be.
func TestFreezeWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.sender(0)
		s.freeze("site:den")
		s.settle(time.Minute)
		s.setTrouble(func(Notice) (error, bool) { return errors.New("away"), false })
		s.freeze("site:kcy")
		s.settle(time.Minute)
		s.thaw("site:kcy")
		s.thaw("site:den")
		s.settle(time.Minute)
		for n := range 100 { // so many that the end of the first is forgotten
			s.freeze("site:sea")
			s.thaw("site:sea")
			s.settle(time.Duration(n) * time.Millisecond)
		}
		s.setTrouble(nil)
		s.settle(10 * time.Minute)
		check(t, "said", []string{"freeze of site:den trigger frozen error", "freeze of site:den resolve"}, s.said())
		if n := s.counted(); n["overtaken"] < 1 || n["waiting"] != 0 {
			t.Errorf("counted %v", n)
		}
	})
}

// TestManyFreezes: of so many it is said at once, and of the network's always; every one that was said is taken back.
func TestManyFreezes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.sender(0)
		const all = 300 // more than the ledger remembers what was told of
		for n := range all {
			s.freeze(events.ScopeOf("site", fmt.Sprint(n)))
			s.settle(time.Millisecond) // or which was the first could not be told
		}
		s.settle(time.Minute)
		s.freeze(events.Network)
		s.settle(time.Minute)
		if n := len(s.said()); n != incident.MaxForemost+1 {
			t.Fatalf("said %d times, want %d", n, incident.MaxForemost+1)
		}
		for n := range all {
			s.thaw(events.ScopeOf("site", fmt.Sprint(n)))
		}
		s.thaw(events.Network)
		s.settle(time.Hour)
		counts := map[bool]int{}
		for _, text := range s.said() {
			counts[strings.HasSuffix(text, "resolve")]++
		}
		check(t, "triggered and resolved", map[bool]int{false: incident.MaxForemost + 1, true: incident.MaxForemost + 1}, counts)
	})
}

// TestFreezeUnwanted: where nobody asked for it, no freeze is told of.
func TestFreezeUnwanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.sender(0, func(c *Config) { c.When = map[Situation]Severity{Stuck: Critical} })
		s.freeze(events.Network)
		s.settle(time.Minute)
		s.thaw(events.Network)
		s.settle(time.Minute)
		if s.tries() != 0 || s.Count(func(k events.Kind) bool { return k == events.KindTold }) != 0 {
			t.Errorf("said %q", s.said())
		}
	})
}

// TestNoticeOfFreeze holds what is said against the freeze and what it holds up.
func TestNoticeOfFreeze(t *testing.T) {
	ledger := boardtest.New(t)
	id, _ := ledger.Ask("den-kcy", 1)
	const evil = "storm\u202E\x1b[2J\n"
	ledger.Record(events.Record{Body: events.Frozen{Scope: "link:den-kcy", By: events.Person{Name: "olga", Via: "cli"}, Reason: evil}})
	s := New(Config{Domain: "west", Console: "https://detour.example.net", Board: ledger})
	ledger.View(func(b *incident.Board) {
		f := b.Standstills()[0]
		what := incident.FreezeName(f.Scope, f.Since)
		n := s.noticeOfFreeze(what, f, Warning)
		want := Notice{
			Key: "west/" + what, Incident: "freeze of link:den-kcy", Action: Trigger, Situation: Frozen, Severity: Warning, At: f.Since, Source: "link:den-kcy", Symptom: "frozen",
			Summary: "link:den-kcy is frozen by olga via cli: storm\ufffd\ufffd[2J ", Link: "https://detour.example.net/",
			Details: []Detail{
				{"what it does", "nothing that adds risk is begun there until somebody thaws it; taking back stays possible"}, {"waits", id},
				{"what would change it", "an operator: detour thaw --scope link:den-kcy"},
			},
		}
		if diff := cmp.Diff(want, n); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		over := incident.PastFreeze{Thawed: events.Thawed{Scope: f.Scope, By: events.Person{Name: "marc"}}, At: f.Since.Add(time.Hour), Frozen: f.Frozen, Since: f.Since}
		if n = s.noticeOfThaw(what, f.Scope, over); n.Key != want.Key || n.Action != Resolve || !strings.HasPrefix(n.Summary, "link:den-kcy was thawed by marc; it was frozen by olga via cli: storm") {
			t.Errorf("%+v", n)
		}
		if n = s.noticeOfThaw(what, f.Scope, incident.PastFreeze{}); n.Key != want.Key || n.Summary != "link:den-kcy is frozen no more" {
			t.Errorf("%+v", n)
		}
	})
}
