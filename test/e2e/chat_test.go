package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/incident"
)

// chatPeople is who is who in the chat; the names are those of the tokens.
const chatPeople = `people:
  - {name: alice, slack: U0ALICE, mattermost: alice000000000000000000000, roles: [admin]}
  - {name: bob, slack: U0BOB, mattermost: bob00000000000000000000000, roles: [approver, operator]}
  - {name: carol, slack: U0CAROL, roles: [viewer]}
on_call: [bob, alice]
`

// raiseChat brings up two replicas that show incidents in one channel.
func raiseChat(t *testing.T) *stage {
	t.Helper()
	workspace := slacktest.New(t)
	workspace.Join(nil, "U0ALICE", "U0BOB", "U0CAROL", "U0STRANGER")
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Autonomy: "approve", Click: true}, slack: workspace})
	s.wait("both sockets", func() bool { return workspace.Connections() == 2 })
	return s
}

// card waits for the thread of an incident that has a button, and returns its message.
func (s *stage) card(id, button string) (m slacktest.Message) {
	s.t.Helper()
	s.wait("a card of "+id+" with "+button, func() bool {
		for _, m = range s.slack.Threads() {
			if strings.Contains(m.Shown(), id+":") && slices.Contains(m.Buttons(), button) {
				return true
			}
		}
		return false
	})
	return m
}

// shows waits until the card of an incident says something, and has or has not a button to approve it.
func (s *stage) shows(id, text string, approve bool) {
	s.t.Helper()
	s.wait("the card of "+id+" to say "+text, func() bool {
		for _, m := range s.slack.Threads() {
			if strings.Contains(m.Shown(), id+":") && strings.Contains(m.Shown(), text) {
				return slices.Contains(m.Buttons(), "approve") == approve
			}
		}
		return false
	})
}

// form presses a button that opens a form, and waits for that.
func (s *stage) form(account, ts, button string) (v slacktest.View) {
	s.t.Helper()
	if err := s.slack.Press(account, ts, button); err != nil {
		s.t.Fatal(err)
	}
	s.wait(account+"'s form", func() bool {
		views := s.slack.Views(account)
		if len(views) > 0 {
			v = views[len(views)-1]
		}
		return len(views) > 0
	})
	return v
}

// TestChat has people decide in the chat of two replicas: strangers do not, of two at once one does, and the thread follows
// the incident to its end.
func TestChat(t *testing.T) {
	t.Parallel()
	s := raiseChat(t)
	i := s.asked(linkPlain)
	m := s.card(i.ID, "approve")
	for who, told := range map[string]string{"U0STRANGER": "not on Detour", "U0CAROL": "takes the role approver"} {
		if err := s.slack.Press(who, m.TS, "approve"); err != nil {
			t.Error(err)
		}
		s.wait(who+" to be told", func() bool { return strings.Contains(strings.Join(s.slack.Whispers(who), ""), told) })
	}
	s.untouched()
	yes, err := s.slack.Find("U0ALICE", m.TS, "approve")
	if err != nil {
		t.Fatal(err)
	}
	no := s.form("U0BOB", m.TS, "reject")
	const reason = "the carrier is at it"
	var both sync.WaitGroup
	for _, decide := range []func() error{
		func() error { return s.slack.Send(yes) }, func() error { return s.slack.Send(yes) }, // delivered twice
		func() error { return s.slack.Forge(no, "U0BOB", map[string]string{"reason": reason}, 1) }, // over the other replica's socket
	} {
		both.Go(func() {
			if err := decide(); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	i = s.reaches(linkPlain, incident.Holding, incident.Closed)
	kinds := s.kinds(i.ID)
	if kinds[events.KindApproved]+kinds[events.KindRejected] != 1 {
		t.Errorf("the ledger has %v\n%s", kinds, s.history(i.ID))
	}
	winner, loser, by := "alice", "U0BOB", events.Person{}
	if len(i.Approvals) == 1 {
		by = i.Approvals[0].By
	} else {
		winner, loser, by = "bob", "U0ALICE", i.Rejection.By
		if i.Rejection.Reason != reason {
			t.Errorf("rejected because %q", i.Rejection.Reason)
		}
	}
	s.wait("the later one to be told", func() bool { return strings.Contains(strings.Join(s.slack.Whispers(loser), ""), winner) })
	if by.Name != winner || by.Via != "slack" || !strings.HasPrefix(by.Account, "U0") || !strings.Contains(by.Link, "/archives/"+slacktest.Channel+"/p") {
		t.Errorf("on the record: %+v", by)
	}
	s.shows(i.ID, winner+" via slack", false)
	s.heal(linkPlain)
	i = s.reaches(linkPlain, incident.Closed)
	s.shows(i.ID, "it ended as "+string(i.End.Outcome), false)
	if n := len(s.slack.Threads()); n != 1 {
		t.Errorf("%d threads, want 1", n)
	}
	s.account()
}

// killWhoShows kills the replica that shows the incident of linkPlain in a chat, once its message is on the ledger.
func (s *stage) killWhoShows(chat, message string) {
	s.t.Helper()
	var owner string
	s.wait("the ledger to say who shows it in "+chat, func() bool {
		told := s.reaches(linkPlain, incident.Asking).Shown(chat, events.TheCard)
		owner = told.Owner
		return told.Message == message && told.Shown != ""
	})
	for _, r := range s.replicas {
		if r.name == owner {
			r.kill()
		}
	}
}

// TestChatLosesReplicas kills the replica that shows an incident: the button that it posted works at the other one, which
// takes the message over.
func TestChatLosesReplicas(t *testing.T) {
	t.Parallel()
	s := raiseChat(t)
	i := s.asked(linkPlain)
	m := s.card(i.ID, "approve")
	s.killWhoShows("slack", m.TS)
	s.wait("its socket to be gone", func() bool { return s.slack.Connections() == 1 })
	if err := s.slack.Press("U0BOB", m.TS, "approve"); err != nil {
		t.Error(err)
	}
	s.shows(i.ID, "approved by bob via slack", false)
	if n := len(s.slack.Threads()); n != 1 {
		t.Errorf("%d threads, want 1", n)
	}
	s.heal(linkPlain)
	s.reaches(linkPlain, incident.Closed)
}

// TestChatAway takes the chat away: replicas say so and stay ready, people decide otherwise, and the card follows once the
// chat is back. Meanwhile somebody is taken off the table of people.
func TestChatAway(t *testing.T) {
	t.Parallel()
	s := raiseChat(t)
	i := s.asked(linkPlain)
	m := s.card(i.ID, "approve")
	r := s.replicas[0]
	s.wait("the replica to be connected", func() bool {
		return r.condition("chat").OK && strings.Contains(r.metrics(t), `detour_chat_connected{chat="slack"} 1`)
	})
	away := slices.Repeat([]slacktest.Trouble{{Lost: true}}, 60)
	s.slack.Trouble("apps.connections.open", away...)
	s.slack.Trouble("chat.update", away[:10]...)
	s.slack.Disconnect()
	s.wait("the replica to say so", func() bool { return !r.condition("chat").OK })
	ready, err := r.ready()
	if err != nil || !ready.Ready || !strings.Contains(r.metrics(t), `detour_chat_connected{chat="slack"} 0`) || !strings.Contains(r.condition("chat").Detail, "no button works in a chat that is away") {
		t.Errorf("without its chat: %+v %v", ready, err)
	}
	if a := r.detour("bob", "approve", i.ID, "--plan", i.Ask.Plan.Short()); a.code != 0 {
		t.Errorf("approve: exit %d, %s", a.code, a.err)
	}
	s.reaches(linkPlain, incident.Holding)
	if err := os.WriteFile(filepath.Join(s.dir, "people.yaml"), []byte(strings.Replace(chatPeople, "[approver, operator]", "[viewer]", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.shows(i.ID, "approved by bob via cli", false)
	s.slack.Mend()
	s.wait("both sockets", func() bool { return s.slack.Connections() == 2 })
	began := time.Now()
	if err := s.slack.Press("U0BOB", s.card(i.ID, "abort").TS, "abort"); err != nil {
		t.Error(err)
	}
	s.wait("bob to be told", func() bool {
		return strings.Contains(strings.Join(s.slack.Whispers("U0BOB"), ""), "takes the role operator")
	})
	if err := s.slack.Press("U0ALICE", m.TS, "abort"); err != nil {
		t.Error(err)
	}
	s.shows(i.ID, "aborted by alice via slack", false)
	t.Logf("two presses, answered and shown: %s", time.Since(began))
	s.heal(linkPlain)
	s.reaches(linkPlain, incident.Closed)
	s.account()
}

// TestChatByHTTP has the chat send presses to a replica's address: what is not signed is turned away, what is replayed at the
// other replica counts once, and a freeze by form stops a plan that was approved.
func TestChatByHTTP(t *testing.T) {
	t.Parallel()
	workspace := slacktest.New(t)
	workspace.Join(nil, "U0ALICE", "U0BOB", "U0CAROL")
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Autonomy: "approve", Click: true}, slack: workspace, signed: true})
	s.wait("the replicas to have spoken with the chat", func() bool {
		return s.replicas[0].condition("chat").OK && s.replicas[1].condition("chat").OK
	})
	if workspace.Connections() > 0 {
		t.Errorf("%d sockets were opened", workspace.Connections())
	}
	i := s.asked(linkPlain)
	m := s.card(i.ID, "approve")
	first, second := s.replicas[0].url+"/chat/slack", s.replicas[1].url+"/chat/slack"
	body, err := slacktest.Body(map[string]any{"type": "block_actions"})
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"with another secret": "fedcba9876543210fedcba9876543210", "with the secret": slacktest.Signing} {
		r, err := slacktest.Signed(first, body, secret, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[secret == slacktest.Signing]; resp.StatusCode != want {
			t.Errorf("signed %s: %s, want %d", name, resp.Status, want)
		}
	}
	workspace.SendTo(first)
	freeze := s.form("U0BOB", m.TS, "freeze")
	if err := workspace.Submit(freeze, map[string]string{"reason": "storm", "scope": "link:" + linkPlain}); err != nil {
		t.Fatal(err)
	}
	s.shows(i.ID, "link:"+linkPlain+" by bob: storm", true)
	yes, err := workspace.Find("U0ALICE", m.TS, "approve")
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{first, second} { // the second is a replay, at a replica that has not seen it
		workspace.SendTo(to)
		if err := workspace.Send(yes); err != nil {
			t.Error(err)
		}
	}
	s.wait("the replay to be answered", func() bool {
		return strings.Contains(strings.Join(workspace.Whispers("U0ALICE"), ""), "Nothing was recorded")
	})
	s.untouched()
	thaw := s.form("U0ALICE", m.TS, "thaw")
	if !strings.Contains(thaw.Shown(), "frozen by bob: storm") || !strings.Contains(thaw.Shown(), "waits: "+i.ID) {
		t.Errorf("before the thaw it says %q", thaw.Shown())
	}
	if err := workspace.Submit(thaw, nil); err != nil {
		t.Fatal(err)
	}
	i = s.reaches(linkPlain, incident.Holding)
	if kinds := s.kinds(i.ID); kinds[events.KindApproved] != 1 {
		t.Errorf("the ledger has %v\n%s", kinds, s.history(i.ID))
	}
	if err := workspace.Forge(freeze, "U0BOB", map[string]string{"reason": "storm", "scope": "link:" + linkPlain}, 0); err != nil {
		t.Error(err)
	}
	s.wait("the replayed freeze to be answered", func() bool {
		return strings.Contains(strings.Join(workspace.Whispers("U0BOB"), ""), "something was thawed since you pressed")
	})
	s.heal(linkPlain)
	s.reaches(linkPlain, incident.Closed)
	s.account()
}
