package intake_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/intake"
)

// TestRejectTruncates has a message that just fits the bus be set aside with its headers, which do not fit any more.
func TestRejectTruncates(t *testing.T) {
	s := newSite(t)
	in := s.open(t, intake.Config{})
	js := s.conn.JetStream()
	huge := make([]byte, bus.MaxPayload)
	if _, err := js.Publish(within(t), "detour.v1.anomalies.core.odd.den", huge); err != nil {
		t.Fatal(err)
	}
	d := take(t, in, 1)[0]
	if err := in.Reject(within(t), d, strings.Repeat("ü", 4000)); err != nil {
		t.Fatal(err)
	}
	rejected, err := js.Stream(within(t), events.StreamRejected)
	if err != nil {
		t.Fatal(err)
	}
	got, err := rejected.GetMsg(within(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Data) >= len(huge) || got.Header.Get(intake.HeaderBytes) != fmt.Sprint(len(huge)) || got.Header.Get(intake.HeaderDigest) != string(events.DigestBytes(huge)) {
		t.Errorf("%d bytes with %v", len(got.Data), got.Header)
	}
}
