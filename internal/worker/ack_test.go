package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger/mem"
)

// watchAcks complains of every acknowledgement of an event that does not stand on the ledger, or whose return has not
// come first.
func (s *site) watchAcks() {
	s.bus.onAck = func(id string) {
		for _, o := range recorded[*events.Observed](s) {
			if o.Event == id {
				return
			}
		}
		s.Errorf("%s was acknowledged before it was recorded", id)
	}
}

// TestAckFollowsRecord has the append that holds an anomaly go wrong in every way, and pairs of ways.
func TestAckFollowsRecord(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []mem.Fault
		atOnce bool // acknowledged before any time passes
	}{
		{"nothing fails", nil, true},
		{"it fails", []mem.Fault{mem.Fails}, false},
		{"it fails for long", []mem.Fault{mem.Fails, mem.Fails, mem.Fails, mem.Fails, mem.Fails}, false},
		{"it is stored, which only following tells", []mem.Fault{mem.FailsStored}, true},
		{"it is not stored and nobody can tell", []mem.Fault{mem.DoubtNot}, false},
		{"the doubt is settled within", []mem.Fault{mem.AckLost}, true},
		{"it hangs", []mem.Fault{mem.Blocks}, false},
		{"in doubt, then it fails", []mem.Fault{mem.DoubtNot, mem.Fails}, false},
		{"in doubt, then in doubt and stored", []mem.Fault{mem.DoubtNot, mem.FailsStored}, false},
		{"stored and in doubt, then it hangs", []mem.Fault{mem.FailsStored, mem.Blocks}, false},
		{"it fails, then it is stored and nobody can tell", []mem.Fault{mem.Fails, mem.FailsStored}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				s.watchAcks()
				r.Inject(c.faults...)
				s.bus.publish(anomaly("1", events.Firing))
				s.pass(time.Millisecond)
				if atOnce := len(s.bus.acked()) == 1; atOnce != c.atOnce {
					t.Errorf("acknowledged at once: %t", atOnce)
				}
				s.until(20*time.Second, "the anomaly is acknowledged", func() bool { return len(s.bus.acked()) == 1 })
				s.reaches(r, incident.Holding, 20*time.Second)
				taken := 0
				for _, o := range recorded[*events.Observed](s) {
					if o.Disposition.Taken() {
						taken++
					}
				}
				if taken != 1 || len(recorded[events.Opened](s)) != 1 || s.routers.sets() != 2 {
					t.Errorf("taken %d times, %d incidents, %d Sets", taken, len(recorded[events.Opened](s)), s.routers.sets())
				}
			})
		})
	}
}

// TestDoubtIsSettledFirst has nothing else be decided at a position while nobody can tell what stands there.
func TestDoubtIsSettledFirst(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		before := len(r.tried())
		r.Inject(mem.DoubtNot, mem.Fails, mem.Fails)
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Holding, 20*time.Second)
		tried := r.tried()[before:]
		for n, id := range tried[:4] {
			if id != tried[0] {
				t.Errorf("attempt %d is of another commit", n+1)
			}
		}
	})
}

// TestOutage cuts the ledger off: nothing is acknowledged and nothing is set until it is back, and what has become too old
// is not acted on then.
func TestOutage(t *testing.T) {
	for _, c := range []struct {
		name string
		last time.Duration
		sets int
		want events.Disposition
	}{
		{"short", time.Minute, 2, events.DidOpen},
		{"long", 10 * time.Minute, 0, events.WasStale},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				s.watchAcks()
				r.cut()
				s.bus.publish(anomaly("1", events.Firing))
				s.pass(c.last)
				if len(s.bus.acked()) > 0 || s.routers.sets() > 0 || len(s.kinds()) > 0 {
					t.Errorf("while it was away: acknowledged %v, %d Sets, ledger %v", s.bus.acked(), s.routers.sets(), s.kinds())
				}
				r.mend()
				s.until(time.Minute, "the anomaly is acknowledged", func() bool { return len(s.bus.acked()) == 1 })
				s.pass(10 * time.Second)
				if got := recorded[*events.Observed](s)[0].Disposition; got != c.want || s.routers.sets() != c.sets {
					t.Errorf("it was %s, %d Sets", got, s.routers.sets())
				}
				if returned := len(s.bus.reasons()) > 0; returned != (c.sets == 0) {
					t.Errorf("returned: %v", s.bus.reasons())
				}
			})
		})
	}
}

// TestReturned puts what cannot be acted on onto the rejected stream, once its record stands, and acknowledges it only then.
func TestReturned(t *testing.T) {
	alter := func(f func(*events.Event)) func() *message {
		return func() *message {
			e := anomaly("1", events.Firing)
			f(&e)
			return &message{event: e}
		}
	}
	for _, c := range []struct {
		name    string
		message func() *message
		reason  string
		kind    events.Kind
	}{
		{"unreadable", func() *message {
			return &message{dead: &events.DeadLettered{Subject: "detour.v1.anomalies.x", Bytes: 3, Reason: "it is not JSON"}}
		}, "it is not JSON", events.KindDeadLettered},
		{"stale", alter(func(e *events.Event) { e.Data.ObservedAt = e.Data.ObservedAt.Add(-time.Hour) }), "stale: observed 1h0m0s ago", events.KindObserved},
		{"from the future", alter(func(e *events.Event) { e.Data.ObservedAt = e.Data.ObservedAt.Add(time.Hour) }), "future: observed 1h0m0s in the future", events.KindObserved},
		{"of an unknown kind", alter(func(e *events.Event) { e.Data.Kind = "mood" }), `unknown-kind: kind "mood"`, events.KindObserved},
		{"of nothing known", alter(func(e *events.Event) { e.Data.Resource.Device = "elsewhere" }), "unknown-target: elsewhere/to-b", events.KindObserved},
	} {
		for _, refusals := range []int{0, 2} {
			t.Run(c.name+map[int]string{0: "", 2: ", and the stream takes it late"}[refusals], func(t *testing.T) {
				inBubble(t, func(s *site) {
					s.start("r1", autonomous)
					s.bus.refusals = refusals
					s.bus.onAck = func(string) {
						if len(s.bus.reasons()) == 0 || len(s.kinds()) == 0 {
							t.Errorf("acknowledged with %v returned and %v recorded", s.bus.reasons(), s.kinds())
						}
					}
					s.bus.put(c.message())
					s.until(3*ackWait, "it is acknowledged", func() bool { return len(s.bus.acked()) == 1 })
					if got := s.bus.reasons(); len(got) != 1 || !strings.HasPrefix(got[0], c.reason) {
						t.Errorf("returned %q", got)
					}
					if got := s.kinds()[0][0]; got != c.kind || s.bus.deliveries() != 1+refusals {
						t.Errorf("recorded as %s, delivered %d times", got, s.bus.deliveries())
					}
				})
			})
		}
	}
}

// TestRepeatIsAcknowledged has an event that comes twice be recorded as that, acknowledged, and not returned.
func TestRepeatIsAcknowledged(t *testing.T) {
	inBubble(t, func(s *site) {
		s.start("r1", autonomous)
		e := anomaly("1", events.Firing)
		s.bus.publish(e, e)
		s.until(time.Minute, "both are acknowledged", func() bool { return len(s.bus.acked()) == 2 })
		var got []events.Disposition
		for _, o := range recorded[*events.Observed](s) {
			got = append(got, o.Disposition)
		}
		if diff := cmp.Diff([]events.Disposition{events.DidOpen, events.WasDuplicate}, got); diff != "" || len(s.bus.reasons()) != 0 {
			t.Errorf("returned %v, dispositions (-want +got):\n%s", s.bus.reasons(), diff)
		}
	})
}
