package chatops

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// freeze has olga freeze a scope.
func (s *stage) freeze(scope events.Scope) {
	s.Record(events.Record{Body: events.Frozen{Scope: scope, By: events.Person{Name: "olga", Via: "cli"}, Reason: "storm"}})
}

// thaw has marc thaw it.
func (s *stage) thaw(scope events.Scope) {
	s.Record(events.Record{Body: events.Thawed{Scope: scope, By: events.Person{Name: "marc", Via: "cli"}}})
}

// named are the threads that begin with a title.
func (s *stage) named(title string) (list []posted) {
	return slices.DeleteFunc(s.threads(), func(m posted) bool { return !strings.HasPrefix(m.card.Title, title) })
}

// TestFreezeCard follows a freeze that was made elsewhere to its end: one thread of its own, which says what waits and what has
// expired, calls somebody, and offers to thaw.
func TestFreezeCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for rank := range 3 {
			s.desk(rank)
		}
		d, _ := s.desk(0)
		id, p := s.ask("den-kcy", 1)
		other, _ := s.ask("x-y", 1)
		s.settle(10 * time.Second)
		s.freeze("link:den-kcy")
		s.settle(10 * time.Second)
		cards := s.named("FROZEN")
		if len(cards) != 1 {
			t.Fatalf("%d cards of the freeze, want 1", len(cards))
		}
		card := cards[0]
		for _, want := range []string{"FROZEN: link:den-kcy", "olga via cli, since 00:00:10 UTC on 1 Jan: storm", "waits: " + id, "expired meanwhile: nothing", "taking back stays possible"} {
			if !strings.Contains(card.text(), want) {
				t.Errorf("the card does not say %q:\n%s", want, card.text())
			}
		}
		if strings.Contains(card.text(), other) || !slices.Equal(card.acts(), []Act{Thaw}) {
			t.Errorf("buttons %v, and it may not speak of %s:\n%s", card.acts(), other, card.text())
		}
		var calls []string
		for _, r := range s.replies() {
			if r.thread == card.id {
				calls = append(calls, fmt.Sprint(r.card.Call, " ", r.card.Title))
			}
		}
		if diff := cmp.Diff([]string{"[U1] link:den-kcy is frozen by olga: storm"}, calls); diff != "" {
			t.Errorf("called in its thread (-want +got):\n%s", diff)
		}
		s.Say(id, events.Lapsed{Expired: time.Now().UTC()}, events.Closed{Outcome: events.HasLapsed, Reason: "nobody decided"})
		s.settle(10 * time.Second)
		if card, _ = s.read(card.id); !strings.Contains(card.text(), "waits: nothing") || !strings.Contains(card.text(), "expired meanwhile: "+id) {
			t.Errorf("the card does not say what has expired:\n%s\n%v", card.text(), p.Digest)
		}
		d.Press(t.Context(), s.pressOf("U3", card.id, Thaw, card.card.Buttons[0].Value))
		form, f, _ := s.form("U3")
		form.ID, form.Answer = "form", &Answer{Scope: f.Scopes[0].Value}
		d.Press(t.Context(), form)
		s.settle(10 * time.Second)
		card, _ = s.read(card.id)
		for _, want := range []string{"Thawed: link:den-kcy", "olga via slack, at 00:00:", "frozen by olga via cli, since 00:00:10 UTC on 1 Jan: storm"} {
			if !strings.Contains(card.text(), want) {
				t.Errorf("the card does not say %q:\n%s", want, card.text())
			}
		}
		if len(card.acts()) > 0 || len(s.frozen()) > 0 || len(s.threads()) != 3 {
			t.Errorf("buttons %v, frozen %v, %d threads", card.acts(), s.frozen(), len(s.threads()))
		}
		told := s.told()
		s.settle(2 * time.Minute)
		if s.told() != told {
			t.Errorf("with nothing new, %d records", s.told()-told)
		}
		s.freeze("link:den-kcy")
		s.settle(10 * time.Second)
		if len(s.named("FROZEN")) != 1 || len(s.named("Thawed")) != 1 {
			t.Errorf("frozen again: %d cards, and %d of the first time", len(s.named("FROZEN")), len(s.named("Thawed")))
		}
	})
}

// TestManyFreezes: so many are shown at once, and each in its turn.
func TestManyFreezes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.desk(0)
		for n := range incident.MaxForemost + 2 {
			s.freeze(events.ScopeOf("site", fmt.Sprint(n)))
			s.settle(time.Second)
		}
		s.settle(time.Minute)
		if n := len(s.named("FROZEN")); n != incident.MaxForemost {
			t.Errorf("%d cards, want %d", n, incident.MaxForemost)
		}
		s.freeze(events.Network)
		s.settle(time.Second)
		if n := len(s.named("FROZEN")); n != incident.MaxForemost+1 || len(s.named("FROZEN: network")) != 1 {
			t.Errorf("%d cards with that of the network, want %d", n, incident.MaxForemost+1)
		}
		s.thaw(events.Network)
		s.thaw("site:0")
		s.thaw("site:1")
		s.settle(time.Minute)
		if n, past := len(s.named("FROZEN")), len(s.named("Thawed")); n != incident.MaxForemost || past != 3 {
			t.Errorf("after three thaws %d cards, want %d; of the thaws %d, want 3", n, incident.MaxForemost, past)
		}
	})
}

// TestFreezeUnseen: of a freeze that is over before the chat could be told of it nothing is told.
func TestFreezeUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		away := &severed{wall: &s.wall}
		away.off.Store(true)
		s.desk(0, func(c *Config) { c.Room = away })
		s.freeze(events.Network)
		s.settle(time.Minute)
		s.thaw(events.Network)
		away.off.Store(false)
		s.settle(time.Minute)
		if len(s.threads()) > 0 {
			t.Errorf("told of a freeze that is over: %s", s.threads()[0].text())
		}
	})
}

// TestFreezeCalm: a hundred incidents that a freeze holds up are not a hundred changes of its card.
func TestFreezeCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		updates := 0
		room := &counting{wall: &s.wall, count: func(c Card) {
			if strings.HasPrefix(c.Title, "FROZEN") {
				updates++
			}
		}}
		s.desk(0, func(c *Config) { c.Room = room })
		s.freeze(events.Network)
		s.settle(time.Second)
		for n := range 100 {
			s.ask(fmt.Sprintf("a%d-b%d", n, n), 1)
			s.settle(100 * time.Millisecond)
		}
		s.settle(10 * time.Second)
		if card := s.named("FROZEN")[0]; !strings.Contains(card.text(), "and 80 more") || updates < 2 || updates > 6 {
			t.Errorf("changed %d times in 20 s, and says at last:\n%s", updates, card.text())
		}
	})
}

// counting is a wall that counts changes.
type counting struct {
	*wall
	count func(Card)
}

func (c *counting) Update(ctx context.Context, at Place, key string, card Card) error {
	c.count(card)
	return c.wall.Update(ctx, at, key, card)
}

// TestFreezeCardForged presses buttons that the card of a freeze does not have, and the one that it has from elsewhere.
func TestFreezeCardForged(t *testing.T) {
	for act, told := range map[Act]string{
		Approve: "no such button", Reject: "no such button", Abort: "no such button", Why: "of no incident", Thaw: "not the one of freeze network",
	} {
		t.Run(string(act), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				d, _ := s.desk(0)
				s.freeze(events.Network)
				s.settle(time.Second)
				card := s.named("FROZEN")[0]
				p := s.pressOf("U1", card.id, act, card.card.Buttons[0].Value+" sha256:"+strings.Repeat("0", 64))
				if act == Thaw {
					p.Message = "m99"
				}
				d.Press(t.Context(), p)
				p.ID, p.Answer = "form", &Answer{Scope: "network", Reason: why}
				d.Press(t.Context(), p)
				if len(s.frozen()) != 1 || !strings.Contains(s.heard("U1"), told) {
					t.Errorf("frozen: %v; told %q, want %q", s.frozen(), s.heard("U1"), told)
				}
			})
		})
	}
}

// TestNotices: what is due is told once, by whichever replica, when it is due.
func TestNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		due := time.Now().Add(time.Hour)
		for rank := range 3 {
			s.desk(rank, func(c *Config) {
				c.Notices = func(_ *incident.Board, now time.Time) ([]Notice, time.Time) {
					if now.Before(due) {
						return nil, due
					}
					return []Notice{{What: "hand-over 1", Card: func() Card { return Card{Title: "Hand-over"} }}}, time.Time{}
				}
			})
		}
		s.freeze("site:den") // the Board is not at its beginning
		s.settle(59 * time.Minute)
		if n := len(s.named("Hand-over")); n > 0 {
			t.Errorf("%d before it is due", n)
		}
		s.settle(2 * time.Minute)
		if n := len(s.named("Hand-over")); n != 1 {
			t.Errorf("told %d times, want once", n)
		}
		s.settle(time.Hour)
		if n := len(s.named("Hand-over")); n != 1 || len(s.replies()) != 1 {
			t.Errorf("told %d times, want once; %d replies", n, len(s.replies()))
		}
	})
}

// TestFreezeName: what a card stands under is read as it was written, and nothing else is taken for one.
func TestFreezeName(t *testing.T) {
	at := time.Unix(1700000000, 123456789)
	for _, scope := range []events.Scope{events.Network, "site:den", "link:a b c"} {
		if got, since, ok := incident.ReadFreezeName(incident.FreezeName(scope, at)); got != scope || !since.Equal(at) || !ok {
			t.Errorf("%q: read as %q since %s, %t", scope, got, since, ok)
		}
	}
	for _, what := range []string{"", "freeze", "freeze network", "freeze network soon", "hand-over 1 2", "call of freeze network 1"} {
		if _, _, ok := incident.ReadFreezeName(what); ok {
			t.Errorf("%q was read as a freeze", what)
		}
	}
}
