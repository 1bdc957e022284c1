package web

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// The freezes are found once for all who ask at one position, and anew at the next.
func TestStandstillsAreFoundOnce(t *testing.T) {
	b := incident.NewBoard()
	apply := func(body events.Body) {
		t.Helper()
		if err := b.Apply(events.Commit{Position: b.Position + 1, At: time.Unix(int64(b.Position), 0), Records: []events.Record{{Body: body}}}); err != nil {
			t.Fatal(err)
		}
	}
	var s standstills
	if list := s.of(b); list == nil || len(list) != 0 {
		t.Errorf("on an empty ledger: %#v", list)
	}
	for _, body := range []events.Body{
		events.Frozen{Scope: "site:den", By: events.Person{Name: "olga"}, Reason: "storm"},
		events.Frozen{Scope: "site:chi", By: events.Person{Name: "olga"}, Reason: "storm"},
		events.Thawed{Scope: "site:den", By: events.Person{Name: "olga"}},
	} {
		apply(body)
		found := make([][]incident.Standstill, 8)
		var asking sync.WaitGroup
		for n := range found {
			asking.Go(func() { found[n] = s.of(b) })
		}
		asking.Wait()
		for _, list := range found {
			if diff := cmp.Diff(b.Standstills(), list); diff != "" {
				t.Fatal(diff)
			}
			if &list[0] != &found[0][0] {
				t.Error("they were found more than once")
			}
		}
	}
}
