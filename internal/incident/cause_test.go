package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// atOnce is the usual policy without a wait for others.
func atOnce(t *testing.T) string { return usualPolicy(t) + "cause: {wait: 0s}\n" }

// TestCause holds what makes one fault of several just inside and just outside each limit. The last link to alarm is asked
// about.
func TestCause(t *testing.T) {
	conduit, router, site, card := events.ScopeOf("srlg", "7"), events.ScopeOf("device", "h"), events.ScopeOf("site", "x"), events.ScopeOf("linecard", "h/1")
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
		{"two of a card's two", card, five[:2], five[:2], "2 of 2 links in linecard:h/1"},
		{"two of a bundle's two", "bundle:b", five[:2], five[:2], "2 of 2 links in bundle:b"},
		{"three of a router's three", router, five[:3], five[:3], "3 of 3 links in device:h"},
		{"two of a router's two", router, five[:2], five[:2], ""},
		{"three of a site's three", site, five[:3], five[:3], "3 of 3 links in site:x"},
		{"two of a site's two", site, five[:2], five[:2], ""},
		{"all of a plane", "plane:1", five, five, ""},
		{"a group that nobody knows", conduit, nil, five, ""},
		{"load is no fault of what it crosses", conduit, five[:2], []string{"event x firing major a-h kind=congestion", "b-h"}, ""},
		{"the other has cleared", conduit, five[:2], []string{"a-h", "event x resolved major a-h", "link a-h healed", "tick 1m", "tick 2m", "b-h"}, ""},
		{"the other is drained and shows nothing", conduit, five[:2], []string{"a-h", "event x resolved major a-h", "b-h"}, "2 of 2 links in srlg:7"},
		{"the other was refused", conduit, five[:2], []string{"event x firing major a-h kind=link-down", "b-h"}, "2 of 2 links in srlg:7"},
		{"two minutes later", conduit, five[:2], []string{"a-h", "tick 1m59s", "b-h"}, "2 of 2 links in srlg:7"},
		{"later than that", conduit, five[:2], []string{"a-h", "tick 2m1s", "b-h"}, ""},
		{"each two minutes after the one before", conduit, five[:3], []string{"a-h", "tick 1m59s", "b-h", "tick 1m59s", "c-h"}, "3 of 3 links in srlg:7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, strings.Replace(atOnce(t), "[link-errors, optical-degrade]", "[link-errors, optical-degrade, link-down]", 1))
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
				if check.Name == policy.CheckCause {
					got = check.Value
				}
			}
			if got != c.want || (got == "") != (i.Cause == nil) {
				t.Errorf("one cause: %q, want %q; noted %+v", got, c.want, i.Cause)
			}
		})
	}
}

// TestCover explains alarms by as few groups as it can, in whatever order they come.
func TestCover(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups map[events.Scope]string // links, apart by blanks
		alarms string
		want   map[string]string // links by cause; those that are not in it are faults of their own
	}{
		{"none", map[events.Scope]string{"srlg:7": "a-b c-d"}, "a-b e-f", nil},
		{"one explains all", map[events.Scope]string{"srlg:7": "a-b c-d e-f", "linecard:a/1": "a-b a-c"}, "a-b c-d e-f", map[string]string{"srlg:7": "a-b c-d e-f"}},
		{"the greater first", map[events.Scope]string{"srlg:7": "a-d e-f", "linecard:a/1": "a-b a-c a-d"}, "a-b a-c a-d e-f", map[string]string{"linecard:a/1": "a-b a-c a-d", "srlg:7": "e-f"}},
		{"of two that explain as much the smaller", map[events.Scope]string{"srlg:7": "a-b c-d e-f g-h i-j", "srlg:8": "a-b c-d e-f g-h"}, "a-b c-d e-f g-h", map[string]string{"srlg:8": "a-b c-d e-f g-h"}},
		{"of two of one size the likelier", map[events.Scope]string{"srlg:7": "a-b a-c", "linecard:a/1": "a-b a-c", "bundle:x": "a-b a-c"}, "a-b a-c", map[string]string{"linecard:a/1": "a-b a-c"}},
		{"of two of one kind the first by name", map[events.Scope]string{"srlg:7": "a-b a-c", "srlg:8": "a-b a-c"}, "a-b a-c", map[string]string{"srlg:7": "a-b a-c"}},
		{"a router rather than its cards", map[events.Scope]string{"linecard:a/1": "a-b a-c", "linecard:a/2": "a-d a-e", "device:a": "a-b a-c a-d a-e"}, "a-b a-c a-d a-e", map[string]string{"device:a": "a-b a-c a-d a-e"}},
		{"two at a time", map[events.Scope]string{"srlg:7": "a-b c-d", "srlg:8": "e-f g-h"}, "a-b c-d e-f g-h i-j", map[string]string{"srlg:7": "a-b c-d", "srlg:8": "e-f g-h"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := testWorld(t, usualPolicy(t))
			g := grouped{}
			for scope, links := range c.groups {
				g[scope] = strings.Fields(links)
			}
			w.Inventory = g
			permute(strings.Fields(c.alarms), func(links []string) {
				b := NewBoard()
				for n, link := range links {
					alarm(t, b, w, link, testStart.Add(time.Duration(n)*time.Second))
				}
				d := &draft{board: b, world: w}
				got := map[string]string{}
				for _, link := range strings.Fields(c.alarms) {
					i, _ := b.Incident(link + "-1")
					if found, shared := d.cause(i); shared {
						got[string(found.scope)] = strings.TrimSpace(got[string(found.scope)] + " " + link)
					}
				}
				if c.want == nil {
					c.want = map[string]string{}
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Fatalf("alarms in the order %v (-want +got):\n%s", links, diff)
				}
			})
		})
	}
}

// alarm opens an incident of a link.
func alarm(t *testing.T, b *Board, w World, link string, at time.Time) {
	t.Helper()
	e := testEvent("e "+link, events.Firing, at)
	e.Data.Resource = events.Resource{Link: link}
	target, _ := w.Inventory.Resolve(e.Data.Resource)
	record(t, b, at,
		events.Record{Incident: link + "-1", Body: events.Opened{Target: target, Epoch: 1, Symptom: e.Data.Kind, Severity: e.Data.Severity}},
		events.Record{Incident: link + "-1", Body: &events.Observed{Event: e.ID, Source: e.Source, Anomaly: e.Data, Disposition: events.DidOpen}})
}

// permute calls f with every order of list.
func permute(list []string, f func([]string)) {
	if len(list) == 0 {
		f(nil)
		return
	}
	for n := range list {
		rest := slices.Delete(slices.Clone(list), n, n+1)
		permute(rest, func(tail []string) { f(append([]string{list[n]}, tail...)) })
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
