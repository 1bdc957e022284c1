package chatops

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// What approvals in chats have got wrong elsewhere, and which test holds it here:
//
//   - buttons stay live after a decision that was made elsewhere: TestThread
//   - two changes of a message race, and one strips by whom: TestTwoAtOnce
//   - buttons can be pressed while the act runs: TestThread, TestRecorded
//   - approving one card decides another: TestCardsApart, TestBadPresses
//   - after a restart the first click is swallowed: TestTakeover
//   - whoever may not is not told so: TestWhoMayDecide
//   - the button skips the list of those who may: TestWhoMayDecide, TestRoleRemoved, TestMoreThanAClick
//   - nobody sees who approved: TestRecorded, TestThread
//   - whoever asked for it is not told: TestRequesterIsTold
//   - nothing is said when the time is over: TestEscalation
//   - nobody sees what would change: TestThread
//   - a late answer brings back what is over: TestOver
//   - it waits for ever: TestEscalation; internal/incident lets the question lapse
//   - the socket is dead and the process "healthy": TestReconnects, TestHangs and TestWithoutSocket in slack/, TestChatAway in test/e2e
//   - a change of people needs a restart, or the chat itself is away: TestRoleRemoved, TestOnCall and TestChatAway in test/e2e

// TestTwoAtOnce: two people approve in one moment, each at another replica. The card shows both in the end, whichever replica
// changes it last.
func TestTwoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		a, _ := s.desk(0)
		b, _ := s.desk(0)
		for _, link := range []string{"a-b", "c-d", "e-f"} {
			id, _ := s.ask(link, 2)
			s.settle(10 * time.Second)
			one, other := s.found("U1", id, Approve), s.found("U2", id, Approve)
			go a.Press(t.Context(), one)
			go b.Press(t.Context(), other)
			s.settle(time.Minute)
			i := s.Incident(id)
			told := i.Shown("slack", events.TheCard)
			m, _ := s.read(told.Message)
			for _, want := range []string{"approved by ines via slack", "approved by marc via slack"} {
				if !strings.Contains(m.text(), want) {
					t.Errorf("the card does not say %q:\n%s", want, m.text())
				}
			}
			if told.Shown != events.DigestOf(m.card) {
				t.Errorf("the card of %s is not what the ledger says that it shows", id)
			}
		}
	})
}

// TestCardsApart: what is pressed on one card decides that one's incident, and a button that was carried over to another card
// decides none.
func TestCardsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		one, _ := s.ask("a-b", 1)
		other, _ := s.ask("c-d", 1)
		s.settle(10 * time.Second)
		carried := s.found("U1", one, Approve)
		carried.ID, carried.Message = "carried", s.found("U1", other, Approve).Message
		d.Press(t.Context(), carried)
		if a, b := s.Incident(one), s.Incident(other); len(a.Approvals)+len(b.Approvals) > 0 || !strings.Contains(s.heard("U1"), "not the one of "+one) {
			t.Errorf("%d and %d approvals, told %q", len(a.Approvals), len(b.Approvals), s.heard("U1"))
		}
		s.press(d, "U2", one, Approve)
		if a, b := s.Incident(one), s.Incident(other); len(a.Approvals) != 1 || len(b.Approvals) != 0 {
			t.Errorf("%d and %d approvals, want 1 and 0", len(a.Approvals), len(b.Approvals))
		}
	})
}

// TestRequesterIsTold: whoever asked for a drain is called when it is decided, with by whom and why; for what nobody asked
// nobody is.
func TestRequesterIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		decide func(s *stage, d *Desk, id string)
		want   string
	}{
		"approved": {func(s *stage, d *Desk, id string) { s.press(d, "U2", id, Approve) }, "What vera asked for was approved by marc via slack"},
		"rejected": {func(s *stage, d *Desk, id string) { s.press(d, "U2", id, Reject) }, "What vera asked for was rejected by marc via slack: " + why},
		"lapsed": {func(s *stage, _ *Desk, id string) {
			s.settle(10 * time.Minute)
			s.Say(id, events.Lapsed{Expired: time.Now().UTC()})
		}, "Nobody decided until"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				d, _ := s.desk(0)
				s.desk(1)
				asked, _ := s.ask("den-kcy", 1, func(o *events.Observed, _ *events.Asked) {
					o.Anomaly.Labels = map[string]string{incident.LabelAskedBy: "vera"}
				})
				unasked, _ := s.ask("x-y", 1)
				s.settle(time.Second)
				c.decide(s, d, asked)
				s.settle(time.Second)
				c.decide(s, d, unasked)
				s.settle(time.Minute)
				var told []posted
				for _, r := range s.replies() {
					if len(r.card.Call) == 1 && r.card.Call[0] == "U4" {
						told = append(told, r)
					}
				}
				i := s.Incident(asked)
				if len(told) != 1 || !strings.Contains(told[0].text(), c.want) || told[0].thread != i.Shown("slack", events.TheCard).Message {
					t.Errorf("told %d times: %+v, want once %q", len(told), told, c.want)
				}
			})
		})
	}
}

// TestOver presses the buttons of an incident that has ended since: it stays ended, and whoever pressed is told so.
func TestOver(t *testing.T) {
	for act, want := range map[Act]string{Approve: "nothing waits for approval", Reject: "nothing waits for approval", Abort: "has ended as cleared"} {
		t.Run(string(act), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				d, _ := s.desk(0)
				id, _ := s.ask("den-kcy", 1)
				s.settle(time.Second)
				p := s.found("U1", id, Why) // every button carries the same
				p.Act = act
				s.Say(id, events.Closed{Outcome: events.WasCleared, Reason: "the fault went away"})
				was := s.Incident(id)
				d.Press(t.Context(), p)
				i := s.Incident(id)
				if i.Phase != incident.Closed || len(i.Approvals) > 0 || i.Rejection != nil || i.Abort != nil || len(i.Positions) != len(was.Positions) {
					t.Errorf("%s, %d approvals, rejection %v, abort %v", i.Phase, len(i.Approvals), i.Rejection, i.Abort)
				}
				if !strings.Contains(s.heard("U1"), want) {
					t.Errorf("told %q, want %q", s.heard("U1"), want)
				}
			})
		})
	}
}
