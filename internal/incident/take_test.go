package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// TestWorstCountsInAnyOrder has the bus deliver what one source said in every order: how bad it has been, and what was said
// last, come out the same.
func TestWorstCountsInAnyOrder(t *testing.T) {
	said := []struct {
		id       string
		age      time.Duration
		severity events.Severity
		value    float64
	}{
		{"e1", 30 * time.Second, events.Minor, 1e-5}, {"e2", 20 * time.Second, events.Critical, 1e-2}, {"e3", 10 * time.Second, events.Major, 1e-3},
	}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		b, w := NewBoard(), testWorld(t, benchPolicy)
		fold(t, b, w.Now)
		for _, n := range order {
			e := testEvent(said[n].id, events.Firing, w.Now.Add(-said[n].age))
			e.Data.Severity, e.Data.Value = said[n].severity, said[n].value
			w.Events = []events.Event{e}
			fold(t, b, w.Now, Decide(b, w).Records...)
		}
		i, ok := b.Incident("a-b-1")
		if !ok {
			t.Fatalf("%v: no incident", order)
		}
		type seen struct {
			Severity events.Severity
			Value    float64
			Last     time.Time
		}
		_, last := i.Firing()
		want := seen{events.Critical, 1e-3, w.Now.Add(-10 * time.Second)}
		if diff := cmp.Diff(want, seen{i.Severity, i.Value, last}); diff != "" {
			t.Errorf("in the order %v (-want +got):\n%s", order, diff)
		}
	}
}

// TestEndedIsNotMadeWorse: what was said before a source's word that the fault is over, however bad, changes nothing.
func TestEndedIsNotMadeWorse(t *testing.T) {
	b, w := NewBoard(), testWorld(t, benchPolicy)
	for _, e := range []events.Event{
		testEvent("e1", events.Firing, w.Now.Add(-30*time.Second)), testEvent("e3", events.Resolved, w.Now.Add(-10*time.Second)),
		testEvent("e2", events.Firing, w.Now.Add(-20*time.Second)),
	} {
		if e.ID == "e2" {
			e.Data.Severity = events.Critical
		}
		w.Events = []events.Event{e}
		d := Decide(b, w)
		fold(t, b, w.Now, d.Records...)
		if o := d.Records[0].Body; e.ID == "e2" && o.(*events.Observed).Disposition != events.WasSuperseded {
			t.Errorf("recorded as %+v", o)
		}
	}
}

// TestWindowsAreForgotten: a window that has long been over takes no memory, and one that has just ended can still be told
// from one that never was.
func TestWindowsAreForgotten(t *testing.T) {
	b := NewBoard()
	const begun = 1000
	for n := range begun {
		at := testStart.Add(time.Duration(n) * time.Hour)
		records, err := BeginMaintenance(events.MaintenanceBegun{Window: at.Format(time.RFC3339), Scope: "site:x", Until: at.Add(30 * time.Minute)})(b, at)
		if err != nil {
			t.Fatal(err)
		}
		fold(t, b, at, records...)
		if inForce := b.Windows(at); len(inForce) != 1 {
			t.Fatalf("%d windows in force, want one", len(inForce))
		}
	}
	if n := len(b.windows); n < 20 || n > 26 {
		t.Errorf("%d windows are remembered of %d, one an hour, want those of about a day", n, begun)
	}
}
