package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// frozenBoard has an incident of link a-b that waits because the network is frozen. The World has its newest facts.
func frozenBoard(t *testing.T) (*Board, World) {
	t.Helper()
	b, w := NewBoard(), testWorld(t, benchPolicy)
	record(t, b, w.Now, events.Record{Body: events.Frozen{Scope: events.Network, By: events.Person{Name: "kim"}, Reason: "cable work"}})
	w.Events = []events.Event{testEvent("e1", events.Firing, w.Now)}
	w.Facts = map[string]events.Facts{"a-b-1": testFacts(w.Now.Add(time.Millisecond), [2]events.Seen{events.SeenBefore, events.SeenBefore}, true)}
	w.Now = w.Now.Add(2 * time.Millisecond)
	record(t, b, w.Now, Decide(b, w).Records...)
	if i, ok := b.Incident("a-b-1"); !ok || i.Phase != Waiting {
		t.Fatalf("the incident is %+v", i)
	}
	w.Events = nil
	return b, w
}

func record(t *testing.T, b *Board, at time.Time, records ...events.Record) {
	t.Helper()
	if err := b.Apply(events.Commit{At: at, By: "r0/0", Position: b.Position + 1, Records: records}); err != nil {
		t.Fatal(err)
	}
}

// TestRestAnswersTheSame decides about a held incident with and without what the last decision remembers.
func TestRestAnswersTheSame(t *testing.T) {
	b, w := frozenBoard(t)
	asked := Decide(b, w)
	if len(asked.Records)+len(asked.Commands) != 0 || len(asked.Rests) != 1 {
		t.Fatalf("decided %+v", asked)
	}
	w.Rests = asked.Rests
	if diff := cmp.Diff(asked, Decide(b, w), cmp.AllowUnexported(Rest{})); diff != "" {
		t.Errorf("(-asked +rested):\n%s", diff)
	}
	w.Now = w.Now.Add(time.Second)
	rested := Decide(b, w)
	if diff := cmp.Diff(asked.Rests, rested.Rests, cmp.AllowUnexported(Rest{})); diff != "" || rested.Wake.After(asked.Wake) {
		t.Errorf("a second later it rests until %s:\n%s", rested.Wake, diff)
	}
}

// TestRestEnds has each thing happen that may free a held incident, or hold it in another way: then it is asked again.
func TestRestEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(t *testing.T, b *Board, w *World)
		rests  bool
	}{
		{"nothing", func(*testing.T, *Board, *World) {}, true},
		{"the same alarm again", func(t *testing.T, b *Board, w *World) {
			e := testEvent("e2", events.Firing, w.Now)
			record(t, b, w.Now, events.Record{Incident: "a-b-1", Body: &events.Observed{Event: e.ID, Source: e.Source, Anomaly: e.Data, Disposition: events.DidJoin}})
		}, true},
		{"an alarm with another value", func(t *testing.T, b *Board, w *World) {
			e := testEvent("e2", events.Firing, w.Now)
			e.Data.Value = 0.5
			record(t, b, w.Now, events.Record{Incident: "a-b-1", Body: &events.Observed{Event: e.ID, Source: e.Source, Anomaly: e.Data, Disposition: events.DidJoin}})
		}, false},
		{"another freeze", func(t *testing.T, b *Board, w *World) {
			record(t, b, w.Now, events.Record{Body: events.Frozen{Scope: "link:c-d", By: events.Person{Name: "kim"}}})
		}, false},
		{"new facts", func(t *testing.T, b *Board, w *World) {
			w.Facts["a-b-1"] = testFacts(w.Now, [2]events.Seen{events.SeenBefore, events.SeenBefore}, true)
		}, false},
		{"its time", func(t *testing.T, b *Board, w *World) { w.Now = w.Rests["a-b-1"].Until }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, w := frozenBoard(t)
			w.Rests = Decide(b, w).Rests
			c.happen(t, b, &w)
			d := &draft{board: b, world: w, rests: map[string]Rest{}}
			i, _ := b.Incident("a-b-1")
			if rests := d.resting(i); rests != c.rests {
				t.Errorf("it rests: %t, want %t", rests, c.rests)
			}
		})
	}
	b, w := frozenBoard(t)
	w.Rests = Decide(b, w).Rests
	record(t, b, w.Now, events.Record{Body: events.Thawed{Scope: events.Network, By: events.Person{Name: "kim"}}})
	if d := Decide(b, w); len(d.Records) == 0 || d.Records[len(d.Records)-1].Body.Kind() != events.KindIntended {
		t.Errorf("after the thaw it decides %+v", d.Records)
	}
}

// TestSightings fills the memory of events more than once.
func TestSightings(t *testing.T) {
	var s sightings
	const n = 2*maxSeen + maxSeen/2
	for k := range n {
		s.add(idOf("", fmt.Sprint(k)), Trace{Event: fmt.Sprint("event-", k%(n-1)), Position: uint64(k)})
	}
	s.add(idOf("", fmt.Sprint(n-1)), Trace{Event: "again", Position: 1})
	if s.where.taken != maxSeen || len(s.list) != maxSeen {
		t.Errorf("%d are known, %d listed, want %d", s.where.taken, len(s.list), maxSeen)
	}
	for _, k := range []int{0, n - maxSeen - 1, n - maxSeen, n - maxSeen/2, n - 1} {
		of, known := s.of(idOf("", fmt.Sprint(k)))
		if known != (k >= n-maxSeen) || known && of.Position != uint64(k) || s.saw(idOf("", fmt.Sprint(k))) != known {
			t.Errorf("event %d: known %t as %+v", k, known, of)
		}
	}
	// The first and the last event have one id; the first is forgotten.
	if got, ok := s.trace("event-0"); !ok || got.Position != n-1 {
		t.Errorf("event-0 traced to %+v, %t", got, ok)
	}
	if got, ok := s.trace(fmt.Sprint("event-", n-maxSeen-1)); ok {
		t.Errorf("a forgotten event traced to %+v", got)
	}
	if got, ok := s.trace("again"); ok {
		t.Errorf("an event that came again was remembered anew as %+v", got)
	}
}
