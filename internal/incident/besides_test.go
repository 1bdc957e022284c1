package incident

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// TestSecondDrainCountsTheFirst lets two replicas decide at the same moment on two drains that must not stand together, each
// on facts of before. One is admitted. The other replica loses the position, decides anew, and must not do so on what it
// saw before, nor on what routers show now: nothing has been set yet.
func TestSecondDrainCountsTheFirst(t *testing.T) {
	for _, c := range []struct {
		name string
		saw  []string // what the second what-if is said to count
		want events.Kind
	}{
		{"as it was computed", nil, ""},
		{"were it taken for more", []string{"a-b"}, events.KindAdmitted},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := testWorld(t, usualPolicy(t))
			l := newLab(testStart)
			l.ahead, l.apart = map[string]events.Prospect{}, [][2]string{{"a-b", "c-d"}}
			ledger := &testLedger{tb: t}
			first, second := newMember("r1"), newMember("r2")
			on := testEvent("e2", events.Firing, testStart)
			on.Data.Resource = events.Resource{Link: "c-d"}
			first.pending, second.pending = []events.Event{testEvent("e1", events.Firing, testStart)}, []events.Event{on}

			ours, theirs := first.decide(w, testStart, l.carryOut), second.decide(w, testStart, l.carryOut)
			for _, d := range []Decision{ours, theirs} {
				if !slices.ContainsFunc(d.Records, func(r events.Record) bool { return r.Body.Kind() == events.KindAdmitted }) {
					t.Fatalf("it is not safe alone: %+v", d.Records)
				}
			}
			commit, ok := ledger.append(events.Commit{At: testStart, By: first.me(), Records: ours.Records}, 0)
			if !ok {
				t.Fatal("the first commit is refused")
			}
			if _, ok := ledger.append(events.Commit{At: testStart, By: second.me(), Records: theirs.Records}, 0); ok {
				t.Fatal("two commits stand at one position")
			}
			second.fold(t, commit)

			known := second.facts["c-d-1"]
			known.Prospect.Besides = c.saw
			second.facts["c-d-1"] = known
			w.Now, w.Me, w.Events, w.Facts = testStart, second.me(), second.pending, second.facts
			again := Decide(second.board, w)
			admitted := slices.ContainsFunc(again.Records, func(r events.Record) bool { return r.Body.Kind() == events.KindAdmitted })
			if admitted != (c.want == events.KindAdmitted) {
				t.Fatalf("admitted: %t; decided: %+v", admitted, again.Records)
			}
			if admitted {
				return
			}
			look := slices.IndexFunc(again.Commands, func(o Command) bool { return o.Key() == "observe c-d-1" })
			if look < 0 {
				t.Fatalf("nobody looks again: %+v", again.Commands)
			}
			o := again.Commands[look].(Observe)
			if diff := cmp.Diff([]string{"a-b"}, o.Besides); diff != "" {
				t.Errorf("it is to count (-want +got):\n%s", diff)
			}
			second.facts["c-d-1"] = l.carryOut(o)
			w.Facts = second.facts
			for _, r := range Decide(second.board, w).Records {
				if ruled, ok := r.Body.(events.Ruled); ok && r.Incident == "c-d-1" && ruled.Verdict != events.Defer {
					t.Errorf("ruled %s on what counts the first drain", ruled.Verdict)
				}
			}
		})
	}
}

// TestBesides counts a drain from its admission until it has been taken back, and none that is only asked about or dry.
func TestBesides(t *testing.T) {
	s := newStage(t, usualPolicy(t))
	want := func(what string, links ...string) {
		t.Helper()
		if diff := cmp.Diff(links, s.active.board.Besides("")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if slices.Contains(links, "a-b") && slices.Contains(s.active.board.Besides("a-b-1"), "a-b") {
			t.Errorf("%s: a drain counts besides itself", what)
		}
	}
	s.say("event e1 firing major c-d kind=silent-loss")
	want("asked about")
	s.say("event e2 firing major e-f kind=link-flap")
	want("a dry run")
	s.say("router b hangs")
	s.say("event e3 firing major a-b")
	want("being set", "a-b")
	s.say("router b delivers")
	s.say("router b well")
	s.say("tick 30s")
	want("stands", "a-b")
	s.say("approve c-d-1 ann")
	s.say("approve c-d-1 bob")
	want("approved", "a-b", "c-d")
	s.say("router a refuses")
	s.say("undrain a-b-1 ann")
	want("being taken back", "a-b", "c-d")
	s.say("router a well")
	s.say("tick 30s")
	want("taken back", "c-d")
}
