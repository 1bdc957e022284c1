package incident

import (
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// TestNoLook leaves a drain alone on what is no look at what it does now.
func TestNoLook(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*events.Prospect)
		kind  events.Kind
	}{
		{"a look", func(*events.Prospect) {}, events.KindRuled},
		{"nothing could be computed", func(p *events.Prospect) { p.Missing = "a link is not seen" }, ""},
		{"old", func(p *events.Prospect) { p.At = p.At.Add(-6 * time.Second) }, ""},
		{"beside another drain than there is", func(p *events.Prospect) { p.Besides = []string{"c-d"} }, ""},
		{"bearable", func(p *events.Prospect) { p.Drained.WorstPermil = 800 }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, usualPolicy(t))
			s.say("ahead")
			s.say("event e1 firing major a-b")
			i, ok := s.active.board.Incident("a-b-1")
			if !ok || i.Phase != Holding {
				t.Fatalf("nothing is held:\n%s", s.out.String())
			}
			now := s.now.Add(time.Second)
			facts := s.lab.observe(i.Target)
			facts.At, facts.Prospect.At, facts.Prospect.Drained.WorstPermil = now, now, 950
			c.spoil(facts.Prospect)
			w := s.world
			w.Now, w.Me, w.Facts = now, s.active.me(), map[string]events.Facts{i.ID: facts}
			var got events.Kind
			for _, r := range Decide(s.active.board, w).Records {
				got = r.Body.Kind()
			}
			if got != c.kind {
				t.Errorf("recorded %q, want %q", got, c.kind)
			}
		})
	}
}
