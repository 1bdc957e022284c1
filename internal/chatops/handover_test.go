package chatops

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// berlin is a zone whose clock is changed twice a year.
func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestShifts: around any moment there is the shift that has begun, the one before and the one to come, also on the two days on
// which the clock is changed.
func TestShifts(t *testing.T) {
	zone := berlin(t)
	three := Shifts{At: []Clock{{22, 0}, {6, 0}, {14, 0}}, Zone: zone}
	one := Shifts{At: []Clock{{2, 30}}, Zone: zone}
	for _, c := range []struct {
		name   string
		shifts Shifts
		now    string
		want   string
	}{
		{"within one", three, "2026-11-20T12:00:00Z", "2026-11-19T21:00:00Z 2026-11-20T05:00:00Z 2026-11-20T13:00:00Z"},
		{"at its beginning", three, "2026-11-20T13:00:00Z", "2026-11-20T05:00:00Z 2026-11-20T13:00:00Z 2026-11-20T21:00:00Z"},
		{"right before", three, "2026-11-20T12:59:59.999Z", "2026-11-19T21:00:00Z 2026-11-20T05:00:00Z 2026-11-20T13:00:00Z"},
		{"another day there", three, "2026-11-20T23:30:00Z", "2026-11-20T13:00:00Z 2026-11-20T21:00:00Z 2026-11-21T05:00:00Z"},
		{"one a day", one, "2026-11-20T12:00:00Z", "2026-11-19T01:30:00Z 2026-11-20T01:30:00Z 2026-11-21T01:30:00Z"},
		{"the night that leaves it out", one, "2026-03-29T12:00:00Z", "2026-03-28T01:30:00Z 2026-03-29T01:30:00Z 2026-03-30T00:30:00Z"},
		{"the night that has it twice", one, "2026-10-25T12:00:00Z", "2026-10-24T00:30:00Z 2026-10-25T01:30:00Z 2026-10-26T01:30:00Z"},
		{"between the two", one, "2026-10-25T01:00:00Z", "2026-10-23T00:30:00Z 2026-10-24T00:30:00Z 2026-10-25T01:30:00Z"},
		{"two of one moment", Shifts{At: []Clock{{2, 30}, {3, 30}}, Zone: zone}, "2026-03-29T12:00:00Z", "2026-03-28T02:30:00Z 2026-03-29T01:30:00Z 2026-03-30T00:30:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		before, last, next, ok := c.shifts.Around(now)
		got := fmt.Sprint(before.UTC().Format(time.RFC3339), " ", last.UTC().Format(time.RFC3339), " ", next.UTC().Format(time.RFC3339))
		if !ok || got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if _, _, _, ok := (Shifts{}).Around(time.Now()); ok {
		t.Error("no shifts have one")
	}
	year := Shifts{At: []Clock{{6, 0}, {18, 0}}, Zone: zone}
	begun := map[time.Time]bool{}
	for at := time.Date(2026, 1, 1, 0, 0, 0, 0, zone); at.Year() == 2026; at = at.Add(10 * time.Minute) {
		if _, last, _, _ := year.Around(at); last.Year() == 2026 {
			begun[last] = true
		}
	}
	if len(begun) != 2*365 {
		t.Errorf("%d shifts in a year, want %d", len(begun), 2*365)
	}
}

// shifts lets desks tell hand-overs at six and eighteen o'clock.
func shifts(c *Config) {
	c.Notices = Handovers(Shifts{At: []Clock{{6, 0}, {18, 0}}, Zone: time.UTC})
}

// TestHandoverOnSchedule: whatever becomes of the replicas, at the beginning of each shift one of them tells, once, what has
// become of the one before. A replica that comes much later says nothing of it.
func TestHandoverOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		_, kill := s.desk(0, shifts)
		s.desk(1, shifts)
		s.ask("den-kcy", 1)
		over, _ := s.ask("x-y", 1)
		s.settle(5 * time.Hour)
		s.Say(over, events.Rejected{By: events.Person{Name: "marc"}, Reason: "not today"}, events.Closed{Outcome: events.WasRejected, Reason: "rejected by marc: not today"})
		s.settle(59 * time.Minute)
		if list := s.named("Hand-over"); len(list) > 0 {
			t.Fatalf("told before its time: %v", list)
		}
		s.settle(2 * time.Minute)
		first := s.named("Hand-over")
		if len(first) != 1 {
			t.Fatalf("%d hand-overs at six, want 1", len(first))
		}
		for _, want := range []string{
			"Hand-over at 06:00 UTC on 1 Jan", "people are asked", "den-kcy-1 on link/den-kcy: 0 of 1 approvals", "(autonomy: approve, limit auto)", "→ an approver: detour approve",
			"nothing of Detour's stands on a router", "was refused", over + " on link/x-y: it ended as rejected: rejected by marc: not today", "1 rejected",
		} {
			if !strings.Contains(first[0].text(), want) {
				t.Errorf("it does not say %q:\n%s", want, first[0].text())
			}
		}
		if diff := cmp.Diff([]Act{Handover, WhyOf}, first[0].acts()); diff != "" {
			t.Errorf("buttons (-want +got):\n%s", diff)
		}
		kill()
		s.settle(12 * time.Hour)
		if list := s.named("Hand-over"); len(list) != 2 || !strings.Contains(list[1].text(), "18:00 UTC") || strings.Contains(list[1].text(), over) {
			t.Fatalf("%d hand-overs after eighteen, want a second without what was told before:\n%s", len(list), list[len(list)-1].text())
		}
		s.settle(2 * time.Hour)
		s.desk(0, shifts)
		s.settle(time.Minute)
		if list := s.named("Hand-over"); len(list) != 2 {
			t.Errorf("a replica that came two hours later has told of it: %d hand-overs", len(list))
		}
		if again, _ := s.read(first[0].id); again.text() != first[0].text() {
			t.Error("a hand-over was changed afterwards")
		}
	})
}

// TestHandoverTakenOver: a replica dies between the record that it will tell, and the message: another tells it, once.
func TestHandoverTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		_, kill := s.desk(0, shifts)
		s.ask("den-kcy", 1)
		s.settle(6*time.Hour - time.Second)
		s.hinder(func(call string) (error, bool) { return fmt.Errorf("%s: no answer", call), false })
		s.settle(3 * time.Second)
		kill()
		s.hinder(nil)
		s.desk(1, shifts)
		s.settle(time.Minute)
		if list := s.named("Hand-over"); len(list) != 1 {
			t.Errorf("%d hand-overs, want 1", len(list))
		}
	})
}

// TestAskedInTheChat: by the buttons of a hand-over everybody on the table is told how it stands now, and why anything with an
// id stands where it stands; others are told nothing.
func TestAskedInTheChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0, shifts)
		id, _ := s.ask("den-kcy", 1)
		s.Record(events.Record{Body: &events.Observed{Event: "e-9", Source: "/t", Disposition: events.WasNowhere, Detail: "nowhere/et-1 is not in the inventory"}})
		s.settle(6*time.Hour + time.Minute)
		card := s.named("Hand-over")[0]
		s.freeze("site:kcy")
		press := func(account string, act Act, text string) string {
			d.Press(t.Context(), s.pressOf(account, card.id, act, card.card.Buttons[0].Value))
			if form, _, ok := s.form(account); ok && act == WhyOf {
				form.ID, form.Answer = fmt.Sprint("form of ", text), &Answer{Reason: text}
				d.Press(t.Context(), form)
			}
			s.settle(time.Second) // or the next press would be the same one
			return s.heard(account)
		}
		for _, c := range []struct {
			name, account string
			act           Act
			text          string
			want          []string
		}{
			{"a hand-over", "U4", Handover, "", []string{"FROZEN\nsite:kcy since", "by olga via cli: storm", "waits: ", "PEOPLE ARE ASKED\nden-kcy-1 on link/den-kcy"}},
			{"why of an incident", "U4", WhyOf, id, []string{"den-kcy-1 is asking: 0 of 1 approvals", "✗ autonomy: approve, limit auto", "→ anyone with one of the roles [approver]: detour approve den-kcy-1"}},
			{"why of an event of it", "U2", WhyOf, " e-den-kcy ", []string{"was opened, at position", "den-kcy-1 is asking"}},
			{"why of an event of none", "U2", WhyOf, "e-9", []string{"event e-9 was unknown-target, at position", "not in the inventory", "→ whoever keeps the inventory: enter what it names"}},
			{"why of nothing", "U2", WhyOf, "nobody-9", []string{`"nobody-9" is neither an incident nor an event on record`}},
			{"a stranger", "U9", Handover, "", []string{"your account is not on Detour's table of people"}},
		} {
			said := press(c.account, c.act, c.text)
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("%s: %q is not in\n%s", c.name, want, said)
				}
			}
		}
	})
}

// TestHandoverIsShort: however much there is to tell, a message says the first of it and how much more there is.
func TestHandoverIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.desk(0, shifts)
		for n := range maxHandover + 5 {
			s.ask(fmt.Sprintf("n%02d-z", n), 1)
		}
		s.settle(6*time.Hour + time.Minute)
		card := s.named("Hand-over")[0]
		n := slices.IndexFunc(card.card.Parts, func(p Part) bool { return p.Label == "people are asked" })
		if lines := card.card.Parts[n].Lines; len(lines) != maxHandover+1 || !strings.Contains(lines[maxHandover], "and 5 more") {
			t.Errorf("%q", lines)
		}
	})
}

// TestHandoverIsMadeUntilItIsTold: a hand-over is worth some work, which is not done for one that stands.
func TestHandoverIsMadeUntilItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		made := 0
		s.desk(0, shifts, func(c *Config) {
			all := c.Notices
			c.Notices = func(b *incident.Board, now time.Time) ([]Notice, time.Time) {
				list, next := all(b, now)
				for n, notice := range list {
					list[n].Card = func() Card { made++; return notice.Card() }
				}
				return list, next
			}
		})
		s.ask("den-kcy", 1)
		s.settle(6*time.Hour + time.Minute)
		before := made
		for n := range 5 {
			s.ask(fmt.Sprintf("n%d-z", n), 1)
			s.settle(time.Minute)
		}
		if made != before || made == 0 || len(s.named("Hand-over")) != 1 {
			t.Errorf("made %d times until it was told, and %d times in all", before, made)
		}
	})
}
