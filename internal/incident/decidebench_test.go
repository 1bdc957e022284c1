package incident

import (
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// BenchmarkDecide is one decision from an anomaly to its intent, facts at hand, on a Board with a day's history behind it.
func BenchmarkDecide(b *testing.B) {
	w := testWorld(b, benchPolicy)
	w.Events = []events.Event{testEvent("e1", events.Firing, testStart)}
	w.Facts = map[string]events.Facts{"a-b-1": testFacts(testStart.Add(time.Millisecond), [2]events.Seen{events.SeenBefore, events.SeenBefore}, true)}
	w.Now = testStart.Add(2 * time.Millisecond)
	board := NewBoard()
	for b.Loop() {
		d := Decide(board, w)
		if n := len(d.Records); n != 6 || d.Records[n-1].Body.Kind() != events.KindIntended {
			b.Fatalf("decided on %d records, fault %q", n, d.Fault)
		}
	}
}

const benchPolicy = `
prospect: {missing: allow}
rules:
  - {name: drain, match: {kinds: [link-errors]}, remediation: link-drain, with: {style: soft}, autonomy: auto}
`
