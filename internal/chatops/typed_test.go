package chatops

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// TestTyped reads commands as people write them; whatever is none asks for help, and none is a decision.
func TestTyped(t *testing.T) {
	for text, want := range map[string]Press{
		"why den-kcy-1":        {Act: WhyOf, Answer: &Answer{Reason: "den-kcy-1"}},
		"  WHY   den-kcy-1  ":  {Act: WhyOf, Answer: &Answer{Reason: "den-kcy-1"}},
		"why":                  {Act: WhyOf, Trigger: "t"},
		"handover":             {Act: Handover, Trigger: "t"},
		"open":                 {Act: Open, Trigger: "t"},
		"freeze":               {Act: Freeze, Trigger: "t"},
		"Thaw ":                {Act: Thaw, Trigger: "t"},
		"help":                 {Act: Help, Trigger: "t"},
		"":                     {Act: Help, Trigger: "t"},
		"freeze site:den":      {Act: Help, Trigger: "t"},
		"open sesame":          {Act: Help, Trigger: "t"},
		"approve den-kcy-1":    {Act: Help, Trigger: "t"},
		"reject":               {Act: Help, Trigger: "t"},
		"abort":                {Act: Help, Trigger: "t"},
		"why-of":               {Act: Help, Trigger: "t"},
		"whyden":               {Act: Help, Trigger: "t"},
		"\x00<!channel>\u202e": {Act: Help, Trigger: "t"},
	} {
		want.ID, want.Account, want.Typed = "1", "U1", true
		if diff := cmp.Diff(want, Typed(Press{ID: "1", Account: "U1", Trigger: "t"}, text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// typed types a command at a desk, and returns what whoever did is told.
func (s *stage) typed(d *Desk, account, text string) string {
	s.t.Helper()
	p := Press{ID: fmt.Sprint(account, text, time.Now().UnixNano()), Account: account, Channel: "C7", At: time.Now(), Trigger: "t"}
	d.Press(s.t.Context(), Typed(p, text))
	return s.heard(account)
}

// TestCommands types as everybody: roles and accounts count as they do for presses.
func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		if told := s.typed(d, "U4", "open"); told != "Nothing is open, and nothing is frozen." {
			t.Errorf("told %q", told)
		}
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)
		s.freeze("site:kcy")
		s.member("U2", Member{Guest: true})
		was := s.decided()
		for _, c := range []struct{ account, text, told string }{
			{"U4", "open", "FROZEN: site:kcy by olga via cli: storm\nden-kcy-1 (link-errors, major on link/den-kcy) is asking: 0 of 1 approvals"},
			{"U4", "why " + id, "✗ autonomy: approve, limit auto"},
			{"U4", "handover", "PEOPLE ARE ASKED"},
			{"U4", "what?", "/detour why ID"},
			{"U4", "freeze", "freeze takes the role operator"},
			{"U4", "thaw", "thaw takes the role operator"},
			{"U9", "help", "not on Detour's table of people"},
			{"U9", "open", "not on Detour's table of people"},
			{"U2", "open", "a guest's"},
			{"U7", "open", "cannot say who you are"},
		} {
			if told := s.typed(d, c.account, c.text); !strings.Contains(told, c.told) {
				t.Errorf("%s types %q and is told %q, want %q", c.account, c.text, told, c.told)
			}
		}
		for n, act := range []Act{Approve, Reject, Abort} { // which no command says
			d.Press(t.Context(), Press{ID: fmt.Sprint("forged ", n), Account: "U1", At: time.Now(), Act: act, Value: "x sha256:01", Typed: true, Answer: &Answer{Reason: why}})
			if told := s.heard("U1"); !strings.Contains(told, "no such button") {
				t.Errorf("%s: told %q", act, told)
			}
		}
		if now := s.decided(); now != was {
			t.Errorf("%d records", now-was)
		}
	})
}

// TestFreezeByCommand freezes and thaws what a form offers, which any replica takes. The role is that of when it is sent.
func TestFreezeByCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		other, _ := s.desk(1, func(c *Config) { c.Scopes = []events.Scope{"site:den"} })
		s.typed(other, "U3", "freeze")
		form, f, ok := s.form("U3")
		if !ok || len(f.Scopes) != 2 || f.Scopes[1].Value != "site:den" {
			t.Fatalf("the form: %t %+v, told %q", ok, f, s.heard("U3"))
		}
		form.ID, form.Trigger, form.Answer = "form", "", &Answer{Scope: "site:den", Reason: "storm"}
		s.grant(2, "viewer")
		other.Press(t.Context(), form)
		if told := s.heard("U3"); !strings.Contains(told, "takes the role operator") || len(s.frozen()) > 0 {
			t.Errorf("without the role: %q, frozen %v", told, s.frozen())
		}
		s.grant(2, "operator")
		form.ID = "again"
		other.Press(t.Context(), form)
		if told := s.heard("U3"); !strings.Contains(told, "your freeze stands on the ledger") || len(s.frozen()) != 1 {
			t.Errorf("told %q, frozen %v", told, s.frozen())
		}
		s.settle(time.Second)
		s.typed(d, "U1", "thaw")
		if form, f, ok = s.form("U1"); !ok || len(f.Scopes) != 1 {
			t.Fatalf("the form: %t %+v", ok, f)
		}
		form.ID, form.Trigger, form.Answer = "thaw", "", &Answer{Scope: "site:den"}
		d.Press(t.Context(), form)
		if told := s.heard("U1"); !strings.Contains(told, "your thaw stands on the ledger") || len(s.frozen()) > 0 {
			t.Errorf("told %q, frozen %v", told, s.frozen())
		}
	})
}

// TestOpenIsShort: however much is open, what is told is the first of it and how much more there is.
func TestOpenIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		for n := range maxOpen + 3 {
			s.ask(fmt.Sprintf("n%02d-z", n), 1)
		}
		lines := strings.Split(s.typed(d, "U4", "open"), "\n")
		if len(lines) != maxOpen+1 || lines[maxOpen] != "and 3 more: detour incidents tells of all" {
			t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
		}
	})
}
