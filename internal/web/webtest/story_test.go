package webtest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/webtest"
)

// What may follow it is lawful too.
func TestTogether(t *testing.T) {
	r := webtest.New()
	if _, err := r.Append(webtest.Start.Add(time.Hour), webtest.Together()...); err != nil {
		t.Fatal(err)
	}
	r.View(func(b *incident.Board) {
		lead, ok := b.Incident(webtest.Lead)
		if f, frozen := b.Freezes()[events.Network]; frozen || !ok || lead.Phase != incident.Asking {
			t.Fatalf("%+v: %+v", f, lead)
		}
		if diff := cmp.Diff([]string{webtest.Child}, b.Children(lead)); diff != "" {
			t.Errorf("it speaks for (-want +got):\n%s", diff)
		}
	})
}

// The story is lawful: an unlawful record would have frozen the network.
func TestStory(t *testing.T) {
	webtest.New().View(func(b *incident.Board) {
		if f, frozen := b.Freezes()[events.Network]; frozen {
			t.Fatal(f.Reason)
		}
		for id, want := range map[string]incident.Phase{
			webtest.Held: incident.Holding, webtest.Asking: incident.Asking, webtest.Waiting: incident.Waiting,
			webtest.Refused: incident.Closed, webtest.Stuck: incident.Stuck,
		} {
			if i, ok := b.Incident(id); !ok || i.Phase != want {
				t.Errorf("%s: %+v, want phase %s", id, i, want)
			}
		}
	})
}

// What else may follow the story is lawful too.
func TestMore(t *testing.T) {
	for name, records := range map[string][]events.Record{"a plan that has changed": webtest.Changed(), "what a stranger wrote": webtest.Hostile("<b>\u202e\x07")} {
		t.Run(name, func(t *testing.T) {
			r := webtest.New()
			if _, err := r.Append(webtest.Start.Add(20*time.Second), records...); err != nil {
				t.Fatal(err)
			}
			wantNoAlarm(t, r)
		})
	}
	r := webtest.New()
	if err := r.Many(250); err != nil {
		t.Fatal(err)
	}
	wantNoAlarm(t, r)
	r.View(func(b *incident.Board) {
		if n := len(b.Open()); n != 254 {
			t.Errorf("%d incidents are open", n)
		}
	})
}

func wantNoAlarm(t *testing.T, r *webtest.Replica) {
	t.Helper()
	r.View(func(b *incident.Board) {
		if f, frozen := b.Freezes()[events.Network]; frozen {
			t.Error(f.Reason)
		}
	})
}
