package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// askingBoard is a Board with one incident that waits for approval, under a policy with click as given.
func askingBoard(t *testing.T, click string) (*Board, *Incident) {
	t.Helper()
	w := testWorld(t, `rules:
  - {name: sick, match: {kinds: [link-errors]}, remediation: link-drain, with: {style: soft}, autonomy: approve`+click+`}
budgets: {in_flight: {network: 2, device: 2, bundle: 1}, rates: [{per: 1h, at_most: 10}]}
facts: {unproven: allow}
prospect: {missing: allow}
`)
	w.Now = testStart
	w.Events = []events.Event{testEvent("1", events.Firing, testStart)}
	b := NewBoard()
	for position := uint64(1); position < 4; position++ {
		d := Decide(b, w)
		if d.Fault != "" {
			t.Fatal(d.Fault)
		}
		if len(d.Records) > 0 {
			if err := b.Apply(events.Commit{Position: position, At: w.Now, By: w.Me, Records: d.Records}); err != nil {
				t.Fatal(err)
			}
		}
		w.Events = nil
		w.Facts = map[string]events.Facts{"a-b-1": testFacts(testStart.Add(time.Millisecond), [2]events.Seen{events.SeenBefore, events.SeenBefore}, true)}
		w.Now = testStart.Add(2 * time.Millisecond)
	}
	i, ok := b.Incident("a-b-1")
	if !ok || i.Phase != Asking {
		t.Fatalf("a-b-1 is not asking: %+v", i)
	}
	return b, i
}

// TestByClick: what a click may approve is the rule's to say, and is said on the record; a no and a token always count.
func TestByClick(t *testing.T) {
	inChat := events.Person{Name: "ann", Role: []string{"approver"}, Via: "slack", Account: "U1"}
	atConsole := events.Person{Name: "ann", Role: []string{"approver"}, Via: "cli"}
	for click, want := range map[string]bool{"": false, ", click: false": false, ", click: true": true} {
		b, i := askingBoard(t, click)
		if i.Ask.ByClick != want {
			t.Errorf("%q: by click: %t", click, i.Ask.ByClick)
		}
		if _, err := Approve(i.ID, i.Plan.Digest, inChat)(b, testStart); (err == nil) != want || err != nil && !strings.Contains(err.Error(), "detour approve a-b-1 --plan "+i.Plan.Digest.Short()) {
			t.Errorf("%q: a click to approve: %v", click, err)
		}
		if _, err := Reject(i.ID, i.Plan.Digest, inChat, "no")(b, testStart); err != nil {
			t.Errorf("%q: a click to reject: %v", click, err)
		}
		if _, err := Approve(i.ID, i.Plan.Digest, atConsole)(b, testStart); err != nil {
			t.Errorf("%q: a token: %v", click, err)
		}
	}
}

// TestTell: of two replicas that saw the same, one shows it; what it shows is kept in every phase, and moves no incident.
func TestTell(t *testing.T) {
	b, i := askingBoard(t, "")
	id, phase, none := i.ID, i.Phase, events.Told{}
	first := events.Told{Incident: id, Chat: "slack", What: events.TheCard, Key: "k", Owner: "r0/1"}
	second := first
	second.Owner = "r1/1"
	shown := first
	shown.Channel, shown.Message, shown.Shown = "C1", "m1", "sha256:01"
	tell := func(what, was events.Told) error {
		at := Telling{Told: was}
		if now, _ := b.Incident(id); now != nil && now.Shown(was.Chat, was.What) == was {
			at = now.Telling(was.Chat, was.What)
		}
		records, err := Tell(what, at)(b, testStart)
		if err != nil {
			return err
		}
		return b.Apply(events.Commit{Position: b.Position + 1, At: testStart, By: "r0/1", Records: records})
	}
	for _, c := range []struct {
		name      string
		told, was events.Told
		want      error
		stands    events.Told
	}{
		{"nobody shows it", first, none, nil, first},
		{"another saw nobody", second, none, ErrRefused, first},
		{"it is shown", shown, first, nil, shown},
		{"another saw it unshown", second, first, ErrRefused, shown},
		{"another takes it over", second, shown, nil, second},
		{"the first goes on", shown, shown, ErrRefused, second},
		{"an incident that nobody knows", events.Told{Incident: "x-y-1"}, none, ErrNotFound, second},
	} {
		if err := tell(c.told, c.was); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		i, _ = b.Incident(id)
		if diff := cmp.Diff(c.stands, i.Shown("slack", events.TheCard)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	before := i.Telling("slack", events.TheCard)
	if err := tell(second, second); err != nil {
		t.Errorf("whoever shows it says so once more: %v", err)
	}
	if _, err := Tell(shown, before)(b, testStart); !errors.Is(err, ErrRefused) {
		t.Errorf("another saw it before that: %v", err)
	}
	if i.Phase != phase || len(b.Freezes()) > 0 || i.Shown("irc", events.TheCard) != none || i.Shown("slack", "x") != none {
		t.Errorf("phase %s, freezes %v", i.Phase, b.Freezes())
	}
	fork := b.Fork()
	if err := fork.Apply(events.Commit{Position: b.Position + 1, Records: []events.Record{{Body: shown}}}); err != nil {
		t.Fatal(err)
	}
	if i, _ = b.Incident(id); i.Shown("slack", events.TheCard) != second {
		t.Error("a fork has changed what it was forked from")
	}
}

// TestTellBounds: what is kept of one incident is bounded. What was said once long ago gives way; the cards, and what channels
// were told last, stay however much is said. What is told of a forgotten incident is no fault.
func TestTellBounds(t *testing.T) {
	b, i := askingBoard(t, "")
	tell := func(told, was events.Told) {
		t.Helper()
		i, _ := b.Incident(i.ID)
		at := i.Telling(was.Chat, was.What)
		at.Told = was
		records, err := Tell(told, at)(b, testStart)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Apply(events.Commit{Position: b.Position + 1, At: testStart, Records: records}); err != nil {
			t.Fatal(err)
		}
	}
	none := events.Told{}
	of := func(chat, what string) events.Told {
		return events.Told{Incident: i.ID, Chat: chat, What: what, Key: "k", Owner: "r0/1"}
	}
	card, notice := of("slack", events.TheCard), of("teams", events.TheNotice)
	tell(of("slack", "asked 0"), none)
	tell(card, none)
	tell(notice, none)
	for n := range 3 * maxTold {
		tell(of("slack", fmt.Sprintf("asked %d", n+1)), none)
	}
	late := of("mattermost", events.TheCard) // a chat that was away for all of it
	tell(late, none)
	changed := card
	changed.Message = "m1"
	tell(changed, card)
	forgotten := []events.Record{{Body: events.Told{Incident: "long-ago-1", Chat: "slack", What: "x"}}}
	if err := b.Apply(events.Commit{Position: b.Position + 1, At: testStart, Records: forgotten}); err != nil {
		t.Fatal(err)
	}
	i, _ = b.Incident(i.ID)
	for _, want := range []events.Told{changed, notice, late, of("slack", fmt.Sprintf("asked %d", 3*maxTold))} {
		if got := i.Shown(want.Chat, want.What); got != want {
			t.Errorf("%s in %s: %+v, want %+v", want.What, want.Chat, got, want)
		}
	}
	if len(i.Told) != maxTold || i.Shown("slack", "asked 0") != none || len(b.Freezes()) > 0 {
		t.Errorf("%d are kept, the oldest %+v; frozen: %v", len(i.Told), i.Told[0], b.Freezes())
	}
}

// TestDecidedAt: whoever comes later is told by whom it was decided, and when.
func TestDecidedAt(t *testing.T) {
	ann, bob := events.Person{Name: "ann", Role: []string{"approver"}}, events.Person{Name: "bob", Role: []string{"approver"}}
	for _, c := range []struct {
		name string
		body func(plan events.Digest) events.Body
		want string
	}{
		{"approved", func(d events.Digest) events.Body { return events.Approved{By: ann, Plan: d} }, "approved by ann at 2026-11-20T03:01:00Z"},
		{"rejected", func(d events.Digest) events.Body { return events.Rejected{By: ann, Plan: d} }, "rejected by ann at 2026-11-20T03:01:00Z"},
	} {
		b, i := askingBoard(t, "")
		if err := b.Apply(events.Commit{Position: b.Position + 1, At: testStart.Add(time.Minute), Records: []events.Record{{Incident: i.ID, Body: c.body(i.Plan.Digest)}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := Approve(i.ID, i.Plan.Digest, bob)(b, testStart.Add(2*time.Minute)); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestThawed: when something was last thawed is known, whoever froze it.
func TestThawed(t *testing.T) {
	b := NewBoard()
	if !b.Thawed().IsZero() {
		t.Errorf("thawed at %s on an empty ledger", b.Thawed())
	}
	for n, body := range []events.Body{events.Frozen{Scope: "site:den"}, events.Thawed{Scope: "site:den"}, events.Frozen{Scope: events.Network}} {
		if err := b.Apply(events.Commit{Position: uint64(n + 1), At: testStart.Add(time.Duration(n) * time.Minute), Records: []events.Record{{Body: body}}}); err != nil {
			t.Fatal(err)
		}
	}
	if want := testStart.Add(time.Minute); !b.Thawed().Equal(want) {
		t.Errorf("thawed at %s, want %s", b.Thawed(), want)
	}
}

// TestTellOfAll: what is of no incident is told by one replica too; the newest of it is kept, and a fork leaves it alone.
func TestTellOfAll(t *testing.T) {
	b, none := NewBoard(), events.Told{}
	tell := func(b *Board, what, was events.Told) error {
		at := b.Telling(was.Chat, was.What)
		at.Told = was
		records, err := Tell(what, at)(b, testStart)
		if err != nil {
			return err
		}
		return b.Apply(events.Commit{Position: b.Position + 1, At: testStart, Records: records})
	}
	first := events.Told{Chat: "slack", What: "handover 1", Owner: "r0/1"}
	second := events.Told{Chat: "slack", What: "handover 1", Owner: "r1/1"}
	shown := first
	shown.Message = "m1"
	for _, c := range []struct {
		name      string
		told, was events.Told
		want      error
	}{
		{"nobody shows it", first, none, nil}, {"another saw nobody", second, none, ErrRefused}, {"it is shown", shown, first, nil}, {"another saw it unshown", second, first, ErrRefused},
	} {
		if err := tell(b, c.told, c.was); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	fork := b.Fork()
	for n := range 2 * maxToldOfAll {
		if err := tell(fork, events.Told{Chat: "slack", What: fmt.Sprint(n), Owner: "r0/1"}, none); err != nil {
			t.Fatal(err)
		}
	}
	if err := tell(fork, events.Told{Chat: "slack", What: fmt.Sprint(2*maxToldOfAll - 1), Owner: "r1/1"}, events.Told{Chat: "slack", What: fmt.Sprint(2*maxToldOfAll - 1), Owner: "r0/1"}); err != nil {
		t.Fatal(err)
	}
	newest := fork.Shown("slack", fmt.Sprint(2*maxToldOfAll-1))
	if len(fork.told) != maxToldOfAll || newest.Owner != "r1/1" || fork.Shown("slack", "handover 1") != none || b.Shown("slack", "handover 1") != shown || len(b.Freezes())+len(fork.Freezes()) > 0 {
		t.Errorf("%d are kept, the newest %+v; below the fork %+v", len(fork.told), newest, b.told)
	}
}

// TestLease: who is about to show something has it for a while, and for longer after each time in vain; once it is shown, or is
// to show something else, the next begins anew.
func TestLease(t *testing.T) {
	b, i := askingBoard(t, "")
	for what, of := range map[string]func() Telling{
		i.ID: func() Telling { i, _ := b.Incident(i.ID); return i.Telling("slack", "card") },
		"":   func() Telling { return b.Telling("slack", "card") },
	} {
		told := events.Told{Incident: what, Chat: "slack", What: "card", Key: "k"}
		for n, c := range []struct {
			change func()
			want   time.Duration
		}{
			{func() { told.Owner = "r0/1" }, 15 * time.Second},
			{func() {}, 30 * time.Second},
			{func() { told.Owner = "r1/1" }, time.Minute},
			{func() { told.Message = "m1" }, 15 * time.Second},
			{func() { told.Owner = "r0/1" }, 30 * time.Second},
			{func() { told.Shown = "sha256:01" }, 15 * time.Second},
			{func() { told.Key = "l" }, 15 * time.Second},
		} {
			c.change()
			if err := b.Apply(events.Commit{Position: b.Position + 1, At: testStart, Records: []events.Record{{Body: told}}}); err != nil {
				t.Fatal(err)
			}
			if got := of().Lease(15 * time.Second); got != c.want {
				t.Errorf("%q, record %d: has it for %s, want %s", what, n, got, c.want)
			}
		}
	}
	for _, vain := range []int{6, 7, 1 << 40} {
		if got := (Telling{Vain: vain}).Lease(15 * time.Second); got != maxLease {
			t.Errorf("%d times in vain: %s", vain, got)
		}
	}
}

// TestFreezeIsRememberedToBeTold: what was told of a freeze is known as long as it lasts, whatever else is told meanwhile: nobody
// tells it again. What was told of one that is over gives way.
func TestFreezeIsRememberedToBeTold(t *testing.T) {
	b := NewBoard()
	say := func(body events.Body) {
		t.Helper()
		if err := b.Apply(events.Commit{Position: b.Position + 1, At: testStart.Add(time.Duration(b.Position) * time.Second), Records: []events.Record{{Body: body}}}); err != nil {
			t.Fatal(err)
		}
	}
	names := map[events.Scope][]string{}
	for _, scope := range []events.Scope{"site:old", events.Network, "site:den"} {
		say(events.Frozen{Scope: scope, By: events.Person{Name: "olga"}, Reason: "storm"})
		at := b.Now
		names[scope] = []string{FreezeName(scope, at), CallName(scope, at)}
		for _, what := range names[scope] {
			say(events.Told{Chat: "slack", What: what, Key: "k", Owner: "r0/1", Message: "m"})
		}
	}
	say(events.Thawed{Scope: "site:old"})
	say(events.Frozen{Scope: "site:old", By: events.Person{Name: "olga"}, Reason: "another one"})
	for n := range 2 * maxToldOfAll {
		say(events.Told{Chat: "slack", What: fmt.Sprint("handover ", n), Key: "k", Owner: "r0/1"})
	}
	for scope, list := range names {
		for _, what := range list {
			if known := b.Shown("slack", what) != (events.Told{}); known != (scope != "site:old") {
				t.Errorf("%s is remembered: %t", what, known)
			}
		}
	}
	if len(b.told) != maxToldOfAll {
		t.Errorf("%d are kept, want %d", len(b.told), maxToldOfAll)
	}
}
