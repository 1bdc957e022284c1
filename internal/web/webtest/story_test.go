package webtest_test

import (
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/webtest"
)

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
