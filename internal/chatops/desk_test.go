package chatops

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// TestThread follows one incident from the question to its end: one thread, whose card says all there is to know, and whose
// buttons go with the decision.
func TestThread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.desk(0)
		id, p := s.ask("den-kcy", 1)
		s.settle(time.Second)
		threads := s.threads()
		if len(threads) != 1 {
			t.Fatalf("%d threads, want 1", len(threads))
		}
		for _, want := range []string{
			"den-kcy-1: link-errors, major on link/den-kcy", "asking: 0 of 1 approvals", "0.0003 ratio, limit 0.0001", "drain link den-kcy",
			"digest " + p.Digest.Short() + ", live", "step 1, den: isis-metric to-kcy L2 ipv4 from 100 to 16777214", "every leaf goes back to what it was",
			"✗ autonomy: approve, limit auto; the rule wants a person", "✓ survives: worst 61.2 %, limit 90.0 %",
		} {
			if !strings.Contains(threads[0].text(), want) {
				t.Errorf("the card does not say %q:\n%s", want, threads[0].text())
			}
		}
		if diff := cmp.Diff([]Act{Approve, Reject, Why, Freeze}, threads[0].acts()); diff != "" {
			t.Errorf("buttons (-want +got):\n%s", diff)
		}
		s.Say(id, events.Approved{By: events.Person{Name: "marc", Via: "cli"}, Plan: p.Digest})
		s.settle(time.Second)
		card := s.threads()[0]
		if diff := cmp.Diff([]Act{Why, Freeze}, card.acts()); diff != "" {
			t.Errorf("buttons of what is decided (-want +got):\n%s", diff)
		}
		if want := "approved by marc via cli, plan " + p.Digest.Short() + ", at 00:0"; !strings.Contains(card.text(), want) {
			t.Errorf("the card does not say %q:\n%s", want, card.text())
		}
		s.Say(id, events.Ruled{Verdict: events.Allow, Plan: p.Digest}, events.Admitted{Plan: p.Digest})
		s.Say(id, events.Intended{Changes: []int{0, 1}, Owner: "r0", Attempt: 1, Deadline: time.Now().Add(time.Minute).UTC(), Verify: time.Now().Add(time.Hour).UTC()})
		s.settle(time.Second)
		if diff := cmp.Diff([]Act{Abort, Why, Freeze}, s.threads()[0].acts()); diff != "" {
			t.Errorf("buttons while it acts (-want +got):\n%s", diff)
		}
		for n := range 2 {
			i := s.Incident(id)
			s.Say(id, events.Refused{Act: events.Act{Change: n, Fence: i.Intent.Position}, Class: events.RefusedUnsent})
		}
		s.Say(id, events.Stuck{Why: "kcy does not answer", Remedy: "reach it"})
		s.settle(time.Second)
		s.Say(id, events.Closed{Outcome: events.WasLost, Reason: "nothing stands"})
		s.settle(time.Second)
		if card = s.threads()[0]; len(card.acts()) > 0 || !strings.Contains(card.text(), "it ended as lost") || len(s.threads()) != 1 {
			t.Errorf("after its end: %d threads, buttons %v\n%s", len(s.threads()), card.acts(), card.text())
		}
		var said []string
		for _, r := range s.replies() {
			said = append(said, fmt.Sprint(r.thread, " ", r.card.Call, " ", strings.SplitN(r.card.Title, " ", 3)[:2]))
		}
		want := []string{"m1 [U1] [A decision]", "m1 [U1] [A person]", "m1 [] [Ended as]"}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("said in the thread (-want +got):\n%s", diff)
		}
	})
}

// TestManyReplicas has four replicas show twelve incidents: each is shown once, and by one of them.
func TestManyReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for rank := range 4 {
			s.desk(rank / 2) // two of each rank
		}
		for n := range 12 {
			s.ask(fmt.Sprintf("a%d-b%d", n, n), 1)
		}
		s.settle(time.Minute)
		titles := map[string]int{}
		for _, m := range s.threads() {
			titles[m.card.Title]++
		}
		if len(titles) != 12 || len(s.threads()) != 12 || len(s.replies()) != 12 {
			t.Errorf("%d threads with %d titles and %d replies, want 12 of each", len(s.threads()), len(titles), len(s.replies()))
		}
		if was := s.told(); was != 48 { // taken and shown, card and notice
			t.Errorf("%d records of what is shown, want 48", was)
		}
		s.settle(2 * time.Minute)
		if s.told() != 48 || s.made("update") != 0 {
			t.Errorf("with nothing new, %d records and %d updates", s.told(), s.made("update"))
		}
	})
}

// TestLostReplies cuts the answer to every kind of post: what may have been sent is looked for, and sent once.
func TestLostReplies(t *testing.T) {
	for _, c := range []struct {
		name string
		done bool
		err  error
		find int
	}{
		{"done, and the reply is lost", true, errors.New("cut off"), 1},
		{"lost before it was done", false, errors.New("cut off"), 1},
		{"refused", false, &Refusal{Reason: "no"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				first := true
				s.hinder(func(call string) (error, bool) {
					if call == "post" && first {
						first = false
						return c.err, c.done
					}
					return nil, true
				})
				s.desk(0)
				id, _ := s.ask("den-kcy", 1)
				s.settle(time.Minute)
				i := s.Incident(id)
				if told := i.Shown("slack", events.TheCard); len(s.threads()) != 1 || told.Message != s.threads()[0].id || s.made("find") != c.find {
					t.Errorf("%d threads, on the ledger %+v, looked for %d times; want 1, the one, %d", len(s.threads()), told, s.made("find"), c.find)
				}
			})
		})
	}
}

// TestTakeover ends the replica that shows an incident at every moment: another goes on, with the same message.
func TestTakeover(t *testing.T) {
	for _, at := range []string{"taken", "posted", "shown"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				end := make(chan struct{})
				s.hinder(func(call string) (error, bool) {
					if call == "post" && at != "shown" {
						close(end)
						s.trouble = nil
						return errors.New("killed"), at == "posted"
					}
					return nil, true
				})
				_, kill := s.desk(0)
				id, p := s.ask("den-kcy", 1)
				if at == "shown" {
					s.settle(time.Second)
				} else {
					<-end
				}
				kill()
				d, _ := s.desk(1)
				s.settle(time.Minute)
				s.press(d, "U2", id, Approve)
				s.settle(time.Minute)
				i := s.Incident(id)
				if len(s.threads()) != 1 || len(i.Approvals) != 1 || i.Approvals[0].Plan != p.Digest {
					t.Fatalf("%d threads, %d approvals", len(s.threads()), len(i.Approvals))
				}
				if card := s.threads()[0]; slices.Contains(card.acts(), Approve) || !strings.Contains(card.text(), "approved by marc via slack") {
					t.Errorf("the card still shows %v\n%s", card.acts(), card.text())
				}
			})
		})
	}
}

// TestReplanned: a changed plan voids the old card, and the thread asks anew.
func TestReplanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, old := s.ask("den-kcy", 2)
		s.settle(time.Second)
		stale := s.found("U1", id, Approve)
		s.press(d, "U2", id, Approve)
		p := boardtest.Plan("den-kcy", 16777215)
		s.Say(id, p, boardtest.Ruled(p, events.Ask), boardtest.Asked(p, 2, time.Now().Add(20*time.Minute)))
		s.settle(time.Second)
		stale.At = time.Now()
		d.Press(t.Context(), stale)
		i := s.Incident(id)
		if len(i.Approvals) != 0 || !strings.Contains(s.heard("U1"), "plan "+old.Digest.Short()+" is not the one") {
			t.Errorf("%d approvals, told %q", len(i.Approvals), s.heard("U1"))
		}
		if card := s.threads()[0]; !strings.Contains(card.text(), p.Digest.Short()) || strings.Contains(card.text(), "approved by") || len(s.replies()) != 2 {
			t.Errorf("%d replies\n%s", len(s.replies()), card.text())
		}
		for _, account := range []string{"U1", "U2"} {
			s.press(d, account, id, Approve)
		}
		if i = s.Incident(id); !i.Quorum() {
			t.Errorf("%d approvals of the new plan", len(i.Approvals))
		}
	})
}

// TestTogether: a plan that speaks for others names them, since who approves it approves them.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.desk(0)
		id, p := s.ask("den-kcy", 1)
		other := boardtest.Plan("kcy-ipl", 16777214)
		p.Plan.Together = []events.Companion{{Incident: "kcy-ipl-1", Plan: other.Digest}}
		p.Digest = p.Plan.Digest()
		s.Say(id, p, boardtest.Ruled(p, events.Ask), boardtest.Asked(p, 1, time.Now().Add(time.Minute)))
		s.settle(time.Second)
		if want := "with it, and approved with it: kcy-ipl-1, plan " + other.Digest.Short(); !strings.Contains(s.threads()[0].text(), want) {
			t.Errorf("the card does not say %q:\n%s", want, s.threads()[0].text())
		}
	})
}

// TestAskedAgain: the same plan is asked about again because of other checks. The question has a digest of its own, which the
// new card carries; a press of the old one counts for nothing.
func TestAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		id, p := s.ask("den-kcy", 1)
		s.settle(time.Second)
		stale := s.found("U1", id, Approve)
		held := boardtest.Ruled(p, events.Ask)
		held.Verdict = events.Defer
		again := boardtest.Asked(p, 1, time.Now().Add(20*time.Minute))
		again.Plan, again.Checks = events.DigestBytes([]byte("plan and checks")), []string{"survives"}
		s.Say(id, held)
		s.Say(id, boardtest.Ruled(p, events.Ask), again)
		s.settle(time.Second)
		if card := s.threads()[0]; !strings.Contains(card.text(), "digest "+again.Plan.Short()) || len(s.replies()) != 2 {
			t.Errorf("%d replies\n%s", len(s.replies()), card.text())
		}
		stale.At = time.Now()
		d.Press(t.Context(), stale)
		i := s.Incident(id)
		if len(i.Approvals) != 0 || !strings.Contains(s.heard("U1"), "is not the one") {
			t.Errorf("%d approvals, told %q", len(i.Approvals), s.heard("U1"))
		}
		s.press(d, "U1", id, Approve)
		if i = s.Incident(id); !i.Quorum() {
			t.Errorf("%d approvals: %s", len(i.Approvals), s.heard("U1"))
		}
	})
}

// TestEscalation: who is on call is called when a decision is needed, the next one who may decide at half time, and the end
// of the time is said. Each is said once, whichever replicas come and go.
func TestEscalation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		_, kill := s.desk(0)
		s.desk(1)
		id, _ := s.ask("den-kcy", 1)
		s.settle(299 * time.Second)
		kill()
		if n := len(s.replies()); n != 1 {
			t.Fatalf("%d replies before half time, want 1", n)
		}
		s.desk(0)
		s.settle(2 * time.Minute)
		i := s.Incident(id)
		s.settle(3 * time.Minute)
		s.Say(id, events.Lapsed{Expired: i.Ask.Expires})
		s.settle(time.Minute)
		var said []string
		for _, r := range s.replies() {
			said = append(said, fmt.Sprint(r.card.Call, " ", strings.SplitN(r.card.Title, " ", 3)[:2]))
		}
		if diff := cmp.Diff([]string{"[U1] [A decision]", "[U2] [Half of]", "[] [Nobody decided]"}, said); diff != "" {
			t.Errorf("said (-want +got):\n%s", diff)
		}
		if card := s.threads()[0]; slices.Contains(card.acts(), Approve) || !strings.Contains(card.text(), "which means no") {
			t.Errorf("the card after its time: %v\n%s", card.acts(), card.text())
		}
	})
}

// TestManyEnded: what has ended is brought up to date after a restart, and then costs nothing.
func TestManyEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		_, kill := s.desk(0)
		id, _ := s.ask("den-kcy", 1)
		s.settle(time.Second)
		kill()
		s.Say(id, events.Closed{Outcome: events.WasCleared, Reason: "the fault went away"})
		d, _ := s.desk(0)
		s.settle(time.Minute)
		if card := s.threads()[0]; len(card.acts()) != 0 || !strings.Contains(card.text(), "ended as cleared") {
			t.Errorf("its card still shows %v\n%s", card.acts(), card.text())
		}
		s.View(func(b *incident.Board) {
			if d.position != b.Position || len(d.late) != 0 {
				t.Errorf("it is still looked at: %d of %d, %d behind", d.position, b.Position, len(d.late))
			}
		})
	})
}
