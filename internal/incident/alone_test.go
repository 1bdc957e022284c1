package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// TestAuthorised lists whose undo needs no record of its own: that of a step whose newest intent is one's own, while it is
// being carried out or verified; and what of it may be gone by.
func TestAuthorised(t *testing.T) {
	record := func(bodies ...events.Body) (list []events.Record) {
		for _, b := range bodies {
			list = append(list, events.Record{Incident: "a-b-1", Body: b})
		}
		return list
	}
	undo := events.Intended{Undo: true, Changes: []int{0, 1}, Owner: "r1/1"}
	verifying := []string{"link a-b stubborn", "event e1 firing major a-b"}
	for _, c := range []struct {
		name    string
		script  []string
		records []events.Record
		me      string
		want    int      // of the records
		fences  []uint64 // of the orders
	}{
		{"its verification failed", verifying, record(events.Verified{}, undo), "r1/1", 2, []uint64{1, 1}},
		{"what came of it is not known yet", verifying, record(events.Verified{}, undo, events.Unknown{}), "r1/1", 2, []uint64{1, 1}},
		{"it stands at one end only", []string{"router b hangs", "event e1 firing major a-b"}, record(events.Refused{Act: events.Act{Change: 1, Fence: 1}}, undo), "r1/1", 2, []uint64{1, 1}},
		{"another's", verifying, record(undo), "r2/1", 0, nil},
		{"a step", verifying, record(events.Intended{Changes: []int{0}}), "r1/1", 0, nil},
		{"no undo comes of it", verifying, record(events.Verified{Pass: true}), "r1/1", 0, nil},
		{"it is held", []string{"event e1 firing major a-b"}, record(undo), "r1/1", 0, nil},
		{"an undo is under way", []string{"event e1 firing major a-b", "router b hangs", "undrain a-b-1 ann"}, record(undo), "r1/1", 0, nil},
		{"a dry run", []string{"mode dry-run", "event e1 firing major a-b"}, record(undo), "r1/1", 0, nil},
		{"not even opened", nil, record(undo), "r1/1", 0, nil},
		{"of several", append([]string{"link c-d stubborn", "event e2 firing major c-d"}, verifying...),
			append([]events.Record{{Incident: "c-d-1", Body: events.Verified{Pass: true}}}, record(events.Verified{}, undo)...), "r1/1", 2, []uint64{3, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, usualPolicy(t))
			for _, line := range c.script {
				s.say(line)
			}
			b := s.active.board
			authorised := Authorised(b, b, c.records, c.me)
			if len(authorised) != c.want {
				t.Fatalf("%d records are authorised, want %d: %+v", len(authorised), c.want, authorised)
			}
			var got []uint64
			for n, o := range Undoing(b, Suppose(b, authorised, s.now, c.me), c.me) {
				if o.Act.Change != n || !o.Undo || o.Change.Settings[0].After != events.UintValue(usual) {
					t.Errorf("order %d is %+v", n, o)
				}
				got = append(got, o.Fence)
			}
			if diff := cmp.Diff(c.fences, got); diff != "" {
				t.Errorf("fences of what is authorised (-want +got):\n%s\n%s", diff, s.out.String())
			}
		})
	}
}

// TestUndoingStepByStep takes back two steps that are only supposed to have failed: one after the other, each under the fence
// of the ledger's newest intent, or of the look that has raised its router since.
func TestUndoingStepByStep(t *testing.T) {
	s := newStage(t, usualPolicy(t))
	s.beginTwoSteps()
	s.say("router b loses")
	s.say("link a-b stubborn")
	s.say("tick 70s")
	ledger := s.active.board
	i, _ := ledger.Incident("a-b-1")
	if i.Phase != Verifying || i.Steps[1][1].Raised <= i.Intent.Position {
		t.Fatalf("it is %s, and b was not looked at:\n%s", i.Phase, s.out.String())
	}
	fences := []uint64{i.Intent.Position, i.Steps[1][1].Raised}
	alone := Suppose(ledger, []events.Record{
		{Incident: i.ID, Body: events.Verified{}}, {Incident: i.ID, Body: events.Intended{Step: 1, Undo: true, Changes: []int{0, 1}, Owner: i.Intent.Owner}},
	}, s.now, i.Intent.Owner)
	for step := 1; step >= 0; step-- {
		orders := Undoing(ledger, alone, i.Intent.Owner)
		if len(orders) != 2 {
			t.Fatalf("%d orders to take back step %d", len(orders), step)
		}
		at, _ := alone.Incident(i.ID)
		var records []events.Record
		for n, o := range orders {
			if o.Step != step || o.Fence != fences[n] {
				t.Errorf("step %d, change %d: order of step %d under fence %d, want %d", step, n, o.Step, o.Fence, fences[n])
			}
			records = append(records, events.Record{Incident: i.ID, Body: events.Applied{Act: events.Act{Step: step, Change: n, Undo: true, Fence: at.Intent.Position}}})
		}
		if step > 0 {
			records = append(records, events.Record{Incident: i.ID, Body: events.Intended{Undo: true, Changes: []int{0, 1}, Owner: i.Intent.Owner}})
		}
		if records = append(records, events.Record{Incident: i.ID, Body: events.Reverted{}}); len(Authorised(ledger, alone, records, i.Intent.Owner)) != len(records)-1 {
			t.Errorf("step %d: not all of %+v is authorised, or more", step, records)
		}
		alone = Suppose(alone, records[:len(records)-1], s.now, i.Intent.Owner)
	}
	if orders := Undoing(ledger, alone, i.Intent.Owner); len(orders) > 0 {
		t.Errorf("all is taken back, and there are orders: %+v", orders)
	}
}

// TestSuppose goes by outcomes that are on no ledger, and leaves the Board alone.
func TestSuppose(t *testing.T) {
	s := newStage(t, usualPolicy(t))
	s.say("router a hangs")
	s.say("router b hangs")
	s.say("event e1 firing major a-b")
	b := s.active.board
	var results []events.Body
	for change := range 2 {
		results = append(results, events.Applied{Act: events.Act{Change: change, Fence: 1}, Sets: 1})
	}
	outcomes := Outcomes(b, map[string][]events.Body{"a-b-1": results, "c-d-1": results})
	if len(outcomes) != 2 {
		t.Fatalf("outcomes %+v", outcomes)
	}
	now := s.now.Add(time.Minute)
	supposed := Suppose(b, outcomes, now, "r1/1")
	if i, _ := supposed.Incident("a-b-1"); i.Phase != Verifying || !i.Changed.Equal(now) {
		t.Errorf("it is %s since %s, want %s since %s", i.Phase, i.Changed, Verifying, now)
	}
	if i, _ := b.Incident("a-b-1"); i.Phase != Acting || b.Position != 1 {
		t.Errorf("the Board has changed: at position %d, %s", b.Position, i.Phase)
	}
	if again := Outcomes(supposed, map[string][]events.Body{"a-b-1": results}); len(again) != 0 {
		t.Errorf("outcomes that count already: %+v", again)
	}
	if twice := Suppose(supposed, outcomes, now, "r1/1"); twice.Freezes()[events.Network].Reason != "" {
		t.Errorf("what is only supposed has frozen the network: %v", twice.Freezes())
	}
}

// TestStepsInTime takes a plan of two steps on in time, and takes it back when nobody was there to: facts that old carry no
// further step.
func TestStepsInTime(t *testing.T) {
	for _, c := range []struct {
		name    string
		nobody  time.Duration
		phase   Phase
		metric  uint64
		outcome events.Outcome
	}{
		{"in time", 90 * time.Second, Holding, drained, ""},
		{"too late", 10 * time.Minute, Closed, usual, events.RolledBack},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, usualPolicy(t))
			s.beginTwoSteps()
			if i, _ := s.active.board.Incident("a-b-1"); i.Phase != Acting || s.lab.router("a").at("to-b") != halfWay {
				t.Fatalf("the first step does not stand:\n%s", s.out.String())
			}
			s.now = s.now.Add(c.nobody)
			s.say("replica r2")
			i, _ := s.active.board.Incident("a-b-1")
			stands := []uint64{s.lab.router("a").at("to-b"), s.lab.router("b").at("to-a")}
			if diff := cmp.Diff([]uint64{c.metric, c.metric}, stands); diff != "" || i.Phase != c.phase || c.outcome != "" && i.End.Outcome != c.outcome {
				t.Errorf("it is %s, want %s; metrics (-want +got):\n%s\n%s", i.Phase, c.phase, diff, s.out.String())
			}
		})
	}
}

const halfWay = 5000

// beginTwoSteps has the replica decide on a drain of a-b that goes by halfWay, and waits there for a minute.
func (s *stage) beginTwoSteps() {
	w := s.world
	s.active.pending = []events.Event{testEvent("e1", events.Firing, s.now)}
	decided := s.active.decide(w, s.now, s.lab.carryOut).Records
	w.Now, w.Me = s.now, s.active.me()
	d := &draft{board: s.active.board.Fork(), world: w, position: s.active.board.Position + 1, atMost: MaxRecords, rests: map[string]Rest{}}
	for _, r := range decided {
		switch body := r.Body.(type) {
		case events.Planned:
			body.Plan.Steps = twoSteps(body.Plan.Steps[0], time.Minute)
			d.append(r.Incident, body)
		case events.Intended:
			d.intend(r.Incident, 0, false, "")
		default:
			d.append(r.Incident, body)
		}
	}
	s.append(s.active.me(), d.records)
	s.settle()
}

// twoSteps goes to where a step leads by halfWay, and lets that settle.
func twoSteps(whole events.Step, settle time.Duration) []events.Step {
	first, second := events.Step{Settle: events.Duration(settle)}, events.Step{Settle: whole.Settle}
	for _, c := range whole.Changes {
		low, high := events.Change{Device: c.Device}, events.Change{Device: c.Device}
		for _, set := range c.Settings {
			low.Settings = append(low.Settings, events.Setting{LeafRef: set.LeafRef, Before: set.Before, After: events.UintValue(halfWay)})
			high.Settings = append(high.Settings, events.Setting{LeafRef: set.LeafRef, Before: events.UintValue(halfWay), After: set.After})
		}
		first.Changes, second.Changes = append(first.Changes, low), append(second.Changes, high)
	}
	return []events.Step{first, second}
}
