package incident

import (
	"testing"

	"github.com/detour-net/detour/events"
)

// TestUnsentAndAnswers has the ledger be silent right before one end's Set, or that end not be as it had told, and something
// become of the other's, recorded in either order: only what nobody has answered is decided anew, and no more often than what
// got lost.
func TestUnsentAndAnswers(t *testing.T) {
	silence, changed := events.Body(events.Refused{Class: events.RefusedInSilence}), events.Body(events.Refused{Class: events.RefusedByChanged})
	for _, c := range []struct {
		name  string
		told  bool // the plan rests on what the routers had told
		one   events.Body
		other events.Body
		anew  bool
		want  events.Outcome // when it is not decided anew
	}{
		{"silence at both", false, silence, silence, true, ""},
		{"silence, the router refused", false, silence, events.Refused{Class: events.RefusedByRouter, Sets: 1}, false, events.WasRefused},
		{"silence, it was frozen", false, silence, events.Refused{Class: events.RefusedByPermit}, false, events.WasRefused},
		{"silence, it could not be reached", false, silence, events.Refused{Class: events.RefusedUnsent}, false, events.WasRefused},
		{"silence, it was applied", false, silence, events.Applied{Sets: 1}, false, events.RolledBack},
		{"silence, it was changed", false, silence, changed, false, events.WasRefused},
		{"silence, not as told", true, silence, changed, true, ""},
		{"not as told at both", true, changed, changed, true, ""},
		{"not as read at both", false, changed, changed, false, events.WasRefused},
		{"not as told, the router refused", true, changed, events.Refused{Class: events.RefusedByRouter, Sets: 1}, false, events.WasRefused},
		{"not as told, it was frozen", true, changed, events.Refused{Class: events.RefusedByPermit}, false, events.WasRefused},
		{"not as told, it was applied", true, changed, events.Applied{Sets: 1}, false, events.RolledBack},
	} {
		for _, first := range []int{0, 1} {
			t.Run(c.name+map[int]string{0: ", in this order", 1: ", in the other"}[first], func(t *testing.T) {
				i := outcomesOf(t, c.told, [2]events.Body{c.one, c.other}, first)
				if (i.Lost == 1) != c.anew || c.anew && (i.Phase != Acting || i.Intent.Attempt != 1 || i.Cycle != 1) || !c.anew && (i.End == nil || i.End.Outcome != c.want) {
					t.Errorf("it is %s, decided anew %d times, intent %+v, end %+v", i.Phase, i.Lost, i.Intent, i.End)
				}
			})
		}
	}
}

// outcomesOf brings a-b-1 to where both its Sets are on their way, and records what became of them, bodies[first] first.
func outcomesOf(t *testing.T, told bool, bodies [2]events.Body, first int) *Incident {
	s := newStage(t, usualPolicy(t))
	if told {
		s.say("router a tells 700")
		s.say("router b tells 700")
	}
	s.say("router a hangs")
	s.say("router b hangs")
	s.say("event e1 firing major a-b")
	i, ok := s.active.board.Incident("a-b-1")
	if !ok || i.Phase != Acting {
		t.Fatalf("it does not act:\n%s", s.out.String())
	}
	var records []events.Record
	for _, n := range []int{first, 1 - first} {
		act := events.Act{Change: n, Fence: i.Intent.Position}
		body := bodies[n]
		switch b := body.(type) {
		case events.Refused:
			b.Act = act
			body = b
		case events.Applied:
			b.Act = act
			body = b
		}
		records = append(records, events.Record{Incident: i.ID, Body: body})
	}
	s.append(s.active.me(), records)
	s.active.facts = map[string]events.Facts{}
	s.settle()
	i, _ = s.active.board.Incident("a-b-1")
	return i
}
