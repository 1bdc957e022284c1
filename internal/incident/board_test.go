package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detour-net/detour/events"
)

// TestForkLeavesTheBoardBelow decides about an incident on a fork, then has alarms come: the incident below stays as it
// was, and one that the Board itself revises keeps all that it had.
func TestForkLeavesTheBoardBelow(t *testing.T) {
	b := NewBoard()
	fold(t, b, testStart, opened("a-b", 1)...)
	for n := range 3 {
		fold(t, b, testStart, joined(n, "/telemetry/x", events.Firing, testStart.Add(time.Duration(n)*time.Second)))
	}
	ruled := events.Record{Incident: "a-b-1", Body: events.Ruled{Verdict: events.Defer}}
	alarm := joined(9, "/telemetry/y", events.Firing, testStart.Add(time.Minute))
	below, _ := b.Incident("a-b-1")
	want := below.clone()
	f := b.Fork()
	fold(t, f, testStart, ruled)
	fold(t, f, testStart, alarm)
	if got, _ := b.Incident("a-b-1"); got != below || !cmp.Equal(want, got, cmpopts.EquateEmpty()) {
		t.Errorf("the fork has changed the Board below (-before +after):\n%s", cmp.Diff(want, got, cmpopts.EquateEmpty()))
	}
	fold(t, b, testStart, ruled)
	fold(t, b, testStart, alarm)
	forked, _ := f.Incident("a-b-1")
	got, _ := b.Incident("a-b-1")
	if diff := cmp.Diff(forked, got); diff != "" {
		t.Errorf("the same records on a fork and on the Board itself (-fork +Board):\n%s", diff)
	}
	if got.Phase != Waiting || len(got.Symptoms) != 2 || len(got.Positions) != 6 || got.Events != 5 {
		t.Errorf("the incident is %s with %d symptoms, %d positions and %d events", got.Phase, len(got.Symptoms), len(got.Positions), got.Events)
	}
}

// TestUnlawfulChangesNothing: a record that its phase does not admit freezes the network and leaves the incident alone.
func TestUnlawfulChangesNothing(t *testing.T) {
	b := NewBoard()
	fold(t, b, testStart, opened("a-b", 1)...)
	i, _ := b.Incident("a-b-1")
	want := i.clone()
	c := events.Commit{Position: b.Position + 1, At: testStart.Add(time.Hour), By: "r1/1", Records: []events.Record{
		{Incident: "a-b-1", Body: events.Verified{Pass: true}}, {Incident: "a-b-1", Body: events.Reverted{}},
	}}
	if err := b.Apply(c); err != nil {
		t.Fatal(err)
	}
	if _, frozen := b.FrozenBy(nil); !frozen {
		t.Error("nothing is frozen")
	}
	if got, _ := b.Incident("a-b-1"); !cmp.Equal(want, got, cmpopts.EquateEmpty()) {
		t.Errorf("the incident has changed (-before +after):\n%s", cmp.Diff(want, got, cmpopts.EquateEmpty()))
	}
}
