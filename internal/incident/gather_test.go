package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// roomy is the usual policy with room to drain several links of one group.
func roomy(t *testing.T) string {
	return strings.Replace(usualPolicy(t), "in_flight: {network: 2}", "in_flight: {network: 5, srlg: 4}, stop_at: {network: 9, srlg: 5}", 1)
}

// TestGathering says which alarms wait for others, for which groups, and until when.
func TestGathering(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups grouped // nil: the inventory knows of none
		kind   events.AnomalyKind
		policy string
		want   *events.Gathering
	}{
		{"an inventory without groups", nil, events.LinkErrors, "", nil},
		{"a link in no group", grouped{"srlg:7": {"c-d", "e-f"}}, events.LinkErrors, "", nil},
		{"a conduit", grouped{"srlg:7": {"a-b", "c-d"}}, events.LinkErrors, "", &events.Gathering{Until: testStart.Add(2 * time.Second), Scopes: []events.Scope{"srlg:7"}}},
		{"a conduit of its own", grouped{"srlg:7": {"a-b"}}, events.LinkErrors, "", nil},
		{"a line card and a bundle", grouped{"linecard:a/1": {"a-b", "a-c"}, "bundle:x": {"a-b", "b-c"}}, events.SilentLoss, "cause: {wait: 5s}\n",
			&events.Gathering{Until: testStart.Add(5 * time.Second), Scopes: []events.Scope{"bundle:x", "linecard:a/1"}}},
		{"a router", grouped{"device:a": {"a-b", "a-c", "a-d"}}, events.LinkErrors, "", nil},
		{"a site", grouped{"site:x": {"a-b", "a-c", "a-d"}}, events.LinkErrors, "", nil},
		{"a plane", grouped{"plane:1": {"a-b", "a-c", "a-d"}}, events.LinkErrors, "", nil},
		{"a link that is down", grouped{"srlg:7": {"a-b", "c-d"}}, events.LinkDown, "", nil},
		{"a link that is full", grouped{"srlg:7": {"a-b", "c-d"}}, events.Congestion, "", nil},
		{"a policy that waits for nothing", grouped{"srlg:7": {"a-b", "c-d"}}, events.LinkErrors, "cause: {wait: 0s}\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := testWorld(t, usualPolicy(t)+c.policy)
			if c.groups != nil {
				w.Inventory = c.groups
			}
			e := testEvent("e1", events.Firing, testStart)
			e.Data.Kind = c.kind
			w.Events = []events.Event{e}
			d := Decide(NewBoard(), w)
			opened, ok := d.Records[0].Body.(events.Opened)
			if !ok {
				t.Fatalf("decided on %+v", d.Records)
			}
			if diff := cmp.Diff(c.want, opened.Gathering); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			waits := len(d.Commands) == 0 && len(d.Records) == 2 // it is opened, observed, and nothing is read
			if waits != (c.want != nil) {
				t.Errorf("it waits: %t; decided on %+v, commands %+v", waits, d.Records, d.Commands)
			}
			if c.want != nil && !d.Wake.Equal(c.want.Until) {
				t.Errorf("it is decided on again at %s", d.Wake)
			}
		})
	}
	w := testWorld(t, usualPolicy(t))
	w.Inventory = grouped{"srlg:7": {"a-b", "c-d"}}
	if g := (&draft{world: w}).gathering(events.Target{Kind: events.TargetDevice, Name: "a", Scopes: []events.Scope{"srlg:7"}}, events.LinkErrors); g != nil {
		t.Errorf("a router waits for links: %+v", g)
	}
}

// TestGatheringEnds has other things happen to an incident while it waits for others.
func TestGatheringEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		phase Phase
		says  string
	}{
		{"nothing", nil, Open, "it waits until 2026-11-20T03:00:02.001Z to see whether srlg:7 has failed as a whole"},
		{"its time", []string{"tick 2s", "tick 1s"}, Holding, "drained"},
		{"a fault of another group", []string{"event e2 firing major g-h"}, Open, "to see whether"},
		{"some of the group", []string{"event e2 firing major c-d"}, Open, "to see whether"},
		{"all of the group", []string{"event e2 firing major c-d", "event e3 firing major e-f kind=link-down"}, Holding, "one cause: srlg:7, 3 of 3 links alarmed, and it speaks for c-d-1"},
		{"it clears", []string{"event e2 resolved major a-b"}, Closed, "the fault went away before anything was done"},
		{"it gets worse", []string{"event e2 firing critical a-b"}, Open, "to see whether"},
		{"a person stops it", []string{"abort a-b-1 ann"}, Closed, "aborted by ann"},
		{"a freeze", []string{"freeze network ann", "tick 3s"}, Waiting, "network was frozen by ann"},
		{"a replica that was not there", []string{"replica r2"}, Open, "to see whether"},
		{"a replica that was not there, and its time", []string{"replica r2", "tick 3s"}, Holding, "drained"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, roomy(t))
			s.world.Inventory = grouped{"srlg:7": {"a-b", "c-d", "e-f"}, "srlg:8": {"g-h", "i-j"}}
			s.say("event e1 firing major a-b")
			for _, line := range c.lines {
				s.say(line)
			}
			i, _ := s.active.board.Incident("a-b-1")
			e, _ := s.active.board.Why("a-b-1")
			if i.Phase != c.phase || !strings.Contains(e.Sentence, c.says) {
				t.Errorf("it is %s: %s; want %s: %s\n%s", i.Phase, e.Sentence, c.phase, c.says, s.out.String())
			}
		})
	}
}

// TestGatheringAgain has a fault come back at every link of a conduit, one a second after the other, while they are on
// probation: they are waited for as at first.
func TestGatheringAgain(t *testing.T) {
	s := newStage(t, roomy(t))
	s.world.Inventory = grouped{"srlg:7": {"a-b", "c-d"}}
	s.say("together")
	s.say("event e1 firing major a-b")
	s.say("event e2 firing major c-d")
	s.say("now")
	s.say("event e3 resolved major a-b")
	s.say("event e4 resolved major c-d")
	s.say("tick 61s")
	s.say("event e5 firing major c-d")
	phases := func() (list []Phase) {
		for _, id := range []string{"a-b-1", "c-d-1"} {
			i, _ := s.active.board.Incident(id)
			list = append(list, i.Phase)
		}
		return list
	}
	if diff := cmp.Diff([]Phase{Probation, Open}, phases()); diff != "" {
		t.Fatalf("the fault is back at one (-want +got):\n%s\n%s", diff, s.out.String())
	}
	s.say("tick 1s")
	s.say("event e6 firing major a-b")
	if diff := cmp.Diff([]Phase{Holding, Holding}, phases()); diff != "" {
		t.Errorf("and at the other (-want +got):\n%s\n%s", diff, s.out.String())
	}
	i, _ := s.active.board.Incident("a-b-1")
	if i.Cause == nil || i.Cause.Lead != "c-d-1" || i.Cycle != 2 {
		t.Errorf("it was decided on for %+v, cycle %d", i.Cause, i.Cycle)
	}
}

// TestStraddling lets the links of a conduit alarm at any of several moments around the end of the first one's wait. None is
// decided before that unless all have alarmed, and in the end every link is drained, in whatever order.
func TestStraddling(t *testing.T) {
	links := []string{"a-b", "c-d", "e-f"}
	moments := []time.Duration{0, 1900 * time.Millisecond, 2100 * time.Millisecond, 5 * time.Second}
	for combination := range len(moments) * len(moments) * len(moments) {
		at := map[string]time.Duration{"a-b": moments[combination%4], "c-d": moments[combination/4%4], "e-f": moments[combination/16]}
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			s := newStage(t, roomy(t))
			s.lab.size = 40
			s.world.Inventory = grouped{"srlg:7": links}
			first, last := slices.Min([]time.Duration{at["a-b"], at["c-d"], at["e-f"]}), slices.Max([]time.Duration{at["a-b"], at["c-d"], at["e-f"]})
			for _, moment := range moments {
				for s.now.Before(testStart.Add(moment)) {
					s.now = testStart.Add(moment)
					s.settle()
				}
				s.say("together")
				for _, link := range links {
					if at[link] == moment {
						s.say(fmt.Sprintf("event e%s firing major %s", link, link))
					}
				}
				s.say("now")
			}
			s.say("tick 10s")
			earliest := min(first+2*time.Second, last)
			for n := range s.ledger.entries {
				c := s.ledger.read(uint64(n) + 1)
				for _, r := range c.Records {
					if r.Body.Kind() == events.KindRuled && c.At.Before(testStart.Add(earliest)) {
						t.Fatalf("%s was decided at %s, before %s:\n%s", r.Incident, c.At.Sub(testStart), earliest, s.out.String())
					}
				}
			}
			for _, link := range links {
				if i, ok := s.active.board.Incident(link + "-1"); !ok || i.Phase != Holding {
					t.Errorf("%s is not drained:\n%s", link, s.out.String())
				}
			}
		})
	}
}

// TestGatheringTogether lets most of a conduit alarm just before the wait of the first is over: all are decided on then, none
// waits again for what may follow.
func TestGatheringTogether(t *testing.T) {
	s := newStage(t, roomy(t))
	s.lab.size = 50
	links := []string{"a-b", "c-d", "e-f", "g-h"}
	s.world.Inventory = grouped{"srlg:7": append(slices.Clone(links), "i-j")}
	s.say("event e1 firing major a-b")
	s.now = testStart.Add(1900 * time.Millisecond)
	for _, link := range links[1:] {
		s.say(fmt.Sprintf("event e-%s firing major %s", link, link))
	}
	s.now = testStart.Add(2100 * time.Millisecond)
	s.settle()
	for _, link := range links {
		if i, ok := s.active.board.Incident(link + "-1"); !ok || i.Ruling == nil || i.Cause == nil {
			t.Errorf("%s is not decided on:\n%s", link, s.out.String())
		}
	}
}
