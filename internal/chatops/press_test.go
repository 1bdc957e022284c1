package chatops

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// severed is a wall that can be cut off.
type severed struct {
	*wall
	off atomic.Bool
}

var errSevered = errors.New("no route to host")

func (s *severed) Post(ctx context.Context, thread Place, key string, c Card) (Place, error) {
	if s.off.Load() {
		return Place{}, errSevered
	}
	return s.wall.Post(ctx, thread, key, c)
}

func (s *severed) Update(ctx context.Context, at Place, key string, c Card) error {
	if s.off.Load() {
		return errSevered
	}
	return s.wall.Update(ctx, at, key, c)
}

// TestWhoMayDecide presses as everybody who should not, and as who should.
func TestWhoMayDecide(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*stage)
		who    string
		act    Act
		told   string // "": it is recorded
	}{
		{"an approver", nil, "U2", Approve, ""},
		{"an operator", nil, "U3", Freeze, ""},
		{"an operator approves", nil, "U3", Approve, "takes the role approver"},
		{"an approver freezes", nil, "U2", Freeze, "takes the role operator"},
		{"a viewer", nil, "U4", Reject, "takes the role approver"},
		{"not on the table", nil, "U9", Approve, "not on Detour's table"},
		{"not known to the chat", func(s *stage) { s.leave("U2") }, "U2", Approve, "cannot say who you are"},
		{"deactivated", func(s *stage) { s.member("U2", Member{Deleted: true}) }, "U2", Approve, "deactivated"},
		{"a guest", func(s *stage) { s.member("U2", Member{Guest: true}) }, "U2", Approve, "a guest's"},
		{"a stranger", func(s *stage) { s.member("U2", Member{Stranger: true}) }, "U2", Approve, "another workspace"},
		{"a bot", func(s *stage) { s.member("U2", Member{Bot: true}) }, "U2", Approve, "a bot's"},
		{"not confirmed", func(s *stage) { s.member("U2", Member{Unconfirmed: true}) }, "U2", Approve, "address is not confirmed, as far as the chat says, and may decide nothing"},
		{"a guest asks why", func(s *stage) { s.member("U2", Member{Guest: true}) }, "U2", Why, "a guest's"},
		{"the table cannot be read", func(s *stage) { s.change(func(*People) { s.broken = errors.New("people.yaml:3:1: unknown key") }) }, "U2", Approve, "not on Detour's table"},
		{"taken off the table between press and record", func(s *stage) {
			s.meanwhile(func() { s.change(func(p *People) { p.List = nil }) })
		}, "U2", Approve, ""},
		{"a role that is no button's", nil, "U1", Act("undrain"), "no such button"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				d, _ := s.desk(0)
				id, _ := s.ask("den-kcy", 1)
				s.settle(time.Second)
				p := s.found(c.who, id, Reject) // every button carries the same
				p.Act = c.act
				if c.change != nil {
					c.change(s)
				}
				before := s.decided()
				d.Press(t.Context(), p)
				if form, f, ok := s.form(c.who); ok {
					form.Answer = &Answer{Scope: f.Scopes[0].Value, Reason: why}
					form.ID += " form"
					d.Press(t.Context(), form)
				}
				i := s.Incident(id)
				recorded := s.decided() > before
				if recorded != (c.told == "") || !strings.Contains(s.heard(c.who), c.told) {
					t.Errorf("recorded: %t; told %q, want %q; approvals %v", recorded, s.heard(c.who), c.told, i.Approvals)
				}
			})
		})
	}
}

// TestRoleRemoved takes a role away after the press was let in and before its record is written.
func TestRoleRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)
		slow := make(chan struct{})
		d.Orders = submitter(func(ctx context.Context, o incident.Order) (events.Commit, error) {
			<-slow // the ledger does not answer for a while
			return s.Submit(ctx, o)
		})
		go d.Press(t.Context(), s.found("U2", id, Approve))
		synctest.Wait()
		s.grant(1, "viewer")
		s.settle(2 * peopleEvery)
		close(slow)
		synctest.Wait()
		if i := s.Incident(id); len(i.Approvals) > 0 || !strings.Contains(s.heard("U2"), "takes the role approver") {
			t.Errorf("approved by %v, told %q", i.Approvals, s.heard("U2"))
		}
	})
}

type submitter func(context.Context, incident.Order) (events.Commit, error)

func (f submitter) Submit(ctx context.Context, o incident.Order) (events.Commit, error) {
	return f(ctx, o)
}

// TestBadPresses: forged, late, early, and bound to another plan. None leaves a record, and each is answered.
func TestBadPresses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Press)
		told   string
	}{
		{"a key that nobody has", func(p *Press) { p.Value = "guess " + strings.Fields(p.Value)[1] }, "not found"},
		{"no key", func(p *Press) { p.Value = " " + strings.Fields(p.Value)[1] }, "not found"},
		{"nothing", func(p *Press) { p.Value = "" }, "not found"},
		{"no plan", func(p *Press) { p.Value = strings.Fields(p.Value)[0] }, "names no plan"},
		{"another plan", func(p *Press) { p.Value = strings.Fields(p.Value)[0] + " sha256:" + strings.Repeat("0", 64) }, "is not the one"},
		{"half of the plan", func(p *Press) { p.Value = p.Value[:len(p.Value)-20] }, "is not the one"},
		{"another message", func(p *Press) { p.Message = "m99" }, "not the one of den-kcy-1 any more; that is https://chat/m1"},
		{"another channel", func(p *Press) { p.Channel = "C2" }, "not the one of den-kcy-1 any more"},
		{"late", func(p *Press) { p.At = p.At.Add(-pressAge - time.Second) }, "too long ago"},
		{"from the future", func(p *Press) { p.At = p.At.Add(pressAge + time.Second) }, "clocks differ"},
		{"without a time", func(p *Press) { p.At = time.Time{} }, "too long ago"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				d, _ := s.desk(0)
				id, _ := s.ask("den-kcy", 1)
				s.settle(time.Second)
				p := s.found("U2", id, Approve)
				c.change(&p)
				unshown := boardtest.Plan("x-y", 1).Plan.Target
				s.Say("x-y-1", events.Opened{Target: unshown, Epoch: 1, Symptom: events.LinkErrors, Severity: events.Minor})
				was := s.Position()
				d.Press(t.Context(), p)
				if s.Position() != was || !strings.Contains(s.heard("U2"), c.told) {
					t.Errorf("%d records, told %q, want %q", s.Position()-was, s.heard("U2"), c.told)
				}
			})
		})
	}
}

// TestRecorded holds what stands on the ledger against who pressed what where.
func TestRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, p := s.ask("den-kcy", 1)
		s.settle(time.Second)
		began := time.Now()
		s.press(d, "U2", id, Approve)
		synctest.Wait()
		if acts := s.threads()[0].acts(); slices.Contains(acts, Approve) || time.Since(began) > 0 {
			t.Errorf("%s after the press the card still shows %v", time.Since(began), acts)
		}
		i := s.Incident(id)
		want := []events.Approved{{By: events.Person{Name: "marc", Role: []string{"approver"}, Via: "slack", Account: "U2", Link: "https://chat/m1"}, Plan: p.Digest}}
		if diff := cmp.Diff(want, i.Approvals); diff != "" {
			t.Errorf("approvals (-want +got):\n%s", diff)
		}
		if !strings.Contains(s.heard("U2"), "your approve stands on the ledger at position") {
			t.Errorf("told %q", s.heard("U2"))
		}
	})
}

// TestTwiceAndTooLate: the same press again says nothing again; a second person is told who decided, and when.
func TestTwiceAndTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		other, _ := s.desk(1)
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)
		first, second := s.found("U2", id, Approve), s.found("U1", id, Reject)
		d.Press(t.Context(), first)
		d.Press(t.Context(), first)
		if i := s.Incident(id); len(i.Approvals) != 1 || s.whispered("U2") != 1 {
			t.Errorf("%d approvals, %d whispers, want 1 and 1", len(i.Approvals), s.whispered("U2"))
		}
		other.Press(t.Context(), first) // as if its acknowledgement had been lost, at another replica
		other.Press(t.Context(), second)
		i := s.Incident(id)
		if len(i.Approvals) != 1 || i.Rejection != nil {
			t.Errorf("%d approvals, rejection %v", len(i.Approvals), i.Rejection)
		}
		if told := s.heard("U1"); !strings.Contains(told, "approved by marc at 2000-01-01T00:00:01Z") {
			t.Errorf("the later one is told %q", told)
		}
	})
}

// TestRace: two people decide at two replicas in one moment, time and again; one record stands, and the other is told whose.
func TestRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		a, _ := s.desk(0)
		b, _ := s.desk(0)
		for _, link := range []string{"a-b", "c-d", "e-f", "g-h", "i-j"} {
			id, _ := s.ask(link, 1)
			s.settle(10 * time.Second)
			yes, no := s.found("U1", id, Approve), s.filled(b, "U2", id, Reject)
			go a.Press(t.Context(), yes)
			go b.Press(t.Context(), no)
			synctest.Wait()
			i := s.Incident(id)
			loser, winner := "U2", "ines"
			if i.Rejection != nil {
				loser, winner = "U1", "marc"
			}
			if (len(i.Approvals) == 1) == (i.Rejection != nil) || !strings.Contains(s.heard(loser), winner) {
				t.Errorf("%s: %d approvals, rejection %v, the other is told %q", id, len(i.Approvals), i.Rejection, s.heard(loser))
			}
		}
	})
}

// TestQuorum: two people are two people, and whoever asked for it is none of them.
func TestQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.join(Person{"marc", "U5", []string{"approver"}}, Person{"paul", "U6", []string{"approver"}})
		s.member("U5", Member{})
		s.member("U6", Member{})
		d, _ := s.desk(0)
		id, _ := s.ask("den-kcy", 2, func(o *events.Observed, _ *events.Asked) {
			o.Anomaly.Labels = map[string]string{incident.LabelAskedBy: "ines"}
		})
		s.settle(time.Second)
		for _, c := range []struct {
			who, told string
			approvals int
		}{
			{"U1", "asked for den-kcy-1 and may not approve it", 0},
			{"U2", "position", 1},
			{"U2", "marc has approved den-kcy-1 already", 1},
			{"U5", "marc has approved den-kcy-1 already", 1}, // another account, the same person
			{"U6", "position", 2},
		} {
			s.settle(time.Second)
			s.press(d, c.who, id, Approve)
			if i := s.Incident(id); len(i.Approvals) != c.approvals || !strings.Contains(s.heard(c.who), c.told) {
				t.Errorf("%s: %d approvals, want %d; told %q", c.who, len(i.Approvals), c.approvals, s.heard(c.who))
			}
		}
	})
}

// TestMoreThanAClick: where the rule does not say that a click is enough there is no button, and a forged one decides nothing;
// a no always counts.
func TestMoreThanAClick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, p := s.ask("den-kcy", 1, func(_ *events.Observed, a *events.Asked) { a.ByClick = false })
		s.settle(time.Second)
		if acts := s.threads()[0].acts(); !slices.Equal(acts, []Act{Reject, Why, Freeze}) {
			t.Errorf("buttons %v", acts)
		}
		if said := s.replies()[0].text(); !strings.Contains(said, "detour approve den-kcy-1 --plan "+p.Digest.Short()) {
			t.Errorf("said %q", said)
		}
		forged := s.found("U2", id, Reject)
		forged.Act, forged.ID = Approve, "forged"
		d.Press(t.Context(), forged)
		if i := s.Incident(id); len(i.Approvals) > 0 || !strings.Contains(s.heard("U2"), "more than a click") {
			t.Errorf("%d approvals, told %q", len(i.Approvals), s.heard("U2"))
		}
		s.press(d, "U2", id, Reject)
		if i := s.Incident(id); i.Rejection == nil {
			t.Errorf("not rejected: %q", s.heard("U2"))
		}
	})
}

// TestFreezeReplayed: a press that froze, delivered again after somebody has thawed, freezes nothing.
func TestFreezeReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		other, _ := s.desk(0)
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)
		p := s.filled(d, "U3", id, Freeze)
		d.Press(t.Context(), p)
		s.settle(time.Second)
		if card := s.threads()[0]; slices.Contains(card.acts(), Freeze) || !slices.Contains(card.acts(), Thaw) || !strings.Contains(card.text(), "network by olga: "+why) {
			t.Errorf("frozen, the card shows %v\n%s", card.acts(), card.text())
		}
		s.Record(events.Record{Body: events.Thawed{Scope: events.Network, By: events.Person{Name: "olga"}}})
		s.settle(time.Second)
		other.Press(t.Context(), p)
		s.View(func(b *incident.Board) {
			if len(b.Freezes()) > 0 || !strings.Contains(s.heard("U3"), "thawed since you pressed") {
				t.Errorf("frozen: %v; told %q", b.Freezes(), s.heard("U3"))
			}
		})
		if !slices.Contains(s.threads()[0].acts(), Freeze) {
			t.Error("the button is not back")
		}
	})
}

// TestWhyAndAbort presses the two others.
func TestWhyAndAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, p := s.ask("den-kcy", 1)
		s.settle(time.Second)
		s.press(d, "U4", id, Why)
		for _, want := range []string{"den-kcy-1 is asking: 0 of 1 approvals", "✗ autonomy: approve, limit auto; the rule wants a person", "→ an approver: detour approve"} {
			if !strings.Contains(s.heard("U4"), want) {
				t.Errorf("why does not say %q: %q", want, s.heard("U4"))
			}
		}
		s.press(d, "U2", id, Approve)
		s.Say(id, events.Ruled{Verdict: events.Allow, Plan: p.Digest}, events.Admitted{Plan: p.Digest},
			events.Intended{Changes: []int{0, 1}, Owner: "r0", Attempt: 1, Deadline: time.Now().Add(time.Minute).UTC(), Verify: time.Now().Add(time.Hour).UTC()})
		s.settle(time.Second)
		again := s.found("U1", id, Abort)
		s.press(d, "U3", id, Abort)
		d.Press(t.Context(), again)
		i := s.Incident(id)
		if i.Abort == nil || i.Abort.By.Account != "U3" || !strings.Contains(s.heard("U1"), "being aborted already, by olga") {
			t.Errorf("aborted by %+v, the next is told %q", i.Abort, s.heard("U1"))
		}
	})
}

// TestLedgerAway: whoever presses while nothing can be recorded is told so, and nothing is claimed.
func TestLedgerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)
		p := s.found("U2", id, Approve)
		d.Orders = submitter(func(ctx context.Context, _ incident.Order) (events.Commit, error) {
			<-ctx.Done()
			return events.Commit{}, ctx.Err()
		})
		d.Press(t.Context(), p)
		if !strings.Contains(s.heard("U2"), "Nobody can tell yet") {
			t.Errorf("told %q", s.heard("U2"))
		}
	})
}
