package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// TestThawOf: how a freeze ended is known of that freeze, and of no other of the same scope.
func TestThawOf(t *testing.T) {
	b := NewBoard()
	ann, bob := events.Person{Name: "ann"}, events.Person{Name: "bob"}
	frozen := events.Frozen{Scope: "site:den", By: ann, Reason: "works"}
	minute := func(n int) time.Time { return testStart.Add(time.Duration(n) * time.Minute) }
	for n, body := range []events.Body{frozen, events.Thawed{Scope: "site:den", By: bob}, events.Thawed{Scope: "site:den", By: ann}, frozen, events.Thawed{Scope: events.Network, By: bob}} {
		if err := b.Apply(events.Commit{Position: uint64(n + 1), At: minute(n), Records: []events.Record{{Body: body}}}); err != nil {
			t.Fatal(err)
		}
	}
	got, ok := b.ThawOf("site:den", minute(0))
	want := PastFreeze{Thawed: events.Thawed{Scope: "site:den", By: bob}, At: minute(1), Frozen: frozen, Since: minute(0)}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%t (-want +got):\n%s", ok, diff)
	}
	for _, c := range []struct {
		scope events.Scope
		since time.Time
	}{{"site:den", minute(3)}, {"site:den", minute(1)}, {events.Network, minute(0)}, {events.Network, minute(4)}} {
		if got, ok := b.ThawOf(c.scope, c.since); ok {
			t.Errorf("%s since %s was thawed by %s", c.scope, c.since, got.By.Name)
		}
	}
	if len(b.Standstills()) != 1 || !b.Thawed().Equal(minute(4)) {
		t.Errorf("frozen: %v; thawed at %s", b.Freezes(), b.Thawed())
	}
}

// TestThawBounds: so many ends of freezes are remembered, and a fork has its own.
func TestThawBounds(t *testing.T) {
	b := NewBoard()
	apply := func(b *Board, n int) {
		t.Helper()
		scope := events.ScopeOf("site", fmt.Sprint(n))
		records := []events.Record{{Body: events.Frozen{Scope: scope}}, {Body: events.Thawed{Scope: scope}}}
		if err := b.Apply(events.Commit{Position: b.Position + 1, At: testStart, Records: records}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range maxThaws {
		apply(b, n)
	}
	one, other := b.Fork(), b.Fork()
	apply(one, 1000)
	apply(other, 2000)
	for name, c := range map[string]struct {
		b         *Board
		has, lost int
	}{"the Board": {b, 0, 1000}, "a fork": {one, 1000, 0}, "another": {other, 2000, 1000}} {
		_, has := c.b.ThawOf(events.ScopeOf("site", fmt.Sprint(c.has)), testStart)
		_, lost := c.b.ThawOf(events.ScopeOf("site", fmt.Sprint(c.lost)), testStart)
		if !has || lost || len(c.b.thaws) != maxThaws {
			t.Errorf("%s: knows its own: %t, and what it should not: %t; %d in all", name, has, lost, len(c.b.thaws))
		}
	}
}
