package chatops

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

func slackAccount(account string) events.ChatAccount {
	return events.ChatAccount{Chat: "slack", Team: "T1", Account: account}
}

// link records that an account is somebody's.
func (s *stage) link(a events.ChatAccount, person string) {
	s.t.Helper()
	s.Record(events.Record{Body: events.Linked{ChatAccount: a, Person: person, By: events.Person{Name: person}, Ticket: a.Account, Until: time.Now()}})
}

// inviting lets a desk hand out addresses, and keeps to whom.
func inviting(to *[]events.ChatAccount) func(*Config) {
	return func(c *Config) {
		c.Console = "https://console.test"
		c.Invite = func(a events.ChatAccount, name string) (string, error) {
			*to = append(*to, a)
			return "https://console.test/link#for-" + name, nil
		}
	}
}

// TestLinkedAccounts presses as accounts that are linked this way and that. What the link names counts only as far as the table
// of people goes.
func TestLinkedAccounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*stage)
		told   string // "": it is recorded
		by     string
	}{
		{"linked", func(s *stage) { s.link(slackAccount("U9"), "nora") }, "", "nora"},
		{"linked to somebody with another account", func(s *stage) { s.link(slackAccount("U9"), "marc") }, "", "marc"},
		{"linked in another workspace", func(s *stage) {
			s.link(events.ChatAccount{Chat: "slack", Team: "T2", Account: "U9"}, "nora")
		}, "link this account to you", ""},
		{"linked in another chat", func(s *stage) {
			s.link(events.ChatAccount{Chat: "other", Team: "T1", Account: "U9"}, "nora")
		}, "link this account to you", ""},
		{"taken back", func(s *stage) {
			s.link(slackAccount("U9"), "nora")
			s.Record(events.Record{Body: events.Unlinked{ChatAccount: slackAccount("U9"), Person: "nora"}})
		}, "link this account to you", ""},
		{"linked to nobody on the table", func(s *stage) { s.link(slackAccount("U9"), "zoe") }, "linked to zoe, who is not on", ""},
		{"linked to who may not", func(s *stage) { s.link(slackAccount("U9"), "vera") }, "takes the role approver", ""},
		{"a guest's", func(s *stage) {
			s.link(slackAccount("U9"), "nora")
			s.member("U9", Member{Team: "T1", Guest: true})
		}, "a guest's", ""},
		{"the table says otherwise", func(s *stage) {
			s.link(slackAccount("U9"), "nora")
			s.join(Person{"olga", "U9", []string{"approver"}})
		}, "is olga on Detour's table of people, and is linked to nora", ""},
		{"taken back between press and record", func(s *stage) {
			s.link(slackAccount("U9"), "nora")
			s.meanwhile(func() {
				s.Record(events.Record{Body: events.Unlinked{ChatAccount: slackAccount("U9"), Person: "nora"}})
			})
		}, "not on Detour's table", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.member("U9", Member{Name: "nory", Team: "T1"})
				s.join(Person{"nora", "", []string{"approver"}})
				var to []events.ChatAccount
				d, _ := s.desk(0, inviting(&to))
				id, _ := s.ask("den-kcy", 1)
				s.settle(time.Second)
				c.change(s)
				s.press(d, "U9", id, Approve)
				s.Before(nil)
				i := s.Incident(id)
				switch {
				case c.by == "" && (len(i.Approvals) > 0 || !strings.Contains(s.heard("U9"), c.told)):
					t.Errorf("approved by %v, told %q, want %q", i.Approvals, s.heard("U9"), c.told)
				case c.by != "" && (len(i.Approvals) != 1 || i.Approvals[0].By.Name != c.by || i.Approvals[0].By.Account != "U9"):
					t.Errorf("approved by %+v, want %s: %s", i.Approvals, c.by, s.heard("U9"))
				}
				if invited := strings.Contains(c.told, "link this account"); invited != slices.Equal(to, []events.ChatAccount{slackAccount("U9")}) {
					t.Errorf("invited: %v", to)
				} else if invited && !strings.Contains(s.heard("U9"), "https://console.test/link#for-nory") {
					t.Errorf("told %q", s.heard("U9"))
				}
			})
		})
	}
}

// TestNobodyIsInvited who may decide nothing anyway, nor where no address can be made.
func TestNobodyIsInvited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		var to []events.ChatAccount
		d, _ := s.desk(0, inviting(&to))
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)
		for _, m := range []Member{{Guest: true}, {Stranger: true}, {Deleted: true}, {Bot: true}, {Unconfirmed: true}} {
			m.Team = "T1"
			s.member("U9", m)
			s.press(d, "U9", id, Approve)
			s.settle(time.Second)
		}
		s.member("U4", Member{Team: "T1"}) // Vera, who is known, and may not
		s.press(d, "U4", id, Approve)
		if len(to) > 0 {
			t.Errorf("invited are %v", to)
		}
		d.Invite = func(events.ChatAccount, string) (string, error) { return "", errors.New("no address") }
		d.Log = d.Log.Named("expected")
		s.member("U9", Member{Team: "T1"})
		s.press(d, "U9", id, Approve)
		if !strings.Contains(s.heard("U9"), "not on Detour's table") {
			t.Errorf("told %q", s.heard("U9"))
		}
	})
}

// TestLinkedOnCall calls who is on duty by the account that they have linked, and says where the console is.
func TestLinkedOnCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.change(func(p *People) {
			*p = People{List: []Person{{"nora", "", []string{"approver"}}, {"marc", "U2", []string{"approver"}}}, OnCall: []string{"nora", "marc"}}
		})
		var to []events.ChatAccount
		s.desk(0, inviting(&to))
		s.ask("den-kcy", 1)
		s.settle(time.Second)
		s.link(slackAccount("U9"), "nora")
		s.ask("sea-den", 1, func(_ *events.Observed, a *events.Asked) { a.ByClick = false })
		s.settle(time.Second)
		var called [][]string
		for _, m := range s.replies() {
			called = append(called, m.card.Call)
		}
		if len(called) != 2 || !slices.Equal(called[0], []string{"U2"}) || !slices.Equal(called[1], []string{"U9"}) {
			t.Errorf("called were %v", called)
		}
		if title := s.replies()[1].card.Title; !strings.Contains(title, "https://console.test/incidents/sea-den-1") {
			t.Errorf("%s", title)
		}
		s.View(func(b *incident.Board) {
			if n := len(b.Links()); n != 1 {
				t.Errorf("%d links", n)
			}
		})
	})
}

// TestFormsOfLinkedAccounts opens a form for whoever has linked the account, and an invitation instead for whoever has not. That
// is told to whoever pressed, and stands in no log.
func TestFormsOfLinkedAccounts(t *testing.T) {
	for linked, want := range map[bool]string{true: string(opened), false: string(invited)} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.member("U9", Member{Name: "nory", Team: "T1"})
			s.join(Person{"nora", "", []string{"approver"}})
			core, logs := observer.New(zap.DebugLevel)
			var to []events.ChatAccount
			d, _ := s.desk(0, inviting(&to), func(c *Config) { c.Log = zap.New(core) })
			id, _ := s.ask("den-kcy", 1)
			s.settle(time.Second)
			if linked {
				s.link(slackAccount("U9"), "nora")
			}
			p := s.found("U9", id, Reject)
			p.Answer = nil
			d.Press(t.Context(), p)
			if got := logs.FilterField(zap.String("outcome", want)).Len(); got != 1 || len(to) != map[bool]int{false: 1}[linked] {
				t.Errorf("linked %t: %d times %s, invited %v", linked, got, want, to)
			}
			if !linked && !strings.Contains(s.heard("U9"), "#for-nory") {
				t.Errorf("told %q", s.heard("U9"))
			}
			for _, e := range logs.All() {
				if said := fmt.Sprint(e.Message, e.ContextMap()); strings.Contains(said, "#for-") {
					t.Errorf("the log has it: %s", said)
				}
			}
		})
	}
}

// TestLinkedMeanwhile: an account is linked while the chat is asked whose it is. Whoever pressed has the form, as if it had been
// linked before.
func TestLinkedMeanwhile(t *testing.T) {
	for _, act := range []Act{Reject, Freeze, WhyOf} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.member("U9", Member{Name: "nory", Team: "T1"})
			s.join(Person{"nora", "", []string{"approver", "operator"}})
			d, _ := s.desk(0)
			id, _ := s.ask("den-kcy", 1)
			s.settle(time.Second)
			p := s.found("U9", id, Why)
			p.Act = act
			s.hinder(func(call string) (error, bool) {
				if call == "member" {
					s.link(slackAccount("U9"), "nora")
				}
				return nil, true
			})
			d.Press(t.Context(), p)
			if _, _, ok := s.form("U9"); !ok {
				t.Errorf("%s: no form, but %q", act, s.heard("U9"))
			}
		})
	}
}
