package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// TestCause holds what makes one fault of several just inside and just outside each limit. The last link to alarm is asked
// about.
func TestCause(t *testing.T) {
	conduit, router := events.ScopeOf("srlg", "7"), events.ScopeOf("device", "h")
	five := []string{"a-h", "b-h", "c-h", "d-h", "e-h"}
	for _, c := range []struct {
		name   string
		scope  events.Scope
		of     []string // links in scope
		alarms []string // script lines, or links
		want   string
	}{
		{"four of five", conduit, five, five[:4], "4 of 5 links in srlg:7"},
		{"three of five", conduit, five, five[:3], ""},
		{"two of two", conduit, five[:2], five[:2], "2 of 2 links in srlg:7"},
		{"one of one", conduit, five[:1], five[:1], ""},
		{"three of a router's three", router, five[:3], five[:3], "3 of 3 links in device:h"},
		{"two of a router's two", router, five[:2], five[:2], ""},
		{"a group that nobody knows", conduit, nil, five, ""},
		{"load is no fault of what it crosses", conduit, five[:2], []string{"event x firing major a-h kind=congestion", "b-h"}, ""},
		{"the other has cleared", conduit, five[:2], []string{"a-h", "event x resolved major a-h", "b-h"}, ""},
		{"the other was refused", conduit, five[:2], []string{"event x firing major a-h kind=link-down", "b-h"}, "2 of 2 links in srlg:7"},
		{"two minutes later", conduit, five[:2], []string{"a-h", "tick 1m59s", "b-h"}, "2 of 2 links in srlg:7"},
		{"later than that", conduit, five[:2], []string{"a-h", "tick 2m1s", "b-h"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, strings.Replace(usualPolicy(t), "[link-errors, optical-degrade]", "[link-errors, optical-degrade, link-down]", 1))
			s.world.Inventory = grouped{c.scope: c.of}
			last := ""
			for n, line := range c.alarms {
				if !strings.Contains(line, " ") {
					last, line = line, fmt.Sprintf("event e%d firing major %s", n, line)
				}
				s.say(line)
			}
			i, ok := s.active.board.Incident(last + "-1")
			if !ok || i.Ruling == nil {
				t.Fatalf("it was not decided on:\n%s", s.out.String())
			}
			got := ""
			for _, check := range i.Ruling.Checks {
				if check.Name == CheckCause {
					got = check.Value
				}
			}
			if got != c.want || got != "" && i.Ruling.Verdict == events.Allow {
				t.Errorf("one cause: %q, want %q; ruled %s", got, c.want, i.Ruling.Verdict)
			}
		})
	}
}

// TestCauseOfMany names a few of many, and the first of them.
func TestCauseOfMany(t *testing.T) {
	s := newStage(t, usualPolicy(t))
	scope := events.ScopeOf("srlg", "7")
	g := grouped{}
	s.world.Inventory = g
	s.say("together")
	for n := range 12 {
		name := fmt.Sprintf("%c-z", 'a'+n)
		g[scope] = append(g[scope], name)
		s.say(fmt.Sprintf("event e%d firing major %s", n, name))
		s.now = s.now.Add(time.Millisecond)
	}
	s.say("now")
	e, _ := s.active.board.Why("l-z-1")
	if want := "12 of 12 links alarm, the first was a-z-1 (a-z-1, b-z-1, c-z-1, d-z-1, e-z-1, f-z-1, g-z-1, h-z-1, 4 more)"; !strings.Contains(e.Sentence, want) {
		t.Errorf("it says %q, want %q", e.Sentence, want)
	}
}
