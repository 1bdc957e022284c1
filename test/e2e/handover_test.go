package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/incident"
)

// TestHandover: at the beginning of a shift, which here was a minute ago, one of two replicas tells the hand-over in the chat,
// once. It is told on demand by the button of it, by a command in the chat, and on the command line, each time as it is then.
func TestHandover(t *testing.T) {
	t.Parallel()
	workspace := slacktest.New(t)
	workspace.Join(nil, "U0ALICE", "U0BOB", "U0CAROL")
	shift := time.Now().UTC().Add(-time.Minute).Truncate(time.Minute)
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Autonomy: "approve", Click: true}, slack: workspace, shift: shift.Format("15:04")})
	var m slacktest.Message
	told := func(b *incident.Board) events.Told { return b.Shown("slack", "handover "+shift.Format(time.RFC3339)) }
	s.wait("the hand-over to be told, and to stand on the ledger", func() (done bool) {
		for _, m = range workspace.Threads() {
			if strings.Contains(m.Shown(), shift.Format("Hand-over at 15:04 UTC on 2 Jan")) {
				s.look(func(b *incident.Board) bool { done = told(b).Message == m.TS; return true })
				return done
			}
		}
		return false
	})
	if !strings.Contains(m.Shown(), "nothing of Detour's stands on a router") || !slices.Contains(m.Buttons(), "handover") {
		t.Errorf("it says %q with the buttons %v", m.Shown(), m.Buttons())
	}
	i := s.asked(linkPlain)
	demand := map[string]func() error{
		"the button":  func() error { return workspace.Press("U0CAROL", m.TS, "handover") },
		"the command": func() error { return workspace.Type("U0CAROL", "handover") },
	}
	for name, ask := range demand {
		before := len(workspace.Whispers("U0CAROL"))
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		s.wait(name+" to be answered", func() bool {
			list := workspace.Whispers("U0CAROL")
			return len(list) > before && strings.Contains(list[len(list)-1], "PEOPLE ARE ASKED") && strings.Contains(list[len(list)-1], i.ID)
		})
	}
	if a := s.replicas[1].detour("carol", "handover"); a.code != 0 || !strings.Contains(a.out, i.ID) {
		t.Errorf("on the command line: exit %d, %s%s", a.code, a.out, a.err)
	}
	if a := s.replicas[0].detour("bob", "reject", i.ID, "--plan", i.Ask.Plan.Short(), "--reason", "not now"); a.code != 0 {
		t.Errorf("reject: exit %d, %s", a.code, a.err)
	}
	s.reaches(linkPlain, incident.Closed)
	n := 0
	for _, thread := range workspace.Threads() {
		if strings.Contains(thread.Shown(), "Hand-over at") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("it was told %d times", n)
	}
	s.heal(linkPlain)
	s.account()
}
