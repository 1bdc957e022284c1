package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// played is a stage on which lines of a script have been played.
func played(t *testing.T, text, script string) *stage {
	t.Helper()
	s := newStage(t, text)
	for line := range strings.SplitSeq(script, ";") {
		if strings.TrimSpace(line) != "" {
			s.say(line)
		}
	}
	return s
}

// brief is a hand-over in one line: the sections that say something, with the incidents in them.
func brief(h Handover) string {
	var parts []string
	for _, s := range []struct {
		name string
		Section
	}{
		{"stuck", h.Stuck}, {"asking", h.Asking}, {"standing", h.Standing}, {"ready", h.Ready}, {"waiting", h.Waiting}, {"refused", h.Refused}, {"expired", h.Expired},
	} {
		var ids []string
		for _, l := range s.Lines {
			ids = append(ids, l.Incident)
		}
		if s.Count != len(ids) {
			ids = append(ids, fmt.Sprintf("of %d", s.Count))
		}
		if s.Count > 0 {
			parts = append(parts, s.name+" "+strings.Join(ids, " "))
		}
	}
	for _, o := range slices.Sorted(maps.Keys(h.Ended)) {
		parts = append(parts, fmt.Sprintf("%s %d", o, h.Ended[o]))
	}
	return strings.Join(parts, "; ")
}

// TestHandover: whatever has become of incidents, each stands where those who come on duty look for it.
func TestHandover(t *testing.T) {
	usual := usualPolicy(t)
	released := strings.Replace(usual, "clocks:\n", "clocks:\n  on_expiry: release\n", 1)
	for _, c := range []struct{ name, policy, script, want string }{
		{"nothing", usual, "", ""},
		{"it stands", usual, "event e1 firing major a-b", "standing a-b-1"},
		{"its fault is over", usual, "event e1 firing major a-b; event e2 resolved major a-b", "standing a-b-1; ready a-b-1"},
		{"it is back", usual, "event e1 firing major a-b; event e2 resolved major a-b; tick 10m", "restored 1"},
		{"people are asked", usual, "event e1 firing major a-b kind=silent-loss", "asking a-b-1"},
		{"nobody has answered", usual, "event e1 firing major a-b kind=silent-loss; tick 3m", "expired a-b-1; lapsed 1"},
		{"somebody said no", usual, "event e1 firing major a-b kind=silent-loss; reject a-b-1 ann", "refused a-b-1; rejected 1"},
		{"no rule", usual, "event e1 firing major a-b kind=congestion", "refused a-b-1; left-to-person 1"},
		{"it waits", usual, "freeze device:a eve; event e1 firing major a-b", "waiting a-b-1"},
		{"it has waited too long", usual, "freeze device:a eve; event e1 firing major a-b; tick 10m", "expired a-b-1; let-go 1"},
		{"a hold is over, and a person is called", usual, "event e1 firing major a-b; tick 11m", "stuck a-b-1; standing a-b-1; expired a-b-1"},
		{"that person has done it", usual, "event e1 firing major a-b; tick 11m; undrain a-b-1 ann", "expired a-b-1; restored 1"},
		{"a hold is over, and released", released, "event e1 firing major a-b; tick 11m", "expired a-b-1"},
		{"undrained in time", usual, "event e1 firing major a-b; tick 2m; undrain a-b-1 ann; tick 20m", "restored 1"},
		{"a dry run", usual, "event e1 firing major a-b kind=link-flap", ""},
		{"two that stand, the first to expire first, and one that waits for them", usual, "event e1 firing major a-b; tick 30s; event e2 firing critical c-d; event e3 firing critical e-f kind=silent-loss", "standing a-b-1 c-d-1; waiting e-f-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := played(t, c.policy, c.script)
			h := s.active.board.Handover(testStart.Add(-time.Second), s.now)
			if got := brief(h); got != c.want {
				t.Errorf("told:\n%s\nwant:\n%s\n%s", got, c.want, s.out.String())
			}
			again := NewBoard()
			for n := range s.ledger.entries {
				if err := again.Apply(s.ledger.read(uint64(n) + 1)); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(h, again.Handover(h.Since, h.At)); diff != "" {
				t.Errorf("who folds the ledger again is told otherwise (-first +again):\n%s", diff)
			}
		})
	}
}

// TestHandoverLine: a line says until when, what holds it with value and limit, what would change that, and who can.
func TestHandoverLine(t *testing.T) {
	s := played(t, usualPolicy(t), "freeze device:c eve; event e1 firing major a-b; event e2 resolved major a-b; event e3 firing major c-d; event e4 firing major e-f kind=silent-loss; event e5 firing minor f-g kind=congestion")
	h := s.active.board.Handover(testStart.Add(-time.Second), s.now)
	if !h.Whole || h.Position != s.active.board.Position {
		t.Errorf("%+v", h)
	}
	for name, line := range map[string]struct {
		Section
		held, unblock string
		times         [3]bool // until, expires, clear
	}{
		"standing": {h.Standing, "", "an operator: detour undrain a-b-1", [3]bool{true, true, true}},
		"waiting":  {h.Waiting, "freeze: device:c, limit no freeze", "detour thaw --scope device:c", [3]bool{}},
		"asking":   {h.Asking, "approval: not approved, limit as the rule says", "detour approve e-f-1 --plan", [3]bool{false, true, false}},
		"refused":  {h.Refused, "rule: congestion minor, limit a rule that matches", "the next alarm of this fault is decided anew: from 2026-11-20T03:05:00Z on", [3]bool{}},
	} {
		if line.Count != 1 {
			t.Errorf("%s: %d", name, line.Count)
			continue
		}
		l := line.Lines[0]
		if got := notOK(l.Held); got != line.held {
			t.Errorf("%s is held by %q, want %q", name, got, line.held)
		}
		if !strings.Contains(strings.Join(l.Unblock, "\n"), line.unblock) {
			t.Errorf("%s: %q does not say %q", name, l.Unblock, line.unblock)
		}
		if got := [3]bool{!l.Until.IsZero(), !l.Expires.IsZero(), !l.Clear.IsZero()}; got != line.times {
			t.Errorf("%s: until, expires, clear are given: %v, want %v", name, got, line.times)
		}
		if l.Sentence == "" || l.Target == "" || l.Since.IsZero() {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// TestHandoversInARow: what ended is told of in exactly one of them, wherever the shifts meet, the very moment included.
func TestHandoversInARow(t *testing.T) {
	s := played(t, usualPolicy(t), "event e1 firing major a-b kind=silent-loss; tick 3m; event e2 firing major c-d kind=silent-loss; reject c-d-1 ann; freeze device:e eve; event e3 firing major e-f; tick 11m")
	b := s.active.board
	moments := []time.Time{testStart.Add(-time.Hour)}
	for _, i := range slices.Backward(b.Closed()) {
		moments = append(moments, i.Changed.Add(-1), i.Changed, i.Changed.Add(1))
	}
	ended, expired := 0, 0
	for n, at := range moments[1:] {
		h := b.Handover(moments[n], at)
		for _, count := range h.Ended {
			ended += count
		}
		expired += h.Expired.Count
	}
	if ended != 3 || expired != 2 {
		t.Errorf("%d ended and %d expired in %d hand-overs, want 3 and 2\n%s", ended, expired, len(moments)-1, s.out.String())
	}
}

// TestHandoverIsBounded: however much waits, it is counted, and the list is bounded.
func TestHandoverIsBounded(t *testing.T) {
	b := NewBoard()
	for n := range maxLines + 50 {
		target := events.Target{Kind: events.TargetLink, Name: fmt.Sprintf("l%03d", n)}
		id := ID(target, 1)
		fold(t, b, testStart, events.Record{Incident: id, Body: events.Opened{Target: target, Epoch: 1, Severity: events.Major}},
			events.Record{Incident: id, Body: events.Ruled{Verdict: events.Defer, Checks: []events.Check{{Name: "freeze"}}}})
	}
	fold(t, b, testStart, events.Record{Body: events.Frozen{Scope: "site:x"}})
	h := b.Handover(testStart, testStart)
	if h.Waiting.Count != maxLines+50 || len(h.Waiting.Lines) != maxLines {
		t.Errorf("%d of %d lines", len(h.Waiting.Lines), h.Waiting.Count)
	}
	if err := b.Apply(events.Commit{Position: b.Position + 1, At: testStart, Records: []events.Record{{Body: events.Frozen{Scope: events.Network}}}}); err != nil {
		t.Fatal(err)
	}
	if w := b.Standstills()[0].Waiting; w.Count != maxLines+50 || len(w.First) != maxNames {
		t.Errorf("%d of %d names", len(w.First), w.Count)
	}
}

// TestStandstills: of each freeze, what waits in its scope and what expired there since, and of nothing else.
func TestStandstills(t *testing.T) {
	s := played(t, usualPolicy(t), `event e1 firing major g-h kind=silent-loss; tick 3m;
		freeze device:a eve; event e2 firing major a-b; freeze device:c eve; event e3 firing major c-d; event e4 firing major e-f kind=silent-loss; tick 1m;
		freeze network eve`)
	tell := func() (list []string) {
		for _, f := range s.active.board.Standstills() {
			list = append(list, fmt.Sprintf("%s by %s since %s: %d %v, expired %d %v", f.Scope, f.By.Name, s.since(f.Since), f.Waiting.Count, f.Waiting.First, f.Expired.Count, f.Expired.First))
		}
		return list
	}
	want := []string{
		"device:a by eve since +3m0s: 1 [a-b-1], expired 0 []", "device:c by eve since +3m0s: 1 [c-d-1], expired 0 []",
		"network by eve since +4m0s: 3 [a-b-1 c-d-1 e-f-1], expired 0 []",
	}
	if diff := cmp.Diff(want, tell()); diff != "" {
		t.Fatalf("(-want +got):\n%s\n%s", diff, s.out.String())
	}
	s.say("tick 10m")
	want = []string{
		"device:a by eve since +3m0s: 0 [], expired 1 [a-b-1]", "device:c by eve since +3m0s: 0 [], expired 1 [c-d-1]",
		"network by eve since +4m0s: 0 [], expired 3 [c-d-1 a-b-1 e-f-1]",
	}
	if diff := cmp.Diff(want, tell()); diff != "" {
		t.Errorf("after ten minutes (-want +got):\n%s\n%s", diff, s.out.String())
	}
	s.say("thaw device:a eve")
	s.say("freeze device:a eve")
	if got, want := tell()[0], "device:a by eve since +14m0s: 0 [], expired 0 []"; got != want {
		t.Errorf("frozen anew: %s, want %s", got, want)
	}
}

// TestFrozenSince: a freeze stands since it was first made, also on a fork, and also one that the Board made itself.
func TestFrozenSince(t *testing.T) {
	b := NewBoard()
	at := func(n int) time.Time { return testStart.Add(time.Duration(n) * time.Minute) }
	apply := func(b *Board, n int, bodies ...events.Body) {
		c := events.Commit{Position: b.Position + 1, At: at(n)}
		for _, body := range bodies {
			c.Records = append(c.Records, events.Record{Body: body})
		}
		if err := b.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	apply(b, 1, events.Frozen{Scope: "site:a"})
	f := b.Fork()
	apply(f, 2, events.Frozen{Scope: "site:a", Reason: "again"}, events.Frozen{Scope: "site:b"}, events.Verified{})
	var got []string
	for _, s := range f.Standstills() {
		got = append(got, fmt.Sprint(s.Scope, " ", s.Since.Sub(testStart)))
	}
	if diff := cmp.Diff([]string{"network 2m0s", "site:a 1m0s", "site:b 2m0s"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(b.Standstills()); n != 1 {
		t.Errorf("below the fork %d are in force, want 1", n)
	}
}

// TestRemedies: every disposition of an event that no incident took says what would have been needed; of what one took, it
// says so itself.
func TestRemedies(t *testing.T) {
	for _, d := range []events.Disposition{
		events.DidHoldDown, events.WasDuplicate, events.WasSuperseded, events.WasStale, events.WasFuture, events.WasResolved, events.WasUnknown, events.WasNowhere,
	} {
		if (Trace{Disposition: d}).Remedy() == "" {
			t.Errorf("%s has no remedy", d)
		}
	}
	for _, d := range []events.Disposition{events.DidOpen, events.DidJoin, events.DidEscalate} {
		if text := (Trace{Disposition: d}).Remedy(); text != "" {
			t.Errorf("%s: %s", d, text)
		}
	}
}
