package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/notify/pagerduty/pagerdutytest"
	"github.com/detour-net/detour/internal/notify/teams/teamstest"
)

// notify is the configuration of the notifications.
func (s *stage) notify() string {
	if s.pager == nil || s.hook == nil {
		return ""
	}
	s.write("pager-key", pagerdutytest.Key)
	s.write("hook", s.hook.URL())
	return fmt.Sprintf("notify: {console: 'https://detour.example.net', pagerduty: {routing_key: 'file:pager-key', url: %q}, teams: {webhook: 'file:hook'}}\n", s.pager.URL())
}

// alert waits until the newest alert stands so, and returns it.
func (s *stage) alert(state pagerdutytest.State) (a pagerdutytest.Alert) {
	s.t.Helper()
	s.wait("the alert to be "+string(state), func() bool {
		if list := s.pager.Alerts(); len(list) > 0 {
			a = list[len(list)-1]
		}
		return a.State == state
	})
	return a
}

// notified is what stands on the ledger of a channel's notices of the newest incident of a link.
func (s *stage) notified(link, channel string) (t events.Told) {
	s.look(func(b *incident.Board) bool {
		if i, ok := b.Latest("link/" + link); ok {
			t = i.Shown(channel, events.TheNotice)
		}
		return true
	})
	return t
}

// cards waits until so many cards were posted, and returns the first line of each.
func (s *stage) cards(n int) (headings []string) {
	s.t.Helper()
	s.wait(fmt.Sprintf("%d cards", n), func() bool { return len(s.hook.Cards()) >= n })
	for _, c := range s.hook.Cards() {
		headings = append(headings, c.Lines[0])
	}
	return headings
}

// TestNotify has two replicas call people, and kills the one that calls while its call is on its way: the other calls, it is
// one alert, and it goes on with it to the end. Of what a channel that knows no notice again was sent, nothing is sent twice
// but what the dead one may not have sent.
func TestNotify(t *testing.T) {
	t.Parallel()
	pager, hook := pagerdutytest.New(t), teamstest.New(t)
	hold := make(chan struct{})
	pager.Trouble(pagerdutytest.Trouble{Hold: hold})
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Autonomy: "approve"}, pager: pager, hook: hook})
	i := s.asked(linkPlain)
	s.wait("a call to be on its way", func() bool { asked, _ := pager.Counts(); return asked == 1 })
	owner := s.notified(linkPlain, "pagerduty").Owner
	if headings := s.cards(1); headings[0] != "error: a decision is needed" {
		t.Errorf("posted %q", headings)
	}
	s.wait("the post to be on the ledger", func() bool { return s.notified(linkPlain, "teams").Message != "" })
	for _, r := range s.replicas {
		if r.name == owner {
			r.kill()
		}
	}
	close(hold)
	s.wait("the other to call", func() bool { a := s.alert(pagerdutytest.Triggered); return a.Events == 2 })
	a := s.alert(pagerdutytest.Triggered)
	if a.Key != domain+"/"+i.ID || a.Severity != "error" || len(a.Links) != 1 || a.Links[0] != "https://detour.example.net/incidents/"+i.ID || !strings.Contains(a.Summary, "0 of 1 approvals") {
		t.Errorf("alert %+v", a)
	}
	s.wait("the call to be on the ledger", func() bool {
		told := s.notified(linkPlain, "pagerduty")
		return told.Owner != owner && told.Message == "trigger asking error" && told.Shown != ""
	})
	pager.Trouble(pagerdutytest.Trouble{Status: 503}, pagerdutytest.Trouble{Unheard: true})
	for _, r := range s.replicas {
		if r.alive() {
			if a := r.detour("bob", "approve", i.ID, "--plan", i.Ask.Plan.Short()); a.code != 0 {
				t.Errorf("approve: exit %d, %s", a.code, a.err)
			}
		}
	}
	s.reaches(linkPlain, incident.Holding)
	s.alert(pagerdutytest.Acknowledged)
	s.cards(2)
	s.heal(linkPlain)
	s.reaches(linkPlain, incident.Closed)
	s.alert(pagerdutytest.Resolved)
	if n := len(pager.Alerts()); n != 1 {
		t.Errorf("%d alerts, want 1", n)
	}
	if got, want := fmt.Sprint(s.cards(3)), "[error: a decision is needed Being seen to Over]"; got != want {
		t.Errorf("posted %s, want %s", got, want)
	}
	for _, r := range s.replicas {
		if r.alive() {
			s.wait("what was sent to be counted", func() bool {
				m := r.metrics(t)
				return strings.Contains(m, `detour_notifications_total{channel="pagerduty",outcome="failed"} 2`) && strings.Contains(m, `detour_notifications_waiting{channel="teams"} 0`)
			})
		}
	}
	s.freezesAreTold()
	s.account()
}

// freezesAreTold freezes and thaws the network: it is one more alert, and two more cards.
func (s *stage) freezesAreTold() {
	s.t.Helper()
	before := len(s.hook.Cards())
	for _, r := range s.replicas {
		if !r.alive() {
			continue
		}
		for n, do := range []struct {
			args []string
			want pagerdutytest.State
		}{{[]string{"freeze", "--reason", "storm"}, pagerdutytest.Triggered}, {[]string{"thaw"}, pagerdutytest.Resolved}} {
			if a := r.detour("bob", do.args...); a.code != 0 {
				s.t.Errorf("%s: exit %d, %s", do.args[0], a.code, a.err)
			}
			if a := s.alert(do.want); !strings.HasPrefix(a.Key, domain+"/freeze network ") || a.Severity != "warning" || a.Summary != "network is frozen by bob via cli: storm" {
				s.t.Errorf("alert %+v", a)
			}
			s.cards(before + n + 1) // of a freeze that is over before it was told of, nothing is
		}
		if list := s.cards(before + 2)[before:]; fmt.Sprint(list) != "[warning: FROZEN Over]" {
			s.t.Errorf("posted %q", list)
		}
		return
	}
}
