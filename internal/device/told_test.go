package device

import (
	"testing"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
)

// TestToldIsMoreThanAnswered tells a router that goes on telling from one that answers whenever it is asked, and no more: both are
// heard again and again.
func TestToldIsMoreThanAnswered(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name  string
		heard []time.Duration // after a subscription was begun; each next subscription begins after the last of these
		told  bool
	}{
		{"samples", []time.Duration{0, 10 * time.Second, 20 * time.Second}, true},
		{"the first samples alone", []time.Duration{0, time.Millisecond, time.Second}, false},
		{"nothing", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			l := serveOdd(t, &odd{config: isisTree("1", ""), subscribe: syncOnly}, false)
			s := l.sessions["odd"]
			s.opts.TelemetryInterval, s.opts.Now = 10*time.Second, func() time.Time { return now }
			var last time.Time
			for range 3 {
				w := s.counterWatch()
				w.begin(sampling)
				began := now
				for _, after := range c.heard {
					now = began.Add(after)
					w.take(&gnmi.Notification{})
					last = now
				}
				now = now.Add(minute)
			}
			if st := l.Routers()[0]; st.LastSeen != last || c.told && st.LastTold != last || !c.told && !st.LastTold.IsZero() {
				t.Errorf("heard at %s, told at %s, want %s", st.LastSeen, st.LastTold, last)
			}
		})
	}
}
