package intake_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/detour-net/detour/internal/intake"
)

// TestTraceBesideTheEvent: a trace context in the message's headers counts where the event brings none of its own.
func TestTraceBesideTheEvent(t *testing.T) {
	s := newSite(t)
	in := s.open(t, intake.Config{})
	const beside = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01"
	for n, own := range []string{"", "00-4bf92f3577b34da6a3ce929d0e0e4736-2222222222222222-01"} {
		data := strings.Replace(`{"specversion":"1.0","type":"net.detour.anomaly.v1","id":"ID","source":"/t","traceparent":"OWN","data":{"kind":"link-errors","state":"firing",`+
			`"severity":"major","resource":{"device":"den"},"observed_at":"2026-11-20T12:00:00Z","value":1}}`, "OWN", own, 1)
		msg := nats.NewMsg("detour.v1.anomalies.core.link-errors.den")
		msg.Data = []byte(strings.Replace(data, "ID", fmt.Sprint(n), 1))
		msg.Header.Set("traceparent", beside)
		if _, err := s.conn.JetStream().PublishMsg(within(t), msg); err != nil {
			t.Fatal(err)
		}
		want := own
		if own == "" {
			want = beside
		}
		d := take(t, in, 1)[0]
		if ack(t, d); d.Unreadable != "" || d.Event.Extensions.TraceParent != want {
			t.Errorf("%q beside %q: %q %s", beside, own, d.Event.Extensions.TraceParent, d.Unreadable)
		}
	}
}
