package chatops

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

// frozen are the freezes in force, each as "scope: by: reason".
func (s *stage) frozen() (list []string) {
	s.View(func(b *incident.Board) {
		for _, f := range standstills(b) {
			list = append(list, fmt.Sprintf("%s: %s: %s", f.Scope, f.By.Name, f.Reason))
		}
	})
	return list
}

// TestForms fills in each form, and finds what was filled in on the ledger and on the card.
func TestForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0, func(c *Config) { c.Scopes = append(network(), "linecard:den/1", "srlg-partner:river") })
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)

		d.Press(t.Context(), s.found("U3", id, Freeze))
		p, f, _ := s.form("U3")
		want := []Choice{{"network", "network"}, {"link:den-kcy", "link:den-kcy"}, {"site:den", "site:den"}, {"srlg:river", "srlg:river"}}
		if diff := cmp.Diff(want, f.Scopes); diff != "" || !f.Reason {
			t.Errorf("offered to be frozen, with a reason (%t) (-want +got):\n%s", f.Reason, diff)
		}
		if len(s.frozen()) > 0 || s.heard("U3") != "" {
			t.Errorf("an open form has frozen %v and said %q", s.frozen(), s.heard("U3"))
		}
		p.ID, p.Answer = "form", &Answer{Scope: "site:den", Reason: " works until 4 "}
		d.Press(t.Context(), p)
		if diff := cmp.Diff([]string{"site:den: olga: works until 4"}, s.frozen()); diff != "" {
			t.Errorf("frozen (-want +got):\n%s", diff)
		}
		s.settle(time.Second)
		s.press(d, "U3", id, Freeze) // what is offered first, which covers the incident
		s.settle(time.Second)
		d.Press(t.Context(), s.found("U1", id, Thaw))
		p, f, _ = s.form("U1")
		if diff := cmp.Diff([]Choice{{"network", "network"}, {"site:den", "site:den"}}, f.Scopes); diff != "" || f.Reason {
			t.Errorf("offered to be thawed, with a reason (%t) (-want +got):\n%s", f.Reason, diff)
		}
		for _, want := range []string{"network: frozen by olga: " + why, "waits: " + id, "site:den: frozen by olga: works until 4", "expired meanwhile: nothing"} {
			if !strings.Contains(strings.Join(f.Lines, "\n"), want) {
				t.Errorf("the form does not say %q: %q", want, f.Lines)
			}
		}
		p.ID, p.Answer = "form 2", &Answer{Scope: "network"}
		d.Press(t.Context(), p)
		if diff := cmp.Diff([]string{"site:den: olga: works until 4"}, s.frozen()); diff != "" {
			t.Errorf("after the thaw (-want +got):\n%s", diff)
		}

		s.press(d, "U2", id, Reject)
		i := s.Incident(id)
		want2 := events.Person{Name: "marc", Role: []string{"approver"}, Via: "slack", Account: "U2", Link: "https://chat/m1"}
		if i.Rejection == nil || i.Rejection.Reason != why || !cmp.Equal(i.Rejection.By, want2) {
			t.Errorf("rejected: %+v, want because %q by %+v; told %q", i.Rejection, why, want2, s.heard("U2"))
		}
		s.settle(time.Second)
		if card := s.threads()[0]; !strings.Contains(card.text(), "rejected by marc via slack: "+why) {
			t.Errorf("the card does not say why:\n%s", card.text())
		}
	})
}

// TestBadAnswers sends forms that nobody can have filled in so, too late, or after things have changed. None leaves a record,
// and each is answered.
func TestBadAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		act    Act
		change func(*stage, *Press)
		told   string
	}{
		{"no reason", Reject, func(_ *stage, p *Press) { p.Answer.Reason = "" }, "say why"},
		{"a blank reason", Freeze, func(_ *stage, p *Press) { p.Answer.Reason = " \n\t" }, "say why"},
		{"a long reason", Reject, func(_ *stage, p *Press) { p.Answer.Reason = strings.Repeat("ä", MaxReason+1) }, "say why"},
		{"no scope", Freeze, func(_ *stage, p *Press) { p.Answer.Scope = "" }, "is no scope"},
		{"no such kind of scope", Freeze, func(_ *stage, p *Press) { p.Answer.Scope = "planet:earth" }, "is no scope"},
		{"a scope that nothing is in", Freeze, func(_ *stage, p *Press) { p.Answer.Scope = "site:atlantis" }, `nothing of the network is in scope "site:atlantis", so nothing would be stopped; the nearest that there are: site:den`},
		{"another plan", Reject, func(_ *stage, p *Press) { p.Value = strings.Fields(p.Value)[0] + " sha256:" + strings.Repeat("0", 64) }, "is not the one"},
		{"another message", Freeze, func(_ *stage, p *Press) { p.Message = "m99" }, "not the one of den-kcy-1 any more"},
		{"late", Reject, func(_ *stage, p *Press) { p.At = p.At.Add(-formAge - time.Second) }, "too long ago"},
		{"an approval that takes its time", Reject, func(_ *stage, p *Press) { p.Act, p.At = Approve, p.At.Add(-pressAge-time.Second) }, "too long ago"},
		{"by somebody else", Reject, func(_ *stage, p *Press) { p.Account = "U9" }, "not on Detour's table"},
		{"by a guest", Reject, func(s *stage, _ *Press) { s.member("U1", Member{Guest: true}) }, "a guest's"},
		{"role taken away", Reject, func(s *stage, _ *Press) { s.grant(0, "operator") }, "takes the role approver"},
		{"decided meanwhile", Reject, func(s *stage, p *Press) {
			_, plan := readValue(p.Value)
			s.Say("den-kcy-1", events.Approved{By: events.Person{Name: "marc"}, Plan: plan})
		}, "approved by marc at"},
		{"frozen meanwhile", Freeze, func(s *stage, _ *Press) {
			s.Record(events.Record{Body: events.Frozen{Scope: events.Network, By: events.Person{Name: "olga"}, Reason: "storm"}})
		}, "frozen already by olga: storm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				d, _ := s.desk(0)
				id, _ := s.ask("den-kcy", 1)
				s.settle(time.Second)
				p := s.filled(d, "U1", id, c.act)
				s.settle(time.Second)
				c.change(s, &p)
				was, freezes := s.Incident(id), s.frozen()
				d.Press(t.Context(), p)
				i := s.Incident(id)
				if diff := cmp.Diff(freezes, s.frozen()); diff != "" || i.Rejection != nil || len(i.Approvals) != len(was.Approvals) {
					t.Errorf("it left a record: %d approvals, rejection %v, freezes (-want +got):\n%s", len(i.Approvals), i.Rejection, diff)
				}
				if !strings.Contains(s.heard(p.Account), c.told) {
					t.Errorf("told %q, want %q", s.heard(p.Account), c.told)
				}
			})
		})
	}
}

// TestReplays delivers everything that can be pressed once more, at a replica that has not seen it and after it has had its
// effect: the ledger alone keeps it from having that again.
func TestReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		once, _ := s.ask("den-kcy", 2)
		s.settle(time.Second)
		yes := s.found("U2", once, Approve)
		freeze := s.filled(d, "U3", once, Freeze)
		d.Press(t.Context(), yes)
		d.Press(t.Context(), freeze)
		s.settle(time.Second)
		thaw := s.filled(d, "U3", once, Thaw)
		d.Press(t.Context(), thaw)
		s.settle(time.Second)
		no := s.filled(d, "U1", once, Reject)
		d.Press(t.Context(), no)
		for _, c := range []struct {
			name  string
			press Press
			told  string
		}{
			{"approve", yes, "was rejected by ines"},
			{"freeze", freeze, "something was thawed since you pressed"},
			{"thaw", thaw, "not found"},
			{"reject", no, "was rejected by ines"},
		} {
			other, _ := s.desk(1)
			was := s.decided()
			other.Press(t.Context(), c.press)
			if now := s.decided(); now != was || !strings.Contains(s.heard(c.press.Account), c.told) {
				t.Errorf("%s: %d records, told %q, want %q", c.name, now-was, s.heard(c.press.Account), c.told)
			}
			s.settle(time.Second)
		}
		s.Record(events.Record{Body: events.Frozen{Scope: events.Network, By: events.Person{Name: "marc"}, Reason: "storm"}})
		other, _ := s.desk(1)
		other.Press(t.Context(), thaw)
		if len(s.frozen()) != 1 || !strings.Contains(s.heard("U3"), "frozen after you pressed") {
			t.Errorf("a thaw of before the freeze: frozen %v, told %q", s.frozen(), s.heard("U3"))
		}
	})
}

// TestAskedAnew: a yes to a question is none to the same question when it is asked again.
func TestAskedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, p := s.ask("den-kcy", 2)
		s.settle(time.Second)
		yes := s.found("U2", id, Approve)
		s.settle(time.Second)
		s.Say(id, boardtest.Asked(p, 2, time.Now().Add(time.Minute)))
		d.Press(t.Context(), yes)
		if i := s.Incident(id); len(i.Approvals) > 0 || !strings.Contains(s.heard("U2"), "asked anew") {
			t.Errorf("%d approvals, told %q", len(i.Approvals), s.heard("U2"))
		}
		s.settle(time.Second)
		s.press(d, "U2", id, Approve)
		if i := s.Incident(id); len(i.Approvals) != 1 {
			t.Errorf("%d approvals, told %q", len(i.Approvals), s.heard("U2"))
		}
	})
}

// TestNoForm: whoever gets no form is told so, and what else there is.
func TestNoForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)
		s.hinder(func(call string) (error, bool) {
			if call == "ask" {
				return errors.New("expired_trigger_id"), false
			}
			return nil, true
		})
		d.Press(t.Context(), s.found("U1", id, Freeze))
		if want := "Press again, or use detour freeze"; !strings.Contains(s.heard("U1"), want) || len(s.frozen()) > 0 {
			t.Errorf("told %q, want %q; frozen %v", s.heard("U1"), want, s.frozen())
		}
	})
}

// TestManyScopes: what does not fit a form is counted, and each is offered once.
func TestManyScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0, func(c *Config) {
			for n := range 2 * MaxChoices {
				c.Scopes = append(c.Scopes, events.ScopeOf("site", fmt.Sprint(n)))
			}
			c.Scopes = append(c.Scopes, events.ScopeOf("site", strings.Repeat("x", 80)))
		})
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)
		d.Press(t.Context(), s.found("U1", id, Freeze))
		_, f, _ := s.form("U1")
		if len(f.Scopes) != MaxChoices || f.Scopes[0].Value != "network" || f.Scopes[1].Value != "link:den-kcy" || !strings.Contains(strings.Join(f.Lines, "\n"), "103 more") {
			t.Errorf("%d choices, of which %v; %q", len(f.Scopes), f.Scopes[:2], f.Lines)
		}
	})
}

// TestThawTakesWhatFits: one freeze whose name no form has room for keeps nobody from thawing the others.
func TestThawTakesWhatFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		long := events.Scope("site:" + strings.Repeat("x", 150))
		s.freeze(long)
		s.View(func(b *incident.Board) {
			if list, lines := thawable(b); len(list) != 0 || !strings.Contains(strings.Join(lines, "\n"), "1 more can be thawed with: detour thaw --scope") {
				t.Errorf("%v, %q", list, lines)
			}
		})
		s.freeze("site:den")
		s.View(func(b *incident.Board) {
			list, _ := thawable(b)
			if diff := cmp.Diff([]Choice{{"site:den", "site:den"}}, list); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	})
}
