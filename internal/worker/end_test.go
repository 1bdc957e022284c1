package worker_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/worker"
)

// foreign is a record of a kind that only a newer version knows.
var foreign = events.Foreign{Name: "levitated", Raw: []byte(`{"height":3}`)}

// TestHalted has a worker that cannot trust or understand the ledger do nothing more, and say why.
func TestHalted(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(s *site)
		says  string
	}{
		{"altered", func(s *site) { s.store.Forge(ledger.Entry{Raw: []byte(`{}`), Stated: "sha256:0"}) }, "altered"},
		{"unreadable", func(s *site) {
			raw := []byte("no commit")
			s.store.Forge(ledger.Entry{Raw: raw, Stated: events.DigestBytes(raw)})
		}, "unreadable"},
		{"unlinked", func(s *site) {
			raw, digest, err := events.Commit{ID: "x", Prev: "sha256:0", By: "x"}.Encode()
			if err != nil {
				s.Fatal(err)
			}
			s.store.Forge(ledger.Entry{Raw: raw, Stated: digest})
		}, "unlinked"},
		{"of a newer version", func(s *site) { s.other(foreign) }, `kind "levitated"`},
	} {
		halted := func(t *testing.T, s *site, r *replica) {
			t.Helper()
			s.until(time.Second, "it halts", func() bool { return strings.Contains(r.Status().Halted, c.says) })
			if acts, _ := r.Acting(); acts {
				t.Error("it says that it acts")
			}
			s.bus.publish(anomaly("2", events.Firing))
			_, err := r.Submit(s.Context(), incident.Freeze(events.Network, ann, "exercise"))
			if err == nil || !strings.Contains(err.Error(), "does not act") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("an order: %v", err)
			}
			entries := len(s.store.Entries())
			s.pass(10 * time.Minute)
			if len(s.store.Entries()) != entries || len(s.bus.acked()) != 0 {
				t.Errorf("%d entries more, acknowledged %v", len(s.store.Entries())-entries, s.bus.acked())
			}
		}
		t.Run(c.name+" from the start", func(t *testing.T) {
			inBubble(t, func(s *site) {
				s.other(events.Thawed{Scope: events.Network, By: ann})
				c.spoil(s)
				halted(t, s, s.start("r1", autonomous))
				s.changed()
			})
		})
		t.Run(c.name+" while a Set is on its way", func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				s.routers.alter(func() { s.routers.way["a"], s.routers.way["b"] = time.Second, time.Second })
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Acting, time.Second)
				s.bus.forget()
				c.spoil(s)
				halted(t, s, r)
				s.changed()
			})
		})
	}
}

// TestSuspended has a worker do nothing for a while: neither what arrives, nor an order, nor a Set that is ready to leave.
func TestSuspended(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.bus.publish(anomaly("0", events.Resolved))
		s.until(time.Second, "it acts", func() bool { acts, _ := r.Acting(); return acts && len(s.bus.acked()) == 1 })
		_, changed := r.Acting()
		r.Suspend("its clock is off")
		r.Suspend("its clock is further off")
		<-changed
		s.bus.publish(anomaly("1", events.Firing))
		if _, err := r.Submit(s.Context(), incident.Freeze(events.Network, ann, "exercise")); err == nil || !strings.Contains(err.Error(), "further off") {
			t.Errorf("an order: %v", err)
		}
		entries := len(s.store.Entries())
		s.pass(10 * time.Second)
		if acts, _ := r.Acting(); acts || len(s.store.Entries()) != entries || r.Status().Halted != "its clock is further off" {
			t.Errorf("acts: %t, %d entries more, status %+v", acts, len(s.store.Entries())-entries, r.Status())
		}
		s.changed()
		_, changed = r.Acting()
		r.Suspend("")
		<-changed
		s.reaches(r, incident.Holding, 20*time.Second)
	})
}

// TestSuspendedWithIntent suspends a worker while its Sets are on their way to be let go.
func TestSuspendedWithIntent(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.routers.alter(func() { s.routers.way["a"], s.routers.way["b"] = time.Second, time.Second })
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Acting, time.Second)
		r.Suspend("its clock is off")
		s.pass(time.Minute)
		s.changed()
	})
}

// TestGracefulEnd waits for Sets in flight and records what came of them, whoever else has written meanwhile.
func TestGracefulEnd(t *testing.T) {
	for _, c := range []struct {
		name      string
		meanwhile func(s *site)
	}{
		{"alone", func(*site) {}},
		{"others write meanwhile", func(s *site) {
			s.other(events.Frozen{Scope: "device:x", By: ann})
			s.pass(time.Second)
			s.other(events.Thawed{Scope: "device:x", By: ann})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				s.routers.alter(func() { s.routers.way["a"], s.routers.way["b"] = 4*time.Second, 6*time.Second })
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Acting, time.Second)
				began := time.Now()
				ended := make(chan struct{})
				go func() { r.stop(); close(ended) }()
				s.pass(time.Millisecond)
				c.meanwhile(s)
				<-ended
				if took := time.Since(began); took > 7*time.Second {
					t.Errorf("it took %s", took)
				}
				if got := recorded[events.Applied](s); len(got) != 2 {
					t.Errorf("the ledger holds %v", s.kinds())
				}
				s.changed(drainAB...)
				next := s.start("r1", autonomous)
				s.reaches(next, incident.Holding, 10*time.Second)
				s.changed(drainAB...)
			})
		})
	}
}

// TestSuccessorLooks ends a replica that cannot record what came of its Sets: the next one finds out by looking, not by
// setting again.
func TestSuccessorLooks(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(n *network)
		want  []string
	}{
		{"both stand", func(*network) {}, drainAB},
		{"neither left", func(n *network) { n.away["a"], n.away["b"] = true, true }, drainAB},
		{"no answer came", func(n *network) { n.mute["a"], n.mute["b"] = true, true }, drainAB},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				s.routers.alter(func() { s.routers.way["a"], s.routers.way["b"] = 900*time.Millisecond, 900*time.Millisecond })
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Acting, time.Second)
				s.routers.alter(func() { c.spoil(s.routers) })
				r.cut()
				r.stop()
				s.routers.alter(func() { clear(s.routers.away); clear(s.routers.mute) })
				next := s.start("r2", autonomous)
				s.reaches(next, incident.Holding, 2*time.Minute)
				s.changed(c.want...)
				if len(recorded[events.Unknown](s)) != 2 || len(recorded[events.Found](s)) != 2 {
					t.Errorf("the ledger holds %v", s.kinds())
				}
			})
		})
	}
}

// TestPeers has only the owner of an intent, or the first that is heard, pursue an incident.
func TestPeers(t *testing.T) {
	inBubble(t, func(s *site) {
		quiet := newBus()
		heard := make(chan []string, 1)
		peer := s.start("r2", autonomous, func(c *worker.Config) {
			c.Intake = quiet
			c.Peers = func(me string) worker.Peers { return &hearing{me: me, told: heard} }
		})
		r := s.start("r1", autonomous)
		heard <- []string{r.Me(), peer.Me()}
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(peer, incident.Holding, 20*time.Second)
		if got := recorded[events.Held](s); len(got) != 1 || len(peer.tried()) != 1 {
			t.Errorf("held %d times; the other tried %d appends", len(got), len(peer.tried()))
		}
		r.stop()
		heard <- []string{peer.Me()}
		s.order(peer, incident.Undrain("a-b-1", ann, "repaired"))
		s.reaches(peer, incident.Closed, time.Minute)
		s.changed(thereAndBack...)
	})
}

// hearing is peers of which it is told who is heard.
type hearing struct {
	me   string
	told chan []string
	now  []string

	unsure atomic.Bool
}

func (h *hearing) Sure() bool { return !h.unsure.Load() }

// Taking has every replica take in what arrives, for good.
func (h *hearing) Taking() (bool, <-chan struct{}) { return true, nil }

// LastHeard is an hour ago for whoever is not heard now.
func (h *hearing) LastHeard(name string) time.Time {
	if slices.Contains(h.now, name) {
		return time.Now()
	}
	return time.Now().Add(-time.Hour)
}

func (h *hearing) Alive() []string {
	select {
	case h.now = <-h.told:
	default:
	}
	return h.now
}
