package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// size is how much a Board remembers.
type size struct {
	Incidents, Closed, Seen, Identities int
	Symptoms, Positions                 int // of a-b-1
	Admissions, Failures                int
}

func sizeOf(b *Board) size {
	s := size{
		Incidents: len(b.incidents), Closed: len(b.closed), Seen: len(b.seen.list), Identities: b.seen.where.taken,
		Admissions: len(b.admissions), Failures: len(b.failures),
	}
	if i, ok := b.Incident("a-b-1"); ok {
		s.Symptoms, s.Positions = len(i.Symptoms), len(i.Positions)
	}
	return s
}

// fold appends records to a Board as one commit.
func fold(t *testing.T, b *Board, at time.Time, records ...events.Record) {
	t.Helper()
	if err := b.Apply(events.Commit{Position: b.Position + 1, At: at, By: "r1/1", Records: records}); err != nil {
		t.Fatal(err)
	}
	if f, ok := b.Freezes()[events.Network]; ok {
		t.Fatal(f.Reason)
	}
}

// opened are the records that open the epoch-th incident of a link.
func opened(link string, epoch uint64) []events.Record {
	target, _ := testNetwork{}.Link(link)
	e := &events.Observed{Event: fmt.Sprintf("%s %d", link, epoch), Source: "/telemetry/x", Anomaly: testEvent("", events.Firing, testStart).Data, Disposition: events.DidOpen}
	id := ID(target, epoch)
	return []events.Record{
		{Incident: id, Body: events.Opened{Target: target, Epoch: epoch, Symptom: events.LinkErrors, Severity: events.Major}}, {Incident: id, Body: e},
	}
}

func joined(n int, source string, state events.AnomalyState, at time.Time) events.Record {
	a := testEvent("", state, at).Data
	return events.Record{Incident: "a-b-1", Body: &events.Observed{Event: fmt.Sprintf("n%d", n), Source: source, Anomaly: a, Disposition: events.DidJoin}}
}

// TestDuplicatesTakeNoMemory: the same event a hundred thousand times is recorded each time and remembered once.
func TestDuplicatesTakeNoMemory(t *testing.T) {
	s := newStage(t, usualPolicy(t))
	if err := s.do("event", []string{"e1", "firing", "major", "a/to-b"}); err != nil {
		t.Fatal(err)
	}
	b := s.active.board
	want := sizeOf(b)
	w := s.world
	for range 200 {
		w.Events = append(w.Events, testEvent("e1", events.Firing, s.now))
	}
	for range 500 {
		w.Now = b.Now
		d := Decide(b, w)
		if n := len(d.Records); n != len(w.Events) {
			t.Fatalf("%d of %d duplicates were recorded", n, len(w.Events))
		}
		fold(t, b, w.Now, d.Records...)
	}
	if diff := cmp.Diff(want, sizeOf(b)); diff != "" {
		t.Errorf("the Board has grown (-before +after):\n%s", diff)
	}
	if i, _ := b.Incident("a-b-1"); i.Events != 1 {
		t.Errorf("the incident counts %d events, want 1", i.Events)
	}
}

// TestStormIsBounded: more different events of one fault than the Board remembers.
func TestStormIsBounded(t *testing.T) {
	b := NewBoard()
	fold(t, b, testStart, opened("a-b", 1)...)
	const batch, storm = 100, maxSeen + 10_000
	for n := 0; n < storm; n += batch {
		var records []events.Record
		for m := n; m < n+batch; m++ {
			records = append(records, joined(m, fmt.Sprintf("/telemetry/%d", m%200), events.Firing, testStart.Add(time.Duration(m)*time.Millisecond)))
		}
		fold(t, b, testStart.Add(time.Duration(n)*time.Millisecond), records...)
	}
	want := size{Incidents: 1, Seen: maxSeen, Identities: maxSeen, Symptoms: maxSymptoms, Positions: maxPositions}
	if diff := cmp.Diff(want, sizeOf(b)); diff != "" {
		t.Errorf("size (-want +got):\n%s", diff)
	}
	i, _ := b.Incident("a-b-1")
	if want := 1 + (storm+batch-1)/batch*batch; i.Events != want {
		t.Errorf("the incident counts %d events, want all %d", i.Events, want)
	}
	if first, last := i.Positions[0], i.Positions[len(i.Positions)-1]; first != 1 || last != b.Position {
		t.Errorf("positions from %d to %d, want from 1 to %d: its beginning and its end", first, last, b.Position)
	}
	newest := events.Event{ID: fmt.Sprintf("n%d", storm-1), Source: fmt.Sprintf("/telemetry/%d", (storm-1)%200)}
	if trace, ok := b.Trace(newest.ID); !b.Seen(newest) || !ok || trace.Incident != "a-b-1" {
		t.Errorf("the newest event is forgotten: %+v", trace)
	}
	if _, ok := b.Trace("n0"); ok || b.Seen(events.Event{ID: "n0", Source: "/telemetry/0"}) {
		t.Error("the oldest event is still remembered")
	}
}

// TestFiringIsNotForgotten: when there is no room for another symptom, one that is over makes room for one that fires. Otherwise
// a link would be put back, and its fault not noticed, while a source still says that it is sick.
func TestFiringIsNotForgotten(t *testing.T) {
	b := NewBoard()
	fold(t, b, testStart, opened("a-b", 1)...)
	at := testStart
	say := func(n int, state events.AnomalyState) {
		at = at.Add(time.Second)
		fold(t, b, at, joined(int(b.Position), fmt.Sprintf("/telemetry/%d", n), state, at))
	}
	heard := func() *Incident {
		i, _ := b.Incident("a-b-1")
		return i
	}
	fold(t, b, at, joined(-1, "/telemetry/x", events.Resolved, at))
	for n := range maxSymptoms - 1 {
		say(n, events.Firing)
		say(n, events.Resolved)
	}
	if since, ok := heard().ClearSince(); !ok || !since.Equal(at) {
		t.Fatalf("clear since %s, %t; want since %s", since, ok, at)
	}
	say(maxSymptoms, events.Firing)
	if firing, last := heard().Firing(); !firing || !last.Equal(at) || len(heard().Symptoms) != maxSymptoms {
		t.Fatalf("firing %t, last %s, of %d symptoms; want the newest source to be heard", firing, last, len(heard().Symptoms))
	}
	if _, kept := heard().Symptoms["/telemetry/x|a/to-b|link-errors"]; kept {
		t.Error("what has been over for longest was not forgotten first")
	}
	for n := range 2 * maxSymptoms {
		say(maxSymptoms+n, events.Firing)
	}
	say(3*maxSymptoms, events.Resolved)
	for key, symptom := range heard().Symptoms {
		if !symptom.Firing {
			t.Errorf("%s was remembered in the place of one that fires", key)
		}
	}
}

// TestEndedIncidentsAreBounded: an ended incident is forgotten in the end, its target's epoch never.
func TestEndedIncidentsAreBounded(t *testing.T) {
	b := NewBoard()
	end := events.Closed{Outcome: events.WasCleared, Reason: "it went away"}
	fold(t, b, testStart, append(opened("c-d", 1), events.Record{Incident: "c-d-1", Body: end})...)
	const more = 10
	for epoch := uint64(1); epoch <= maxClosed+more; epoch++ {
		fold(t, b, testStart, append(opened("a-b", epoch), events.Record{Incident: fmt.Sprintf("a-b-%d", epoch), Body: end})...)
	}
	if got := len(b.Closed()); got != maxClosed || len(b.incidents) != maxClosed {
		t.Errorf("%d ended incidents can be shown, %d are kept; want %d", got, len(b.incidents), maxClosed)
	}
	if newest := b.Closed()[0].ID; newest != fmt.Sprintf("a-b-%d", maxClosed+more) {
		t.Errorf("the newest that ended is %s", newest)
	}
	for _, id := range []string{"c-d-1", "a-b-1", fmt.Sprintf("a-b-%d", more)} {
		if _, ok := b.Incident(id); ok {
			t.Errorf("%s is still remembered", id)
		}
	}
	if !b.Remembers(testStart) || b.Remembers(testStart.Add(-time.Second)) {
		t.Error("what ended at the start was forgotten, so what ended since then is known, and what ended before it is not")
	}
	if !NewBoard().Remembers(time.Time{}) {
		t.Error("a Board that has forgotten nothing remembers everything")
	}
	if _, ok := b.Latest("link/c-d"); ok {
		t.Error("a target keeps an incident that is forgotten")
	}
	w := testWorld(t, usualPolicy(t))
	e := testEvent("again", events.Firing, testStart)
	e.Data.Resource = events.Resource{Link: "c-d"}
	w.Events = []events.Event{e}
	d := Decide(b, w)
	if d.Fault != "" || len(d.Records) == 0 || d.Records[0].Incident != "c-d-2" {
		t.Errorf("an event of a forgotten target led to %v, fault %q; want c-d-2: an epoch is never used twice", d.Records, d.Fault)
	}
}

// TestHistoryIsBounded: rates and the breaker look back one day.
func TestHistoryIsBounded(t *testing.T) {
	b := NewBoard()
	live := &Incident{Plan: &events.Planned{Mode: events.Live}}
	const hours = 24 * 10
	for h := range hours {
		b.Now = testStart.Add(time.Duration(h) * time.Hour)
		c := events.Commit{At: b.Now}
		b.account(live, c, events.Admitted{})
		b.account(&Incident{}, c, events.Admitted{}) // a dry run counts for nothing
		b.account(live, c, events.Verified{Pass: false})
		b.account(live, c, events.Verified{Pass: true})
	}
	if diff := cmp.Diff(size{Admissions: 25, Failures: 25}, sizeOf(b)); diff != "" {
		t.Errorf("size (-want +got):\n%s", diff)
	}
	if oldest := b.Failures()[0]; b.Now.Sub(oldest) != history || !b.Admissions()[0].At.Equal(oldest) {
		t.Errorf("the oldest are of %s and %s, want a day before %s", oldest, b.Admissions()[0].At, b.Now)
	}
}
