package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/mattermost/mattermosttest"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/incident"
)

// balance raises what stands before the replicas, and hands each request to the first that lives.
func (s *stage) balance() string {
	if s.balancer != "" {
		return s.balancer
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, replica := range s.replicas {
			if to, err := url.Parse(replica.url); err == nil && replica.alive() {
				httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "no replica lives", http.StatusBadGateway)
	}))
	s.t.Cleanup(server.Close)
	s.balancer = server.URL
	return s.balancer
}

// raiseChats brings up two replicas that show incidents in a channel of Slack's and in one of Mattermost's.
func raiseChats(t *testing.T) *stage {
	t.Helper()
	workspace, server := slacktest.New(t), mattermosttest.New(t)
	workspace.Join(nil, "U0ALICE", "U0BOB", "U0CAROL")
	server.Join(nil, "alice", "bob", "eve")
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Autonomy: "approve", Click: true}, slack: workspace, mattermost: server})
	s.wait("both sockets", func() bool { return workspace.Connections() == 2 })
	for _, r := range s.replicas {
		s.wait("both chats", func() bool { return r.condition("chat").OK })
	}
	return s
}

// post waits until the card of an incident in Mattermost says something, and returns it.
func (s *stage) post(id, text string) (m mattermosttest.Message) {
	s.t.Helper()
	s.wait("the post of "+id+" to say "+text, func() bool {
		for _, m = range s.mattermost.Threads() {
			if strings.Contains(m.Shown(), id+":") && strings.Contains(m.Shown(), text) {
				return true
			}
		}
		return false
	})
	return m
}

// agree presses a button of Mattermost's, and says yes when asked whether it counts.
func (s *stage) agree(name, message, act string) error {
	before := len(s.mattermost.Dialogs(name))
	if err := s.mattermost.Press(name, message, act); err != nil {
		return err
	}
	if dialogs := s.mattermost.Dialogs(name); len(dialogs) > before {
		return s.mattermost.Submit(dialogs[before], nil)
	}
	return nil
}

// TestChats has two people decide at once in two chats: one decision is on the ledger, both chats show whose it was, and who
// came later is told.
func TestChats(t *testing.T) {
	t.Parallel()
	s := raiseChats(t)
	i := s.asked(linkPlain)
	card, post := s.card(i.ID, "approve"), s.post(i.ID, "0 of 1 approvals")
	if err := s.agree("eve", post.ID, "approve"); err != nil {
		t.Error(err)
	}
	s.wait("eve to be told", func() bool { return strings.Contains(strings.Join(s.mattermost.Whispers("eve"), ""), "not on Detour") })
	s.untouched()
	form := s.form("U0BOB", card.TS, "reject")
	var both sync.WaitGroup
	both.Go(func() {
		if err := s.agree("alice", post.ID, "approve"); err != nil {
			t.Error(err)
		}
	})
	both.Go(func() {
		if err := s.slack.Submit(form, map[string]string{"reason": "not now"}); err != nil {
			t.Error(err)
		}
	})
	both.Wait()
	i = s.reaches(linkPlain, incident.Holding, incident.Closed)
	kinds := s.kinds(i.ID)
	if kinds[events.KindApproved]+kinds[events.KindRejected] != 1 {
		t.Errorf("the ledger has %v\n%s", kinds, s.history(i.ID))
	}
	winner, loser := "alice via mattermost", func() []string { return s.slack.Whispers("U0BOB") }
	if i.Rejection != nil {
		winner, loser = "bob via slack", func() []string { return s.mattermost.Whispers("alice") }
	}
	s.wait("the later one to be told", func() bool {
		name, _, _ := strings.Cut(winner, " ")
		return strings.Contains(strings.Join(loser(), ""), name)
	})
	s.shows(i.ID, winner, false)
	if m := s.post(i.ID, winner); slices.Contains(m.Buttons(), "approve") || m.ID != post.ID {
		t.Errorf("decided, the post shows %v", m.Buttons())
	}
	s.heal(linkPlain)
	i = s.reaches(linkPlain, incident.Closed)
	s.shows(i.ID, "it ended as "+string(i.End.Outcome), false)
	s.post(i.ID, "it ended as "+string(i.End.Outcome))
	if a, b := len(s.slack.Threads()), len(s.mattermost.Threads()); a != 1 || b != 1 {
		t.Errorf("%d threads in Slack and %d in Mattermost, want 1 and 1", a, b)
	}
	s.account()
}

// TestMattermostLosesReplicas kills the replica that shows an incident in Mattermost: the button that it posted works at the
// other one, which takes the post over. The other chat shows the same.
func TestMattermostLosesReplicas(t *testing.T) {
	t.Parallel()
	s := raiseChats(t)
	i := s.asked(linkPlain)
	post := s.post(i.ID, "0 of 1 approvals")
	s.killWhoShows("mattermost", post.ID)
	if err := s.agree("bob", post.ID, "approve"); err != nil {
		t.Error(err)
	}
	if m := s.post(i.ID, "approved by bob via mattermost"); m.ID != post.ID || slices.Contains(m.Buttons(), "approve") {
		t.Errorf("the post %s shows %v", m.ID, m.Buttons())
	}
	s.shows(i.ID, "approved by bob via mattermost", false)
	i = s.reaches(linkPlain, incident.Holding)
	by := i.Approvals[0].By
	if by.Account != mattermosttest.ID("bob") || by.Link != s.mattermost.URL()+"/_redirect/pl/"+post.ID {
		t.Errorf("on the record: %+v", by)
	}
	s.heal(linkPlain)
	s.reaches(linkPlain, incident.Closed)
}
