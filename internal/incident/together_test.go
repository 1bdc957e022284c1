package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// TestTogether lets the links of a conduit alarm in every order, all at once or one after the other within the wait of the
// first, each heard of by either replica or both. Where all are safe together all are drained, and otherwise none.
func TestTogether(t *testing.T) {
	links := []string{"a-b", "c-d", "e-f"}
	for _, c := range []struct {
		name  string
		apart [][2]string
		down  string
		want  string // links that are drained in the end
	}{
		{"all are safe", nil, "", "a-b c-d e-f"},
		{"two are not", [][2]string{{"a-b", "e-f"}}, "", ""},
		{"one is down", nil, "c-d", "a-b e-f"},
		{"one is down, and the others are not safe together", [][2]string{{"a-b", "e-f"}}, "c-d", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			permute(links, func(order []string) {
				for _, gap := range []time.Duration{0, 700 * time.Millisecond} {
					for who := range 9 { // each is heard of by the first, the second or both
						r := newRivals(t, roomy(t), grouped{"srlg:7": links}, who%2)
						r.lab.ahead, r.lab.apart = map[string]events.Prospect{}, c.apart
						if c.down != "" {
							r.lab.link(c.down).down = true
						}
						for n, link := range order {
							e := testEvent("e "+link, events.Firing, r.now)
							e.Data.Resource = events.Resource{Link: link}
							by := []int{who, who / 3, who + 1}[n] % 3
							for k, m := range r.members {
								if by == k || by == 2 {
									m.pending = append(m.pending, e)
								}
							}
							if gap > 0 {
								r.settle()
								r.pass(gap)
							}
						}
						r.settle()
						r.pass(10 * time.Second)
						r.agree()
						var drained []string
						for _, link := range links {
							if r.lab.drained(link) {
								drained = append(drained, link)
							}
						}
						if got := strings.Join(drained, " "); got != c.want {
							t.Fatalf("alarms %v, %s apart, heard of by %d: drained %q, want %q\n%s", order, gap, who, got, c.want, r.story())
						}
						if c.want == "" && r.lab.sets > 0 {
							t.Fatalf("%d Sets for nothing:\n%s", r.lab.sets, r.story())
						}
					}
				}
			})
		})
	}
}

// TestWhole has every drain of several be within the limits beside those before it, and all of them beyond.
func TestWhole(t *testing.T) {
	prospect := func(before, after int) *events.Prospect {
		out := func(n int) events.Outlook { return events.Outlook{WorstPermil: 500, SurvivePermil: n, Failures: 20} }
		return &events.Prospect{Method: events.MethodExact, InService: out(before), Drained: out(after)}
	}
	missing := prospect(980, 1020)
	missing.Missing = "no traffic"
	violates := prospect(1020, 1060)
	violates.NewViolations = 1
	for _, c := range []struct {
		name  string
		parts []*events.Prospect
		holds bool
	}{
		{"none", nil, false},
		{"one", []*events.Prospect{prospect(980, 1020)}, false},
		{"two within", []*events.Prospect{prospect(980, 1005), prospect(1005, 1030)}, false},
		{"two beyond", []*events.Prospect{prospect(980, 1020), prospect(1020, 1060)}, true},
		{"two that need not be looked at", []*events.Prospect{nil, prospect(1020, 1060)}, false},
		{"one that is not known", []*events.Prospect{missing, prospect(1020, 1060)}, false},
		{"one that was judged by itself", []*events.Prospect{prospect(980, 1020), violates}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &draft{world: testWorld(t, usualPolicy(t))}
			var parts []*part
			for _, f := range c.parts {
				parts = append(parts, &part{facts: events.Facts{Prospect: f}})
			}
			h := d.whole(parts)
			if (h.why != "") != c.holds || c.holds && !strings.Contains(h.why, "all 2 of them are held by survives: one more failure: worst 106 %; now it is 98 %") {
				t.Errorf("held by %q", h.why)
			}
		})
	}
}

// TestTooMany has a router of a large network fail: nobody judges, or reads, so many links together.
func TestTooMany(t *testing.T) {
	s := newStage(t, roomy(t))
	g := grouped{}
	s.world.Inventory, s.lab.size = g, 4000
	s.say("together")
	for n := range maxTogether + 1 {
		name := fmt.Sprintf("%c-%c", 'a'+n/8, 'p'+n%8)
		g["srlg:7"] = append(g["srlg:7"], name)
		s.say(fmt.Sprintf("event e%d firing major %s", n, name))
	}
	s.say("now")
	e, _ := s.active.board.Why("a-p-1")
	if !strings.Contains(e.Sentence, "33 drains are more than can be judged together") || len(e.Unblock) == 0 || len(s.active.facts) > 0 {
		t.Errorf("%s; unblocked by %v; read %d", e.Sentence, e.Unblock, len(s.active.facts))
	}
	s.say("event x resolved major a-p")
	s.say("tick 5s")
	if e, _ = s.active.board.Why("b-p-1"); strings.Contains(e.Sentence, "more than") {
		t.Errorf("with one less: %s", e.Sentence)
	}
}

// TestChildren shows whom a lead speaks for, and for how long.
func TestChildren(t *testing.T) {
	s := newStage(t, roomy(t))
	s.world.Inventory = grouped{"srlg:7": {"a-b", "c-d", "e-f"}}
	s.lab.size = 40
	for _, line := range []string{"together", "event e1 firing major a-b kind=silent-loss", "event e2 firing major c-d kind=silent-loss", "event e3 firing major e-f kind=silent-loss", "now"} {
		s.say(line)
	}
	children := func() []string {
		i, _ := s.active.board.Incident("a-b-1")
		return s.active.board.Children(i)
	}
	if diff := cmp.Diff([]string{"c-d-1", "e-f-1"}, children()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	i, _ := s.active.board.Incident("a-b-1")
	c, _ := s.active.board.Incident("c-d-1")
	want := []events.Companion{{Incident: "c-d-1", Plan: c.Plan.Digest}}
	if diff := cmp.Diff(want, i.Plan.Plan.Together[:1]); diff != "" || len(i.Plan.Plan.Together) != 2 {
		t.Errorf("its plan names others (-want +got):\n%s", diff)
	}
	e, _ := s.active.board.Why("a-b-1")
	if diff := cmp.Diff(&events.Cause{Scope: "srlg:7", Links: 3, Alarmed: 3, Lead: "a-b-1"}, e.Cause); diff != "" || len(e.Children) != 2 {
		t.Errorf("why (-want +got):\n%s\nchildren %v", diff, e.Children)
	}
	s.say("event e4 resolved major e-f") // of two kinds of alarm only this one ends
	s.say("event e5 resolved major e-f kind=silent-loss")
	s.say("tick 5s")
	if c, _ = s.active.board.Incident("c-d-1"); c.Cause != nil {
		t.Errorf("two of three are no fault of the whole: %+v", c.Cause)
	}
	if diff := cmp.Diff([]string{"e-f-1"}, children()); diff != "" {
		t.Errorf("those that are decided by themselves (-want +got):\n%s", diff)
	}
}

// TestApprovedTogether takes an approval for exactly the plans that were shown.
func TestApprovedTogether(t *testing.T) {
	s := newStage(t, roomy(t))
	s.world.Inventory = grouped{"srlg:7": {"a-b", "c-d"}}
	for _, line := range []string{"together", "event e1 firing major a-b kind=silent-loss", "event e2 firing major c-d kind=silent-loss", "now", "approve a-b-1 ann"} {
		s.say(line)
	}
	s.lab.router("c").metric["to-d"], s.lab.router("d").metric["to-c"] = 900, 900 // somebody changes what the other plan starts from
	s.say("tick 10s")
	s.say("approve a-b-1 bob")
	i, _ := s.active.board.Incident("a-b-1")
	if i.Phase != Asking || len(i.Approvals) != 0 || s.lab.sets != 0 {
		t.Fatalf("it is %s with %d approvals and %d Sets:\n%s", i.Phase, len(i.Approvals), s.lab.sets, s.out.String())
	}
	s.say("approve a-b-1 ann")
	s.say("approve a-b-1 bob")
	for _, id := range []string{"a-b-1", "c-d-1"} {
		if i, _ := s.active.board.Incident(id); i.Phase != Holding {
			t.Errorf("%s is %s:\n%s", id, i.Phase, s.out.String())
		}
	}
}

// TestApprovedBefore has somebody change what the second plan starts from after both were approved and the first was begun:
// the second is asked about by itself.
func TestApprovedBefore(t *testing.T) {
	s := newStage(t, roomy(t))
	s.world.Inventory = grouped{"srlg:7": {"a-b", "c-d"}}
	for _, line := range []string{"together", "event e1 firing major a-b kind=silent-loss", "event e2 firing major c-d kind=silent-loss", "now", "approve a-b-1 ann", "router a hangs", "approve a-b-1 bob"} {
		s.say(line)
	}
	s.lab.router("c").metric["to-d"], s.lab.router("d").metric["to-c"] = 900, 900
	for _, line := range []string{"router a delivers", "router a well", "tick 1m"} {
		s.say(line)
	}
	first, _ := s.active.board.Incident("a-b-1")
	second, _ := s.active.board.Incident("c-d-1")
	if first.Phase != Holding || second.Phase != Asking || s.lab.drained("c-d") {
		t.Errorf("the first is %s, the second %s:\n%s", first.Phase, second.Phase, s.out.String())
	}
}

// TestApprovedIsBorne lets a drain stand that was approved by way of another although one failure more cuts something off: what
// was approved is no reason to call for a person at the next look.
func TestApprovedIsBorne(t *testing.T) {
	s := newStage(t, roomy(t))
	s.world.Inventory = grouped{"srlg:7": {"a-b", "c-d"}}
	edge := safe
	edge.NewViolations, edge.Worst = 1, "if x-y fails, nothing leads to y"
	s.lab.ahead = map[string]events.Prospect{"c-d": edge}
	for _, line := range []string{"together", "event e1 firing major a-b", "event e2 firing major c-d", "now", "approve a-b-1 ann", "approve a-b-1 bob", "tick 3m"} {
		s.say(line)
	}
	i, _ := s.active.board.Incident("c-d-1")
	if i.Phase != Holding || !i.Unbearable.IsZero() || i.Ask != nil {
		t.Errorf("it is %s, unbearable since %s, asked about: %+v\n%s", i.Phase, i.Unbearable, i.Ask, s.out.String())
	}
}

// TestApprovedBySteps lets a drain that was approved by way of another go on from step to step.
func TestApprovedBySteps(t *testing.T) {
	s := newStage(t, roomy(t))
	s.world.Inventory = grouped{"srlg:7": {"a-b", "c-d"}}
	steps := safe
	steps.Way = events.Uniform("c-d", 1000, 4000, drained)
	s.lab.ahead = map[string]events.Prospect{"c-d": steps}
	for _, line := range []string{"together", "event e1 firing major a-b kind=silent-loss value=0.0001", "event e2 firing major c-d kind=silent-loss value=0.0001", "now", "approve a-b-1 ann", "approve a-b-1 bob", "tick 1m"} {
		s.say(line)
	}
	i, _ := s.active.board.Incident("c-d-1")
	if len(i.Steps) != 3 || i.Phase != Holding || i.Ask != nil {
		t.Errorf("of %d steps, it is %s, asked about: %+v\n%s", len(i.Steps), i.Phase, i.Ask, s.out.String())
	}
}

// TestTogetherRefused has each thing happen to the first of two drains that keeps the second from being begun.
func TestTogetherRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		says  string // of the second
	}{
		{"a router refuses it", []string{"router a refuses", "now"}, "a-b-1: it is being taken back: a did not take it"},
		{"it is being set", []string{"router a hangs", "now"}, "its turn comes after a-b-1"},
		{"it cannot be learnt", []string{"router a hangs", "now", "tick 3m"}, "a-b-1: it needs a person"},
		{"it does not help", []string{"link a-b stubborn", "now", "tick 1m"}, "a-b-1: it is being taken back: verification failed"},
		{"a person aborts it", []string{"router a hangs", "now", "abort a-b-1 ann", "router a well", "tick 1m"}, "a-b-1: it is being taken back: aborted by ann"},
		{"a person undrains it", []string{"router a hangs", "now", "freeze device:c ann", "router a delivers", "router a well", "tick 1m", "undrain a-b-1 ann", "thaw device:c ann", "tick 10s"},
			"a-b-1: it is being taken back: released: it is needed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, roomy(t))
			s.world.Inventory = grouped{"srlg:7": {"a-b", "c-d"}}
			s.say("together")
			s.say("event e1 firing major a-b")
			s.say("event e2 firing major c-d")
			for _, line := range c.lines {
				s.say(line)
			}
			i, _ := s.active.board.Incident("c-d-1")
			e, _ := s.active.board.Why("c-d-1")
			if i.Phase != Waiting || !strings.Contains(e.Sentence, c.says) || s.lab.drained("c-d") {
				t.Errorf("it is %s: %s; want %s\n%s", i.Phase, e.Sentence, c.says, s.out.String())
			}
		})
	}
}

// TestNeedless tells a plan that nothing is to be done for from one that others stand in the way of.
func TestNeedless(t *testing.T) {
	for _, c := range []struct {
		verdict events.Verdict
		checks  string // that are not OK
		want    bool
	}{
		{events.Deny, policy.CheckCure, true},
		{events.Deny, policy.CheckNever, true},
		{events.Deny, policy.CheckConnected, false},
		{events.Deny, policy.CheckCure + " " + policy.CheckSelf, false},
		{events.Defer, policy.CheckFreeze, false},
		{events.Allow, "", false},
	} {
		r := events.Ruled{Verdict: c.verdict, Checks: []events.Check{{Name: policy.CheckConnected, OK: true}}}
		for name := range strings.FieldsSeq(c.checks) {
			r.Checks = append(r.Checks, events.Check{Name: name})
		}
		if got := needless(r); got != c.want {
			t.Errorf("%s by %s: %t", c.verdict, c.checks, got)
		}
	}
}
