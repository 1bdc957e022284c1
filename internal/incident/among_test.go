package incident

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// plain are scopes of a network that has every kind of them.
func plain() []events.Scope {
	return []events.Scope{
		events.Network, "site:den", "site:kcy", "site:chi", "device:den", "device:den-2", "link:den-kcy", "bundle:dk", "site-pair:den-kcy", "plane:1", "plane:2", "srlg:river",
		"level:2", "linecard:den/1",
	}
}

// TestAmong stops something in every kind of scope, and nothing in one that nothing is in.
func TestAmong(t *testing.T) {
	ann := events.Person{Name: "ann"}
	b := NewBoard()
	fold(t, b, testStart, opened("x-y", 1)...)
	for _, c := range []struct {
		scope events.Scope
		near  []events.Scope // nil: something is in it
	}{
		{scope: events.Network}, {scope: "site:den"}, {scope: "device:den-2"}, {scope: "link:den-kcy"}, {scope: "bundle:dk"}, {scope: "site-pair:den-kcy"},
		{scope: "plane:2"}, {scope: "srlg:river"}, {scope: "level:2"},
		{scope: "link:x-y"}, // of an open incident, whatever the network is now
		{"site:denver", []events.Scope{"site:den", "site:kcy", "site:chi"}},
		{"site:den-2", []events.Scope{"device:den-2", "site:den", "site:kcy", "site:chi"}},
		{"device:denn", []events.Scope{"device:den", "device:den-2"}},
		{"device:DEN", []events.Scope{"site:den", "device:den", "device:den-2"}},
		{"site-pair:kcy-den", []events.Scope{"site-pair:den-kcy"}},
		{"level:1", []events.Scope{"plane:1", "level:2"}},
		{"srlg:x", []events.Scope{"srlg:river"}},
		{"link:", []events.Scope{"link:den-kcy"}},
	} {
		for name, order := range map[string]Order{
			"freeze":      Freeze(c.scope, ann, "exercise"),
			"maintenance": BeginMaintenance(events.MaintenanceBegun{Window: "w", Scope: c.scope, Until: testStart.Add(time.Hour), By: ann}),
		} {
			records, err := order.Among(plain())(b, testStart)
			if c.near == nil {
				if err != nil || len(records) != 1 {
					t.Errorf("%s of %s: %v, %v", name, c.scope, records, err)
				}
				continue
			}
			var none *NoScope
			if !errors.As(err, &none) || !errors.Is(err, ErrNotFound) || none.Scope != c.scope || len(records) > 0 {
				t.Errorf("%s of %s: %v, %v", name, c.scope, records, err)
				continue
			}
			if diff := cmp.Diff(c.near, none.Near); diff != "" {
				t.Errorf("%s of %s, nearest (-want +got):\n%s", name, c.scope, diff)
			}
		}
	}
}

// TestThawOfWhatIsGone: a freeze of what the network no longer has is thawed all the same; and whoever thaws what is not frozen
// hears what is.
func TestThawOfWhatIsGone(t *testing.T) {
	ann := events.Person{Name: "ann"}
	b := NewBoard()
	fold(t, b, testStart, events.Record{Body: events.Frozen{Scope: "site:gone", By: ann, Reason: "exercise"}}, events.Record{Body: events.Frozen{Scope: "site:den", By: ann, Reason: "exercise"}})
	if _, err := Thaw("site:denver", ann).Among(plain())(b, testStart); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "frozen are site:den, site:gone") {
		t.Errorf("thawing what is not frozen: %v", err)
	}
	for _, scope := range []events.Scope{"site:gone", "site:den"} {
		records, err := Thaw(scope, ann).Among(plain())(b, testStart)
		if err != nil {
			t.Fatal(err)
		}
		fold(t, b, testStart, records...)
	}
	if _, err := Thaw("site:gone", ann).Among(plain())(b, testStart); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "nothing is frozen") {
		t.Errorf("thawing once more: %v", err)
	}
}
